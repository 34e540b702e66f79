"""What would be left after a fix: it is applied to a copy of the charges, and compared again.

What explained a line changed a term of its charge: a price, a discount, a rate, a day count. The
fix of a finding makes that change for everybody who shares its attributes, also where nothing
differed; what shares nothing is changed account by account. Then the one calculation charges again,
and the one comparison tells what still differs, or only now does.
"""

import ibis
import ibis.expr.types as ir

from crossbill.engine.datasets import CHARGE_INPUT
from crossbill.engine.integers import sum_int64
from crossbill.platform.billing.bill import DISCOUNT
from crossbill.platform.billing.due import RECURRING
from crossbill.replacement.reconciliation.compare import ComparedField, Comparison, compare
from crossbill.replacement.reconciliation.findings import PAIR, SUBJECT, Found
from crossbill.replacement.reconciliation.lines import (
    LINE,
    RECORD,
    TERMS,
    Taxes,
    amounts,
    by_themselves,
    of_discount,
)

CHARGE = (*LINE, "charge_from", "category")
AFTER = tuple(f"after_{name}" for name in TERMS)
ALIKE = ("number", "offering_code", "period_from", "category", *TERMS)  # charges that one rule has
NUMBERS = (ComparedField("net_minor", "integer"), ComparedField("tax_minor", "integer"))
LINES = Comparison("bill_line", ("number", *RECORD), NUMBERS, "account_key")


def changes(found: Found, explained: ir.Table, charges: ir.Table) -> ir.Table:
    """The charge behind each explained line with its finding, and its terms before and after."""
    known = explained.filter(ibis.or_(*(explained[name].notnull() for name in TERMS)))
    behind = ibis.ifelse(known.category == DISCOUNT, RECURRING, known.category)
    after = known.mutate(category=behind).select(
        *CHARGE, "class_code", **{f"after_{name}": known[name] for name in TERMS}
    )
    pairs = charges.select(*CHARGE_INPUT.ibis).inner_join(after.distinct(), list(CHARGE))
    members = found.member.inner_join(found.finding, [*SUBJECT, *PAIR])
    members = members.select("number", "class_code", "account_key", "attribute").distinct()
    return pairs.inner_join(members, ["class_code", "account_key"])


def changed(found: Found, known: ir.Table, charges: ir.Table) -> ir.Table:
    """The charges that the fixes change, as they are after it: CHARGE_INPUT and ``number``.

    ``known`` are the ``changes``. Of what shares attributes, charges that were alike before are
    alike after it, as most of them show.
    """
    alone = known.filter(known.attribute == "").select(*CHARGE_INPUT.ibis, "number", *AFTER)
    shared = known.filter(known.attribute != "")
    counted = shared.group_by(*ALIKE, *AFTER).aggregate(times=shared.count())
    order = [ibis.desc(counted.times), *(counted[name] for name in AFTER)]
    window = ibis.window(group_by=list(ALIKE), order_by=order)
    ranked = counted.mutate(place=ibis.row_number().over(window))
    rule = ranked.filter(ranked.place == 0).select(*ALIKE, *AFTER)
    together = _of_sharers(found, charges).inner_join(rule, list(ALIKE))
    rows = alone.union(together.select(*CHARGE_INPUT.ibis, "number", *AFTER)).distinct()
    return rows.mutate(**{name: rows[f"after_{name}"] for name in TERMS}).drop(*AFTER)


def _of_sharers(found: Found, charges: ir.Table) -> ir.Table:
    """The charges of everybody who shares a finding's attributes, differing or not."""
    who = found.sharer
    plain = by_themselves(charges.select(*CHARGE_INPUT.ibis))
    all_of_account = plain.inner_join(
        who.filter(who.product_key.isnull()).drop("product_key"), "account_key"
    )
    of_product = plain.inner_join(
        who.filter(who.product_key.notnull()).drop("account_key"), "product_key"
    )
    columns = (*CHARGE_INPUT.ibis, "number")
    return all_of_account.select(*columns).union(of_product.select(*columns)).distinct()


def charged_again(rows: ir.Table, taxes: Taxes) -> ir.Table:
    """The lines that changed charges give: ``number``, RECORD, net_minor and tax_minor."""
    again = amounts(rows.mutate(policy_code=rows.number.cast("string")), taxes)
    named = again.mutate(
        number=again.variant.cast("int64"), net_minor=again.net, tax_minor=again.tax
    )
    return _not_nothing(named.select("number", *RECORD, "net_minor", "tax_minor"))


def before(rows: ir.Table, old_line: ir.Table) -> ir.Table:
    """The old lines that should equal those of changed charges, in the same columns."""
    own = of_discount(rows).select("number", *RECORD)
    discount = own.filter(own.category == RECURRING).mutate(category=ibis.literal(DISCOUNT))
    wanted = own.union(discount.select(*own.columns)).distinct()
    lines = of_discount(old_line).select(*RECORD, "net_minor", "tax_minor")
    found = lines.inner_join(wanted, list(RECORD))
    return _not_nothing(found.select("number", *RECORD, "net_minor", "tax_minor"))


def _not_nothing(lines: ir.Table) -> ir.Table:
    """A line without an amount says what no line says."""
    return lines.filter((lines.net_minor != 0) | (lines.tax_minor != 0))


def left(found: Found, rows: ir.Table, old: ir.Table, again: ir.Table) -> ir.Table:
    """Per finding with changed charges: ``number``, ``mended_accounts`` and ``left_accounts``."""
    still = compare(old, again, LINES).differences
    still = still.select(
        "account_key", number=still.record_key.re_extract(r"^([^|]*)", 1)
    ).distinct()
    still = still.mutate(number=still.number.cast("int64"))
    touched = rows.select("number", "account_key").distinct()
    members = found.member.inner_join(found.finding, [*SUBJECT, *PAIR])
    members = members.select("number", "account_key").distinct()
    untouched = members.semi_join(touched, "number").anti_join(touched, ["number", "account_key"])
    remaining = still.select("number", "account_key").union(untouched, distinct=True)
    mended = members.semi_join(touched, "number").anti_join(remaining, ["number", "account_key"])
    counts = [
        part.mutate(mended=ibis.literal(fixed, "int64"), remaining=ibis.literal(1 - fixed, "int64"))
        for part, fixed in ((mended, 1), (remaining, 0))
    ]
    both = ibis.union(*counts)
    return both.group_by("number").aggregate(
        mended_accounts=sum_int64(both.mended), left_accounts=sum_int64(both.remaining)
    )
