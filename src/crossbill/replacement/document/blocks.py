"""A report as blocks that any face can draw: text, figures and tables of toned cells."""

from dataclasses import dataclass, field
from datetime import date

from crossbill.core.money import format_minor, minor_digits
from crossbill.core.rounding import RoundingMode, divide_rounded

GOOD, WARN, BAD, MUTED = "good", "warn", "bad", "muted"


@dataclass(frozen=True)
class Cell:
    """What stands in a table's cell; ``bar_ppm`` draws a bar of that share behind it."""

    text: str
    tone: str = ""
    bar_ppm: int | None = None


@dataclass(frozen=True)
class Column:
    """A column's heading, whether it holds figures, and its share of the width on paper."""

    title: str
    is_figure: bool = False
    width: int = 0  # 0: as wide as its longest cell


@dataclass(frozen=True)
class Table:
    """Rows under headings; the last ``total_rows`` of them are set apart."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    total_rows: int = 0
    kind: str = "table"


@dataclass(frozen=True)
class Figure:
    """One number that a reader should see first."""

    label: str
    value: str
    note: str
    tone: str = ""


@dataclass(frozen=True)
class Figures:
    """The numbers at the top."""

    figures: tuple[Figure, ...]
    kind: str = "figures"


@dataclass(frozen=True)
class Paragraph:
    """Text."""

    text: str
    kind: str = "paragraph"


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    points: tuple[str, ...]
    kind: str = "points"


Block = Table | Figures | Paragraph | Points


@dataclass(frozen=True)
class Section:
    """A heading with its blocks; a section of the appendix is set smaller."""

    title: str
    blocks: tuple[Block, ...]
    is_appendix: bool = False


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str
    note: str
    as_of_date: date
    sections: tuple[Section, ...] = field(default_factory=tuple)


def count_text(count: int) -> str:
    """``12,345``."""
    return f"{count:,}"


def amount_text(amount_minor: int, currency: str) -> str:
    """Minor units with all digits of the currency and thousands apart: ``-1,234.50``."""
    text = format_minor(abs(amount_minor), minor_digits(currency))
    whole, point, fraction = text.partition(".")
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{int(whole):,}{point}{fraction}"


def percent_text(part: int, whole: int, mode: RoundingMode = RoundingMode.HALF_UP) -> str:
    """``94.80 %``; a dash where there is no whole."""
    if whole <= 0:
        return "-"
    return f"{format_minor(divide_rounded(part * 10_000, whole, mode), 2)} %"


def share_text(part: int, whole: int) -> str:
    """A share of a population, rounded down, so that ``100.00 %`` means all of it."""
    return percent_text(part, whole, RoundingMode.DOWN)


def hundredths_text(hundredths: int) -> str:
    """``4.50``."""
    return format_minor(hundredths, 2)


def counted(count: int, one: str, many: str = "") -> str:
    """``1 account``, ``12,345 accounts``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
