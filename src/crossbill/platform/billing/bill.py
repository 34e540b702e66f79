"""Bills and their lines, made of charges; a bill's amounts are the sums of its printed lines."""

import ibis
import ibis.expr.types as ir

from crossbill.core.policy import TaxScope
from crossbill.engine import integers
from crossbill.engine.datasets import BILL, BILL_LINE
from crossbill.engine.identities import identity
from crossbill.platform.billing.charge import PPM

DISCOUNT = "discount"
_BILL_KEYS = ("bill_key", "account_key", "period_from", "period_to", "currency")


def lines(charged: ir.Table) -> ir.Table:
    """Reads ``charge``; writes ``bill_line``: what is charged, and apart what a discount takes off.

    The category of a line is that of its charge: recurring, or usage with its number of events.

    A charge without a single counted day has no line. A charged amount of 0 has one, because
    somebody stated that price.
    """
    counted = charged.filter(charged.numerator > 0)
    keyed = counted.mutate(bill_key=_bill_key(counted))
    charge = keyed.mutate(net_minor=keyed.gross_minor, tax_minor=keyed.gross_tax_minor)
    discounted = keyed.filter(keyed.discount_minor != 0)
    discount = discounted.mutate(
        category=ibis.literal(DISCOUNT, keyed.category.type()),
        net_minor=discounted.discount_minor,
        tax_minor=discounted.discount_tax_minor,
    )
    columns = tuple(BILL_LINE.ibis)
    return charge.select(*columns).union(discount.select(*columns))


def bill(bill_line: ir.Table, charged: ir.Table, account: ir.Table, customer: ir.Table) -> ir.Table:
    """Reads lines, charges and who to print; writes ``bill``: one per account and period.

    Tax is what the lines carry plus, where the policy taxes bills, the tax on the sum of each rate.
    """
    sums = bill_line.group_by(*_BILL_KEYS).aggregate(
        net_minor=integers.sum_int64(bill_line.net_minor),
        line_tax_minor=integers.sum_int64(bill_line.tax_minor),
    )
    taxed = sums.left_join(_bill_tax(charged), "bill_key").drop("bill_key_right")
    tax = taxed.line_tax_minor + taxed.bill_tax_minor.fill_null(0)
    totalled = taxed.mutate(tax_minor=tax, total_minor=taxed.net_minor + tax)
    printed = totalled.left_join(_printed(account, customer), "account_key")
    return printed.select(*BILL.ibis)


def _bill_key(rows: ir.Table) -> ir.StringValue:
    """One account has one bill a period, so these two are its identity."""
    kind = ibis.literal("bill")
    return identity(kind, rows.account_key, rows.period_from.cast("string"))


def _bill_tax(charged: ir.Table) -> ir.Table:
    """The tax of bills whose policy taxes the bill: on the sum of each rate, rounded once."""
    rows = charged.filter(charged.tax_scope == TaxScope.BILL.value, charged.numerator > 0)
    keyed = rows.mutate(bill_key=_bill_key(rows), net=rows.gross_minor + rows.discount_minor)
    rates = keyed.group_by("bill_key", "tax_ppm", "tax_rounding_mode").aggregate(
        net=integers.sum_int64(keyed.net)
    )
    tax = integers.mul_div_rounded(rates.net, rates.tax_ppm, PPM, rates.tax_rounding_mode)
    taxed = rates.mutate(tax=tax)
    return taxed.group_by("bill_key").aggregate(bill_tax_minor=integers.sum_int64(taxed.tax))


def _printed(account: ir.Table, customer: ir.Table) -> ir.Table:
    """Name and postcode for the paper, one row an account whatever the input."""
    named = account.left_join(customer.select("customer_key", "name"), "customer_key")
    return named.group_by("account_key").aggregate(
        printed_name=named.name.arbitrary(), printed_postcode=named.postcode.arbitrary()
    )
