"""Bills and their lines, made of charges; a bill's amounts are the sums of its printed lines."""

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.engine.billing_datasets import COMPUTED_BILL, COMPUTED_LINE, CREDIT_USE, NET_LINE
from crossbill.engine.identities import identity
from crossbill.platform.billing.resolve import cycle_of

DISCOUNT = "discount"
_BILL_KEYS = ("bill_key", "account_key", "period_from", "period_to", "currency")


def net_lines(charged: ir.Table) -> ir.Table:
    """Reads ``charge``; writes ``net_line``: what is charged, and apart what its discount takes.

    The category of a line is that of its charge: recurring, one_time, or usage with its number of
    events. A charge without a single counted day has no line. A charged amount of 0 has one,
    because somebody stated that price.
    """
    counted = charged.filter(charged.numerator > 0).mutate(counted_as=charged.category)
    none = ibis.null("string")
    counted = counted.mutate(discount_key=none)
    charge = counted.mutate(amount_minor=counted.gross_minor, taken_from=none)
    discounted = counted.filter(counted.discount_minor != 0)
    discount = discounted.mutate(
        category=ibis.literal(DISCOUNT, counted.category.type()),
        amount_minor=discounted.discount_minor,
        taken_from=discounted.price_code.nullif(""),
    )
    columns = tuple(NET_LINE.ibis)
    return charge.select(*columns).union(discount.select(*columns))


def bill_period(account: ir.Table, periods: ir.Table) -> ir.Table:
    """Reads those tables; writes each bill that there may be: an account in a period of its cycle.

    One account has one bill a period, so these two are the identity of the bill, ``bill_key``.
    """
    rows = account.mutate(cycle=cycle_of(account)).drop("bill_cycle_day")
    mine = rows.inner_join(periods.rename(cycle="bill_cycle_day"), "cycle")
    kind = ibis.literal("bill")
    key = identity(kind, mine.account_key, mine.period_from.cast("string"))
    return mine.select(
        "account_key", "period_from", "period_to", "currency", "tax_code", "policy_code",
        bill_key=key,
    )  # fmt: skip


def with_bill_key(rows: ir.Table, bill_period: ir.Table) -> ir.Table:
    """Adds the bill on which each line stands."""
    keys = bill_period.select("account_key", "period_from", "bill_key")
    return rows.inner_join(keys, ["account_key", "period_from"])


def bill_lines(taxed: ir.Table) -> ir.Table:
    """Reads lines with their bill and taxes; writes ``bill_line``."""
    of_account = taxed.discount_key.notnull()
    named = taxed.mutate(discounted=of_account.ifelse(taxed.counted_as, ibis.null("string")))
    return named.select(*COMPUTED_LINE.ibis)


def bill(
    bill_line: ir.Table, bill_tax: ir.Table, account: ir.Table, customer: ir.Table
) -> ir.Table:
    """Reads lines, taxes and who to print; writes bills without credits: one a period and account.

    A bill's tax is that of its taxes, which are its lines' or are worked out on their sum.
    """
    sums = bill_line.group_by(*_BILL_KEYS).aggregate(
        net_minor=integers.sum_int64(bill_line.net_minor)
    )
    taxes = bill_tax.group_by("bill_key").aggregate(
        bill_tax_minor=integers.sum_int64(bill_tax.tax_minor)
    )
    taxed = sums.left_join(taxes, "bill_key").drop("bill_key_right")
    tax = taxed.bill_tax_minor.fill_null(0)
    totalled = taxed.mutate(tax_minor=tax, total_minor=taxed.net_minor + tax)
    return totalled.left_join(_printed(account, customer), "account_key").drop("account_key_right")


def credit_use(bills: ir.Table, credit: ir.Table) -> ir.Table:
    """Reads bills and ``credit``; writes what each credit pays of the account's first bill.

    Credits are used in order of their position, each up to what is left of it and of the total.
    """
    first = ibis.window(group_by="account_key", order_by=bills.period_from)
    payable = bills.filter(bills.total_minor > 0)
    payable = payable.mutate(place=ibis.row_number().over(first))
    rows = payable.filter(payable.place == 0).inner_join(credit, "account_key")
    before = ibis.window(
        group_by="bill_key", order_by=[rows.position, rows.credit_key], preceding=None, following=0
    )
    so_far = integers.sum_int64(rows.left_minor, over=before)
    unpaid = ibis.greatest(rows.total_minor - (so_far - rows.left_minor), 0)
    used = rows.mutate(used_minor=ibis.least(rows.left_minor, unpaid))
    spent = used.filter(used.used_minor > 0)
    return spent.mutate(left_minor=spent.left_minor - spent.used_minor).select(*CREDIT_USE.ibis)


def with_credits(bills: ir.Table, used: ir.Table) -> ir.Table:
    """Reads bills and ``credit_use``; writes ``bill`` with what is left to pay."""
    sums = used.group_by("bill_key").aggregate(credit_minor=integers.sum_int64(used.used_minor))
    joined = bills.left_join(sums, "bill_key").drop("bill_key_right")
    credit = joined.credit_minor.fill_null(0)
    return joined.mutate(credit_minor=credit, due_minor=joined.total_minor - credit).select(
        *COMPUTED_BILL.ibis
    )


def _printed(account: ir.Table, customer: ir.Table) -> ir.Table:
    """Name and postcode for the paper, one row an account whatever the input."""
    named = account.left_join(customer.select("customer_key", "name"), "customer_key")
    return named.group_by("account_key").aggregate(
        printed_name=named.name.arbitrary(), printed_postcode=named.postcode.arbitrary()
    )
