"""Lines of an account's discounts: on one bill only, or other amounts because the charges are.

A discount of an account is worked out on all charges of a bill, so one charge that differs changes
the discount's part of every other. Whether it does is no guess: the discounts are taken off the old
bill's own charges, and only what then agrees to the cent follows from them.
"""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from crossbill.platform.billing import discounts
from crossbill.platform.billing.bill import DISCOUNT
from crossbill.platform.billing.commitments import COMMITMENT
from crossbill.platform.billing.due import RECURRING
from crossbill.replacement.reconciliation.classify import UNEXPLAINED
from crossbill.replacement.reconciliation.lines import (
    RECORD,
    TERMS,
    Taxes,
    amounts_in_words,
    taxed,
)

BILL = ("account_key", "period_from")
CHARGE = (*BILL, "product_key", "category", "price_code", "charge_from")
TAXED = ("tax_code", "tax_category", "tax_inclusive", "tax_scope", "tax_rounding_mode")


def given(old_line: ir.Table, new_line: ir.Table) -> ir.Table:
    """Which discounts take something off on which bill: BILL, ``discount_key``, on_old, on_new."""
    sides = [
        rows.filter(rows.discount_key.notnull())
        .select(*BILL, "discount_key")
        .mutate(on_old=ibis.literal(side == "old"))
        for side, rows in (("old", old_line), ("new", new_line))
    ]
    both = ibis.union(*sides)
    return both.group_by(*BILL, "discount_key").aggregate(
        on_old=both.on_old.any(), on_new=(~both.on_old).any()
    )


def old_charges(old_line: ir.Table, records: ir.Table, charge: ir.Table) -> ir.Table:
    """The charges of old bills whose discounts differ, less their products' own discounts.

    Gives what ``discounts.taken`` reads. How a discount is rounded is the account's policy's. It is
    taken from the price, so where that contains its tax, from both.
    """
    bills = records.filter(records.discount_key != "").select(*BILL).distinct()
    lines = old_line.semi_join(bills, list(BILL))
    within = with_their_tax(charge)
    own = lines.filter(lines.category == DISCOUNT, lines.discount_key.isnull())
    own = priced(own.mutate(category=ibis.literal(RECURRING)), within)
    own = own.select(*CHARGE, off="priced_minor")
    charged = priced(lines.filter(lines.category.notin((DISCOUNT, COMMITMENT))), within)
    rows = charged.left_join(own, list(CHARGE)).drop(*(f"{name}_right" for name in CHARGE))
    modes = charge.group_by("account_key").aggregate(rounding_mode=charge.rounding_mode.max())
    made = rows.inner_join(modes, "account_key").mutate(
        sign=ibis.literal(1, "int64"),
        left_minor=rows.priced_minor + rows.off.fill_null(0),
    )
    return made.filter(made.left_minor > 0).select(
        *discounts.LINE, "offering_code", "rounding_mode", "left_minor"
    )


def with_their_tax(charge: ir.Table) -> ir.Table:
    """The charges whose price contains its tax."""
    return charge.filter(charge.tax_inclusive).select(*CHARGE).distinct()


def priced(lines: ir.Table, within: ir.Table) -> ir.Table:
    """Adds the amount as the price says it; ``within``: the charges whose price has the tax in it.

    Who need not pay all of that tax has paid less: what is then left is told by no discount.
    """
    marked = lines.left_join(within.mutate(with_tax=True), list(CHARGE))
    tax = marked.with_tax.fill_null(False).ifelse(marked.tax_minor, 0)
    return marked.drop(*(f"{name}_right" for name in CHARGE)).mutate(
        priced_minor=marked.net_minor + tax
    )


def old_shares(shares: Sequence[ir.Table], charge: ir.Table, taxes: Taxes) -> ir.Table:
    """What each discount takes of each charge of the old bill: RECORD, ``net`` and ``tax``."""
    off = ibis.union(*shares) if len(shares) > 1 else shares[0]
    terms = charge.select(*CHARGE, *TAXED).distinct(on=list(CHARGE))
    rows = off.inner_join(terms, list(CHARGE))
    lines = rows.mutate(discounted=rows.category, category=ibis.literal(DISCOUNT), net=-rows.share)
    return taxed(lines.select(*RECORD, *TAXED, "net"), taxes).select(*RECORD, "net", "tax")


def following(
    lines: ir.Table, computed: ir.Table, records: ir.Table, explained: ir.Table
) -> ir.Table:
    """The records of ``lines`` that follow from charges which differ, shaped as ``explained``.

    They are what is ``computed`` on the old bill's own charges: RECORD, ``net`` and ``tax``, no row
    for no line. They are of the class of the charge that differs by most.
    """
    same = [lines[name].identical_to(computed[name]) for name in RECORD]
    computed = lines.left_join(computed, same).drop(*(f"{name}_right" for name in RECORD))
    net, tax = computed.net.fill_null(0), computed.tax.fill_null(0)
    fitting = computed.filter(computed.old_net == net, computed.old_tax == tax)
    told = [fitting[name].identical_to(explained[name]) for name in RECORD]
    alone = fitting.anti_join(explained, told)
    rows = alone.inner_join(_gravest(records, explained), list(BILL))
    old = amounts_in_words("old", rows.old_net, rows.old_tax, rows.digits)
    new = amounts_in_words("new", rows.new_net, rows.new_tax, rows.digits)
    words = old + "; " + new + ": it is worked out on charges that differ: " + rows.because
    none = {name: ibis.null(type_) for name, type_ in TERMS.items()}
    return rows.mutate(evidence=words, **none).select(*RECORD, "class_code", "evidence", *TERMS)


def _gravest(records: ir.Table, explained: ir.Table) -> ir.Table:
    """Per bill the class and evidence of what differs by most and is worked out on no other."""
    charges = records.filter(records.discount_key == "", records.category != COMMITMENT)
    same = [charges[name].identical_to(explained[name]) for name in RECORD]
    told = charges.left_join(explained.select(*RECORD, "class_code", "evidence"), same)
    size = (told.old_net - told.new_net).abs() + (told.old_tax - told.new_tax).abs()
    order = [ibis.desc(size), told.record_key]
    place = ibis.row_number().over(ibis.window(group_by=list(BILL), order_by=order))
    ranked = told.mutate(place=place)
    first = ranked.filter(ranked.place == 0)
    return first.select(
        *BILL,
        class_code=first.class_code.fill_null(UNEXPLAINED),
        because=first.evidence.fill_null("no known rule tells why"),
    )


def on_one_side(records: ir.Table, given: ir.Table) -> ir.Table:
    """The lines of discounts that one of the two bills does not give at all: RECORD, evidence."""
    off = records.filter(records.discount_key != "")
    pairs = off.inner_join(given, [*BILL, "discount_key"])
    alone = pairs.filter(~(pairs.on_old & pairs.on_new))
    old = amounts_in_words("old", alone.old_net, alone.old_tax, alone.digits)
    new = amounts_in_words("new", alone.new_net, alone.new_tax, alone.digits)
    named = ibis.literal("the discount ") + alone.discount_key + " of the account"
    words = ibis.ifelse(
        alone.on_old, old + ": " + named + "; the new bill does not give it",
        new + ": " + named + "; the old bill does not give it",
    )  # fmt: skip
    return alone.select(*RECORD, variant=ibis.literal("of the account"), evidence=words)
