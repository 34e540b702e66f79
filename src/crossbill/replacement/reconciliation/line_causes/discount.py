"""A discount was given on one side only, or with another rate."""

import ibis
import ibis.expr.types as ir

from crossbill.core.money import INT64_MAX
from crossbill.engine.integers import div_trunc
from crossbill.platform.billing.bill import DISCOUNT
from crossbill.platform.billing.charge import PPM
from crossbill.platform.billing.due import RECURRING
from crossbill.replacement.reconciliation.account_discounts import on_one_side
from crossbill.replacement.reconciliation.lines import (
    EXPLAINED,
    LINE,
    TERMS,
    Case,
    behind,
    net_of,
    rate_words,
    recurring_charges,
    what_if,
)

CODE = "DISCOUNT"
RANK = 60
LARGEST = INT64_MAX // PPM - 2  # more than that is no part of any charge
HALF_PERCENTS = 101  # 0 to 50 percent


def candidates(case: Case) -> ir.Table:
    """Lines that agree with no discount, one of up to 50 percent in halves, or one used elsewhere;
    and discounts of the account that one bill alone gives.

    A discount is looked for only where the charge that it is taken from agrees.
    """
    differing = case.records.filter(case.records.category == RECURRING)
    own = case.records.discount_key == ""
    taken_off = case.records.filter(case.records.category == DISCOUNT, own)
    taken_off = taken_off.anti_join(differing, list(LINE))
    charged = recurring_charges(case.charge)
    rows = behind(charged, taken_off)
    gross = charged.select(*LINE, gross_minor=net_of(charged, charged.gross_minor))
    wanted = taken_off.select(*LINE, off=-taken_off.old_net).inner_join(gross, list(LINE))
    within = _rates_within(wanted, _rates(case))
    pairs = rows.inner_join(within, list(LINE))
    other = pairs.filter(pairs.other_ppm != pairs.discount_ppm)
    variants = other.mutate(
        policy_code=ibis.literal("discount ") + other.other_ppm.cast("string"),
        discount_ppm=other.other_ppm,
        words=_words(other.other_ppm),
        base_words=_words(other.discount_ppm),
    )
    found = what_if(case, variants)
    own = found.filter(found.category == DISCOUNT).select(*EXPLAINED)
    of_account = on_one_side(case.records, case.given)
    none = {name: ibis.null(type_) for name, type_ in TERMS.items()}
    return own.union(of_account.mutate(**none).select(*EXPLAINED))


def _rates(case: Case) -> ir.Table:
    """The discounts that are tried."""
    used = recurring_charges(case.charge).select(other_ppm="discount_ppm").distinct()
    half = ibis.range(HALF_PERCENTS).unnest().name("half").as_table()
    halves = half.select(other_ppm=half.half.cast("int64") * 5_000)
    return used.union(halves, distinct=True)


def _rates_within(wanted: ir.Table, rates: ir.Table) -> ir.Table:
    """The rates that take off what is wanted, give or take two: few, where all would be many.

    One is lost by cutting the discount, and another where its tax is taken out of it.
    """
    some = wanted.filter(wanted.gross_minor > 0, wanted.off.abs() < LARGEST)
    near = some.mutate(
        lowest=div_trunc((some.off - 2) * PPM, some.gross_minor),
        highest=div_trunc((some.off + 2) * PPM, some.gross_minor) + 1,
    )
    pairs = near.inner_join(
        rates, [rates.other_ppm >= near.lowest, rates.other_ppm <= near.highest]
    )
    return pairs.select(*LINE, "other_ppm").distinct()


def _words(ppm: ir.IntegerValue) -> ir.StringValue:
    return (ppm == 0).ifelse("no discount", ibis.literal("discount of ") + rate_words(ppm))
