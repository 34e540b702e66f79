"""Parquet files: columns that were typed already, seen as text like those of any other file."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crossbill.replacement.migration.sources._format import SourceFormat
from crossbill.replacement.migration.sources._problems import FileUnreadable
from crossbill.replacement.migration.sources._source import Part, Source

_BATCH_ROWS = 65_536


def open_file(path: Path, format: SourceFormat, label: str) -> Source:
    """Open a Parquet file."""
    return Parquet(path, format, label)


class Parquet(Source):
    """A Parquet file; a record's line is its row number from 1, its raw form a line of JSON."""

    def read_columns(self) -> Sequence[str]:
        """The names in the file's schema, all of types that have one text form."""
        try:
            self._schema = pq.read_schema(self.path)
        except pa.ArrowInvalid as error:
            raise FileUnreadable(
                "this is not a Parquet file, or it was cut off",
                file=self.label,
                cure="state its format, or ask for the extract again",
            ) from error
        for column in self._schema:
            self._refuse_nested(column)
        return self._schema.names

    def _refuse_nested(self, column: "pa.Field[Any]") -> None:
        kind = column.type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise FileUnreadable(
                f"a column of type {kind} has no text form",
                file=self.label,
                field=column.name,
                cure="export it as text",
            )

    def read_parts(self) -> Iterator[Part]:
        """Each batch of rows as text."""
        line = 1
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, use_threads=False):
                numbers = pa.array(range(line, line + batch.num_rows), pa.int64())
                arrays = [column.cast(pa.string()) for column in batch.columns]
                table = pa.Table.from_arrays([*arrays, numbers], schema=self.schema)
                yield Part(table, (), batch.num_rows)
                line += batch.num_rows

    def raw(self, lines: Iterable[int]) -> dict[int, bytes]:
        """The records as lines of JSON, by their row number."""
        wanted, first = set(lines), 1
        found: dict[int, bytes] = {}
        for part in self.read_parts():
            here = sorted(line for line in wanted if first <= line < first + part.records)
            for line in here:
                row = part.accepted.slice(line - first, 1).to_pylist()[0]
                values = {name: row[name] for name in self.columns}
                found[line] = json.dumps(values, ensure_ascii=False).encode()
            first += part.records
        return found
