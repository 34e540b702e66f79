"""Usage rated under every order of allowances at once, by the engine's own chain.

Compiling the chain costs more than running it. So the services, their plans, allowances and usage
are copied once for each candidate, and all copies are rated in one run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend

from crossbill.engine.integers import sum_int64
from crossbill.platform.rating.catalogue_format import AllowanceSpec, PlanSpec
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.platform.rating.rate_files import rate_tables
from crossbill.replacement.reconciliation.inference.orders import Order, PlanFamily, Priorities

MARK = ":"  # between the number of a candidate and the key that is copied
COPIED = ("service_key", "account_key", "product_key", "share_key", "plan_code")


@dataclass(frozen=True)
class Candidate:
    """An order of the allowances of a family; ``number`` is unique among all families."""

    number: int
    family: PlanFamily
    order: Order

    def copy(self, key: str) -> str:
        """The name of something in this candidate's copy."""
        return f"{self.number}{MARK}{key}"


def rated_orders(
    backend: Backend,
    catalogue: RatingCatalogue,
    candidates: Sequence[Candidate],
    tables: Mapping[str, Any],  # ``service``, of retail in memory, and ``usage``
    span: tuple[int, int],
) -> dict[str, ir.Table]:
    """Rate the usage of each family under each of its orders.

    Writes ``charged``: number, product_key, charge_code, period_from and what it costs before it
    is rounded on a bill; ``suspended``: number and code; and the ``rated_usage`` of all copies.
    """
    service = copied_services(tables["service"], candidates)
    usage = _copied_usage(backend, tables["usage"], service)
    many = copied_catalogue(catalogue, candidates)
    done = rate_tables(backend, many, usage, service, span=span)
    charge, aside = done["usage_charge"], done["suspended_usage"]
    copied = charge.product_key
    keyed = charge.mutate(number=number_of(copied), product_key=key_of(copied))
    sums = keyed.group_by("number", "product_key", "charge_code", "period_from").aggregate(
        nanos=sum_int64(keyed.amount_nanos + keyed.surcharge_nanos)
    )
    codes = aside.select("code", number=number_of(aside.usage_key))
    kept = {"charged": stored(backend, sums), "suspended": stored(backend, codes)}
    return kept | {"rated_usage": done["rated_usage"]}


def stored(backend: Backend, rows: ir.Table) -> ir.Table:
    """The rows in memory: they are asked several times."""
    return ibis.memtable(backend.to_pyarrow(rows))


def copied_catalogue(
    catalogue: RatingCatalogue, candidates: Sequence[Candidate]
) -> RatingCatalogue:
    """The catalogue with a copy of each family's plans for each of its orders."""
    spec = catalogue.spec
    plans: dict[str, PlanSpec] = {}
    allowances: dict[str, list[AllowanceSpec]] = {}
    for each in candidates:
        for code in each.family.plans:
            plan = spec.plans[code]
            mine = {"allowances": [each.copy(name) for name in plan.allowances]}
            plans[each.copy(code)] = plan.model_copy(update=mine)
            for name in plan.allowances:
                ordered = _ordered(name, spec.allowances[name], each.order.priorities)
                allowances[each.copy(name)] = ordered
    many = spec.model_copy(update={"plans": plans, "allowances": allowances})
    return replace(catalogue, spec=many)


def _ordered(
    code: str, versions: Sequence[AllowanceSpec], priorities: Priorities
) -> list[AllowanceSpec]:
    """All versions of an allowance at its place in an order; what competes with none is first.

    Places instead of priorities make fewer ranks, for each of which rating is a pass.
    """
    places = sorted(set(priorities.values()))
    place = places.index(priorities[code]) if code in priorities else 0
    return [each.model_copy(update={"priority": place}) for each in versions]


def copied_services(service: pa.Table, candidates: Sequence[Candidate]) -> pa.Table:
    """The services of each family once for each of its orders."""
    parts = [service.slice(0, 0)]
    for each in candidates:
        mine = service.filter(pc.is_in(service["plan_code"], pa.array(each.family.plans)))
        for name in COPIED:
            keys = [None if key is None else each.copy(key) for key in mine[name].to_pylist()]
            place = mine.schema.get_field_index(name)
            column = pa.chunked_array([keys], pa.string())
            mine = mine.set_column(place, mine.schema.field(place), column)
        parts.append(mine)
    return pa.concat_tables(parts)


def _copied_usage(backend: Backend, usage: ir.Table, service: pa.Table) -> ir.Table:
    """The usage of each service once for each copy of it."""
    copied = ibis.memtable(service.select(["service_key"])).distinct().service_key
    keyed = copied.as_table().select(
        copy_of=key_of(copied), copied=copied, number=number_of(copied)
    )
    rows = usage.inner_join(keyed, usage.service_key == keyed.copy_of)
    numbered = rows.number.cast("string") + MARK + rows.usage_key
    return stored(
        backend, rows.mutate(service_key=rows.copied, usage_key=numbered).select(*usage.columns)
    )


def number_of(key: ir.StringValue) -> ir.IntegerValue:
    """The candidate that a key was copied for."""
    return key.split(MARK)[0].cast("int64")


def key_of(key: ir.StringValue) -> ir.StringValue:
    """The key that was copied."""
    return key.substr(key.find(MARK) + 1)
