"""Lines of promised minimums that differ because what counts toward them does, or their tax.

What is missing of a minimum is worked out on all charges of a bill, so it is worked out once more
on the old bill's own, and only what then agrees to the cent follows from them. What another account
pays a part of agrees with no whole, and is not told.
"""

import ibis
import ibis.expr.types as ir

from crossbill.platform.billing import commitments
from crossbill.platform.billing.bill import DISCOUNT
from crossbill.platform.billing.due import RECURRING
from crossbill.replacement.reconciliation.account_discounts import (
    BILL,
    TAXED,
    priced,
    with_their_tax,
)
from crossbill.replacement.reconciliation.lines import RECORD, Taxes, of_discount, taxed

OF_PAYER = ("currency", "tax_code", "day_count", "rounding_mode", "tax_scope", "tax_rounding_mode")


def of_minimums(records: ir.Table) -> ir.Table:
    """The records that are lines of what is missing."""
    return records.filter(records.category == commitments.COMMITMENT)


def old_true_ups(
    old_line: ir.Table,
    explained: ir.Table,
    charge: ir.Table,
    commitment: ir.Table,
    taxes: Taxes,
) -> ir.Table:
    """What the charges of each old bill lack of the account's minimums: RECORD, ``net``, ``tax``.

    It is taxed where the other lines of the bill were, as far as ``explained`` tells that.
    """
    lines = commitments.true_up(_counting(old_line, charge), commitment, _payers(charge, explained))
    named = of_discount(lines.rename(net="amount_minor").drop("discount_key"))
    return taxed(named.select(*RECORD, *TAXED, "net"), taxes).select(*RECORD, "net", "tax")


def _counting(old_line: ir.Table, charge: ir.Table) -> ir.Table:
    """The old charges at their prices; a discount counts as what it is taken from."""
    lines = old_line.filter(old_line.category != commitments.COMMITMENT)
    own = (lines.category == DISCOUNT).ifelse(RECURRING, lines.category)
    counted = lines.mutate(category=lines.discounted.coalesce(own))
    rows = priced(counted, with_their_tax(charge))
    return rows.mutate(counted_as=rows.category, amount_minor=rows.priced_minor)


def _payers(charge: ir.Table, explained: ir.Table) -> ir.Table:
    """Each bill's rules, and the jurisdiction by which its old lines are told to be taxed."""
    terms = {name: charge[name].max() for name in ("period_to", *OF_PAYER)}
    bills = charge.group_by(*BILL).aggregate(**terms)
    elsewhere = explained.filter(explained.tax_code.notnull())
    told = elsewhere.group_by(*BILL).aggregate(told_code=elsewhere.tax_code.min())
    joined = bills.left_join(told, list(BILL)).drop(*(f"{name}_right" for name in BILL))
    return joined.mutate(tax_code=ibis.coalesce(joined.told_code, joined.tax_code))
