"""Rating a file again beside what was rated before, from files to files."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import duckdb
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.core.money import format_nanos
from crossbill.core.refusal import Refusal
from crossbill.engine import integers
from crossbill.engine.integers import epoch_seconds
from crossbill.engine.rating_datasets import RATED_USAGE
from crossbill.platform.rating.calendars import midnight_s
from crossbill.platform.rating.compile_rates import METERED
from crossbill.platform.rating.rate_files import Rated
from crossbill.platform.rating.rerate import adjustment_proof, adjustments, standing


class BadRatedFile(Refusal):
    """The file is not the result of a rating. Give the file that `crossbill rate` wrote."""

    code: ClassVar[str] = "BAD_RATED_FILE"


class MeteredPeriodClosed(Refusal):
    """Usage of a closed period changed that a price model prices. Correct the charge by hand."""

    code: ClassVar[str] = "METERED_PERIOD_CLOSED"


@dataclass(frozen=True)
class Again:
    """The usage as it stands now, and what closed periods have to be adjusted by."""

    standing: ir.Table
    adjustment: ir.Table


def rated_again(rated: Rated, before: Path, closed_until: date) -> Again:
    """Compare a rating with an earlier one; events before midnight of ``closed_until`` are billed.

    That is midnight in the catalogue's local time.
    """
    old = read_rated(rated.backend, before)
    new = rated.tables["rated_usage"]
    closed_s = midnight_s(closed_until, ZoneInfo(rated.catalogue.spec.time_zone))
    _refuse_closed_meters(rated, old, closed_s)
    adjusted = adjustments(old, new, closed_s)
    proof = rated.backend.to_pyarrow(adjustment_proof(old, new, adjusted, closed_s)).to_pylist()[0]
    assert proof["balanced"], proof
    return Again(standing(old, new, closed_s), adjusted)


def _refuse_closed_meters(rated: Rated, old: ir.Table, closed_s: int) -> None:
    """A metered event costs nothing by itself, so what its period costs more would be lost."""
    charges = rated.tables["charge"]
    metered = charges.filter(charges.tariff_code.startswith(METERED))
    keys = metered.select("plan_code", "charge_code").distinct()
    columns = ("usage_key", "leg", "product_key", "plan_code", "charge_code", "billed_quantity")
    sides = [
        rows.filter(epoch_seconds(rows.started_at) < closed_s)
        .semi_join(keys, ["plan_code", "charge_code"])
        .select(*columns)
        for rows in (old, rated.tables["rated_usage"])
    ]
    changed = sides[0].difference(sides[1]).union(sides[1].difference(sides[0]))
    first = rated.backend.to_pyarrow(changed.order_by("usage_key").limit(1)).to_pylist()
    if first:
        raise MeteredPeriodClosed(
            f"charge {first[0]['charge_code']} of a closed period was used otherwise",
            field="usage_key",
            value=first[0]["usage_key"],
            cure="rate the period with and without it, and credit or charge the difference",
        )


def read_rated(backend: Backend, path: Path) -> ir.Table:
    """The rows of a rated file, CSV or Parquet, typed as ``rated_usage``."""
    try:
        reads_csv = path.suffix.lower() == ".csv"
        read = backend.read_csv if reads_csv else backend.read_parquet
        rows = read(str(path), all_varchar=True) if reads_csv else read(str(path))
    except (duckdb.Error, FileNotFoundError) as error:
        raise BadRatedFile(
            str(error).splitlines()[0], file=str(path), cure="check the file's name and format"
        ) from error
    missing = [name for name in RATED_USAGE.ibis if name not in rows.columns]
    if missing:
        raise BadRatedFile(
            "A column is missing", file=str(path), field=missing[0], cure="rate the usage anew"
        )
    types = RATED_USAGE.ibis
    return rows.select(**{name: rows[name].cast(types[name].copy(nullable=True)) for name in types})


def adjustment_sums(rated: Rated, adjustment: ir.Table) -> dict[str, Any]:
    """How many events are adjusted, why, and by how much, as JSON."""
    totals = adjustment.group_by("reason", "currency").aggregate(
        events=adjustment.usage_key.nunique(),
        difference=integers.total(adjustment.difference_nanos),
    )
    rows = rated.backend.to_pyarrow(totals.order_by("reason", "currency")).to_pylist()
    return {
        "adjustments": [
            row | {"difference": format_nanos(int(row["difference"]), 2)} for row in rows
        ]
    }
