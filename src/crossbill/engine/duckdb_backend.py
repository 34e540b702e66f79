"""Ibis 12 on DuckDB 2: what Ibis asks for in words that this DuckDB no longer knows."""

from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler
from ibis.backends.sql.datatypes import DuckDBType
from ibis.expr.datatypes import DataType
from ibis.expr.schema import Schema
from ibis.formats.pyarrow import PyArrowData

BATCH_ROWS = 1_000_000


class DuckDBTypes(DuckDBType):  # type: ignore[misc] # Ibis is not typed
    """Types as Ibis reads them, and of a column without any value, which has a type of its own."""

    @classmethod
    def from_string(cls, text: str, nullable: bool | None = None) -> DataType:
        """The type that DuckDB calls so; without values a whole number, as before DuckDB 2."""
        return super().from_string("INTEGER" if text == '"NULL"' else text, nullable=nullable)


class _Compiler(DuckDBCompiler):  # type: ignore[misc] # Ibis is not typed
    type_mapper = DuckDBTypes


class _Rows(PyArrowData):  # type: ignore[misc] # Ibis is not typed
    """Rows as Ibis gives them, of a column without any value too."""

    @classmethod
    def convert_column(cls, column: Any, dtype: DataType) -> Any:
        """The column in the type that Ibis knows it to have."""
        return pa.nulls(len(column)) if dtype.is_null() else super().convert_column(column, dtype)


class DuckDBBackend(Backend):  # type: ignore[misc] # Ibis is not typed
    """Ibis's backend; this class goes when Ibis knows DuckDB 2 by itself (ADR 0028)."""

    compiler = _Compiler()

    def do_connect(self, *arguments: Any, **settings: Any) -> None:
        """Ibis writes functions of lists with an arrow, which has to be allowed now."""
        super().do_connect(*arguments, lambda_syntax="ENABLE_SINGLE_ARROW", **settings)

    def to_pyarrow(self, expr: ir.Expr, /, **options: Any) -> Any:
        """All rows, or a column or value; without pandas, which Ibis asks for first (ADR 0030)."""
        rows = self._to_duckdb_relation(expr, **options).to_arrow_table()
        return expr.__pyarrow_result__(rows, data_mapper=_Rows)

    def to_pyarrow_batches(
        self, expr: ir.Expr, /, *, chunk_size: int = BATCH_ROWS, **options: Any
    ) -> pa.RecordBatchReader:
        """The rows as they are found, ``chunk_size`` at a time; until all are read, or the reader
        is gone, the engine refuses whatever else it is asked.

        Only a relation is streamed: what `execute` answers is held whole before its first row.
        """
        rows = self._to_duckdb_relation(expr, **options).to_arrow_reader(chunk_size)
        return pa.RecordBatchReader.from_batches(expr.as_table().schema().to_pyarrow(), rows)

    def _get_schema_using_query(self, query: str) -> Schema:
        described = self.con.sql(f"DESCRIBE {query}").to_arrow_table().to_pylist()
        read = DuckDBTypes.from_string
        return Schema({row["column_name"]: read(row["column_type"]) for row in described})
