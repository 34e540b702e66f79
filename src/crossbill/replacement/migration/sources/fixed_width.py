"""Values at fixed bytes of each line, as mainframes write them; blanks after a value are taken off.

Blocks in plain ASCII whose lines all have the right length are cut at once. Others are read record
by record, as are numbers in binary form and files of several record types or without line ends.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crossbill.replacement.migration.sources._digits import NoDigits, decimal_text
from crossbill.replacement.migration.sources._format import FixedColumn, SourceFormat
from crossbill.replacement.migration.sources._problems import BadRow, LineTooLong
from crossbill.replacement.migration.sources._source import LINE_COLUMN, Part, Source
from crossbill.replacement.migration.sources._text import (
    BLOCK_BYTES,
    LINE_LIMIT_BYTES,
    without_line_end,
)

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TEXT_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def open_file(path: Path, format: SourceFormat, label: str) -> Source:
    """Open a fixed-width file."""
    return FixedWidth(path, format, label)


class FixedWidth(Source):
    """A file whose records all have one length, with or without line ends."""

    def read_columns(self) -> Sequence[str]:
        """The names in the format; the file holds none."""
        return self.format.names

    def read_parts(self) -> Iterator[Part]:
        """Each block of lines, at once where nothing in it is odd."""
        line = 1
        for block in self._blocks():
            data = block
            if line == 1 and self.format.has_header:
                data, line = block[block.find(b"\n") + 1 :], 2
            yield self._fast(data, line) or self._careful(data, line)
            line += self._count(data)

    def _blocks(self) -> Iterator[bytes]:
        """Whole records in the file's own bytes; only the last one may be cut off."""
        if not self.format.line_ends:
            with self.path.open("rb") as file:
                size = max(BLOCK_BYTES // self.format.length, 1) * self.format.length
                yield from iter(lambda: file.read(size), b"")
            return
        rest = b""
        with self.path.open("rb") as file:
            for chunk in iter(lambda: file.read(BLOCK_BYTES), b""):
                data = rest + chunk
                cut = data.rfind(b"\n") + 1
                if cut:
                    yield data[:cut]
                rest = data[cut:]
                self._refuse_endless(rest)
        if rest:
            yield rest + b"\n"

    def _refuse_endless(self, rest: bytes) -> None:
        if len(rest) > LINE_LIMIT_BYTES:
            raise LineTooLong(
                f"a line has no end within {LINE_LIMIT_BYTES} bytes",
                file=self.label,
                cure="check that this is a text file whose lines end with a line feed",
            )

    # The fast way.

    def _fast(self, data: bytes, line: int) -> Part | None:
        """The block cut into columns at once, or nothing if any line of it is odd."""
        width = self._plain_width(data) if self._is_plain else None
        if width is None:
            return None
        rows = len(data) // width
        records = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(width), rows, [None, pa.py_buffer(data)]
        ).cast(pa.binary())
        columns = [self._cut(records, column) for column in self.format.fixed_columns]
        numbers = pa.array(range(line, line + rows), pa.int64())
        return Part(pa.Table.from_arrays([*columns, numbers], schema=self.schema), (), rows)

    def _cut(self, records: "pa.Array[Any]", column: FixedColumn) -> "pa.Array[Any]":
        part = pc.binary_slice(records, column.start - 1, column.end)
        return pc.ascii_rtrim_whitespace(part.cast(pa.string()))

    def _plain_width(self, data: bytes) -> int | None:
        """Bytes from line to line where all lines are alike, plain and of the record's length."""
        end = b"\r\n" if data.endswith(b"\r\n") else b"\n"
        width = self.format.length + len(end)
        lines = data.count(b"\n")
        plain = (
            len(data) == lines * width
            and data[self.format.length :: width] == end[:1] * lines
            and data[width - 1 :: width] == b"\n" * lines
            and data.count(b"\r") == lines * (len(end) - 1)
            and data.isascii()
            and self._is_ascii_based
            and not _CONTROL.search(data)
            and not self._has_control_lines(data)
        )
        return width if plain else None

    @cached_property
    def _is_plain(self) -> bool:
        """Whether the file is lines of one record type that hold nothing but text."""
        texts = all(column.kind == "text" for column in self.format.fixed_columns)
        return texts and self.format.line_ends and self.format.records is None

    @cached_property
    def _is_ascii_based(self) -> bool:
        return b"0A ".decode(self.format.encoding, "replace") == "0A "

    # The careful way.

    def _careful(self, data: bytes, line: int) -> Part:
        """The block record by record."""
        rows: list[tuple[str, ...]] = []
        starts: list[int] = []
        bad: list[BadRow] = []
        records = 0
        for number, raw in enumerate(self._records(data), line):
            if self._begins(raw, self._control):
                self.trailers.append(raw.decode(self.format.encoding, "backslashreplace"))
                continue
            if raw and not self._begins(raw, self._wanted):
                self.passed_over += 1
                continue
            records += 1
            row = self._row(raw, number)
            if isinstance(row, BadRow):
                bad.append(row)
            else:
                rows.append(row)
                starts.append(number)
        return Part(self._table(rows, starts), bad, records)

    def _table(self, rows: list[tuple[str, ...]], starts: list[int]) -> pa.Table:
        columns = list(zip(*rows, strict=True)) or [()] * len(self.columns)
        arrays = [pa.array(values, pa.string()) for values in columns]
        assert self.schema.names[-1] == LINE_COLUMN
        return pa.Table.from_arrays([*arrays, pa.array(starts, pa.int64())], schema=self.schema)

    def _row(self, raw: bytes, line: int) -> tuple[str, ...] | BadRow:
        """The record's values, or what is wrong with it."""
        if not raw:
            return BadRow(line, "EMPTY_LINE", raw)
        if self._is_plain and self._is_ascii_based and (_CONTROL.search(raw) or b"\r" in raw):
            return BadRow(line, "CONTROL_CHARACTER", raw)
        if len(raw) != self.format.length:
            return BadRow(line, "RECORD_LENGTH", raw, None, f"{len(raw)} bytes")
        return self._values(raw, line)

    def _values(self, raw: bytes, line: int) -> tuple[str, ...] | BadRow:
        columns = self.format.fixed_columns
        if self._is_plain and self._is_ascii_based and raw.isascii():  # most records of a block
            text = raw.decode("ascii")
            return tuple([text[column.start - 1 : column.end].rstrip() for column in columns])
        values = []
        for column in columns:
            value = self._value(raw[column.start - 1 : column.end], column)
            if not isinstance(value, str):
                code, shown = value
                return BadRow(line, code, raw, column.name, shown)
            values.append(value)
        return tuple(values)

    def _value(self, part: bytes, column: FixedColumn) -> str | tuple[str, str]:
        """The value, or the code of what is wrong with it and how it looks."""
        if self.format.low_values == "blank" and column.kind != "binary" and not part.strip(b"\0"):
            return ""
        if column.kind != "text":
            try:
                return decimal_text(part, column.kind, column.scale, is_ascii=self._is_ascii_based)
            except NoDigits:
                return "BAD_DIGITS", f"0x{part.hex()}"
        try:
            value = part.decode(self.format.encoding)
        except UnicodeDecodeError:
            return "NOT_DECODABLE", part.decode(self.format.encoding, "backslashreplace")
        if _TEXT_CONTROL.search(value):
            return "CONTROL_CHARACTER", ascii(value)[1:-1]
        return value.rstrip()

    def _records(self, data: bytes) -> Iterator[bytes]:
        """The records of a block without their line ends."""
        if self.format.line_ends:
            yield from (without_line_end(line) for line in io.BytesIO(data))
            return
        length = self.format.length
        yield from (data[start : start + length] for start in range(0, len(data), length))

    def _count(self, data: bytes) -> int:
        """How many records a block holds."""
        return data.count(b"\n") if self.format.line_ends else -(-len(data) // self.format.length)

    @staticmethod
    def _begins(raw: bytes, text: bytes | None) -> bool:
        return text is not None and raw.startswith(text)

    def _has_control_lines(self, data: bytes) -> bool:
        return self._control is not None and b"\n" + self._control in b"\n" + data

    @cached_property
    def _control(self) -> bytes | None:
        trailer = self.format.trailer
        return trailer.starts_with.encode(self.format.encoding) if trailer else None

    @cached_property
    def _wanted(self) -> bytes:
        """What a record of the type that is meant begins with; all begin with nothing."""
        records = self.format.records
        return records.starts_with.encode(self.format.encoding) if records else b""

    def raw(self, lines: Iterable[int]) -> dict[int, bytes]:
        """The bytes of accepted records, by the line that they start on."""
        wanted, first = set(lines), 1
        found: dict[int, bytes] = {}
        for block in self._blocks():
            count = self._count(block)
            here = sorted(line for line in wanted if first <= line < first + count)
            if here:
                records = list(self._records(block))
                found |= {line: records[line - first] for line in here}
            first += count
        return found
