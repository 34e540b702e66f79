"""How benchmarks open a plain DuckDB, which would draw its progress where their results are."""

QUIET = {"enable_progress_bar": "false"}
