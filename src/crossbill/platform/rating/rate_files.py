"""Rating from files to files, without a database: a catalogue, usage, and what it costs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.refusal import Refusal
from crossbill.engine.calculation import Calculation, Step, compiled_once
from crossbill.engine.duckdb import connect, stored_rows
from crossbill.engine.integers import epoch_seconds, refusing_overflow
from crossbill.engine.rating_datasets import SERVICE
from crossbill.platform.rating.calendars import is_zone
from crossbill.platform.rating.catalogue import read_catalogue
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.platform.rating.compile import compiled
from crossbill.platform.rating.rate_compiled import rate_compiled
from crossbill.platform.rating.services import services
from crossbill.platform.usage import guide, mediate
from crossbill.platform.usage.read import COLUMNS, read_usage

DAY_S = 86_400
LONGEST_TIME_S = 400 * DAY_S  # of one rating; a stray stamp of long ago must not stretch it


class NobodyKnown(Refusal):
    """Nobody says which service has which plan. List the services in the catalogue."""

    code: ClassVar[str] = "NOBODY_KNOWN"


class PolicyNotInCatalogue(Refusal):
    """The catalogue has no policy of this name. Use one that it lists."""

    code: ClassVar[str] = "POLICY_NOT_IN_CATALOGUE"


@dataclass(frozen=True)
class Rated:
    """The results as tables that live as long as the engine, by the name of their dataset.

    ``usage``, ``duplicate``, ``unreadable``, and what ``rating`` gives.
    """

    backend: Backend
    catalogue: RatingCatalogue
    tables: Mapping[str, ir.Table]

    def fetch(self, name: str) -> pa.Table:
        """One of the tables, in memory."""
        rows: pa.Table = self.backend.to_pyarrow(self.tables[name])
        return rows

    def holds(self, name: str) -> bool:
        """Whether the rating had such a table."""
        return name in self.tables

    def rows(self, name: str, /, **wanted: object) -> list[dict[str, Any]]:
        """The rows of one of the stored tables that have these values."""
        return stored_rows(self.backend, self.tables[name].op().name, **wanted)


@contextmanager
def rated_files(
    *,
    catalogue: Path,
    usage: Path,
    until: datetime,
    policy: str | None = None,
    detail: bool = False,
) -> Iterator[Rated]:
    """Rate a file of usage by a catalogue; what starts at ``until`` or later is suspended."""
    read = read_catalogue(catalogue)
    with connect() as backend, refusing_overflow():
        came = mediated(backend, read_usage(backend, usage))
        service = with_policy(read, services_held(read, backend, came["accepted_usage"]), policy)
        span = span_of(backend, came["accepted_usage"], until)
        tables = rate_tables(
            backend, read, came["accepted_usage"], service, span=span, detail=detail
        )
        yield Rated(backend, read, came | tables)


def rate_tables(  # noqa: PLR0913 - the tables of a rating and how it is done
    backend: Backend,
    catalogue: RatingCatalogue,
    usage: ir.Table,
    service: pa.Table,
    *,
    span: tuple[int, int],
    detail: bool = False,
) -> dict[str, ir.Table]:
    """Compile the catalogue for the seconds of ``span``, grant allowances and rate the usage."""
    came = {"service": ibis.memtable(service), "usage": usage}
    zones = time_zones(backend, *came.values())
    tables = compiled(catalogue, from_s=span[0], to_s=span[1], time_zones=zones)
    held = came | {name: ibis.memtable(rows) for name, rows in tables.items()}
    return rate_compiled(backend, held, detail=detail)


@compiled_once
def mediation() -> Calculation:
    """Input: ``raw_usage``, text. Results: accepted_usage, duplicate_usage, unreadable_usage."""
    texts = dict.fromkeys((*COLUMNS, "source_file"), "string")
    schema = ibis.schema(texts | {"source_line": "int64"})
    return Calculation(
        {"raw_usage": schema},
        [
            Step("typed_usage", lambda t: mediate.typed(t["raw_usage"])),
            Step("accepted_usage", lambda t: mediate.accepted(t["typed_usage"])),
            Step("duplicate_usage", lambda t: mediate.duplicates(t["typed_usage"])),
            Step("unreadable_usage", lambda t: mediate.unreadable(t["typed_usage"])),
        ],
    )


def mediated(backend: Backend, rows: ir.Table) -> dict[str, ir.Table]:
    """Type the rows of a file of usage: those accepted, the duplicates, and the unreadable."""
    done = mediation().run(backend, {"raw_usage": rows})
    return {name: done[name] for name in ("accepted_usage", "duplicate_usage", "unreadable_usage")}


def with_policy(catalogue: RatingCatalogue, service: pa.Table, policy: str | None) -> pa.Table:
    """The services under another policy of the catalogue: what the same usage would cost."""
    if policy is None:
        return service
    known = [each.policy_code for each in catalogue.spec.policies]
    if policy not in known:
        raise PolicyNotInCatalogue(
            "no policy of this name",
            file=catalogue.path.name,
            field="policy",
            value=policy,
            cure=f"one of {', '.join(known)}",
        )
    column = service.schema.get_field_index("policy_code")
    return service.set_column(column, "policy_code", [[policy] * service.num_rows])


def services_held(catalogue: RatingCatalogue, backend: Backend, usage: ir.Table) -> pa.Table:
    """The catalogue's services; where it names none, all that the usage names on its only plan."""
    named = services(catalogue)
    if named.num_rows:
        return named
    plans = list(catalogue.spec.plans)
    if len(plans) != 1:
        raise NobodyKnown(
            "the catalogue names no services and has several plans",
            file=catalogue.path.name,
            field="services",
            cure="say which service has which plan, or rate by a catalogue with one plan",
        )
    keys = usage.select("service_key").distinct().order_by("service_key")
    found = backend.to_pyarrow(keys)["service_key"].to_pylist()
    return _all_on(catalogue, found, plans[0])


def span_of(backend: Backend, usage: ir.Table, until: datetime) -> tuple[int, int]:
    """The seconds that are rated: those of the usage, at most ``LONGEST_TIME_S`` of them."""
    return span_between(backend.to_pyarrow(ends_of(usage, until)), until)


def ends_of(usage: ir.Table, until: datetime) -> ir.Table:
    """The first and the last second at which usage starts, as far as its stamps are sound."""
    started = epoch_seconds(usage.started_at)
    sound = usage.filter((started >= guide.EARLIEST_S) & (started < int(until.timestamp())))
    sound_s = epoch_seconds(sound.started_at)
    return sound.aggregate(first=sound_s.min(), last=sound_s.max())


def span_between(ends: pa.Table, until: datetime) -> tuple[int, int]:
    """The seconds from the first to the last, or the day before ``until`` where there are none."""
    first_s, last_s = ends["first"][0].as_py(), ends["last"][0].as_py()
    if last_s is None:
        last = int(until.timestamp())
        return last - DAY_S, last
    return max(first_s, last_s + 1 - LONGEST_TIME_S), last_s + 1


def time_zones(backend: Backend, *tables: ir.Table) -> set[str]:
    """The local times that usage and services name, without those that do not exist."""
    return known_zones(*(backend.to_pyarrow(zones_in(table)) for table in tables))


def zones_in(table: ir.Table) -> ir.Table:
    """The local times that a table names."""
    return table.select("time_zone").distinct()


def known_zones(*named: pa.Table) -> set[str]:
    """The local times of the tables that exist."""
    zones = {zone for rows in named for zone in rows["time_zone"].to_pylist()}
    return {zone for zone in zones if zone and is_zone(zone)}


def _all_on(catalogue: RatingCatalogue, keys: list[str], plan: str) -> pa.Table:
    """Each service an account of its own on one plan, by the catalogue's first rules."""
    spec = catalogue.spec
    same = {
        "leg": guide.RETAIL,
        "valid_from": datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None),
        "plan_code": plan,
        "policy_code": spec.policies[0].policy_code,
        "time_zone": spec.time_zone,
        "currency": spec.currency,
    }
    rows = [
        dict.fromkeys(("service_key", "account_key", "product_key"), key) | same for key in keys
    ]
    return pa.Table.from_pylist(rows, SERVICE.arrow)
