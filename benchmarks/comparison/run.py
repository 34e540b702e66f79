"""One measured part of the comparison, in a process of its own; prints one JSON object.

Run as ``python -m benchmarks.comparison.run WAY-MEMORY FOLDER``, where the folder has both sides.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.comparison.sides import fields
from benchmarks.quiet import quiet_engine

THREADS = 2


def main() -> None:
    """Measure the way that is named, with its limit of memory."""
    way, _, memory = sys.argv[1].partition("-")
    began, used = time.perf_counter(), time.process_time()
    found = WAYS[way](Path(sys.argv[2]), memory)
    spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
    print(json.dumps(spent | found))


def bare(folder: Path, memory: str) -> dict[str, Any]:
    """The full outer join of both files, with the question which rows differ in any field."""
    differs = " OR ".join(f"l.{name} IS DISTINCT FROM r.{name}" for name, _, _ in fields())
    sides = " FULL OUTER JOIN ".join(
        f"'{folder}/{side}.parquet' {side[0]}" for side in ("left", "right")
    )
    query = f"""
        SELECT count(*) FILTER (l.id IS NULL OR r.id IS NULL),
               count(*) FILTER (l.id IS NOT NULL AND r.id IS NOT NULL AND ({differs}))
        FROM {sides} ON l.id = r.id
    """
    with quiet_engine() as engine:
        engine.execute(f"SET threads = {THREADS}; SET memory_limit = '{memory}'")
        engine.execute(f"SET temp_directory = '{folder}/spill-bare'")
        alone, different = engine.execute(query).fetchall()[0]
    return {"alone": alone, "different": different}


def crossbill(folder: Path, memory: str) -> dict[str, Any]:
    """``crossbill reconcile``: paired, compared, classified, and its totals proved."""
    os.environ["CROSSBILL_ENGINE_MEMORY"], os.environ["CROSSBILL_ENGINE_THREADS"] = (
        memory,
        str(THREADS),
    )
    os.environ["CROSSBILL_HOME"] = str(folder / "home")
    from crossbill.replacement.reconciliation.reconcile_extracts import document, reconciled

    with reconciled(folder / "spec.yaml", folder, folder) as result:
        found = document(result)
    different = sum(field["different"] for field in found["fields"].values())
    return {"alone": found["missing"] + found["extra"], "different": different}


def datacompy_on_polars(folder: Path, memory: str) -> dict[str, Any]:
    """The same by datacompy on Polars; it knows no limit of memory."""
    import datacompy
    import polars

    left, right = (polars.read_parquet(folder / f"{side}.parquet") for side in ("left", "right"))
    found = datacompy.PolarsCompare(left, right, join_columns="id")
    alone = found.df1_unq_rows.height + found.df2_unq_rows.height
    different = found.intersect_rows.height - found.count_matching_rows()
    return {"alone": alone, "different": different, "version": version("datacompy")}


def reladiff_in_duckdb(folder: Path, memory: str) -> dict[str, Any]:
    """The same by reladiff in one DuckDB database of both sides, whose loading is timed apart."""
    from reladiff import connect_to_table, diff_tables

    names = tuple(name for name, _, _ in fields())
    tables = []
    began = time.perf_counter()
    with duckdb.connect(folder / "sides.duckdb") as engine:
        engine.execute(f"SET threads = {THREADS}")
        for side in ("left", "right"):
            engine.execute(f"CREATE TABLE {side}_side AS FROM '{folder}/{side}.parquet'")
    loading = {"loading_seconds": time.perf_counter() - began}
    began, used = time.perf_counter(), time.process_time()
    place = {"driver": "duckdb", "filepath": str(folder / "sides.duckdb")}
    for side in ("left", "right"):
        tables.append(connect_to_table(place, f"{side}_side", "id", extra_columns=names))
    signs: dict[str, set[str]] = {}
    for sign, row in diff_tables(*tables, extra_columns=names):
        signs.setdefault(row[0], set()).add(sign)
    spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
    different = sum(len(both) > 1 for both in signs.values())
    found = {"alone": len(signs) - different, "different": different}
    return found | {"version": version("reladiff")} | loading | spent


WAYS: dict[str, Callable[[Path, str], dict[str, Any]]] = {
    "bare": bare,
    "crossbill": crossbill,
    "datacompy": datacompy_on_polars,
    "reladiff": reladiff_in_duckdb,
}

if __name__ == "__main__":
    main()
