"""Rate decks: which zone a number's leading digits belong to, and each prefix's own price."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import ClassVar, NamedTuple

from crossbill.core.money import parse_nanos
from crossbill.core.refusal import Refusal
from crossbill.core.versions import ALWAYS, Window, read_day

LONGEST_PREFIX = 15
MAXIMUM_ROWS = 2_000_000
HIGHEST_SECONDS = 10**6
HIGHEST_PRICE_NANOS = 10**15
NEEDED = ("prefix", "destination")
PRICES = ("connect_fee", "included_seconds", "rate_per_minute", "increment_seconds")
DAYS = ("valid_from", "valid_to")
PRICE_IN = itemgetter(*PRICES)


class BadDeck(Refusal):
    """The rate deck cannot be used as it is. Mend the line that is named, or ask its sender."""

    code: ClassVar[str] = "BAD_DECK"


@dataclass(frozen=True)
class DeckPrice:
    """What a call to one prefix costs; the price is for a minute."""

    connect_fee_nanos: int
    included: int
    price_nanos: int
    increment: int


class DeckRow(NamedTuple):
    """One prefix: the zone of numbers that begin so, when, and its price where it has its own."""

    prefix: str
    zone: str
    valid: Window
    price: DeckPrice | None
    line: int


@dataclass(frozen=True)
class DeckVersion:
    """One version of a deck: its rows are valid within its own days only."""

    name: str
    file: str
    valid: Window
    rows: tuple[DeckRow, ...]

    @property
    def is_priced(self) -> bool:
        """Whether each prefix has its own price."""
        return bool(self.rows) and self.rows[0].price is not None


@dataclass(frozen=True)
class Deck:
    """All versions of a deck, in order of time."""

    code: str
    versions: tuple[DeckVersion, ...]

    @cached_property
    def zones(self) -> frozenset[str]:
        """Every zone that any version names."""
        return frozenset(row.zone for version in self.versions for row in version.rows)

    @cached_property
    def edges(self) -> frozenset[date]:
        """Every day on which something in it begins or ends."""
        found: set[date] = set()
        for version in self.versions:
            found |= version.valid.edges
            for window in {row.valid for row in version.rows if row.valid is not ALWAYS}:
                found |= {day for day in window.edges if day in version.valid}
        return frozenset(found)

    def on(self, day: date) -> tuple[DeckVersion | None, list[DeckRow]]:
        """The version of a day and its rows that are valid then, by prefix."""
        for version in self.versions:
            if day in version.valid:
                return version, [row for row in version.rows if day in row.valid]
        return None, []


def read_deck(path: Path) -> tuple[DeckRow, ...]:
    """The rows of a rate deck file by prefix; what is wrong is refused with its line."""
    if not path.is_file():
        raise BadDeck("The file does not exist", file=str(path), cure="check the path")
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            rows = list(_rows(csv.reader(text, strict=True), path.name))
    except UnicodeDecodeError as error:
        raise BadDeck("The file is not UTF-8", file=path.name, cure="save it so") from error
    except csv.Error as error:
        raise BadDeck(f"The file is not CSV: {error}", file=path.name) from error
    return checked_rows(rows, path.name)


def checked_rows(rows: Sequence[DeckRow], file: str) -> tuple[DeckRow, ...]:
    """The rows by prefix and time; there must be some, and one for a prefix on each day."""
    if not rows:
        raise BadDeck("The deck has no prefix", file=file, cure="a deck has at least one")
    ordered = sorted(rows, key=lambda row: (row.prefix, row.valid))
    for prefix, group in groupby(ordered, key=lambda row: row.prefix):
        _refuse_doubled(prefix, list(group), file)
    return tuple(ordered)


def _refuse_doubled(prefix: str, rows: Sequence[DeckRow], file: str) -> None:
    for before, after in pairwise(rows):
        if after.valid.from_date < before.valid.to_date:
            first, second = sorted((before.line, after.line))
            raise BadDeck(
                "The prefix is listed twice for the same days", file=file, line=second,
                field="prefix", value=prefix,
                cure=f"keep this line or line {first}, or give them days that do not overlap",
            )  # fmt: skip


def _rows(lines: Iterator[list[str]], file: str) -> Iterator[DeckRow]:
    header = [name.strip() for name in next(lines, [])]
    _check_header(header, file)
    prices: dict[tuple[str, ...], DeckPrice] = {}
    for number, values in enumerate(lines, 2):
        if number > MAXIMUM_ROWS:
            raise BadDeck("The deck is absurdly long", file=file, cure=f"{MAXIMUM_ROWS:,} rows")
        if not values:
            continue  # an empty line, as many files end with one
        if len(values) != len(header):
            raise BadDeck(
                f"The line has {len(values)} values, the header {len(header)}", file=file,
                line=number, cure="every line has a value for each column",
            )  # fmt: skip
        yield _Line(file, number, dict(zip(header, values, strict=True)), prices).row()


def _check_header(header: Sequence[str], file: str) -> None:
    known = (*NEEDED, *PRICES, *DAYS)
    alien = [name for name in header if name not in known or header.count(name) > 1]
    if alien:
        raise BadDeck(
            "The column is unknown or doubled", file=file, line=1, field=alien[0],
            cure=f"a deck has {', '.join(known)}",
        )  # fmt: skip
    wanted = [*NEEDED, *(PRICES if set(PRICES) & set(header) else ())]
    missing = [name for name in wanted if name not in header]
    if missing:
        raise BadDeck(
            "The column is missing", file=file, line=1, field=missing[0],
            cure=f"a deck has {' and '.join(NEEDED)}; one with prices all of {', '.join(PRICES)}",
        )  # fmt: skip


class _Line(NamedTuple):
    """One line of a deck file, which knows where it stands."""

    file: str
    number: int
    values: Mapping[str, str]
    prices: dict[tuple[str, ...], DeckPrice]  # as lines before have written them: they are few

    def row(self) -> DeckRow:
        price = self.price() if "rate_per_minute" in self.values else None
        return DeckRow(self.prefix(), self.text("destination"), self.days(), price, self.number)

    def price(self) -> DeckPrice:
        written = PRICE_IN(self.values)
        if written not in self.prices:
            self.prices[written] = DeckPrice(
                self.nanos("connect_fee"),
                self.seconds("included_seconds", 0),
                self.nanos("rate_per_minute"),
                self.seconds("increment_seconds", 1),
            )
        return self.prices[written]

    def refuse(self, field: str, what: str, cure: str) -> BadDeck:
        return BadDeck(
            what, file=self.file, line=self.number, field=field, value=self.values[field], cure=cure
        )

    def text(self, field: str) -> str:
        value = self.values[field].strip()
        if not value:
            raise self.refuse(field, "The value is missing", "fill it in")
        return value

    def prefix(self) -> str:
        value = self.text("prefix")
        problem = prefix_problem(value)
        if problem:
            raise self.refuse("prefix", problem, "write the country code and what follows, no +")
        return value

    def nanos(self, field: str) -> int:
        try:
            amount = parse_nanos(self.text(field))
        except BadDeck:
            raise
        except Refusal as refusal:
            raise self.refuse(field, refusal.what.capitalize(), refusal.cure or "") from refusal
        if not 0 <= amount <= HIGHEST_PRICE_NANOS:
            raise self.refuse(field, "The price is negative or absurdly high", "0 to 1,000,000")
        return amount

    def seconds(self, field: str, lowest: int) -> int:
        value = self.text(field)
        if not (value.isascii() and value.isdigit() and len(value) < 9):
            raise self.refuse(field, "Not a whole number of seconds", "write digits only")
        if not lowest <= int(value) <= HIGHEST_SECONDS:
            cure = f"from {lowest} to {HIGHEST_SECONDS:,}"
            raise self.refuse(field, "The number of seconds is out of range", cure)
        return int(value)

    def days(self) -> Window:
        if not (self.values.get("valid_from") or self.values.get("valid_to")):
            return ALWAYS
        start, end = (self.day(field) for field in DAYS)
        window = Window(start or date.min, end or date.max)
        if window.to_date <= window.from_date:
            cure = "valid_to is the first day no longer valid, so it comes after valid_from"
            raise self.refuse("valid_to", "The line is never valid", cure)
        return window

    def day(self, field: str) -> date | None:
        value = self.values.get(field, "").strip()
        if not value:
            return None
        try:
            return read_day(value)
        except ValueError as error:
            raise self.refuse(field, "Not a date", "write it as 2024-01-31") from error


def prefix_problem(prefix: str) -> str | None:
    """What is wrong with a prefix, if anything."""
    if not (prefix.isascii() and prefix.isdigit()):
        return "The prefix is not only digits"
    if len(prefix) > LONGEST_PREFIX:
        return f"The prefix has more than {LONGEST_PREFIX} digits, as no number has"
    return None
