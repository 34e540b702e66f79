"""The amounts of old lines under every candidate policy at once, by the engine's own verbs.

What is charged is resolved once for each way to choose a price; equal facts of charges become one,
and are charged once for each candidate. Equal lines become one pattern. So a million lines cost as
much as the different ones among them.
"""

import ibis
import ibis.expr.types as ir

from crossbill.core.policy import PriceBy
from crossbill.engine import integers
from crossbill.engine.datasets import CHARGE_INPUT
from crossbill.platform.billing.bill import DISCOUNT, net_lines
from crossbill.platform.billing.charge import charge

# All that the amount of a charge depends on, but for the policy.
FACT = (
    "category", "interval_from", "interval_to", "interval_months", "prorated", "charge_from",
    "charge_to", "sign", "quantity", "minor_digits", "price_nanos", "discount_ppm",
)  # fmt: skip
OF_POLICY = (
    "policy_code", "day_count", "end_day_counts", "rounding_mode", "tax_scope", "tax_rounding_mode",
)  # fmt: skip
KEY = ("product_key", "period_from")
LINE, EXTRA = "line", "extra"  # what stands on an old bill, and what is charged beside it
FURTHER = ("category", "price_code", "charge_from")  # of the key, where every old line states it


def facts(resolved: ir.Table) -> ir.Table:
    """Reads ``resolved`` of all choices of price; writes each fact of a charge once, numbered."""
    rows = resolved.filter(resolved.code.isnull()).select(*FACT).distinct()
    return rows.mutate(fact=ibis.row_number().over(order_by=[rows[n] for n in FACT]).cast("int64"))


def items(fact: ir.Table, candidate: ir.Table) -> ir.Table:
    """Reads ``fact`` and candidates; writes what each line of each charge costs under each.

    ``item`` is twice the number of the fact, and one more for the line of its discount.
    """
    rows = fact.cross_join(candidate.select("number", *OF_POLICY))
    nothing = {
        name: ibis.null(kind.copy(nullable=True))
        for name, kind in CHARGE_INPUT.ibis.items()
        if name not in rows.columns
    }
    known = {
        "account_key": rows.number.cast("string"),
        "product_key": rows.fact.cast("string"),
        "price_code": ibis.literal(""),
    }
    lines = net_lines(charge(rows.mutate(**(nothing | known)).select(*CHARGE_INPUT.ibis)))
    off = (lines.category == DISCOUNT).cast("int64")
    return lines.select(
        number=lines.account_key.cast("int64"),
        item=lines.product_key.cast("int64") * 2 + off,
        amount_minor="amount_minor",
    )


def charged_items(resolved: ir.Table, fact: ir.Table) -> ir.Table:
    """Reads ``resolved`` and ``fact``; writes the items of each product, by choice of price."""
    rows = resolved.filter(resolved.code.isnull()).inner_join(fact, list(FACT))
    kept = (
        "price_by", *KEY, "price_code", "charge_from", "currency", "tax_category", "tax_inclusive",
    )  # fmt: skip
    whole = rows.select(*kept, "category", item=rows.fact * 2)
    less = rows.filter(rows.discount_ppm != 0)
    off = less.select(*kept, category=ibis.literal(DISCOUNT), item=less.fact * 2 + 1)
    return whole.union(off.select(*whole.columns))


def expected(charged: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """Reads the charged items; writes what each key is charged by each choice of price."""
    rows = keyed(charged, key)
    return rows.group_by("price_by", *key).aggregate(
        items=rows.item.collect(order_by=rows.item),
        currency=rows.currency.min(),
        tax_category=rows.tax_category.min(),
        tax_categories=rows.tax_category.nunique(),
        tax_inclusive=rows.tax_inclusive.max(),
        all_inclusive=rows.tax_inclusive.min(),
    )


def faults(resolved: ir.Table) -> ir.Table:
    """Reads ``resolved``; writes which products cannot be charged by which choice of price."""
    rows = resolved.filter(resolved.code.notnull())
    return rows.group_by("price_by", *KEY).aggregate(
        fault=rows.code.min(), fault_field=rows.field.min(), fault_value=rows.value.min()
    )


def keyed(rows: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """The rows with the further parts of the key, of which a blank one is a value like others."""
    texts = [name for name in ("price_code", "category") if name in key]
    return rows.mutate(**{name: rows[name].fill_null("") for name in texts})


def units(  # noqa: PLR0913 - what is compared, and with what
    line: ir.Table,
    aside: ir.Table,
    expected: ir.Table,
    faults: ir.Table,
    holder: ir.Table,
    key: tuple[str, ...],
) -> ir.Table:
    """What is compared: each key with the sums of its old lines, and what is charged for it.

    Reads the lines that can be compared, and those that cannot. A key without an old line is what
    the engine charges on a bill that is there, and the old system did not; not so where a line of
    the product was set aside, which may be that one.
    """
    lines = keyed(line, key)
    old = lines.group_by(*key).aggregate(
        lines=lines.count(),
        old_currency=lines.currency.min(),
        net_minor=integers.sum_int64(lines.net_minor),
        tax_minor=integers.sum_int64(lines.tax_minor),
        taxes=lines.tax_minor.count(),
    )
    maybe = expected.select(*key).anti_join(aside.select(*KEY), list(KEY))
    rows = old.select(*key).union(maybe, distinct=True)
    rows = _beside(rows, old, key)
    for price_by in PriceBy:
        mine = expected.filter(expected.price_by == price_by.value)
        rows = _beside(rows, mine.select(*key, **{f"items_{price_by}": "items"}), key)
        bad = faults.filter(faults.price_by == price_by.value)
        rows = _beside(rows, bad.select(*KEY, **{f"fault_{price_by}": "fault"}), KEY)
    terms = expected.group_by(*key).aggregate(
        currency=expected.currency.min(),
        tax_category=expected.tax_category.min(),
        tax_categories=expected.tax_categories.max(),
        tax_inclusive=expected.tax_inclusive.max(),
        all_inclusive=expected.all_inclusive.min(),
    )
    rows = _beside(_beside(rows, terms, key), holder.select("product_key", "family"), KEY[:1])
    with_tax = ibis.ifelse(rows.tax_inclusive.fill_null(False), rows.tax_minor, 0)
    made = rows.mutate(
        kind=ibis.ifelse(rows.lines.notnull(), LINE, EXTRA),
        currency=rows.old_currency.coalesce(rows.currency),
        lines=rows.lines.fill_null(0),
        old_minor=rows.net_minor.fill_null(0) + with_tax.fill_null(0),
    )
    alike = ibis.dense_rank().over(order_by=[made[name] for name in PATTERN])
    return made.mutate(pattern=alike.cast("int64"))


def _beside(rows: ir.Table, other: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """The rows with the columns of the other table's one row of their key."""
    return rows.left_join(other, list(key)).drop(*(f"{name}_right" for name in key))


PATTERN = (
    "family", "currency", "kind", "old_minor", *(f"items_{p}" for p in PriceBy),
    *(f"fault_{p}" for p in PriceBy),
)  # fmt: skip


def patterns(unit: ir.Table) -> ir.Table:
    """Reads units; writes each pattern once, with how many units and lines it stands for."""
    return unit.group_by("pattern", *PATTERN).aggregate(
        units=unit.count(),
        lines=unit.lines.sum(),
        size_minor=integers.sum_int64(unit.old_minor.abs()),
    )


def computed(pattern: ir.Table, item: ir.Table, candidate: ir.Table) -> ir.Table:
    """Reads those tables; writes what each pattern costs under each candidate, and whether it fits.

    What cannot be charged fits nothing; what is not charged costs 0.
    """
    parts = []
    for place, price_by in enumerate(PriceBy):
        exploded = pattern.select("pattern", item=pattern[f"items_{price_by}"].unnest())
        costs = exploded.inner_join(item, "item")
        sums = costs.group_by("pattern", "number").aggregate(
            now_minor=integers.sum_int64(costs.amount_minor)
        )
        asked = pattern.cross_join(candidate.select("number")).select(
            "pattern", "number", "old_minor", fault=f"fault_{price_by}"
        )
        rows = _beside(asked, sums, ("pattern", "number"))
        now = rows.now_minor.fill_null(0)
        parts.append(
            rows.select(
                "pattern",
                number=rows.number * len(PriceBy) + place,
                now_minor=now,
                fits=rows.fault.isnull() & (now == rows.old_minor),
            )
        )
    return ibis.union(*parts)


def masks(rows: ir.Table, key: str) -> ir.Table:
    """Reads rows with ``number`` and ``fits``; writes for each key the bits of those that fit."""
    bit = ibis.ifelse(rows.fits, ibis.literal(1, "int64") << rows.number.cast("int64"), 0)
    return rows.group_by(key).aggregate(mask=bit.bit_or())
