"""Values between delimiters, as in CSV: one record a line, quoted values may span lines.

A block of lines in which nothing is odd is read at once by Arrow. Any doubt (a quote inside of a
value, a ragged line, an undecodable byte) sends the block down the careful way, record by record.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from crossbill.replacement.migration.sources._format import SourceFormat
from crossbill.replacement.migration.sources._problems import (
    BadRow,
    DelimiterWrong,
    EncodingWrong,
    FileEmpty,
    FileUnreadable,
)
from crossbill.replacement.migration.sources._source import LINE_COLUMN, Part, Source
from crossbill.replacement.migration.sources._text import TextFile, without_line_end

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_USUAL_DELIMITERS = ",;\t|"


def open_file(path: Path, format: SourceFormat, label: str) -> Source:
    """Open a delimited file."""
    return Delimited(path, format, label)


class Feed:
    """Lines for the csv reader, with a position that can be set back after a broken record."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Start at the first line."""
        self.lines, self.position = lines, 0

    def __iter__(self) -> "Feed":
        """The csv module wants an iterator."""
        return self

    def __next__(self) -> str:
        """The next line."""
        if self.position == len(self.lines):
            raise StopIteration
        self.position += 1
        return self.lines[self.position - 1]


@dataclass
class Careful:
    """What the careful way made of some lines."""

    rows: list[list[str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    records: int = 0


class Delimited(Source):
    """A delimited text file."""

    def read_columns(self) -> Sequence[str]:
        """The header's names, or the format's where there is no header."""
        self.text = TextFile(self.path, self.format.encoding, self.label)
        if self.text.has_bom:
            self.notes.append("it begins with a byte-order mark, which was taken off")
        self._body_line = 1
        if not self.format.has_header:
            return self.format.names
        return self._header_names()

    def _header_names(self) -> Sequence[str]:
        first = next(self.text.blocks(), b"")
        for line in io.BytesIO(first):
            self._body_line += 1
            if not self._is_control(line):
                return self._split_header(line)
        raise FileEmpty("the file has no header", file=self.label, cure="ask for it again")

    def _split_header(self, line: bytes) -> Sequence[str]:
        if b"\r" in without_line_end(line):
            raise FileUnreadable(
                "lines end with a lone carriage return",
                file=self.label,
                line=1,
                cure="convert the line ends to line feeds",
            )
        if not _decodable(line):
            raise EncodingWrong(
                "the header cannot be decoded",
                file=self.label,
                line=1,
                field="encoding",
                value=self.text.shown(without_line_end(line)),
                cure="state the file's encoding, often cp1252 or utf-16",
            )
        return self._header_values(without_line_end(line).decode("utf-8"))

    def _header_values(self, line: str) -> Sequence[str]:
        try:
            names = next(csv.reader([line], **self._dialect), [""])
        except csv.Error as error:
            raise FileUnreadable(
                "the header's quotes do not close",
                file=self.label,
                line=1,
                value=line[:80],
                cure="write the header on one line and close its quotes",
            ) from error
        other = [d for d in _USUAL_DELIMITERS if d in line and d != self.format.delimiter]
        if len(names) == 1 and other:
            raise DelimiterWrong(
                "the header has one column only",
                file=self.label,
                line=1,
                field="delimiter",
                value=self.format.delimiter,
                cure=f"say delimiter: {other[0]!r}",
            )
        return names

    @property
    def _dialect(self) -> dict[str, Any]:
        quote = self.format.quote
        return {
            "delimiter": self.format.delimiter,
            "quotechar": quote or None,
            "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            "strict": True,
        }

    def _is_control(self, line: bytes) -> bool:
        return self._control is not None and line.startswith(self._control)

    @property
    def _control(self) -> bytes | None:
        trailer = self.format.trailer
        return trailer.starts_with.encode() if trailer else None

    def read_parts(self) -> Iterator[Part]:
        """Each block the fast or the careful way; a record cut by its end waits for the next."""
        line, waiting = self._body_line, b""
        for block in self._body():
            data = waiting + block
            part = self._fast(data, line)
            waiting = b""
            if part is None:
                part, waiting = self._careful(data, line, last=False)
            yield part
            line += data.count(b"\n") - waiting.count(b"\n")
        if waiting:
            yield self._careful(waiting, line, last=True)[0]

    def _body(self) -> Iterator[bytes]:
        """The blocks after the header, whose control lines are noted."""
        head = self._body_line - 1
        for block in self.text.blocks():
            rest = block
            if head:
                lines = block.split(b"\n", head)
                controls = [line for line in lines[:-1] if self._is_control(line)]
                self.trailers += [self.text.shown(without_line_end(line)) for line in controls]
                rest, head = lines[-1], 0
            if rest:
                yield rest

    # The fast way.

    def _fast(self, data: bytes, line: int) -> Part | None:
        """The block as Arrow reads it, or nothing if there is any doubt that it read it right."""
        if self._is_odd(data):
            return None
        try:
            table = arrow_csv.read_csv(io.BytesIO(data), *self._arrow_options(len(data)))
        except pa.ArrowInvalid:
            return None
        if not self._accounts_for_every_byte(table, data):
            return None
        numbers = pa.array(range(line, line + table.num_rows), pa.int64())
        table = table.append_column(self.schema.field(LINE_COLUMN), numbers)
        return Part(table, (), table.num_rows)

    def _is_odd(self, data: bytes) -> bool:
        """Whether the block holds what only the careful way tells apart."""
        return (
            _CONTROL.search(data) is not None
            or data.count(b"\r") != data.count(b"\r\n")
            or data.startswith((b"\n", b"\r\n"))
            or b"\n\n" in data
            or b"\n\r\n" in data
            or (self._control is not None and b"\n" + self._control in b"\n" + data)
            or not self._quotes_are_plain(data)
            or not _decodable(data)
        )

    def _quotes_are_plain(self, data: bytes) -> bool:
        """Whether each quote opens a value at its start or closes one at its end."""
        quote, delimiter = self.format.quote.encode(), self.format.delimiter.encode()
        quotes = data.count(quote) if quote else 0
        if not quotes:
            return True
        opening = data.count(delimiter + quote) + data.count(b"\n" + quote)
        closing = data.count(quote + delimiter) + data.count(quote + b"\n")
        opening += data.startswith(quote)
        closing += data.count(quote + b"\r\n")
        return opening == closing and opening + closing == quotes

    def _arrow_options(
        self, size: int
    ) -> tuple[arrow_csv.ReadOptions, arrow_csv.ParseOptions, arrow_csv.ConvertOptions]:
        quote: str | Literal[False] = self.format.quote or False
        return (
            arrow_csv.ReadOptions(
                use_threads=False, block_size=size + 1, column_names=list(self.columns)
            ),
            arrow_csv.ParseOptions(
                delimiter=self.format.delimiter, quote_char=quote, ignore_empty_lines=False
            ),
            arrow_csv.ConvertOptions(
                check_utf8=False,  # the whole block was decoded before
                column_types=dict.fromkeys(self.columns, pa.string()),
                strings_can_be_null=False,
            ),
        )

    def _accounts_for_every_byte(self, table: pa.Table, data: bytes) -> bool:
        """Whether values, delimiters, quotes and line ends make up the block, a row for a line."""
        rows = data.count(b"\n")
        if table.num_rows != rows:
            return False
        values = sum(pc.sum(pc.binary_length(column)).as_py() or 0 for column in table.columns)
        between = rows * (len(self.columns) - 1) + rows + data.count(b"\r")
        quotes = data.count(self.format.quote.encode()) if self.format.quote else 0
        return bool(values + between + quotes == len(data))

    # The careful way.

    def _careful(self, data: bytes, line: int, *, last: bool) -> tuple[Part, bytes]:
        """The block record by record, and the bytes of a record that is not yet whole."""
        raw_lines = io.BytesIO(data).readlines()
        feed = Feed(_text_lines(data))
        reader = csv.reader(feed, **self._dialect)
        result = Careful()
        while feed.position < len(raw_lines):
            start = feed.position
            if self._is_control(raw_lines[start]):
                self.trailers.append(self.text.shown(without_line_end(raw_lines[start])))
                feed.position += 1
                continue
            try:
                row = next(reader)
            except csv.Error:
                if feed.position == len(raw_lines) and not last:
                    return self._part(result), b"".join(raw_lines[start:])
                reader = csv.reader(feed, **self._dialect)
                row, feed.position = None, start + 1
            self._sort_out(result, row, raw_lines[start : feed.position], line + start)
        return self._part(result), b""

    def _sort_out(
        self, result: Careful, row: list[str] | None, raw_lines: list[bytes], line: int
    ) -> None:
        """Put one record to the accepted or to the bad ones."""
        result.records += 1
        raw = without_line_end(b"".join(raw_lines))
        bad = self._bad(row, raw, line)
        if bad is not None:
            result.bad.append(bad)
            return
        assert row is not None
        result.rows.append(row)
        result.starts.append(line)

    def _bad(self, row: list[str] | None, raw: bytes, line: int) -> BadRow | None:
        """What is wrong with the record, if anything; the graver first."""
        code, name, value = None, None, None
        if not raw:
            code = "EMPTY_LINE"
        elif _CONTROL.search(raw) or (row is None and b"\r" in raw):
            code = "CONTROL_CHARACTER"
        elif not _decodable(raw):
            code, (name, value) = "NOT_DECODABLE", self._undecodable_field(row)
        elif row is None:
            code = "BAD_QUOTE"
        elif len(row) != len(self.columns):
            code, value = "RAGGED_ROW", f"{len(row)} values, {len(self.columns)} columns"
        if code is None:
            return None
        return BadRow(line, code, self.text.original(raw), name, value)

    def _undecodable_field(self, row: list[str] | None) -> tuple[str | None, str | None]:
        """The first column whose value cannot be decoded, and that value for a person."""
        for place, value in enumerate(row or ()):
            encoded = value.encode("utf-8", "surrogateescape")
            if not _decodable(encoded):
                name = self.columns[place] if place < len(self.columns) else None
                return name, self.text.shown(encoded)
        return None, None

    def _part(self, result: Careful) -> Part:
        columns = list(zip(*result.rows, strict=True)) or [()] * len(self.columns)
        arrays = [pa.array(values, pa.string()) for values in columns]
        starts = pa.array(result.starts, pa.int64())
        accepted = pa.Table.from_arrays([*arrays, starts], schema=self.schema)
        return Part(accepted, result.bad, result.records)

    def raw(self, lines: Iterable[int]) -> dict[int, bytes]:
        """The bytes of accepted records, by the line that they start on."""
        wanted = sorted(set(lines), reverse=True)
        found: dict[int, bytes] = {}
        first, waiting = 1, b""
        for block in self.text.blocks():
            data = waiting + block
            waiting, count = b"", data.count(b"\n")
            if wanted and wanted[-1] < first + count:
                raw_lines = io.BytesIO(data).readlines()
                found |= self._raw_in(raw_lines, first, wanted)
                # A wanted record that starts here but ends in the next block is still to come.
                kept = max(wanted[-1] - first, 0) if wanted else count
                waiting = b"".join(raw_lines[kept:])
            first += count - waiting.count(b"\n")
            if not wanted:
                break
        return {line: self.text.original(record) for line, record in found.items()}

    def _raw_in(self, raw_lines: list[bytes], first: int, wanted: list[int]) -> dict[int, bytes]:
        """The wanted records that are whole within these lines; they leave the list."""
        found: dict[int, bytes] = {}
        while wanted and wanted[-1] < first + len(raw_lines):
            start = wanted[-1] - first
            length = self._record_lines(raw_lines, start)
            if not length:
                break
            found[wanted.pop()] = without_line_end(b"".join(raw_lines[start : start + length]))
        return found

    def _record_lines(self, raw_lines: list[bytes], start: int) -> int:
        """How many lines the record takes that starts here; 0 where it goes on behind them."""
        if not self.format.quote or self.format.quote.encode() not in raw_lines[start]:
            return 1
        following = (raw_lines[n].decode("utf-8") for n in range(start, len(raw_lines)))
        reader = csv.reader(following, **self._dialect)
        try:
            next(reader)
        except csv.Error:
            return 0
        return reader.line_num


def _decodable(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _text_lines(data: bytes) -> list[str]:
    """The lines as text, split at line feeds only; undecodable bytes stay as lone surrogates."""
    return io.StringIO(data.decode("utf-8", "surrogateescape"), newline="\n").readlines()
