"""Old charges of usage against what it costs under each order: which orders reproduce which row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.money import nanos_per_minor
from crossbill.core.rounding import RoundingMode
from crossbill.engine import integers
from crossbill.replacement.reconciliation.inference.comparable import with_first_fault
from crossbill.replacement.reconciliation.inference.details import Row
from crossbill.replacement.reconciliation.inference.orders import PlanFamily
from crossbill.replacement.reconciliation.inference.rate_orders import Candidate, stored

MODES = tuple(RoundingMode)
PRODUCT_MONTH = ("product_key", "period_from")

# Why a row is not compared, and what to do.
REASONS: dict[str, tuple[str, str]] = {
    "PRODUCT_UNKNOWN": (
        "no service of the catalogue is this product's",
        "add its services to the catalogue",
    ),
    "PERIOD_NOT_A_MONTH": ("usage is charged by calendar month", "state the month's first day"),
    "CHARGE_UNKNOWN": ("no plan has a charge of this name", "name it as the catalogue does"),
    "CHARGE_FINER_THAN_CURRENCY": ("more decimals than the currency has", "round it at source"),
}


@dataclass(frozen=True)
class Pattern:
    """Rows that the same orders reproduce: how many, and their value.

    ``masks`` are by rounding mode; bit n of one is set where the n-th order of the family does.
    """

    family: int
    rows: int
    extra: int  # of these, charges of the engine that the old system lacks
    size_minor: int
    masks: tuple[int, ...]


@dataclass(frozen=True)
class Compared:
    """The old charges beside what each order comes to."""

    backend: Backend
    judged: ir.Table  # the old rows, with the code of what is wrong
    costs: ir.Table  # family, order, key, old_minor and nanos
    patterns: tuple[Pattern, ...]

    def unfit(self, chosen: Sequence[Candidate], mode: RoundingMode, digits: int) -> list[Row]:
        """The rows that the chosen order of their family does not reproduce, in their order."""
        mine = self.costs.filter(self.costs.number.isin([each.number for each in chosen]))
        scale = ibis.literal(nanos_per_minor(digits), "int64")
        rows = mine.mutate(now_minor=_rounded(mine.nanos, scale, mode))
        rows = rows.filter(rows.now_minor != rows.old_minor).order_by("file", "line", *ORDERED)
        found: list[Row] = self.backend.to_pyarrow(rows).to_pylist()
        return found


ORDERED = ("product_key", "period_from", "charge_code")


def compare(
    backend: Backend,
    old: pa.Table,
    charged: ir.Table,
    candidates: Sequence[Candidate],
    terms: Mapping[str, Any],  # ``service`` of retail, ``charges``, minor ``digits``
) -> Compared:
    """Compare what was charged with what each candidate charges."""
    judged = stored(backend, _judged(ibis.memtable(old), terms))
    terms = {**terms, "stated": old["charge_code"].null_count == 0}
    asked = _asked(judged, charged, terms["stated"])
    costs = stored(backend, _costs(asked, charged, candidates, terms))
    scale = ibis.literal(nanos_per_minor(terms["digits"]), "int64")
    rows = backend.to_pyarrow(_patterns(costs, scale)).to_pylist()
    patterns = tuple(
        Pattern(
            row["family"], row["rows"], row["extra"], row["size_minor"],
            tuple(row[mode] for mode in MODES),
        )
        for row in rows
    )  # fmt: skip
    return Compared(backend, judged, costs, patterns)


def _judged(old: ir.Table, terms: Mapping[str, Any]) -> ir.Table:
    """The old rows with who holds their product, and why they cannot be compared, if so."""
    service = ibis.memtable(terms["service"].select(["product_key", "account_key"]))
    held = service.group_by("product_key").aggregate(holder=service.account_key.min())
    rows = old.left_join(held, "product_key").drop("product_key_right")
    scale = ibis.literal(nanos_per_minor(terms["digits"]), "int64")
    faults = [
        ("PRODUCT_UNKNOWN", "product_key", rows.holder.isnull()),
        ("PERIOD_NOT_A_MONTH", "period_from", rows.period_from.day() != 1),
        ("CHARGE_UNKNOWN", "charge_code", ~rows.charge_code.isin(terms["charges"])),
        ("CHARGE_FINER_THAN_CURRENCY", "amount_nanos", rows.amount_nanos % scale != 0),
    ]
    known = [(code, field, wrong.fill_null(False)) for code, field, wrong in faults]
    return with_first_fault(rows, known).mutate(
        old_minor=integers.quotient(rows.amount_nanos, scale)
    )


def _asked(judged: ir.Table, charged: ir.Table, stated: bool) -> ir.Table:
    """The keys to compare, each once with the sum of its old rows.

    One without an old row is what the engine charges of an account and month of which there are
    some; not so where a row of the product was set aside, which may be that one.
    """
    sound = _by_charge(judged.filter(judged.code.isnull()), stated)
    key = (*PRODUCT_MONTH, "charge_code")
    old = sound.group_by(*key).aggregate(
        rows=sound.count(), file=sound.file.min(), line=sound.line.min(),
        old_minor=integers.sum_int64(sound.old_minor),
    )  # fmt: skip
    holders = judged.select("product_key", "holder").distinct()
    billed = sound.select("holder", "period_from").distinct()
    rows = _by_charge(charged.filter(charged.nanos != 0), stated).select(*key).distinct()
    mine = rows.inner_join(holders, "product_key").semi_join(billed, ["holder", "period_from"])
    aside = judged.filter(judged.code.notnull())
    extra = mine.anti_join(aside, list(PRODUCT_MONTH)).anti_join(old, list(key)).select(*key)
    nothing = {
        "rows": ibis.literal(0, "int64"), "file": ibis.null("string"),
        "line": ibis.null("int64"), "old_minor": ibis.literal(0, "int64"),
    }  # fmt: skip
    return old.union(extra.mutate(**nothing).select(*old.columns))


def _by_charge(rows: ir.Table, stated: bool) -> ir.Table:
    """The rows with their charge, or one name for all where the old ones do not state theirs."""
    return rows if stated else rows.mutate(charge_code=ibis.literal(""))


def _costs(
    asked: ir.Table, charged: ir.Table, candidates: Sequence[Candidate], terms: Mapping[str, Any]
) -> ir.Table:
    """What each key costs under each order of its family; what is not charged costs nothing."""
    order = ibis.memtable(pa.Table.from_pylist(_numbered(candidates), NUMBERED))
    owner = ibis.memtable(terms["service"].select(["product_key", "plan_code"])).distinct()
    plans = order.select("number", "family", "place", plan_code=order.plans.unnest())
    mine = owner.inner_join(plans, "plan_code")
    mine = mine.select("product_key", "number", "family", "place").distinct()
    key = (*PRODUCT_MONTH, "charge_code")
    found = _by_charge(charged, terms["stated"])
    sums = found.group_by("number", *key).aggregate(nanos=integers.sum_int64(found.nanos))
    rows = asked.inner_join(mine, "product_key").left_join(sums, ["number", *key])
    costs = rows.mutate(nanos=rows.nanos.fill_null(0))
    return costs.select(
        "family", "number", "place", *key, "rows", "file", "line", "old_minor", "nanos"
    )


NUMBERED = pa.schema(
    [
        *((name, pa.int64()) for name in ("number", "family", "place")),
        ("plans", pa.list_(pa.string())),
    ]
)


def _numbered(candidates: Sequence[Candidate]) -> list[Row]:
    """Each candidate with the number of its family, and its place among the orders of it."""
    families = list(dict.fromkeys(each.family for each in candidates))
    return [
        {"number": each.number, "family": number, "place": place, "plans": list(family.plans)}
        for number, family in enumerate(families)
        for place, each in enumerate(candidates_of(candidates, family))
    ]


def candidates_of(candidates: Sequence[Candidate], family: PlanFamily) -> list[Candidate]:
    """The orders of one family."""
    return [each for each in candidates if each.family == family]


def _patterns(costs: ir.Table, scale: ir.IntegerValue) -> ir.Table:
    """What the same orders reproduce, counted."""
    bit = ibis.literal(1, "int64") << costs.place
    masks = {
        mode.value: ibis.ifelse(_rounded(costs.nanos, scale, mode) == costs.old_minor, bit, 0)
        for mode in MODES
    }
    wide = costs.mutate(**masks)
    key = ("family", *ORDERED)
    each = wide.group_by(*key).aggregate(
        rows=wide.rows.max(), old_minor=wide.old_minor.max(),
        **{mode.value: wide[mode.value].bit_or() for mode in MODES},
    )  # fmt: skip
    alike = each.group_by("family", *(mode.value for mode in MODES)).aggregate(
        rows=each.count(),
        extra=(each.rows == 0).cast("int64").sum(),
        size_minor=integers.sum_int64(each.old_minor.abs()),
    )
    return alike.order_by("family", *(mode.value for mode in MODES))


def _rounded(nanos: ir.IntegerValue, scale: ir.IntegerValue, mode: RoundingMode) -> ir.IntegerValue:
    """The amount in minor units, as a bill rounds it."""
    return integers.div_rounded(nanos, scale, ibis.literal(mode.value))
