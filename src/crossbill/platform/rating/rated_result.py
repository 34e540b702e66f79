"""What became of a file of usage: counts and sums by state and by charge, and the files written."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import ibis.expr.types as ir
import pyarrow as pa
from pyarrow import csv, parquet

from crossbill.core.money import format_nanos
from crossbill.core.refusal import Refusal
from crossbill.engine import integers
from crossbill.engine.dataset import Dataset
from crossbill.engine.rating_datasets import RATED_USAGE, SUSPENDED_USAGE
from crossbill.engine.store import conform
from crossbill.platform.rating.rate_files import Rated
from crossbill.platform.usage import guide
from crossbill.platform.usage.reasons import reason

Sums = dict[str, int]
Writer = Callable[[pa.Table, Path], None]
WRITERS: dict[str, Writer] = {".csv": csv.write_csv, ".parquet": parquet.write_table}


class OutputFormatUnknown(Refusal):
    """The output file has no known ending. Let its name end in .csv or .parquet."""

    code: ClassVar[str] = "OUTPUT_FORMAT_UNKNOWN"


class OutputNotWritable(Refusal):
    """The result cannot be written there. Name a new file in a folder that is there."""

    code: ClassVar[str] = "OUTPUT_NOT_WRITABLE"


def refuse_output(outputs: Sequence[Path], *, read: Sequence[Path]) -> None:
    """Refuse what could not be written, or would be written over what is read, before the work."""
    inputs = {path.resolve() for path in read}
    for out in outputs:
        if out.suffix.lower() not in WRITERS:
            cure = f"one of {', '.join(WRITERS)}"
            raise OutputFormatUnknown("no known format", field="out", value=str(out), cure=cure)
        if out.resolve() in inputs:
            cure = "name another file"
            raise OutputNotWritable("the file is read here", file=str(out), cure=cure)
        if not out.parent.is_dir():
            cure = f"make the folder {out.parent} first"
            raise OutputNotWritable("there is no such folder", file=str(out), cure=cure)
        if out.is_dir():
            raise OutputNotWritable("this is a folder", file=str(out), cure="name a file in it")


def document(rated: Rated) -> dict[str, Any]:
    """The result as one JSON object; the states of the usage add up to what came in."""
    return {
        "catalogue": rated.catalogue.spec.name,
        "usage": states(rated),
        "wholesale": _wholesale(rated),
        "charges": charges(rated),
        "suspended": _reasons(rated),
    }


def states(rated: Rated) -> dict[str, Sums]:
    """Events and quantity that came in, and where each ended: nothing vanishes."""
    accepted, unreadable = rated.tables["accepted_usage"], rated.tables["unreadable_usage"]
    duplicate = rated.tables["duplicate_usage"]
    retail = rated.tables["rated_usage"].filter(lambda t: t.leg == guide.RETAIL)
    unrated = rated.tables["suspended_usage"].filter(lambda t: t.leg == guide.RETAIL)
    sums = {name: _sums(rated, table) for name, table in (
        ("accepted", accepted), ("unreadable", unreadable), ("duplicate", duplicate),
        ("rated", retail), ("unrated", unrated),
    )}  # fmt: skip
    assert sums["accepted"] == _added(sums["rated"], sums["unrated"]), sums
    suspended = _added(sums["unreadable"], sums["unrated"])
    found = {"rated": sums["rated"], "duplicate": sums["duplicate"], "suspended": suspended}
    return {"in": _added(sums["accepted"], sums["unreadable"], sums["duplicate"])} | found


def _wholesale(rated: Rated) -> dict[str, Sums]:
    """The second legs: how many there are, and where each ended."""
    tables = {"rated": "rated_usage", "suspended": "suspended_usage"}
    found = {
        state: _sums(rated, rated.tables[name].filter(lambda t: t.leg == guide.WHOLESALE))
        for state, name in tables.items()
    }
    legs = rated.tables["located"].filter(lambda t: ~t.retail)
    came = _sums(rated, legs)
    assert came == _added(*found.values()), (came, found)
    return {"in": came} | found


def _sums(rated: Rated, rows: ir.Table) -> Sums:
    quantity = integers.sum_int64(rows.quantity).fill_null(0)
    found = rated.backend.to_pyarrow(rows.aggregate(events=rows.count(), quantity=quantity))
    return {name: int(found[name][0].as_py()) for name in ("events", "quantity")}


def _added(*parts: Sums) -> Sums:
    return {name: sum(part[name] for part in parts) for name in ("events", "quantity")}


def charges(rated: Rated) -> list[dict[str, Any]]:
    """One row a leg, charge and currency."""
    lines = rated.tables["usage_charge"]
    keys = ("leg", "charge_code", "usage_type", "currency")
    summed = (
        "events", "quantity", "covered_quantity", "billed_quantity", "amount_nanos",
        "surcharge_nanos",
    )  # fmt: skip
    totals = lines.group_by(*keys).aggregate(
        **{name: integers.total(lines[name]) for name in summed}
    )
    rows = rated.backend.to_pyarrow(totals.order_by(*keys)).to_pylist()
    return [_charge(row) for row in rows]


def _charge(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "leg": row["leg"],
        "charge": row["charge_code"],
        "usage_type": row["usage_type"],
        "events": int(row["events"]),
        "quantity": int(row["quantity"]),
        "covered_quantity": int(row["covered_quantity"]),
        "billed_quantity": int(row["billed_quantity"]),
        "amount": format_nanos(int(row["amount_nanos"]), 2),
        "surcharges": format_nanos(int(row["surcharge_nanos"]), 2),
        "currency": row["currency"],
    }


def _reasons(rated: Rated) -> dict[str, dict[str, Any]]:
    """How much is suspended for which reason."""
    rows = _all_suspended(rated)
    sums = rows.group_by("code").aggregate(
        events=rows.count(), quantity=integers.total(rows.quantity).fill_null(0)
    )
    found = rated.backend.to_pyarrow(sums.order_by("code")).to_pylist()
    return {
        row["code"]: {
            "events": row["events"],
            "quantity": int(row["quantity"]),
            "what": reason(row["code"]).what,
            "cure": reason(row["code"]).cure,
        }
        for row in found
    }


def _all_suspended(rated: Rated) -> ir.Table:
    columns = tuple(SUSPENDED_USAGE.ibis)
    unreadable = rated.tables["unreadable_usage"].select(*columns)
    return unreadable.union(rated.tables["suspended_usage"].select(*columns))


def result_files(out: Path) -> tuple[Path, Path]:
    """Where the rated events go, and what could not be rated: beside them, ``NAME-suspended``."""
    return out, out.with_name(f"{out.stem}-suspended{out.suffix}")


def write_result(rated: Rated, out: Path) -> None:
    """Write the rated events and what could not be rated."""
    events, suspended = result_files(out)
    write_table(rated, rated.tables["rated_usage"], RATED_USAGE, events)
    write_table(rated, _all_suspended(rated), SUSPENDED_USAGE, suspended)


def write_table(rated: Rated, rows: ir.Table, dataset: Dataset, out: Path) -> None:
    """Write rows as CSV or Parquet, in the order of the dataset's key."""
    table = rated.backend.to_pyarrow(rows.order_by(*dataset.key))
    WRITERS[out.suffix.lower()](conform(table, dataset), out)
