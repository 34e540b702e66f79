"""Two PostgreSQL databases compared by buckets: how many bytes travel for the rows that differ.

Run as ``.venv/bin/python benchmarks/two_databases.py --rows N [--differing D] [--json]``. Both
databases are made on the server of DATABASE_URL (without it on the embedded one) and dropped.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from crossbill.config.environment import read_environment
from crossbill.config.postgres import server_url
from crossbill.replacement.reconciliation.reconcile_extracts import document, reconciled

AMOUNTS, NUMBERS, DAYS, TEXTS = 8, 4, 4, 4  # twenty fields
ALLOWED = 100  # rows that may travel for each that differs
SIDES = ("left", "right")


def main() -> None:
    """Compare two databases and print what travelled."""
    chosen = _arguments()
    result = measured(chosen.rows, chosen.differing)
    print(json.dumps(result, indent=1) if chosen.json else _in_words(result))


def measure(sizes: Sequence[int]) -> dict[str, Any]:
    """What travels at each size."""
    return {"runs": [measured(rows) for rows in sizes]}


def measured(rows: int, differing: int | None = None) -> dict[str, Any]:
    """Make both databases, compare them, drop them; one row in a thousand differs, if not said."""
    differing = max(rows // 1000, 1) if differing is None else differing
    with _databases() as places, TemporaryDirectory(prefix="crossbill-bench-") as folder:
        row_bytes = _fill(places, rows, differing)
        (Path(folder) / "spec.yaml").write_text(_spec(), "utf-8")
        found = _compared(Path(folder) / "spec.yaml")
    assert found["differing"] == differing, f"{found['differing']} rows found to differ"
    allowed = differing * ALLOWED * row_bytes
    whole = 2 * rows * row_bytes
    sizes = {"allowed_bytes": allowed, "both_tables_bytes": whole}
    return {"rows": rows, "row_bytes": row_bytes, **found, **sizes}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--differing", type=int, help="one in a thousand, if not given")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextmanager
def _databases() -> Iterator[dict[str, str]]:
    """The addresses of two new databases, which the specification finds in the environment."""
    server = server_url(read_environment())
    names = {side: f"bench_{side}_{os.getpid()}" for side in SIDES}
    with psycopg.connect(server, autocommit=True) as connection:
        try:
            for name in names.values():
                connection.execute(f"CREATE DATABASE {name}")
            places = {side: make_conninfo(server, dbname=name) for side, name in names.items()}
            os.environ |= {f"{side.upper()}_URL": place for side, place in places.items()}
            yield places
        finally:
            for name in names.values():
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _columns() -> dict[str, str]:
    """Each field with the SQL that makes it from the number of its row."""
    made = {f"amount_{n}": f"(n * {7 + n} % 1000003) / 100.0" for n in range(AMOUNTS)}
    made |= {f"number_{n}": f"n * {31 + n} % 9973" for n in range(NUMBERS)}
    made |= {f"day_{n}": f"DATE '2020-01-01' + (n * {n + 3} % 2000)::int" for n in range(DAYS)}
    return made | {f"text_{n}": f"'plan ' || n * {n + 5} % 997" for n in range(TEXTS)}


def _fill(places: dict[str, str], rows: int, differing: int) -> int:
    """Make both tables, the right one in another order and scale; the bytes of a row as text."""
    fields = _columns()
    for side, place in places.items():
        kind = "numeric(14, 2)" if side == "left" else "numeric"
        values = ", ".join(
            f"({made})::{kind} AS {name}" if name.startswith("amount") else f"{made} AS {name}"
            for name, made in fields.items()
        )
        order = "n" if side == "left" else f"n * 7919::bigint % {rows}"
        asked = (
            f"SELECT 'A' || n AS id, {values} FROM generate_series(1, {rows}) n ORDER BY {order}"
        )
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(f"CREATE TABLE account AS {asked}")
            if side == "right":
                step = rows // differing
                number = "substr(id, 2)::bigint"
                connection.execute(
                    "UPDATE account SET amount_0 = amount_0 + 0.01 "
                    f"WHERE {number} % {step} = 0 AND {number} <= {step * differing}"
                )
            connection.execute("ANALYZE account")
            length = "SELECT avg(length(a::text))::int FROM (SELECT * FROM account LIMIT 1000) a"
            row = connection.execute(length).fetchone()
    assert row is not None
    return int(row[0])


def _spec() -> str:
    """The comparison of all twenty fields."""
    lines = [
        f"  - {{name: {name}, type: {_kind(name)}}}" for name in _columns()
    ]  # fmt: skip
    sides = "\n".join(
        f"{side}: {{format: postgresql, url_from: {side.upper()}_URL, table: account}}"
        for side in SIDES
    )
    key = "key: [{name: id, left: id, right: id}]"
    return "\n".join(["name: two databases", sides, key, "fields:", *lines, ""])


def _kind(name: str) -> str:
    kinds = {"amount": "money, currency: EUR", "number": "integer", "day": "date", "text": "text"}
    return kinds[name.split("_", maxsplit=1)[0]]


def _compared(spec: Path) -> dict[str, Any]:
    """Seconds, what differs, and the bytes that travelled on both sides."""
    began = time.monotonic()
    with reconciled(spec, None, None) as result:
        found = document(result)
    seconds = round(time.monotonic() - began, 1)
    travelled = sum(found[side]["travelled_bytes"] for side in SIDES)
    differing = found["fields"]["amount_0"]["different"]
    matched = {"matched": found["matched"], "missing": found["missing"], "extra": found["extra"]}
    return {"differing": differing, **matched, "travelled_bytes": travelled, "seconds": seconds}


def _in_words(result: dict[str, Any]) -> str:
    share = 100 * result["travelled_bytes"] // max(result["allowed_bytes"], 1)
    return (
        f"{result['rows']:,} rows of {result['row_bytes']} bytes in each database, "
        f"{result['differing']:,} differ\n"
        f"travelled: {result['travelled_bytes']:,} bytes in {result['seconds']} s\n"
        f"allowed:   {result['allowed_bytes']:,} bytes, the rows that differ x {ALLOWED} "
        f"({share} % of it were used)\n"
        f"both tables: {result['both_tables_bytes']:,} bytes"
    )


if __name__ == "__main__":
    main()
