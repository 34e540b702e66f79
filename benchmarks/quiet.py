"""A plain DuckDB for benchmarks, which would draw its progress where their results are."""

import duckdb


def quiet_engine() -> duckdb.DuckDBPyConnection:
    """An engine in memory with DuckDB's own settings."""
    engine = duckdb.connect()
    engine.execute("SET enable_progress_bar = false")
    return engine
