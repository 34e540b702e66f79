"""A report as Markdown that also reads well as plain text: tables with their columns aligned."""

import re
from collections.abc import Sequence

from crossbill.replacement.document.blocks import (
    Block,
    Column,
    Document,
    Figures,
    Paragraph,
    Points,
    Section,
    Table,
)

# What Markdown would take for markup; a single _ within a word, as in PRICE_VERSION, it would not.
_MARKUP = re.compile(r"([\\`*\[\]<>|#]|(?<!\w)_|_(?!\w))")


def markdown(document: Document) -> str:
    """The whole report as one text, with a line feed at its end."""
    parts = [f"# {_plain(document.title)}", _plain(document.subtitle), _plain(document.note)]
    for section in document.sections:
        parts += _section(section)
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    parts = [f"## {_plain(section.title)}"]
    for block in section.blocks:
        parts += _block(block)
    return parts


def _block(block: Block) -> list[str]:
    match block:
        case Paragraph():
            return [_plain(block.text)]
        case Points():
            return ["\n".join(f"- {_plain(point)}" for point in block.points)]
        case Figures():
            rows = [[_plain(f.label), _plain(f.value), _plain(f.note)] for f in block.figures]
            headings = (Column("Figure"), Column("Value", is_figure=True), Column("Of"))
            return [_lines(headings, rows)]
        case Table():
            rows = [[_plain(cell.text) for cell in row] for row in block.rows]
            first_total = len(rows) - block.total_rows
            rows[first_total:] = [[_bold(text) for text in row] for row in rows[first_total:]]
            caption = [f"**{_plain(block.caption)}**"] if block.caption else []
            return [*caption, _lines(block.columns, rows)]


def _lines(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """Headings, rule and rows, each column as wide as its widest text."""
    titles = [_plain(column.title) for column in columns]
    widths = [max(3, *map(len, texts)) for texts in zip(titles, *rows, strict=True)]
    rule = [
        "-" * (width - 1) + ":" if column.is_figure else "-" * width
        for column, width in zip(columns, widths, strict=True)
    ]
    return "\n".join(_line(columns, widths, texts) for texts in (titles, rule, *rows))


def _line(columns: Sequence[Column], widths: Sequence[int], texts: Sequence[str]) -> str:
    padded = (
        text.rjust(width) if column.is_figure else text.ljust(width)
        for column, width, text in zip(columns, widths, texts, strict=True)
    )
    return f"| {' | '.join(padded)} |"


def _bold(text: str) -> str:
    return f"**{text}**" if text else ""


def _plain(text: str) -> str:
    """People's text on one line, so that nothing in it is taken for markup."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
