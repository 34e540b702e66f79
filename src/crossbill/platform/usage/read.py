"""Files of usage as they come: CSV as text, Parquet with its own types, each row with its line."""

import csv
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.core.refusal import Refusal
from crossbill.engine.rating_datasets import USAGE

NEEDED = ("usage_key", "service_key", "usage_type", "started_at", "quantity")
OF_THE_FILE = ("source_file", "source_line")
COLUMNS = tuple(column.name for column in USAGE.columns if column.name not in OF_THE_FILE)


class BadUsageFile(Refusal):
    """The usage file cannot be read. Mend the place that is named, or ask for it again."""

    code: ClassVar[str] = "BAD_USAGE_FILE"


def read_usage(backend: Backend, path: Path) -> ir.Table:
    """The rows of a usage file, all of ``USAGE`` as text, with source_file and source_line.

    What is no value and what the file has no column for is null. Nothing is typed yet: that is the
    work of ``mediate``, which suspends what cannot be.
    """
    if not path.is_file():
        raise BadUsageFile("The file does not exist", file=str(path), cure="check its name")
    rows = _reader(path)(backend, path)
    _check_columns(rows, path)
    texts = {
        name: _text(rows[name]) if name in rows.columns else ibis.null("string") for name in COLUMNS
    }
    return rows.select(**texts, source_file=ibis.literal(path.name), source_line=rows.source_line)


def _reader(path: Path) -> Callable[[Backend, Path], ir.Table]:
    readers = {".csv": _csv, ".parquet": _parquet}
    if path.suffix.lower() not in readers:
        cure = f"give a file that ends in {' or '.join(readers)}"
        raise BadUsageFile("No known format of usage", file=str(path), cure=cure)
    return readers[path.suffix.lower()]


def _csv(backend: Backend, path: Path) -> ir.Table:
    """Every line as text; one with more or fewer values than the header refuses the file."""
    try:
        backend.raw_sql(
            "CREATE OR REPLACE TEMP TABLE usage_as_it_came AS "
            "SELECT *, row_number() OVER () + 1 AS source_line FROM read_csv(?, header = true, "
            "delim = ',', quote = '\"', escape = '\"', all_varchar = true, parallel = false)",
            parameters=[str(path)],
        )
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise BadUsageFile(
            f"Not comma-separated text: {str(error).splitlines()[0]}",
            file=str(path),
            line=_uneven_line(path),
            cure="each line has as many values as the header; texts with a comma stand in quotes",
        ) from error
    return backend.table("usage_as_it_came")


def _uneven_line(path: Path) -> int | None:
    """The first line with more or fewer values than the header, if that is what is wrong."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file, suppress(csv.Error):
        rows = csv.reader(file)
        header = next(rows, [])
        return next((rows.line_num for row in rows if row and len(row) != len(header)), None)
    return None


def _parquet(backend: Backend, path: Path) -> ir.Table:
    try:
        rows = backend.read_parquet(str(path))
    except duckdb.Error as error:
        cause = str(error).splitlines()[0]
        raise BadUsageFile(
            f"Not Parquet: {cause}", file=str(path), cure="write the file anew"
        ) from error
    return rows.mutate(source_line=(ibis.row_number() + 1).cast("int64"))


def _check_columns(rows: ir.Table, path: Path) -> None:
    missing = [name for name in NEEDED if name not in rows.columns]
    unknown = [name for name in rows.columns if name not in (*COLUMNS, *OF_THE_FILE)]
    if missing or unknown:
        what = "A column is missing" if missing else "A column is not known"
        raise BadUsageFile(
            what,
            file=str(path),
            line=1,
            field=(missing or unknown)[0],
            cure=f"the columns of usage are {', '.join(COLUMNS)}",
        )


def _text(column: ir.Value) -> ir.StringValue:
    """The value as text; an instant as one in UTC, since that is what Parquet's are."""
    if column.type().is_timestamp():
        return column.cast("timestamp").cast("string") + "Z"
    return column.cast("string").nullif("")
