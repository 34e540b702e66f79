"""The telco benchmark through the engine: a file of call durations, what the calls cost, two taxes.

    .venv/bin/python examples/telco_benchmark/run.py FILE [--json]

The file holds unsigned 64-bit durations in seconds, most significant byte first; an odd duration is
a distance call.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import ibis
import pyarrow as pa

from crossbill.core.money import INT64_MAX, format_nanos
from crossbill.core.refusal import Refusal
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow, total
from crossbill.engine.rating_datasets import USAGE
from crossbill.platform.rating.catalogue import read_catalogue, services
from crossbill.platform.rating.rate_files import rate_tables

CATALOGUE = Path(__file__).parent / "catalogue.yaml"
STARTED_AT = datetime(2024, 1, 1, tzinfo=UTC)  # the price of a call does not depend on it
BYTES = 8


class NotDurations(Refusal):
    """The file does not hold whole 64-bit durations. Give a file of the telco benchmark."""

    code = "NOT_DURATIONS"


def usage(path: Path) -> pa.Table:
    """The calls as canonical usage."""
    if not path.is_file():
        raise NotDurations("The file does not exist", file=str(path), cure="check its name")
    data = path.read_bytes()
    if len(data) % BYTES:
        cure = "its length must be a multiple of 8 bytes"
        raise NotDurations("The last duration is cut off", file=str(path), cure=cure)
    durations = [int.from_bytes(data[i : i + BYTES], "big") for i in range(0, len(data), BYTES)]
    for number, seconds in enumerate(durations, 1):
        if seconds > INT64_MAX:
            cure = "a duration has at most 63 bits"
            raise NotDurations(
                "Absurdly long", file=str(path), line=number, value=str(seconds), cure=cure
            )
    rows = [
        {
            "usage_key": f"call-{number}",
            "service_key": "caller",
            "usage_type": "distance-call" if seconds % 2 else "local-call",
            "started_at": STARTED_AT.replace(tzinfo=None),
            "quantity": seconds,
            "source_file": path.name,
            "source_line": number,
        }
        for number, seconds in enumerate(durations, 1)
    ]
    return pa.Table.from_pylist(rows, USAGE.arrow)


def totals(path: Path) -> dict[str, str]:
    """The sums of all calls as decimal text."""
    catalogue = read_catalogue(CATALOGUE)
    start = int(STARTED_AT.timestamp())
    with connect() as backend, refusing_overflow():
        calls = ibis.memtable(usage(path))
        done = rate_tables(backend, catalogue, calls, services(catalogue), span=(start, start + 1))
        refuse_suspended(backend.to_pyarrow(done["suspended_usage"]).to_pylist(), path)
        amounts = backend.to_pyarrow(total(done["rated_usage"].amount_nanos).fill_null(0)).as_py()
        taxes = done["rated_surcharge"]
        by_code = taxes.group_by("surcharge_code").aggregate(sum=total(taxes.amount_nanos))
        sums = {r["surcharge_code"]: int(r["sum"]) for r in backend.to_pyarrow(by_code).to_pylist()}
    price, basic, distance = int(amounts), sums.get("basic-tax", 0), sums.get("distance-tax", 0)
    named = {"price": price, "basic_tax": basic, "distance_tax": distance}
    named["total"] = sum(named.values())
    return {name: format_nanos(nanos, 2) for name, nanos in named.items()}


def refuse_suspended(rows: list[dict], path: Path) -> None:
    """A total that leaves calls out would be wrong."""
    if rows:
        first = min(rows, key=lambda row: row["source_line"])
        raise NotDurations(
            f"{len(rows)} calls cannot be rated: {first['code']}", file=str(path),
            line=first["source_line"], value=first["value"], cure="look at the file's durations",
        )  # fmt: skip


def main() -> None:
    """Print the sums."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    try:
        found = totals(options.file)
    except Refusal as refusal:
        print(f"Refused: {refusal}", file=sys.stderr)
        sys.exit(refusal.exit_code)
    lines = (f"{name:13}{amount:>16}" for name, amount in found.items())
    print(json.dumps(found) if options.json else "\n".join(lines))


if __name__ == "__main__":
    main()
