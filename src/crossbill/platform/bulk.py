"""Arrow tables into PostgreSQL and back, by COPY on Django's connection, in its transaction."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.csv as pa_csv
from django.db import connection, models
from psycopg import sql

BATCH_ROWS = 65_536


def copy_in(model: type[models.Model], rows: pa.Table) -> int:
    """Append rows to a model's table, columns named as in the database; returns the count."""
    return _copy_in(sql.Identifier(model._meta.db_table), rows)


def copy_in_missing(model: type[models.Model], rows: pa.Table) -> int:
    """As ``copy_in``, but rows that are there already (by any unique key) stay as they are."""
    table, temporary = sql.Identifier(model._meta.db_table), sql.Identifier("arriving")
    with connection.cursor() as cursor:
        create = "CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING IDENTITY) ON COMMIT DROP"
        cursor.execute(sql.SQL(create).format(temporary, table))
        _copy_in(temporary, rows)
        names = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
        insert = "INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT DO NOTHING"
        cursor.execute(sql.SQL(insert).format(table, names, names, temporary))
        count = int(cursor.rowcount)
        cursor.execute(sql.SQL("DROP TABLE {}").format(temporary))
    return count


def copy_in_temporary(name: str, columns: dict[str, str], rows: pa.Table) -> int:
    """Make a table that lasts as long as the transaction, with these column types, and fill it."""
    table = sql.Identifier(name)
    parts = [sql.SQL("{} " + kind).format(sql.Identifier(key)) for key, kind in columns.items()]
    create = sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP")
    with connection.cursor() as cursor:
        cursor.execute(create.format(table, sql.SQL(", ").join(parts)))
        count = _copy_in(table, rows)
        cursor.execute(sql.SQL("ANALYZE {}").format(table))
    return count


def _copy_in(table: sql.Identifier, rows: pa.Table) -> int:
    names = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(table, names)
    options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in rows.to_batches(max_chunksize=BATCH_ROWS):
            buffer = io.BytesIO()
            pa_csv.write_csv(_printable(batch), buffer, options)
            copy.write(buffer.getvalue())
    return rows.num_rows


def _printable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Bytes as PostgreSQL's hexadecimal text; everything else prints as it is."""
    for index, field in enumerate(batch.schema):
        if pa.types.is_binary(field.type):
            values = [None if v is None else rf"\x{v.hex()}" for v in batch[index].to_pylist()]
            batch = batch.set_column(index, field.name, pa.array(values, pa.string()))
    return batch


@contextmanager
def copy_out(
    query: str, parameters: Mapping[str, object], schema: pa.Schema
) -> Iterator[pa.RecordBatchReader]:
    """Stream a query's rows as Arrow; the query selects the schema's columns in order."""
    statement = f"COPY ({query}) TO STDOUT (FORMAT csv)"
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        stream = io.BufferedReader(_CopyStream(copy), 1 << 20)
        first = stream.peek(1)
        if not first:
            yield pa.RecordBatchReader.from_batches(schema, [])
        else:
            yield _reader(stream, schema)


def _reader(stream: io.BufferedReader, schema: pa.Schema) -> pa.RecordBatchReader:
    reader = pa_csv.open_csv(
        stream,
        read_options=pa_csv.ReadOptions(column_names=schema.names, block_size=1 << 22),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in reader))


class _CopyStream(io.RawIOBase):
    """A COPY TO as a file that can be read."""

    def __init__(self, copy: Iterator[bytes]) -> None:
        self._chunks = iter(copy)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # a raw file gets this
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
