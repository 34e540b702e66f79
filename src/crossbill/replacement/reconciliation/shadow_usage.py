"""Usage in the shadow bill: whose it is, rated by the new engine, summed up for the bill lines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.engine.datasets import USAGE_TOTAL
from crossbill.engine.integers import refusing_overflow, total
from crossbill.engine.rating_datasets import RATED_USAGE, USAGE
from crossbill.platform.billing.usage import product_services, usage_totals
from crossbill.platform.rating.allowances import grant
from crossbill.platform.rating.calendars import midnight_s
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.platform.rating.compile import compiled
from crossbill.platform.rating.rate import rating
from crossbill.platform.rating.shape import shape_of
from crossbill.platform.usage.reasons import REASONS
from crossbill.replacement.migration.transform import save_suspended
from crossbill.replacement.migration.workspace import Workspace
from crossbill.runs.receipt import Sums

EPOCH = datetime(1970, 1, 1)
OLDEST_USAGE = timedelta(days=366)  # before the first billed period: older usage is suspended
INSTANTS = pa.schema([("day", pa.date32()), ("at", pa.timestamp("us"))])
PERIODS = pa.schema(
    [
        *(("period_from", pa.date32()), ("period_to", pa.date32())),
        *(("from_at", pa.timestamp("us")), ("to_at", pa.timestamp("us"))),
    ]
)
# Who has to look at usage that cannot be rated: whoever keeps what is wrong.
CLASSES = {
    "SERVICE_UNKNOWN": "MISSING_PRODUCT",
    "SERVICE_DOUBLED": "MISSING_PRODUCT",
    "QUANTITY_NEGATIVE": "SENTINEL",
    "QUANTITY_TOO_LARGE": "SENTINEL",
    "CALL_OVERLONG": "SENTINEL",
    "AMOUNT_NEGATIVE": "SENTINEL",
    "AMOUNT_TOO_LARGE": "SENTINEL",
    "START_TOO_EARLY": "SENTINEL",
    "START_OUT_OF_RANGE": "TIMING",
    "TIME_ZONE_UNKNOWN": "FORMAT",
}


@dataclass(frozen=True)
class Rated:
    """What became of a wave's usage: counts and quantities by state, and the stored files."""

    records_in: int = 0
    accepted: int = 0
    suspended: int = 0
    sums: Sums = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    """The usage of a wave: the stored file, how much there is, and what is left for later bills."""

    files: dict[str, str] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)


def take_usage(workspace: Workspace, place: str) -> Taken:
    """Store the usage of a wave's products that began before the end of the billed periods."""
    with workspace.engine() as backend:
        usage = workspace.scan(backend, "valid", "usage")
        product = workspace.scan(backend, place, "product")
        mine = usage.semi_join(product, usage.service_key == product.product_key)
        end = _instant(workspace.periods[-1][1], _catalogue(workspace))
        begun = mine.filter(mine.started_at < ibis.literal(end))
        written = workspace.save(begun, USAGE, place, "usage")
        later = int(backend.to_pyarrow(mine.count()).as_py()) - written.rows
    notes = {"usage": written.rows} | ({"usage after the billed periods": later} if later else {})
    return Taken({f"{place}/usage.parquet": written.sha256}, notes)


def rate_usage(workspace: Workspace, place: str) -> Rated:
    """Rate a wave's usage and sum it up: all of it is rated, or suspended with a reason."""
    with workspace.engine() as backend, refusing_overflow():
        tables = _tables(workspace, backend, place)
        chain = rating(shape_of(backend, tables))
        done = chain.run(backend, {name: tables[name] for name in chain.inputs})
        rated = workspace.save(done["rated_usage"], RATED_USAGE, place, "rated_usage")
        lost = _suspended(done["suspended_usage"], tables["service"])
        bad = save_suspended(workspace, backend, lost, place, "usage")
        totals = usage_totals(
            done["rated_usage"], _dated(workspace, tables["usage"]), _periods(workspace)
        )
        summed = workspace.save(totals, USAGE_TOTAL, place, "usage_total")
        billed = workspace.scan(backend, place, "usage_total").events.sum().fill_null(0)
        elsewhere = rated.rows - int(backend.to_pyarrow(billed).as_py())
        parts = {
            name: _figures(backend, done[table] if table in done else tables[table])
            for name, table in (
                ("in", "usage"),
                ("accepted", "rated_usage"),
                ("suspended", "suspended_usage"),
            )
        }
    return Rated(
        records_in=parts["in"][0],
        accepted=parts["accepted"][0],
        suspended=parts["suspended"][0],
        sums={"usage.quantity": {n: p[1] for n, p in parts.items()} | {"duplicate": 0}},
        files={
            f"{place}/rated_usage.parquet": rated.sha256,
            f"{place}/usage/suspended.parquet": bad.sha256,
            f"{place}/usage_total.parquet": summed.sha256,
        },
        notes={"usage on other bills": elsewhere} if elsewhere else {},
    )


def _figures(backend: Backend, rows: ir.Table) -> tuple[int, int]:
    """How many, and how much was used."""
    found = backend.to_pyarrow(rows.aggregate(count=rows.count(), quantity=total(rows.quantity)))
    row = found.to_pylist()[0]
    return int(row["count"]), int(row["quantity"] or 0)


def _catalogue(workspace: Workspace) -> RatingCatalogue:
    assert workspace.rating is not None, "usage is mapped only where it can be rated"
    return workspace.rating


def _tables(workspace: Workspace, backend: Backend, place: str) -> dict[str, ir.Table]:
    """What the rating reads: the catalogue compiled for the time, the services, what is free."""
    catalogue = _catalogue(workspace)
    usage = workspace.scan(backend, place, "usage")
    known = compiled(catalogue, **_time(workspace, backend, usage))
    tables: dict[str, ir.Table] = {name: ibis.memtable(rows) for name, rows in known.items()}
    service = _services(workspace, backend, place)
    tables["service"] = backend.create_table("held_service", service, temp=True)
    granted = grant(tables["service"], tables["allowance"], tables["period"])
    tables["bucket"] = backend.create_table("granted_bucket", granted, temp=True)
    return tables | {"usage": usage.select(*USAGE.ibis)}


def _time(workspace: Workspace, backend: Backend, usage: ir.Table) -> Mapping[str, object]:
    """From when to when usage began, and the local times of its switches."""
    catalogue = _catalogue(workspace)
    first, end = (_instant(workspace.periods[n][n], catalogue) for n in (0, -1))
    began = backend.to_pyarrow(usage.started_at.min()).as_py() or first
    zones = backend.to_pyarrow(usage.select("time_zone").distinct())["time_zone"].to_pylist()
    return {
        "from_s": _seconds(min(first, max(began, first - OLDEST_USAGE))),
        "to_s": _seconds(end),
        "time_zones": {catalogue.spec.time_zone, *zones} - {None},
    }


def _services(workspace: Workspace, backend: Backend, place: str) -> ir.Table:
    """The services of the wave's products."""
    catalogue = _catalogue(workspace)
    account = workspace.scan(backend, place, "account").mutate(
        rating_policy_code=ibis.literal(catalogue.spec.policies[0].policy_code),
        time_zone=ibis.literal(catalogue.spec.time_zone),
    )
    product = workspace.scan(backend, place, "product")
    days = product.select(day="start_date").union(product.select(day="end_date"), distinct=True)
    known = [day for day in backend.to_pyarrow(days)["day"].to_pylist() if day is not None]
    rows = [{"day": day, "at": _instant(day, catalogue)} for day in known]
    midnight = ibis.memtable(pa.Table.from_pylist(rows, INSTANTS))
    return product_services(product, account, midnight)


def _dated(workspace: Workspace, usage: ir.Table) -> ir.Table:
    """Usage with the instant that says which bill it stands on."""
    spec = workspace.spec.rating
    assert spec is not None, "usage is mapped only where it can be rated"
    received = spec.bill_period == "received"
    return usage.mutate(billed_at=usage.received_at if received else usage.started_at)


def _periods(workspace: Workspace) -> ir.Table:
    """The billed periods with the instants at which they begin and end."""
    catalogue = _catalogue(workspace)
    rows = [
        {
            "period_from": first,
            "period_to": end,
            "from_at": _instant(first, catalogue),
            "to_at": _instant(end, catalogue),
        }
        for first, end in workspace.periods
    ]
    return ibis.memtable(pa.Table.from_pylist(rows, PERIODS))


def _suspended(rows: ir.Table, service: ir.Table) -> ir.Table:
    """Usage that cannot be rated in the shape of SUSPENDED, still without its raw bytes."""
    owner = service.group_by("service_key").aggregate(account_key=service.account_key.min())
    owned = rows.left_join(owner, "service_key").drop("service_key_right")
    words = [(code, f"{why.what.capitalize()}: {why.cure}") for code, why in REASONS.items()]
    return owned.select(
        file=owned.source_file,
        line=owned.source_line,
        record_key=owned.usage_key,
        account_key=owned.account_key,
        stage=ibis.literal("bill"),
        code=owned.code,
        class_code=owned.code.cases(*CLASSES.items(), else_="MAPPING"),
        field=owned.field,
        value=owned.value,
        message=owned.code.cases(*words, else_="It cannot be rated"),
    )


def _instant(day: date, catalogue: RatingCatalogue) -> datetime:
    """When a day begins in the catalogue's local time, in UTC."""
    return EPOCH + timedelta(seconds=midnight_s(day, catalogue.zone))


def _seconds(at: datetime) -> int:
    """Whole seconds since 1970."""
    return (at - EPOCH) // timedelta(seconds=1)
