"""What a dataset is: a table's name, key and columns, written as text once and read from there."""

from dataclasses import dataclass
from functools import cached_property

import ibis
import pyarrow as pa

TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "date": pa.date32(),
    "instant": pa.timestamp("us"),
    "boolean": pa.bool_(),
    "bytes": pa.binary(),
}


@dataclass(frozen=True)
class Column:
    """One column: name, type (a key of ``TYPES``), whether it may be empty, what it means."""

    name: str
    type: str
    nullable: bool
    meaning: str


@dataclass(frozen=True)
class Dataset:
    """A named table schema with its key columns; rows are stored in key order."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @cached_property
    def arrow(self) -> pa.Schema:
        """The schema as Arrow, which is also what Parquet files hold."""
        return pa.schema([pa.field(c.name, TYPES[c.type], c.nullable) for c in self.columns])

    @cached_property
    def ibis(self) -> ibis.Schema:
        """The schema as Ibis, for tables in the engine."""
        return ibis.Schema.from_pyarrow(self.arrow)

    def extended(self, name: str, columns: str) -> "Dataset":
        """The same dataset with further columns, in the text form of this module."""
        return Dataset(name, self.key, self.columns + described(name, "", columns).columns)

    def without(self, *names: str) -> "Dataset":
        """The same dataset without some of its columns."""
        return Dataset(self.name, self.key, tuple(c for c in self.columns if c.name not in names))

    def empty(self) -> pa.Table:
        """A table of this schema without rows."""
        return pa.Table.from_batches([], schema=self.arrow)


def described(name: str, key: str, columns: str) -> Dataset:
    """Read a schema from its text form: one column a line, ``name type[?] meaning``."""
    rows = [line.split(maxsplit=2) for line in columns.strip().splitlines()]
    parsed = (Column(n, t.rstrip("?"), t.endswith("?"), meaning) for n, t, meaning in rows)
    return Dataset(name, tuple(key.split()), tuple(parsed))
