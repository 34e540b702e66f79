"""Why bill lines differ: causes compete; the one that explains most of a bill to the cent wins."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol, cast

import ibis
import ibis.expr.types as ir

from crossbill.core import plugins
from crossbill.core.policy import ChargeRounding
from crossbill.engine.datasets import CHARGE_INPUT
from crossbill.engine.integers import div_trunc, sum_int64
from crossbill.platform.billing.bill import DISCOUNT
from crossbill.platform.billing.charge import charge
from crossbill.platform.billing.due import RECURRING
from crossbill.platform.billing.resolve import LARGEST_MONTHLY_NANOS
from crossbill.platform.billing.tax import line_tax, tax_of, without_tax

CAUSES = "crossbill.replacement.reconciliation.line_causes"
# What takes an account's discount off a line, as text: empty where a line is none of these.
OF_DISCOUNT = ("discount_key", "discounted")
RECORD = (
    *("account_key", "period_from", "product_key", "category", "price_code", "charge_from"),
    *OF_DISCOUNT,
)
LINE = ("account_key", "period_from", "product_key", "price_code")  # of a charge and its lines
# What a what-if may change of a charge; a cause that changes nothing leaves them empty.
TERMS = {
    "price_nanos": "int64",
    "discount_ppm": "int64",
    "tax_code": "string",
    "day_count": "string",
    "end_day_counts": "boolean",
    "rounding_mode": "string",
    "tax_rounding_mode": "string",
}
OF_VARIANT = (
    *(*LINE, "charge_from", "charged", "variant"),
    *("tax_code", "tax_category", "tax_inclusive", "tax_scope", "tax_rounding_mode"),
)
OF_RATE = ("tax_code", "tax_category", "period_from")
# So many minor units the taxes of a line lose at most together when each of them is cut.
LOST_BY_CUTS = 4
EXPLAINED = (*RECORD, "variant", "evidence", *TERMS)


@dataclass(frozen=True)
class Case:
    """The differing lines and the facts behind them.

    ``records``: RECORD, ``record_key``, ``old_net``, ``old_tax``, ``new_net``, ``new_tax`` (0 where
    the line stands on the other side only), ``old_events``, ``new_events`` (usage records behind
    it, likewise), ``digits`` (of the currency's minor unit),
    ``old_stamp`` (source_changed_at), ``kind``.
    ``behind``: the CHARGE_INPUT rows behind them; ``charge``: all charges; ``product``: the new
    side's products; ``old_product``: the old side's, the same where it has none; ``price`` and
    ``taxes``: the catalogue, and of whom its taxes are not due; ``tariff``: the old system's own
    price table; ``given``: which discounts of the account which of the two bills
    gives.
    """

    records: ir.Table
    behind: ir.Table
    charge: ir.Table
    product: ir.Table
    old_product: ir.Table
    price: ir.Table
    taxes: "Taxes"
    tariff: ir.Table
    given: ir.Table


@dataclass(frozen=True)
class Taxes:
    """``rates`` that hold on each ``period_from``, made by ``with_sums``, and who is ``exempt`` of
    which of them then: account_key, period_from, tax_name.
    """

    rates: ir.Table
    exempt: ir.Table


class LineCause(Protocol):
    """A cause names its class, its place among equals, and the records that it explains."""

    CODE: str
    RANK: int

    def candidates(self, case: Case) -> ir.Table:
        """RECORD, ``variant`` (which of its explanations) and ``evidence`` for what it explains,
        and TERMS where it changed some.
        """
        ...


def line_causes() -> list[LineCause]:
    """The causes in the order in which equals are preferred."""
    modules: list[ModuleType] = list(plugins.load(CAUSES).values())
    return sorted((cast(LineCause, module) for module in modules), key=lambda cause: cause.RANK)


def candidates(case: Case, cause: LineCause) -> ir.Table:
    """EXPLAINED, ``class_code``, ``rank`` for what one cause explains.

    A variant explains a line once, however many of its roads lead to the same amount.
    """
    found = cause.candidates(case)
    changed = [name for name in TERMS if name in found.columns]
    # Roads that read alike may change other terms: which one is told must not depend on threads.
    road = found.evidence
    for name in changed:
        road = road + "|" + found[name].cast("string").fill_null("")
    once = found.group_by(*RECORD, "variant").aggregate(
        evidence=found.evidence.min(), **{name: found[name].argmin(road) for name in changed}
    )
    empty = {name: ibis.null(type_) for name, type_ in TERMS.items() if name not in changed}
    named = once.mutate(class_code=ibis.literal(cause.CODE), rank=ibis.literal(cause.RANK), **empty)
    return named.select(*EXPLAINED, "class_code", "rank")


def best(found: Sequence[ir.Table]) -> ir.Table:
    """One row an explained record: RECORD, ``class_code``, ``evidence``, TERMS.

    Of several explanations of a line, the one that explains most lines of its bill is taken; of
    equals, the one whose cause comes first.
    """
    everything = ibis.union(*found)
    together = ibis.window(group_by=["account_key", "period_from", "class_code", "variant"])
    counted = everything.mutate(covers=everything.count().over(together))
    order = ibis.window(
        group_by=list(RECORD), order_by=[ibis.desc(counted.covers), counted.rank, counted.variant]
    )
    ranked = counted.mutate(position=ibis.row_number().over(order))
    first = ranked.filter(ranked.position == 0)
    return first.select(*RECORD, "class_code", "evidence", *TERMS)


def what_if(case: Case, variants: ir.Table) -> ir.Table:
    """Charge the changed rows and keep those records that then agree to the cent.

    A record whose amounts agree already differs in something that no amount can explain.
    ``variants`` holds CHARGE_INPUT, changed, with the variant's name as ``policy_code``, and in
    words what the old and the new side say: ``words`` and ``base_words``. The evidence shows the
    calculation that gives the old amounts, and the new ones. Of a line that is a part of its
    bill's rounded sum nothing is kept.
    """
    most = div_trunc(ibis.literal(LARGEST_MONTHLY_NANOS), ibis.greatest(variants.quantity, 1))
    sound = by_themselves(variants.filter(variants.price_nanos.between(0, most)))
    records = case.records
    apart = records.filter(
        (records.old_net != records.new_net) | (records.old_tax != records.new_tax)
    )
    told = amounts(sound, case.taxes).union(_discounts_taxed(apart, sound, case.taxes))
    pairs = apart.inner_join(told, list(RECORD))
    fitting = pairs.filter((pairs.old_net == pairs.net) & (pairs.old_tax == pairs.tax))
    said = variants.select(
        *LINE, "charge_from", "words", "base_words", *TERMS,
        charged="category", variant="policy_code",
    )  # fmt: skip
    told = fitting.inner_join(said, [*LINE, "charge_from", "charged", "variant"])
    evidence = (
        amounts_in_words("old", told.old_net, told.old_tax, told.digits)
        + ": "
        + told.words
        + amounts_in_words("; new", told.new_net, told.new_tax, told.digits)
        + ": "
        + told.base_words
    )
    return told.mutate(evidence=evidence).select(*EXPLAINED)


def _discounts_taxed(records: ir.Table, variants: ir.Table, taxes: Taxes) -> ir.Table:
    """What ``amounts`` gives, of the account's discounts: as they are, with the variant's tax."""
    off = records.filter(records.discount_key != "", same_amount(records))
    off = off.select(*LINE, "charge_from", *OF_DISCOUNT, "new_net", "new_tax")
    charged = variants.rename(variant="policy_code", charged="category").select(*OF_VARIANT)
    on = [off[name] == charged[name] for name in (*LINE, "charge_from")]
    rows = charged.inner_join(off, [*on, off.discounted == charged.charged])
    within = rows.tax_inclusive.ifelse(rows.new_tax, 0)
    lines = rows.mutate(category=ibis.literal(DISCOUNT), net=rows.new_net + within)
    return taxed(lines.select(*OF_VARIANT, "category", "net", *OF_DISCOUNT), taxes)


def net_of(charges: ir.Table, amount: ir.IntegerValue) -> ir.IntegerValue:
    """What rows of CHARGE_INPUT charge, without the tax where their price contains it."""
    without = without_tax(amount, charges.tax_ppm, charges.tax_rounding_mode)
    return charges.tax_inclusive.ifelse(without, amount)


def same_amount(records: ir.Table) -> ir.BooleanValue:
    """Whether nothing but tax differs: the net is the same, or the price that contains the tax."""
    total = records.old_net + records.old_tax == records.new_net + records.new_tax
    return (records.old_net == records.new_net) | total


def with_their_charge(found: ir.Table) -> ir.Table:
    """Of what another charge explains, a discount only together with the charge it is taken from.

    The discount is a share of the charge, so it never changes alone.
    """
    charges = found.filter(found.category == RECURRING).select(*LINE, "variant").view()
    followed = found.semi_join(charges, [*LINE, "variant"])
    return followed.select(*EXPLAINED)


def by_themselves(rows: ir.Table) -> ir.Table:
    """The charges whose amount follows from their own row.

    One of a bill that is rounded as a whole depends on the other lines, so what another price or
    rule would make of it alone proves nothing to the cent.
    """
    return rows.filter(rows.rounding_scope != ChargeRounding.BILL.value)


def recurring_charges(rows: ir.Table) -> ir.Table:
    """The charges that come again with each interval: none for usage, none that is due once."""
    return rows.filter(rows.category == RECURRING)


def behind(charge_rows: ir.Table, records: ir.Table) -> ir.Table:
    """The CHARGE_INPUT rows behind these records, as the new side charged them."""
    wanted = records.select(*LINE).distinct()
    return charge_rows.select(*CHARGE_INPUT.ibis).semi_join(wanted, list(LINE))


def amounts(variants: ir.Table, taxes: Taxes) -> ir.Table:
    """Net and tax that each variant gives the charge's own and the discount line; 0 for no line."""
    charged = charge(variants).rename(variant="policy_code", charged="category")
    itself = charged.select(*OF_VARIANT, category=charged.charged, net=charged.gross_minor)
    with_discount = charged.filter(charged.charged == RECURRING)
    discount = with_discount.select(
        *OF_VARIANT,
        category=ibis.literal(DISCOUNT, charged.charged.type()),
        net=with_discount.discount_minor,
    )
    return taxed(of_discount(itself.union(discount, distinct=True)), taxes)


def of_discount(rows: ir.Table) -> ir.Table:
    """The rows with which discount of the account each takes off, as text: empty where none."""
    there = {name: rows[name] for name in OF_DISCOUNT if name in rows.columns}
    empty = ibis.literal("")
    return rows.mutate(
        **{name: there[name].fill_null("") if name in there else empty for name in OF_DISCOUNT}
    )


def exempt(exemption: ir.Table, rates: ir.Table) -> ir.Table:
    """Who need not pay which tax on which ``period_from``, each once: ``exempt`` of ``Taxes``."""
    named = rates.select("period_from", "tax_name").distinct()
    free = exemption.rename(of="tax_name")
    on = [
        named.period_from >= free.valid_from,
        free.valid_to.isnull() | (named.period_from < free.valid_to),
        free.of.isnull() | (free.of == named.tax_name),
    ]
    return named.inner_join(free, on).select("account_key", "period_from", "tax_name").distinct()


def with_sums(rates: ir.Table) -> ir.Table:
    """Reads ``valid_rates``; writes the ``rates`` of ``Taxes``: adds to each what all taxes of its
    kind take together, as ``whole_ppm``, and whether it is the ``highest`` of them.
    """
    order = [ibis.desc(rates.rate_ppm), rates.tax_name]
    place = ibis.row_number().over(ibis.window(group_by=list(OF_RATE), order_by=order))
    together = sum_int64(rates.rate_ppm, over=ibis.window(group_by=list(OF_RATE)))
    return rates.mutate(whole_ppm=together, highest=place == 0)


def taxed(lines: ir.Table, taxes: Taxes) -> ir.Table:
    """Adds the tax of each line, which is that of each of its taxes by itself.

    Of a price that contains its taxes, ``net`` is what is left without them, and the highest tax is
    what the others leave: so an other one that is not due is taken from what the price has left.
    """
    rates = taxes.rates.select(*OF_RATE, "tax_name", "whole_ppm", "highest", tax_ppm="rate_ppm")
    pairs = lines.rename(priced="net").inner_join(rates, list(OF_RATE))
    without = without_tax(pairs.priced, pairs.whole_ppm, pairs.tax_rounding_mode)
    net = pairs.tax_inclusive.ifelse(without, pairs.priced)
    free = taxes.exempt.mutate(free=True)
    keys = ["account_key", "period_from", "tax_name"]
    found = pairs.mutate(net=net).left_join(free, keys).drop(*(f"{key}_right" for key in keys))
    inclusive, due = found.tax_inclusive, found.free.isnull()
    each = found.mutate(
        part=inclusive.ifelse(_stated(found), line_tax(found, found.net)),
        is_rest=inclusive & found.highest,
        due=due,
    )
    counted = (each.due & ~each.is_rest).ifelse(each.part, 0)
    rest = each.is_rest.ifelse(each.priced - each.net, -each.part)
    sums = each.group_by(*lines.columns, "priced").aggregate(
        counted=sum_int64(counted), rest=sum_int64(rest), rest_due=(each.is_rest & each.due).any()
    )
    return sums.mutate(tax=sums.counted + sums.rest_due.ifelse(sums.rest, 0)).drop(
        "priced", "counted", "rest", "rest_due"
    )


def _stated(line: ir.Table) -> ir.IntegerValue:
    return tax_of(line.net, line.tax_ppm, line.tax_rounding_mode)


def amounts_in_words(
    side: str, net: ir.IntegerValue, tax: ir.IntegerValue, digits: ir.IntegerValue
) -> ir.StringValue:
    """``old 49.00 and tax 4.34``, for evidence."""
    return ibis.literal(f"{side} ") + money(net, digits) + " and tax " + money(tax, digits)


def money(minor: ir.IntegerValue, digits: ir.IntegerValue) -> ir.StringValue:
    """Minor units with the currency's digits as text, for evidence."""
    text = minor.abs().cast("string").lpad(digits + 1, "0")
    whole, part = text.substr(0, text.length() - digits), text.right(digits)
    return (minor < 0).ifelse("-", "") + whole + _after_point(part)


def price_words(nanos: ir.IntegerValue, digits: ir.IntegerValue) -> ir.StringValue:
    """A price in nanos with at least the currency's digits as text, for evidence."""
    text = nanos.cast("string").lpad(10, "0")
    whole, part = text.substr(0, text.length() - 9), text.right(9)
    short = part.re_replace("0+$", "")
    return whole + _after_point(part.left(ibis.greatest(short.length(), digits)))


def rate_words(ppm: ir.IntegerValue) -> ir.StringValue:
    """Millionths as percent with the digits that they need, for evidence."""
    text = ppm.cast("string").lpad(5, "0")
    whole, part = text.substr(0, text.length() - 4), text.right(4).re_replace("0+$", "")
    return whole + _after_point(part) + " %"


def _after_point(part: ir.StringValue) -> ir.StringValue:
    return (part == "").ifelse("", ibis.literal(".") + part)
