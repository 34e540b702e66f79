"""A snapshot of the example's catalogue: services and some hundred events of every kind."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
from pyarrow import parquet

from crossbill.engine.rating_datasets import SERVICE, USAGE

EXAMPLE = Path(__file__).parents[2] / "examples" / "rating"
FIRST = datetime(2024, 2, 25)
MINUTES = 60 * 24 * 60  # past a change of the clocks, and of prices
ACCOUNTS = 12
NUMBERS = (
    "41441234567", "41791234567", "41900123456", "4930123456", "491511234567", "33123456",
    "1212555",
)  # fmt: skip
NETWORKS = ("22801", "26201", "26207", "20810", "31026", "99999")


def write_snapshot(folder: Path, *, events: int, shards: int) -> Path:
    """Write a catalogue, and its population in so many shards; the population is the same."""
    shutil.copytree(EXAMPLE, folder)
    (folder / "usage.csv").unlink()
    services, usage = _services(), _usage(events)
    for shard in range(shards):
        accounts = {f"A{n}" for n in range(ACCOUNTS + 1) if n % shards == shard}
        mine = [row for row in services if row["account_key"] in accounts]
        keys = {row["service_key"] for row in mine} | ({"nobody"} if shard == 0 else set())
        theirs = [row for row in usage if row["service_key"] in keys]
        for name, rows, dataset in (("service", mine, SERVICE), ("usage", theirs, USAGE)):
            table = pa.Table.from_pylist(rows, dataset.arrow)
            parquet.write_table(table, folder / f"{name}-{shard:04}.parquet")
    return folder


def _services() -> list[dict]:
    """Two services an account; each of the plans, groups that share, and one that came late."""
    plans = ("mobile-s", "mobile-family", "developer")
    return [
        {
            "service_key": f"S{account}-{number}", "leg": "retail",
            "valid_from": datetime(2024, 3, 9) if account == 3 else datetime(2020, 1, 1),
            "account_key": f"A{account}", "product_key": f"P{account}-{number}",
            "plan_code": plans[account % 3], "policy_code": "cents-1",
            "time_zone": "Europe/Zurich", "currency": "EUR",
            "share_key": f"family {account}" if account % 3 == 1 else None,
        }
        for account in range(ACCOUNTS)
        for number in range(2)
    ]  # fmt: skip


def _usage(events: int) -> list[dict]:
    rng = Random(7)
    return [_event(rng, number) for number in range(events)]


def _event(rng: Random, number: int) -> dict:
    """One event; some of unknown services and numbers, too long, below zero, priced by another."""
    kind = rng.choice(("voice", "voice", "voice", "data", "message", "roaming"))
    most = {"voice": 4000, "data": 200_000_000, "message": 3, "roaming": 900}[kind]
    service = f"S{rng.randrange(ACCOUNTS)}-{rng.randrange(2)}"
    odd = rng.randrange(60)
    quantity = {0: -5, 1: 8 * 86_400, 2: 0, 3: 10**12 + 1}.get(odd, rng.randint(1, most))
    premium = kind == "voice" and odd % 10 == 5
    dialled = "41900123456" if premium else rng.choice(NUMBERS)
    return {
        "usage_key": f"U{number:05}",
        "service_key": "nobody" if odd == 4 else service,
        "usage_type": kind,
        "started_at": FIRST + timedelta(minutes=rng.randrange(MINUTES), seconds=rng.randrange(60)),
        "quantity": quantity,
        "destination": dialled if kind == "voice" else None,
        "network": rng.choice(NETWORKS) if kind == "roaming" else None,
        "time_zone": rng.choice((None, "Europe/Berlin", "Europe/London")),
        "amount_nanos": rng.randrange(10**10) if premium else None,
        "currency": rng.choice(("EUR", "EUR", "CHF")) if premium else None,
        "source_file": "generated",
        "source_line": number + 1,
    }
