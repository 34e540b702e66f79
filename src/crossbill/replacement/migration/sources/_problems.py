"""What can be wrong with a file as a whole (a refusal) and with one record in it (suspended)."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import pyarrow as pa

from crossbill.core.refusal import Refusal
from crossbill.engine.datasets import SUSPENDED

MOST_NAMES = 20  # of tables that a message lists


class FileMissing(Refusal):
    """The file is not there. Check its name and the data folder, or ask for the extract again."""

    code = "FILE_MISSING"


class FileEmpty(Refusal):
    """The file holds nothing. Ask the old system's owner to export it again."""

    code = "FILE_EMPTY"


class FileUnreadable(Refusal):
    """The file is not of the kind that the format says. Correct the format, or export it again."""

    code = "FILE_UNREADABLE"


class EncodingWrong(Refusal):
    """The file is not in the encoding that the format says. State the right one."""

    code = "ENCODING_WRONG"


class DelimiterWrong(Refusal):
    """The header has one column only, so the delimiter is another one. State the right one."""

    code = "DELIMITER_WRONG"


class HeaderDoubled(Refusal):
    """Two columns have the same name. Rename one of them where the file is exported."""

    code = "HEADER_DOUBLED"


class HeaderBlank(Refusal):
    """A column has no name. Name it where the file is exported."""

    code = "HEADER_BLANK"


class ColumnMissing(Refusal):
    """The file lacks a column that is asked for. Correct the name, or export the column."""

    code = "COLUMN_MISSING"


class SourceUnreachable(Refusal):
    """The database cannot be reached. Set its variable to a URL that works from this machine."""

    code = "SOURCE_UNREACHABLE"


class SourceLost(Refusal):
    """The database went away while it was read. Run the same command again when it is back."""

    code = "SOURCE_LOST"


class TableMissing(Refusal):
    """The database has no such table or view. Correct its name, or ask for the right to read it."""

    code = "TABLE_MISSING"


def table_missing(wanted: str, names: Sequence[str], label: str) -> TableMissing:
    """The refusal for a table that is not there, with the nearest that is."""
    near = get_close_matches(wanted, names, n=1)
    hint = f"the nearest is {near[0]!r}; " if near else ""
    return TableMissing(
        "the database has no such table or view",
        file=label,
        field="table",
        value=wanted,
        cure=f"{hint}it has: {', '.join(names[:MOST_NAMES]) or 'none'}",
    )


class LineTooLong(Refusal):
    """A line has no end within the limit. The file is of another kind, or damaged."""

    code = "LINE_TOO_LONG"


@dataclass(frozen=True)
class RowProblem:
    """Why one record is suspended: a stable code, the class of difference, what and what to do."""

    code: str
    class_code: str
    what: str
    cure: str

    @property
    def message(self) -> str:
        """One sentence for a person, and a second with the cure."""
        return f"{self.what}. {self.cure}."


ROW_PROBLEMS = {
    problem.code: problem
    for problem in (
        RowProblem(
            "RAGGED_ROW",
            "FORMAT",
            "The record has more or fewer values than there are columns",
            "Quote values that contain the delimiter, or correct the record in the old system",
        ),
        RowProblem(
            "BAD_QUOTE",
            "FORMAT",
            "A quote is not closed, or text follows the closing quote",
            "Double the quotes inside of values, or close the quote, and export again",
        ),
        RowProblem(
            "NOT_DECODABLE",
            "ENCODING",
            "The record holds bytes that mean nothing in the file's encoding",
            "State the right encoding, or correct the record in the old system",
        ),
        RowProblem(
            "RECORD_LENGTH",
            "FORMAT",
            "The line is shorter or longer than the record",
            "Check record_length, and whether blanks at the end of lines were cut off on the way",
        ),
        RowProblem(
            "EMPTY_LINE",
            "FORMAT",
            "The line is empty",
            "Take it out of the export if no record is meant, or correct the record",
        ),
        RowProblem(
            "CONTROL_CHARACTER",
            "FORMAT",
            "The record holds a control character, such as NUL or a lone carriage return",
            "Clean the value in the old system, or convert the file as text, and export again",
        ),
        RowProblem(
            "BAD_DIGITS",
            "FORMAT",
            "The bytes of a zoned or packed number hold what is no digit or no sign",
            "Check its place, length and kind in the layout, or correct the record",
        ),
        RowProblem(
            "NO_TEXT_FORM",
            "FORMAT",
            "The record holds a value of bytes, which has no text form",
            "Leave the column out by a view, or write the value as text in the old system",
        ),
    )
}


@dataclass(frozen=True)
class BadRow:
    """A record that could not be read, where it stood and what it was made of."""

    line: int
    code: str
    raw: bytes
    field: str | None = None
    value: str | None = None


def suspended(file: str, rows: Sequence[BadRow]) -> pa.Table:
    """The bad rows as suspended records of the stage."""
    return pa.Table.from_pylist([_suspended(file, row) for row in rows], schema=SUSPENDED.arrow)


def _suspended(file: str, row: BadRow) -> dict[str, object]:
    problem = ROW_PROBLEMS[row.code]
    return {
        "file": file,
        "line": row.line,
        "stage": "stage",
        "code": row.code,
        "class_code": problem.class_code,
        "field": row.field,
        "value": row.value,
        "message": problem.message,
        "raw": row.raw,
    }
