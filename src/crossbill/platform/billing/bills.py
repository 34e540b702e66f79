"""The bills of a population as one compiled chain: due, resolve, charge, discount, tax, bill.

The shadow run, the live run, a preview and a what-if are this chain on other rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.money import MINOR_DIGITS
from crossbill.core.policy import ChargeRounding, TaxScope
from crossbill.engine.billing_datasets import (
    BILLED_ACCOUNT,
    BOUNDARY,
    CHARGED,
    COMMITMENT,
    COMPONENT,
    CREDIT,
    CREDIT_USE,
    CURRENCY,
    CYCLE_PERIODS,
    DISCOUNT,
    LISTED_PRICE,
    TAX,
)
from crossbill.engine.calculation import Calculation, Step, Tables, compiled_once
from crossbill.engine.concession_datasets import EXEMPTION
from crossbill.engine.dataset import Dataset
from crossbill.engine.datasets import CUSTOMER, PAYER, POLICY, PRODUCT, USAGE_TOTAL
from crossbill.platform.billing import bill, commitments, discounts, payers, price_lists, tax
from crossbill.platform.billing.charge import charge
from crossbill.platform.billing.due import boundaries
from crossbill.platform.billing.resolve import (
    bill_days,
    chargeable,
    cycle_periods,
    not_chargeable,
    resolve,
    resolve_usage,
)
from crossbill.platform.billing.whole_bills import rounded_together
from crossbill.platform.product.catalogue_format import STANDARD

INPUTS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        BILLED_ACCOUNT, CUSTOMER, PRODUCT, LISTED_PRICE, TAX, POLICY, CYCLE_PERIODS, CURRENCY,
        COMPONENT, CHARGED, BOUNDARY, USAGE_TOTAL, DISCOUNT, EXEMPTION, COMMITMENT, CREDIT, PAYER,
    )
}  # fmt: skip
OPTIONAL = ("by_product", "whole_bills", "usage", "commitments", "credits", "payers")  # of a shape
RESULTS = ("unresolved", "charge_input", "charge", "bill_line", "bill_tax", "bill", "credit_use")
TAX_TERMS = {"tax_category": STANDARD, "tax_name": "tax"}  # where a rate states neither


@dataclass(frozen=True)
class Shape:
    """What the chain is built for; what a population does not have costs nothing."""

    taxes: int = 1  # of a line, side by side
    by_product: bool = True  # some policy taxes the sum of a product's lines
    whole_bills: bool = False  # some policy rounds the sum of a bill's charges
    discounts: int = 0  # of a bill, one after the other
    usage: bool = False
    commitments: bool = False
    credits: bool = False
    payers: bool = False  # some accounts are paid for by others
    lists: price_lists.Lists = ()  # the kinds of price lists beside the general prices


@compiled_once
def billing(shape: Shape) -> Calculation:
    """Inputs: the tables of ``INPUTS`` by name. Results: the tables of ``RESULTS``."""
    return Calculation({name: dataset.ibis for name, dataset in INPUTS.items()}, steps(shape))


def steps(shape: Shape) -> list[Step]:
    """The steps of ``billing``, for a chain that goes on after them."""
    return [
        Step("bill_period", lambda t: bill.bill_period(t["account"], t["periods"])),
        Step("resolved", lambda t: _resolved(t, shape)),
        Step("charge_input", lambda t: chargeable(t["resolved"]), stored=False),
        *_charges(shape),
        *_discount_passes(shape),
        Step("net_line", lambda t: _net_lines(t, shape), stored=False),
        *_true_ups(shape),
        Step("unresolved", lambda t: _unresolved(t, shape), stored=False),
        Step("payable", lambda t: _payable(t, shape), stored=shape.payers),
        Step("taxed", lambda t: _taxed(t, shape)),
        Step("bill_line", lambda t: bill.bill_lines(t["taxed"]), stored=False),
        Step(
            "bill_tax",
            lambda t: tax.bill_taxes(t["taxed"], shape.taxes, by_product=shape.by_product),
        ),
        Step("total", _totals),
        Step("credit_use", lambda t: _credit_use(t, shape)),
        Step("bill", lambda t: bill.with_credits(t["total"], t["credit_use"])),
    ]


def bill_population(backend: Backend, tables: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    """Bill by the smallest chain that fits; ``tables`` are named as ``INPUTS``, optional ones may
    be missing. Gives the results and the inputs.
    """
    held = complete(backend, tables)
    return billing(shape_of(backend, held)).run(backend, held)


def unresolved(backend: Backend, tables: Mapping[str, ir.Table]) -> ir.Table:
    """What the same population could not be charged, held in memory; executes no charge."""
    held = complete(backend, tables)
    done = resolving().run(backend, {name: held[name] for name in RESOLVED})
    return ibis.memtable(backend.to_pyarrow(done["left_out"]))


@compiled_once
def resolving() -> Calculation:
    """The tables of ``RESOLVED`` by name -> ``left_out``, as ``unresolved`` gives it."""
    return Calculation(
        {name: INPUTS[name].ibis for name in RESOLVED},
        [Step("left_out", lambda t: not_chargeable(_resolved(t, Shape())))],
    )


def complete(backend: Backend, tables: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    """The same tables, and those that are missing: empty, or what follows from the others."""
    held = dict(tables)
    for name, dataset in INPUTS.items():
        if name not in held and name not in ("boundary", "currency"):
            held[name] = ibis.memtable(dataset.empty())
    if "currency" not in held:
        held["currency"] = currency_table()
    terms = {name: ibis.literal(value) for name, value in TAX_TERMS.items()}
    rates = held["tax_rate"]
    held["tax_rate"] = rates.mutate(**{n: v for n, v in terms.items() if n not in rates.columns})
    held["price"] = price_lists.completed(held["price"])
    held["discount"] = discounts.completed(held["discount"])
    held["commitment"] = held["commitment"].select(*COMMITMENT.ibis)
    if "anchor_day" not in held["periods"].columns:
        held["periods"] = ibis.memtable(backend.to_pyarrow(cycle_periods(held["periods"])))
    if "boundary" not in held:
        held["boundary"] = ibis.memtable(boundaries(_days(backend, held)))
    return held


def currency_table() -> ir.Table:
    """The minor digits of every currency that can be billed in."""
    return ibis.memtable(currency_rows())


def currency_rows() -> pa.Table:
    """The same in memory."""
    rows = [{"currency": code, "minor_digits": digits} for code, digits in MINOR_DIGITS.items()]
    return pa.Table.from_pylist(rows, CURRENCY.arrow)


def shape_of(backend: Backend, held: Mapping[str, ir.Table]) -> Shape:
    """The smallest shape that fits these tables; reads only the small ones."""
    rates = held["tax_rate"]
    names = rates.group_by("tax_code", "tax_category").aggregate(n=rates.tax_name.nunique())
    by_product = held["policy"].tax_scope == TaxScope.PRODUCT.value
    whole_bills = held["policy"].rounding_scope == ChargeRounding.BILL.value
    counts = {
        "taxes": names.n.max(),
        "by_product": by_product.cast("int64").sum(),
        "whole_bills": whole_bills.cast("int64").sum(),
        "usage": held["usage_total"].count(),
        "commitments": held["commitment"].count(),
        "credits": held["credit"].count(),
        "payers": held["payer"].count(),
    }
    found = {name: backend.to_pyarrow(count).as_py() or 0 for name, count in counts.items()}
    return Shape(
        taxes=max(found["taxes"], 1),
        discounts=discounts.most_of_an_account(backend, held["discount"]),
        lists=price_lists.kinds_of(backend, held["price"]),
        **{name: bool(found[name]) for name in OPTIONAL},
    )


def _days(backend: Backend, held: Mapping[str, ir.Table]) -> list[date]:
    """The days between which intervals are counted."""
    periods, charged = held["periods"], held["charged"]
    asked = (
        periods.period_from.min(), periods.period_to.max(), charged.charged_through.min(),
        charged.charged_through.max(),
    )  # fmt: skip
    days = [backend.to_pyarrow(day).as_py() for day in asked]
    return [day for day in days if day is not None]


RESOLVED = (
    "account", "product", "price", "tax_rate", "policy", "periods", "currency", "component",
    "charged", "boundary",
)  # fmt: skip


def _resolved(t: Tables, shape: Shape) -> ir.Table:
    """What products cost by themselves, and what they used: what is charged, and what cannot be."""
    account, *others = (t[name] for name in RESOLVED)
    if shape.lists:
        account = price_lists.with_segment(account, t["customer"])
    products = resolve(account, *others, lists=shape.lists)
    if not shape.usage:
        return products
    used = ("usage_total", "account", "tax_rate", "policy", "periods", "currency", "component")
    return products.union(resolve_usage(*(t[name] for name in used)))


def _charges(shape: Shape) -> list[Step]:
    """Each charge by itself, and where some policy says so together with those of its bill."""
    if not shape.whole_bills:
        return [Step("charge", lambda t: charge(t["charge_input"]))]
    return [
        Step("charged_alone", lambda t: charge(t["charge_input"])),
        Step("charge", lambda t: rounded_together(t["charged_alone"])),
    ]


def _discount_passes(shape: Shape) -> list[Step]:
    """Who has which discount, and for each pass what it takes and leaves."""
    if shape.discounts == 0:
        return []
    steps = [
        Step("left_0", lambda t: discounts.discountable(t["charge"])),
        Step("discounts", lambda t: discounts.active(t["discount"], t["left_0"])),
    ]
    for number in range(shape.discounts):
        steps.extend(_pass(number, last=number + 1 == shape.discounts))
    return steps


def _pass(number: int, *, last: bool) -> list[Step]:
    lines, share = f"left_{number}", f"share_{number}"
    takes = Step(share, lambda t: discounts.taken(t[lines], t["discounts"], number))
    if last:
        return [takes]
    return [takes, Step(f"left_{number + 1}", lambda t: discounts.still(t[lines], t[share]))]


def _net_lines(t: Tables, shape: Shape) -> ir.Table:
    lines = bill.net_lines(t["charge"])
    taken = [t[f"share_{number}"] for number in range(shape.discounts)]
    if not taken:
        return lines
    shares = ibis.union(*taken) if len(taken) > 1 else taken[0]
    return lines.union(discounts.discount_lines(lines, shares))


def _true_ups(shape: Shape) -> list[Step]:
    if not shape.commitments:
        return []
    return [Step("true_up", _true_up)]


def _true_up(t: Tables) -> ir.Table:
    payer = t["bill_period"].inner_join(t["policy"], "policy_code").select(
        "account_key", "period_from", "period_to", "currency", "tax_code", "day_count",
        "rounding_mode", "tax_scope", "tax_rounding_mode",
    )  # fmt: skip
    return commitments.true_up(t["net_line"], t["commitment"], payer)


def _payable(t: Tables, shape: Shape) -> ir.Table:
    """All lines, of the accounts that pay them."""
    lines, days = t["net_line"], bill_days(t["periods"])
    if shape.commitments:
        lines = lines.union(commitments.taxable(t["true_up"], t["tax_rate"], days))
    if shape.payers:
        return payers.shared(lines, t["payer"], days)
    return lines.mutate(used_by=ibis.null("string"))


def _taxed(t: Tables, shape: Shape) -> ir.Table:
    keyed, days = bill.with_bill_key(t["payable"], t["bill_period"]), bill_days(t["periods"])
    return tax.with_taxes(keyed, t["tax_rate"], t["exemption"], days, shape.taxes)


def _unresolved(t: Tables, shape: Shape) -> ir.Table:
    """What could not be charged: products, and commitments that no tax is stated for."""
    rows = not_chargeable(t["resolved"])
    if not shape.commitments:
        return rows
    days = bill_days(t["periods"])
    return rows.union(commitments.not_taxable(t["true_up"], t["tax_rate"], days))


def _totals(t: Tables) -> ir.Table:
    return bill.bill(t["bill_line"], t["bill_tax"], t["account"], t["customer"])


def _credit_use(t: Tables, shape: Shape) -> ir.Table:
    if shape.credits:
        return bill.credit_use(t["total"], t["credit"])
    return (
        t["credit"]
        .mutate(bill_key=t["credit"].credit_key, used_minor=t["credit"].left_minor)
        .select(*CREDIT_USE.ibis)
    )
