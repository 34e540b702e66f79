"""A file of an old system being read: batches of accepted rows and of rejects, none lost."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa

from crossbill.replacement.migration.sources._format import SourceFormat
from crossbill.replacement.migration.sources._problems import (
    BadRow,
    ColumnMissing,
    FileEmpty,
    FileMissing,
    HeaderBlank,
    HeaderDoubled,
    suspended,
)

LINE_COLUMN = "_line"


@dataclass(frozen=True)
class Part:
    """Some records of a file: those that could be read, those that could not, and their number."""

    accepted: pa.Table
    bad: Sequence[BadRow]
    records: int


class Source(ABC):
    """One file, read once from the start to the end by `batches`."""

    def __init__(self, path: Path, format: SourceFormat, label: str) -> None:
        """Open the file and read its header; what is wrong with either is refused here."""
        self.path, self.format, self.label = path, format, label
        self.lines = 0
        self.passed_over = 0  # records of another type, which somebody else reads
        self.trailers: list[str] = []
        self.notes: list[str] = []
        require_file(path, label)
        self.columns = checked_names(self.read_columns(), label)

    @abstractmethod
    def read_columns(self) -> Sequence[str]:
        """The names of the columns as they stand in the file or the format."""

    @abstractmethod
    def read_parts(self) -> Iterator[Part]:
        """The records, some at a time."""

    @abstractmethod
    def raw(self, lines: Iterable[int]) -> dict[int, bytes]:
        """The bytes of accepted records, by the line that they start on."""

    def batches(self) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Accepted rows (text columns and ``_line``) and suspended ones; together every record."""
        self.lines, self.passed_over, self.trailers = 0, 0, []
        for part in self.read_parts():
            assert part.records == part.accepted.num_rows + len(part.bad), "a record vanished"
            self.lines += part.records
            yield part.accepted, suspended(self.label, part.bad)

    @property
    def schema(self) -> pa.Schema:
        """The schema of accepted rows."""
        texts = pa.schema([(name, pa.string()) for name in self.columns])
        return texts.append(pa.field(LINE_COLUMN, pa.int64(), nullable=False))

    def require(self, names: Iterable[str]) -> None:
        """Refuse the file when it lacks one of these columns."""
        require_columns(names, self.columns, self.label)


def require_columns(names: Iterable[str], columns: Sequence[str], label: str) -> None:
    """Refuse a source that lacks one of these columns."""
    for name in names:
        if name not in columns:
            near = get_close_matches(name, columns, n=1)
            hint = f"the nearest is {near[0]!r}" if near else "none is like it"
            raise ColumnMissing(
                "the file has no such column",
                file=label,
                field=name,
                cure=f"{hint}; it has: {', '.join(columns)}",
            )


def require_file(path: Path, label: str) -> None:
    """Refuse a path at which there is no file, or an empty one."""
    if not path.is_file():
        raise FileMissing("there is no such file", file=label, cure=f"put it at {path}")
    if path.stat().st_size == 0:
        raise FileEmpty("the file is empty", file=label, cure="ask for the extract again")


def checked_names(names: Sequence[str], label: str) -> tuple[str, ...]:
    """The names without blanks around them, each of which has to be there and to be unique."""
    stripped = tuple(name.strip().lstrip("\ufeff") for name in names)
    for place, name in enumerate(stripped):
        if not name:
            raise HeaderBlank(f"column {place + 1} has no name", file=label, line=1, cure="name it")
        if name in stripped[:place] or name == LINE_COLUMN:
            raise HeaderDoubled(
                f"column {place + 1} has a name that is taken",
                file=label,
                line=1,
                field=name,
                cure="rename one of them in the export",
            )
    return stripped
