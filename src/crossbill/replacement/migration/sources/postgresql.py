"""PostgreSQL databases: a table or view, fetched as text into one Parquet file.

The URL stands in an environment variable that the format names, so that no secret is in a
specification or a message. The rows travel by COPY, a batch at a time, in one snapshot.
"""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from psycopg import sql

from crossbill.replacement.migration.sources._format import SourceFormat
from crossbill.replacement.migration.sources._problems import (
    EncodingWrong,
    FileUnreadable,
    LineTooLong,
    SourceLost,
    SourceUnreachable,
    table_missing,
)
from crossbill.replacement.migration.sources._source import Source
from crossbill.replacement.migration.sources._text import LINE_LIMIT_BYTES
from crossbill.replacement.migration.sources.parquet import Parquet

TIMEOUT_S = 15
ENCODED_BY_NOBODY = "SQL_ASCII"  # such a database does not know how its texts are encoded
# Every value has one text, whatever the server's settings: instants in UTC, dates by ISO 8601.
SETTINGS = """
    SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'iso_8601';
    SET extra_float_digits = 1
"""

# By the name as it is written, capitals and all: alone on the search path, or after its schema.
_COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod), typcategory, typname,
           format('%%I.%%I', nspname, relname)
    FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
    JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE attnum > 0 AND NOT attisdropped AND attrelid = coalesce(
        to_regclass(quote_ident(%(name)s)),
        to_regclass(quote_ident(%(schema)s) || '.' || quote_ident(%(table)s))
    )
    ORDER BY attnum
"""
_TABLES = """
    SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
                ELSE n.nspname || '.' || c.relname END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
    ORDER BY 1
"""


def open_file(path: Path, format: SourceFormat, label: str) -> Source:
    """Open what was fetched; a record's line is its row's number."""
    return Parquet(path, format, label)


def fetch(format: SourceFormat, target: Path) -> None:
    """Write the table's rows into a Parquet file, every value as text."""
    label = format.called("")
    with connected(format, label) as database:
        table = found_table(database, format, label)
        query = rows_of(table).as_bytes(database)
        encoding = _encoding(database, format, label)
        with decoded(label, encoding):
            copied(database, query, table, target, encoding)


@contextmanager
def connected(format: SourceFormat, label: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that only reads, in one snapshot; what fails is told without the URL."""
    try:
        database = psycopg.connect(
            _url(format, label), connect_timeout=TIMEOUT_S, client_encoding="UTF8"
        )
    except psycopg.ProgrammingError:  # its message would repeat the URL
        raise _unreachable(format, label, "the variable holds no URL of a database") from None
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise _unreachable(format, label, f"the database cannot be reached: {reason}") from None
    with closing(database), spoken(label):
        database.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        database.read_only = True
        database.execute(SETTINGS)
        yield database


def _url(format: SourceFormat, label: str) -> str:
    url = os.environ.get(str(format.url_from), "")
    if not url:
        raise _unreachable(format, label, "the environment variable is not set")
    return url


def _unreachable(format: SourceFormat, label: str, what: str) -> SourceUnreachable:
    cure = f"set {format.url_from} to postgresql://user:password@host:5432/database"
    return SourceUnreachable(what, file=label, field="url_from", cure=cure)


@dataclass(frozen=True)
class Table:
    """A table or view that is there: its name as SQL, and its columns with their types."""

    name: str
    columns: Mapping[str, str]


def found_table(database: psycopg.Connection[Any], format: SourceFormat, label: str) -> Table:
    """The table of the format; one that is not there, or holds bytes, is refused."""
    wanted = str(format.table)
    schema, _, table = wanted.partition(".")
    names = {"name": wanted, "schema": schema, "table": table}
    found = database.execute(_COLUMNS, names).fetchall()
    if not found:
        raise table_missing(wanted, [str(name) for (name,) in database.execute(_TABLES)], label)
    for name, kind, category, base, _ in found:
        if category in ("A", "C") or base == "bytea":
            raise FileUnreadable(
                f"a column of type {kind} has no text form",
                file=label,
                field=name,
                cure="read a view that leaves it out or makes it a text",
            )
    return Table(found[0][4], {name: kind for name, kind, *_ in found})


def _encoding(database: psycopg.Connection[Any], format: SourceFormat, label: str) -> str:
    """The encoding in which the texts travel: UTF-8, or as declared where only people know it."""
    if not knows_encoding(database):
        database.execute("SET client_encoding = 'SQL_ASCII'")  # its bytes come as they are
        return format.encoding
    if format.encoding != "utf-8":
        raise EncodingWrong(
            "the database says its encoding itself",
            file=label,
            field="encoding",
            value=format.encoding,
            cure="leave encoding out",
        )
    return "utf-8"


def knows_encoding(database: psycopg.Connection[Any]) -> bool:
    """Whether the database knows how its texts are encoded."""
    return database.info.parameter_status("server_encoding") != ENCODED_BY_NOBODY


def rows_of(table: Table, where: sql.Composable | None = None) -> sql.Composed:
    """The rows as CSV, in which nothing at all is NULL and ``""`` a text without letters."""
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in table.columns)
    meant = where if where is not None else sql.SQL("true")
    rows = sql.SQL("SELECT {} FROM {} WHERE {}").format(columns, sql.SQL(table.name), meant)
    return sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(rows)


def copied(
    database: psycopg.Connection[Any], query: bytes, table: Table, target: Path, encoding: str
) -> int:
    """Stream the rows into the file, a block at a time; the number of bytes that came."""
    schema = pa.schema([(name, pa.string()) for name in table.columns])
    with (
        database.cursor().copy(query) as rows,
        pq.ParquetWriter(target, schema, compression="lz4") as writer,
    ):
        blocks = _Stream(iter(rows))
        stream = io.BufferedReader(blocks, LINE_LIMIT_BYTES)
        if not stream.peek(1):
            return 0
        reader = pa_csv.open_csv(
            stream,
            pa_csv.ReadOptions(
                use_threads=False,
                block_size=LINE_LIMIT_BYTES,
                column_names=schema.names,
                encoding=encoding,
            ),
            pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            pa_csv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            writer.write_batch(batch)
    return blocks.bytes


class _Stream(io.RawIOBase):
    """The blocks of a COPY as a file that can be read once."""

    def __init__(self, blocks: Iterator[Any]) -> None:
        """Read from these blocks."""
        self.blocks, self.rest, self.bytes = blocks, memoryview(b""), 0

    def readable(self) -> bool:
        """Yes: it is all that it can do."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes, as many as a block of the server has left."""
        while not self.rest:
            block = next(self.blocks, None)
            if block is None:
                return 0
            self.rest = memoryview(block)
            self.bytes += len(self.rest)
        size = min(len(buffer), len(self.rest))
        buffer[:size], self.rest = self.rest[:size], self.rest[size:]
        return size


@contextmanager
def spoken(label: str) -> Iterator[None]:
    """What can go wrong with the database, in a person's words."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        reason = error.diag.message_primary
        raise FileUnreadable(
            f"the table may not be read: {reason}", file=label, cure="ask for the right to SELECT"
        ) from None
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        raise SourceLost(
            f"the database stopped answering: {reason}",
            file=label,
            cure="nothing of the table was kept: run the same command again when it is back",
        ) from None


@contextmanager
def decoded(label: str, encoding: str) -> Iterator[None]:
    """What can be wrong with the texts that came, in a person's words."""
    try:
        yield
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        if "straddling" in str(error):
            what = f"a row has more than {LINE_LIMIT_BYTES} bytes"
            raise LineTooLong(what, file=label, cure="read a view that leaves it out") from None
        raise EncodingWrong(
            f"a text is not in the encoding: {str(error).splitlines()[0]}",
            file=label,
            field="encoding",
            value=encoding,
            cure="state the encoding that its programs write, such as cp1252",
        ) from None
