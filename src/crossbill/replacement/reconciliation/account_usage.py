"""One account's usage: what the store holds of it, and the same rated again in every detail."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow, total
from crossbill.engine.rating_datasets import SERVICE, USAGE
from crossbill.engine.store import Store
from crossbill.platform.billing.usage import product_services
from crossbill.platform.rating.allowances import grant
from crossbill.platform.rating.calendars import midnight_s
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.platform.rating.compile import compiled
from crossbill.platform.rating.current import Current
from crossbill.platform.rating.rate import rating
from crossbill.platform.rating.rate_files import Rated
from crossbill.platform.rating.shape import shape_of
from crossbill.platform.usage import guide
from crossbill.replacement.reconciliation.shadow_usage import EPOCH, INSTANTS, OLDEST_USAGE

Row = dict[str, Any]
Period = tuple[date, date]
MEMORY = "1GB"


@dataclass(frozen=True)
class ChargeSum:
    """All rated events of an account by one charge."""

    charge_code: str
    usage_type: str
    currency: str
    events: int
    quantity: int
    covered_quantity: int
    billed_quantity: int
    amount_nanos: int
    surcharge_nanos: int


@dataclass(frozen=True)
class Bucket:
    """One allowance of one month: what was granted and taken, when, and whose it is."""

    allowance_code: str
    period_from: date
    share: str
    charged: bool
    granted: int
    taken: int
    valid_from: datetime
    valid_to: datetime
    product_keys: tuple[str, ...]
    usage_types: tuple[str, ...]
    unit: str
    taken_at: tuple[tuple[datetime, int], ...]

    @property
    def left(self) -> int:
        """What can still be taken."""
        return self.granted - self.taken


@dataclass(frozen=True)
class AccountUsage:
    """The stored usage of one account of a wave that has been billed."""

    store: Store
    carrier_code: str
    wave: int
    account_key: str

    def path(self, name: str) -> str:
        """Where a table of the wave is stored."""
        return self.store.path(self.carrier_code, f"wave-{self.wave}", f"{name}.parquet")

    @property
    def is_stored(self) -> bool:
        """Whether the wave's usage has been rated."""
        return all(self.store.exists(self.path(name)) for name in ("usage", "rated_usage"))

    @contextmanager
    def opened(self) -> Iterator["OpenUsage"]:
        """The tables, to be asked as long as the block lasts."""
        with connect(memory=MEMORY) as backend, refusing_overflow():
            yield OpenUsage(self, backend)


@dataclass(frozen=True)
class OpenUsage:
    """The stored tables of an account on an engine."""

    account: AccountUsage
    backend: Backend

    def table(self, name: str) -> ir.Table:
        """A stored table of the wave."""
        return self.account.store.scan(self.backend, self.account.path(name))

    def mine(self, name: str) -> ir.Table:
        """The account's rows of a stored table that says whose they are."""
        rows = self.table(name)
        return rows.filter(rows.account_key == self.account.account_key)

    def _retail(self, charge_code: str = "") -> ir.Table:
        rows = self.mine("rated_usage").filter(lambda t: t.leg == guide.RETAIL)
        return rows.filter(rows.charge_code == charge_code) if charge_code else rows

    def sums(self) -> list[ChargeSum]:
        """The rated events by charge."""
        rows = self._retail()
        names = (
            "quantity", "covered_quantity", "billed_quantity", "amount_nanos", "surcharge_nanos",
        )  # fmt: skip
        keys = ("charge_code", "usage_type", "currency")
        sums = rows.group_by(*keys).aggregate(
            events=rows.count(), **{name: total(rows[name]) for name in names}
        )
        found: list[Row] = self.backend.to_pyarrow(sums.order_by(*keys)).to_pylist()
        counts = ("events", *names)
        return [ChargeSum(**{**row, **{n: int(row[n]) for n in counts}}) for row in found]

    def events(self, charge_code: str, first: int, end: int) -> list[Row]:
        """Some of the rated events, the newest first."""
        rows = self._retail(charge_code)
        ordered = rows.order_by(ibis.desc("started_at"), "usage_key").limit(
            end - first, offset=first
        )
        usage = self.table("usage").select(
            "usage_key", "destination", "network", "service_key", "received_at"
        )
        named = ordered.left_join(usage, "usage_key").drop("usage_key_right")
        shown = named.order_by(ibis.desc("started_at"), "usage_key")
        return cast(list[Row], self.backend.to_pyarrow(shown).to_pylist())

    def stored_event(self, usage_key: str, leg: str) -> Row | None:
        """One rated event of the account as it is stored."""
        rows = self.mine("rated_usage")
        found = rows.filter(rows.usage_key == usage_key, rows.leg == leg)
        stored = self.backend.to_pyarrow(found).to_pylist()
        return stored[0] if stored else None

    # Rated again

    def again(self, current: Current, periods: Sequence[Period]) -> Rated:
        """All usage of the account's products rated in detail, as its wave was rated."""
        catalogue = current.catalogue
        service = self._services(catalogue)
        usage = self.table("usage")
        keys = self.backend.to_pyarrow(service)["service_key"].unique().to_pylist()
        mine = usage.filter(usage.service_key.isin(keys)).select(*USAGE.ibis)
        held = self.backend.create_table("account_usage", mine, temp=True)
        zones = self.backend.to_pyarrow(held.select("time_zone").distinct())["time_zone"]
        first_s, end_s = self._time(catalogue, periods)
        known = compiled(
            catalogue, from_s=first_s, to_s=end_s,
            time_zones={catalogue.spec.time_zone, *zones.to_pylist()} - {None},
        )  # fmt: skip
        tables: dict[str, ir.Table] = {name: ibis.memtable(rows) for name, rows in known.items()}
        tables |= {"service": service, "usage": held}
        granted = grant(service, tables["allowance"], tables["period"])
        tables["bucket"] = self.backend.create_table("account_bucket", granted, temp=True)
        chain = rating(shape_of(self.backend, tables, detail=True))
        done = chain.run(self.backend, {name: tables[name] for name in chain.inputs})
        return Rated(self.backend, catalogue, done | {"accepted_usage": held})

    def _time(self, catalogue: RatingCatalogue, periods: Sequence[Period]) -> tuple[int, int]:
        """The seconds that the wave was rated for; what is left over from month to month needs
        the same beginning.
        """
        first, end = (_midnight(day, catalogue) for day in (periods[0][0], periods[-1][1]))
        began = self.backend.to_pyarrow(self.table("usage").started_at.min()).as_py() or first
        return _seconds(min(first, max(began, first - OLDEST_USAGE))), _seconds(end)

    def _services(self, catalogue: RatingCatalogue) -> ir.Table:
        """The account's products as services."""
        product = self.mine("product")
        account = self.mine("account").mutate(
            rating_policy_code=ibis.literal(catalogue.spec.policies[0].policy_code),
            time_zone=ibis.literal(catalogue.spec.time_zone),
        )
        days = product.select(day="start_date").union(product.select(day="end_date"))
        known = {day for day in self.backend.to_pyarrow(days)["day"].to_pylist() if day}
        rows = [{"day": day, "at": _midnight(day, catalogue)} for day in sorted(known)]
        midnight = ibis.memtable(pa.Table.from_pylist(rows, INSTANTS))
        services = product_services(product, account, midnight).select(*SERVICE.ibis)
        return self.backend.create_table("account_service", services, temp=True)


def buckets(rated: Rated) -> list[Bucket]:
    """The allowances of a detailed rating, the newest month first."""
    fetch = rated.fetch
    taken = {row["bucket_key"]: row["taken"] for row in fetch("bucket_use").to_pylist()}
    takes = fetch("consumption").to_pylist() if "consumption" in rated.tables else []
    holders = _holders(rated)
    found = [
        _bucket(row, taken.get(row["bucket_key"], 0), takes, holders, rated.catalogue)
        for row in fetch("bucket").to_pylist()
    ]
    return sorted(
        found, key=lambda b: (-b.period_from.toordinal(), b.allowance_code, b.product_keys)
    )


def _holders(rated: Rated) -> dict[str, tuple[str, ...]]:
    """The products that may take from each bucket."""
    if "held" not in rated.tables:
        return {}
    held, party = rated.tables["held"], rated.tables["party"]
    keys = rated.tables["numbered_bucket"].select("bucket_id", "bucket_key")
    named = held.inner_join(party, "party_id").inner_join(keys, "bucket_id")
    pairs = named.select("bucket_key", "product_key").distinct()
    rows = rated.backend.to_pyarrow(pairs.order_by("bucket_key", "product_key")).to_pylist()
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        found[row["bucket_key"]] = (*found.get(row["bucket_key"], ()), row["product_key"])
    return found


def _bucket(
    row: Row,
    taken: int,
    takes: Sequence[Row],
    holders: dict[str, tuple[str, ...]],
    catalogue: RatingCatalogue,
) -> Bucket:
    key = row["bucket_key"]
    usage_types = _usage_types(catalogue, row["allowance_code"])
    mine = sorted(
        (take["started_at"], take["taken"]) for take in takes if take["bucket_key"] == key
    )
    return Bucket(
        allowance_code=row["allowance_code"],
        period_from=row["period_from"],
        share=row["share"],
        charged=row["charged"],
        granted=row["quantity"],
        taken=taken,
        valid_from=EPOCH + timedelta(seconds=row["valid_from_s"]),
        valid_to=EPOCH + timedelta(seconds=row["valid_to_s"]),
        product_keys=holders.get(key, (row["holder_key"],)),
        usage_types=usage_types,
        unit=catalogue.spec.usage_types[usage_types[0]].unit if usage_types else "",
        taken_at=tuple(mine),
    )


def _usage_types(catalogue: RatingCatalogue, allowance_code: str) -> tuple[str, ...]:
    """What an allowance pays for, by its latest version."""
    named = catalogue.spec.allowances[allowance_code][-1].applies_to.usage_types
    return tuple(named or catalogue.spec.usage_types)


def _midnight(day: date, catalogue: RatingCatalogue) -> datetime:
    """When a day begins in the catalogue's local time, in UTC."""
    return EPOCH + timedelta(seconds=midnight_s(day, catalogue.zone))


def _seconds(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())
