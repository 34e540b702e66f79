"""In which order an old system used up allowances: the one that reproduces most of its charges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend

from crossbill.core.money import minor_digits
from crossbill.core.refusal import Refusal
from crossbill.core.rounding import RoundingMode
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import epoch_seconds, refusing_overflow
from crossbill.platform.rating.calendars import midnight_s
from crossbill.platform.rating.catalogue import read_catalogue
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.platform.rating.rate_files import mediated, services_held, span_of
from crossbill.platform.usage import guide
from crossbill.platform.usage.read import read_usage
from crossbill.replacement.reconciliation.inference.details import Row, worded_reasons
from crossbill.replacement.reconciliation.inference.fields import TABLES, USAGE_CHARGE
from crossbill.replacement.reconciliation.inference.fit_orders import (
    MODES,
    REASONS,
    Compared,
    Pattern,
    candidates_of,
    compare,
)
from crossbill.replacement.reconciliation.inference.order_example import (
    Known,
    following,
    telling_usage,
)
from crossbill.replacement.reconciliation.inference.orders import orders, plan_families
from crossbill.replacement.reconciliation.inference.rate_orders import Candidate, rated_orders
from crossbill.replacement.reconciliation.inference.read_table import (
    BadOldBills,
    ReadTable,
    files_in,
    read_table,
)
from crossbill.replacement.reconciliation.inference.spec import InferenceSpec, RatingSpec

PLACED = ("file", "line", "code", "field", "value")


class NoOrderToFind(Refusal):
    """No two allowances of a plan pay for one event, so their order changes nothing. Take out
    `rating`, or name the catalogue whose allowances compete.
    """

    code: ClassVar[str] = "NO_ORDER_TO_FIND"


@dataclass(frozen=True)
class FamilyOrder:
    """What explains the charges of one family of plans best, and what is alike."""

    candidates: tuple[Candidate, ...]
    patterns: tuple[Pattern, ...]
    mode: RoundingMode

    @property
    def best(self) -> Candidate:
        """The order that reproduces most; of several the first, that is as stated or by a rule."""
        return max(self.candidates, key=lambda each: (self.reproduced(each), -each.number))

    @property
    def alike(self) -> list[Candidate]:
        """The other orders that reproduce the very same rows, be it by another rounding."""
        same = self._reproduces(self.best, self.mode)
        return [
            each
            for each in self.candidates
            if each != self.best and any(self._reproduces(each, mode) == same for mode in MODES)
        ]

    @property
    def modes(self) -> list[RoundingMode]:
        """The roundings by which the best order reproduces the very same rows."""
        same = self._reproduces(self.best, self.mode)
        return [mode for mode in MODES if self._reproduces(self.best, mode) == same]

    def reproduced(self, candidate: Candidate) -> int:
        """How many rows an order reproduces."""
        return _rows(self.patterns, self._reproduces(candidate, self.mode))

    def fitting(self) -> list[Pattern]:
        """What the best order reproduces."""
        found = self._reproduces(self.best, self.mode)
        return [each for each, fits in zip(self.patterns, found, strict=True) if fits]

    def _reproduces(self, candidate: Candidate, mode: RoundingMode) -> list[bool]:
        place = candidate.number - self.candidates[0].number
        masks = (each.masks[MODES.index(mode)] for each in self.patterns)
        return [bool(mask >> place & 1) for mask in masks]


def _rows(patterns: Sequence[Pattern], fits: Sequence[bool]) -> int:
    return sum(each.rows for each, there in zip(patterns, fits, strict=True) if there)


@dataclass(frozen=True)
class OrdersFound:
    """All that was found, for the report."""

    catalogue: RatingCatalogue
    families: tuple[FamilyOrder, ...]
    read: ReadTable
    usage: Mapping[str, int]  # events read, and by what became of them
    suspended: Mapping[str, int]  # by code
    aside: Sequence[Row]
    unfit: Sequence[Row]
    examples: Mapping[int, str | None]  # by the number of a candidate that is alike

    @property
    def digits(self) -> int:
        """The decimals of the currency."""
        return minor_digits(self.catalogue.spec.currency)


@dataclass(frozen=True)
class _Came:
    """What was read: the catalogue, the retail services, the usage by state, the old charges."""

    catalogue: RatingCatalogue
    service: pa.Table
    usage: Mapping[str, ir.Table]
    old: ReadTable


def infer_orders(folder: Path, spec: InferenceSpec) -> OrdersFound:
    """Find the order of allowances behind the old charges of a folder."""
    assert spec.rating is not None, "a specification with rating"
    with connect() as backend, refusing_overflow():
        came = _read(backend, folder, spec, spec.rating)
        candidates = _candidates(came)
        span = span_of(backend, came.usage["rated"], _until(came.catalogue, came.old))
        tables = {"service": came.service, "usage": came.usage["rated"]}
        rated = rated_orders(backend, came.catalogue, candidates, tables, span)
        compared = compare(backend, came.old.rows, rated["charged"], candidates, _terms(came))
        families = _chosen(compared, candidates)
        return OrdersFound(
            came.catalogue,
            families,
            came.old,
            _counted(backend, came),
            _suspended(backend, rated["suspended"], families),
            _aside(backend, compared, came.old),
            compared.unfit([each.best for each in families], families[0].mode, _digits(came)),
            _examples(backend, came, families, rated["rated_usage"]),
        )


def _read(backend: Backend, folder: Path, spec: InferenceSpec, rating: RatingSpec) -> _Came:
    catalogue = read_catalogue(_file(folder, rating.catalogue))
    old = read_table(backend, folder, spec, TABLES[USAGE_CHARGE])
    if old is None or not old.rows.num_rows:
        cure = "name its file in the specification, under tables"
        raise BadOldBills("no old charge of usage is there", file=f"{USAGE_CHARGE}.csv", cure=cure)
    came = mediated(backend, read_usage(backend, _file(folder, rating.usage)))
    held = services_held(catalogue, backend, came["accepted_usage"])
    retail = held.filter(pc.equal(held["leg"], pa.scalar(guide.RETAIL)))
    return _Came(catalogue, retail, _parted(came, retail, _until(catalogue, old)), old)


def _parted(came: Mapping[str, ir.Table], retail: pa.Table, until: datetime) -> dict[str, ir.Table]:
    """The usage by what becomes of it: ``rated`` is what somebody holds, and not later."""
    accepted, keys = came["accepted_usage"], ibis.memtable(retail.select(["service_key"]))
    later = epoch_seconds(accepted.started_at) >= int(until.timestamp())
    within = accepted.filter(~later)
    return {
        "rated": within.semi_join(keys, "service_key"),
        "without_service": within.anti_join(keys, "service_key"),
        "later": accepted.filter(later),
        "duplicate": came["duplicate_usage"],
        "unreadable": came["unreadable_usage"],
    }


def _file(folder: Path, name: str) -> Path:
    found = files_in(folder, name)
    if len(found) != 1:
        cure = "name one file of the folder in the specification, under rating"
        raise BadOldBills("the file is not there", file=name, cure=cure)
    return found[0]


def _candidates(came: _Came) -> list[Candidate]:
    """Every order of every family, numbered one family after the other."""
    families = plan_families(came.catalogue, came.service)
    if not any(family.pairs for family in families):
        cure = "an order matters where a plan has two allowances that may pay for one event"
        raise NoOrderToFind(
            "no two allowances of a plan compete", file=came.catalogue.path.name,
            field="allowances", cure=cure,
        )  # fmt: skip
    every = [(family, order) for family in families for order in orders(came.catalogue, family)]
    return [Candidate(number, *each) for number, each in enumerate(every)]


def _until(catalogue: RatingCatalogue, old: ReadTable) -> datetime:
    """The end of the last month of which old charges are there; later usage is not rated."""
    end_s = midnight_s(following(_last_month(old)), catalogue.zone)
    return datetime.fromtimestamp(end_s, UTC)


def _last_month(old: ReadTable) -> date:
    last: date = pc.max(old.rows["period_from"]).as_py()
    return last.replace(day=1)


def _digits(came: _Came) -> int:
    return minor_digits(came.catalogue.spec.currency)


def _terms(came: _Came) -> dict[str, Any]:
    charges = sorted({charge.spec.charge for charge in came.catalogue.charges})
    return {"service": came.service, "charges": charges, "digits": _digits(came)}


def _chosen(compared: Compared, candidates: Sequence[Candidate]) -> tuple[FamilyOrder, ...]:
    """The best order of each family, under the one rounding by which most rows are reproduced."""
    parts = list(dict.fromkeys(each.family for each in candidates))

    def under(mode: RoundingMode) -> tuple[FamilyOrder, ...]:
        return tuple(
            FamilyOrder(
                tuple(candidates_of(candidates, family)),
                tuple(each for each in compared.patterns if each.family == number),
                mode,
            )
            for number, family in enumerate(parts)
        )

    tried = [under(mode) for mode in MODES]
    return max(tried, key=lambda families: sum(f.reproduced(f.best) for f in families))


def _examples(
    backend: Backend, came: _Came, families: Sequence[FamilyOrder], rated: ir.Table
) -> dict[int, str | None]:
    """For each order that is alike to the best usage that would tell, by its number."""
    month, mode = _last_month(came.old), families[0].mode
    known = Known(
        came.catalogue, came.service, came.usage["rated"], rated, month, _digits(came), mode
    )
    return telling_usage(backend, known, [(each.best, each.alike) for each in families])


def _counted(backend: Backend, came: _Came) -> dict[str, int]:
    """The events by what became of them."""
    counts = {n: int(backend.to_pyarrow(t.count()).as_py()) for n, t in came.usage.items()}
    return {"read": sum(counts.values()), **counts}


def _suspended(
    backend: Backend, suspended: ir.Table, families: Sequence[FamilyOrder]
) -> dict[str, int]:
    """The events that could not be rated, by code; no order changes that, so one of each counts."""
    ones = suspended.filter(suspended.number.isin([each.candidates[0].number for each in families]))
    rows = ones.group_by("code").aggregate(events=ones.count()).order_by("code")
    return {row["code"]: row["events"] for row in backend.to_pyarrow(rows).to_pylist()}


def _aside(backend: Backend, compared: Compared, old: ReadTable) -> list[Row]:
    """The old rows that could not be read or compared, with place, reason and cure."""
    bad = compared.judged.filter(compared.judged.code.notnull()).select(*PLACED)
    rows = [*old.aside.to_pylist(), *backend.to_pyarrow(bad).to_pylist()]
    return sorted(worded_reasons(rows, REASONS), key=lambda row: (row["file"], row["line"]))
