"""SQLite databases: the rows of a table or view, seen as text like those of any other file.

A file is read without being written to, in one transaction, so that what another program changes
meanwhile is not seen. A cell has the type that its writer gave it, whatever its column says.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from crossbill.replacement.migration.sources._format import SourceFormat
from crossbill.replacement.migration.sources._problems import (
    BadRow,
    FileUnreadable,
    table_missing,
)
from crossbill.replacement.migration.sources._source import Part, Source

_BATCH_ROWS = 16_384
_IS_SQLITE = b"SQLite format 3\0"
_HEADER_BYTES, _WRITE_VERSION, _WITH_LOG = 100, 18, 2


def open_file(path: Path, format: SourceFormat, label: str) -> Source:
    """Open a table of a SQLite database."""
    return Sqlite(path, format, label)


class Sqlite(Source):
    """A table or view; a record's line is its row's number from 1, its raw form a line of JSON."""

    def read_columns(self) -> Sequence[str]:
        """The table's columns; a file that is no database, or lacks the table, is refused."""
        with self.path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
        if not head.startswith(_IS_SQLITE):
            raise _unreadable(self.label, "this is not a SQLite database")
        self._refuse_open_changes()
        # A database with a log of changes is read as it lies: to lock it would need a file beside.
        self._is_logged = head[_WRITE_VERSION] == _WITH_LOG
        with closing(self._connect()) as database:
            self._require_table(database)
            found = self._asked(database, f"SELECT * FROM {self._table} LIMIT 0")  # noqa: S608 - quoted
            return [name for name, *_ in found.description]

    def _refuse_open_changes(self) -> None:
        """What stands in a file beside the database would be missing without a word."""
        for suffix in ("-wal", "-journal"):
            beside = self.path.with_name(self.path.name + suffix)
            if beside.is_file() and beside.stat().st_size:
                raise FileUnreadable(
                    f"a program has not finished writing: there are changes in {beside.name}",
                    file=self.label,
                    cure="end the program that writes to it, or copy it by `.backup` of sqlite3",
                )

    def _connect(self) -> sqlite3.Connection:
        mode = "?mode=ro&immutable=1" if self._is_logged else "?mode=ro"
        database = sqlite3.connect(self.path.absolute().as_uri() + mode, uri=True)
        # Bytes that are no UTF-8 spoil their own record only, and come back unchanged.
        database.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        return database

    def _asked(self, database: sqlite3.Connection, sql: str) -> sqlite3.Cursor:
        try:
            return database.execute(sql)
        except sqlite3.DatabaseError as error:
            raise _unreadable(self.label, f"the database cannot be read: {error}") from error

    def _require_table(self, database: sqlite3.Connection) -> None:
        sql = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name"
        names = [str(name) for (name,) in self._asked(database, sql)]
        wanted = str(self.format.table)
        if wanted.lower() not in [name.lower() for name in names]:
            raise table_missing(wanted, names, self.label)

    @property
    def _table(self) -> str:
        name = str(self.format.table).replace('"', '""')
        return f'"{name}"'

    def read_parts(self) -> Iterator[Part]:
        """The rows in the order in which they are stored, some at a time."""
        first, with_floats = 1, set[str]()
        for rows in self._batches():
            read = [self._read(row, line) for line, row in enumerate(rows, first)]
            good = [(line, row) for line, row in enumerate(read, first) if isinstance(row, tuple)]
            yield Part(
                self._as_table(good), [row for row in read if isinstance(row, BadRow)], len(rows)
            )
            with_floats |= {
                name
                for name, cells in zip(self.columns, zip(*rows, strict=True), strict=True)
                if any(isinstance(cell, float) for cell in cells)
            }
            first += len(rows)
        if with_floats:
            names = ", ".join(name for name in self.columns if name in with_floats)
            self.notes.append(
                f"{names}: floating-point numbers, read as their shortest decimal text"
            )

    def _batches(self) -> Iterator[list[tuple[Any, ...]]]:
        with closing(self._connect()) as database:
            cursor = self._asked(database, f"SELECT * FROM {self._table}")  # noqa: S608 - quoted
            try:
                yield from iter(lambda: cursor.fetchmany(_BATCH_ROWS), [])
            except sqlite3.DatabaseError as error:
                raise _unreadable(self.label, f"the database is damaged: {error}") from error

    def _read(self, row: tuple[Any, ...], line: int) -> tuple[str | None, ...] | BadRow:
        """The row as text, or what is wrong with it."""
        for name, cell in zip(self.columns, row, strict=True):
            if isinstance(cell, bytes):
                shown = f"0x{cell[:20].hex()}"
                return BadRow(line, "NO_TEXT_FORM", _raw(self.columns, row), name, shown)
            if isinstance(cell, str) and not _is_utf8(cell):
                return BadRow(line, "NOT_DECODABLE", _raw(self.columns, row), name, _shown(cell))
        return tuple(_text(cell) for cell in row)

    def _as_table(self, rows: list[tuple[int, tuple[str | None, ...]]]) -> pa.Table:
        columns = list(zip(*(row for _, row in rows), strict=True)) or [()] * len(self.columns)
        arrays = [pa.array(values, pa.string()) for values in columns]
        lines = pa.array([line for line, _ in rows], pa.int64())
        return pa.Table.from_arrays([*arrays, lines], schema=self.schema)

    def raw(self, lines: Iterable[int]) -> dict[int, bytes]:
        """The rows as lines of JSON, by their number."""
        wanted, first = set(lines), 1
        found: dict[int, bytes] = {}
        for rows in self._batches():
            for line in sorted(w for w in wanted if first <= w < first + len(rows)):
                found[line] = _raw(self.columns, rows[line - first])
            first += len(rows)
        return found


def _text(cell: Any) -> str | None:
    """A cell as text: a floating-point number as the shortest decimal that gives it back."""
    if cell is None or isinstance(cell, str):
        return cell
    return format(Decimal(repr(cell)), "f") if isinstance(cell, float) else str(cell)


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any("\udc80" <= sign <= "\udcff" for sign in text)


def _shown(cell: str) -> str:
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _raw(columns: Sequence[str], row: tuple[Any, ...]) -> bytes:
    """The row as one line of JSON; bytes as their hexadecimal digits."""
    cells = (f"0x{cell.hex()}" if isinstance(cell, bytes) else _text(cell) for cell in row)
    line = json.dumps(dict(zip(columns, cells, strict=True)), ensure_ascii=False)
    return line.encode("utf-8", "surrogateescape")


def _unreadable(label: str, what: str) -> FileUnreadable:
    return FileUnreadable(what, file=label, cure="state its format, or ask for the extract again")
