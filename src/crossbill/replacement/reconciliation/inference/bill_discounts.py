"""Discounts of whole bills under every candidate at once, on the charges that the old bills print.

What a discount is taken from, and which comes first, is a term of the discount that old systems
seldom export. Taking them off what the old bill prints, and not off what a policy would charge,
keeps a wrong price from looking like a wrong discount.
"""

from collections.abc import Sequence
from typing import Any

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.engine.calculation import Step, Tables
from crossbill.platform.billing import discounts
from crossbill.platform.billing.bill import DISCOUNT
from crossbill.platform.billing.due import RECURRING
from crossbill.platform.billing.look_up import looked_up
from crossbill.replacement.reconciliation.inference import taxes
from crossbill.replacement.reconciliation.inference.comparable import Fault, with_first_fault
from crossbill.replacement.reconciliation.inference.space import DiscountOf, DiscountOrder

OFF, NOT_OFF = "off", "not_off"  # a discount that stands on an old bill, and one that does not
BILL = ("billed_account", "period_from")
UNIT = (*BILL, "discount_key")
NO_NAME = ""  # of a discount, where not every line names its own: all of a bill are one sum

PRINTED = (
    "file", "line", "line_id", *BILL, "product_key", "category", "price_code", "charge_from",
    "currency", "tax_code", "tax_category", "tax_inclusive", "net_minor", "tax_minor",
    "minor_digits", "family", "usable",
)  # fmt: skip
KNOWN = ("USAGE_MISSING", "SUM_INCOMPLETE")  # lines set aside that say what they charge
# Why a discount of a whole bill is not compared, and what to do.
REASONS: dict[str, tuple[str, str]] = {
    "DISCOUNT_UNKNOWN": (
        "the account has no such discount on the first day of the period",
        "add its row to the discounts",
    ),
    "DISCOUNT_SHARED": (
        "the account pays for others, or others for it",
        "discounts of bills that are shared are not compared",
    ),
    "CHARGES_WITH_TAX": (
        "a price of its bill contains its taxes, and of such a one an old bill prints only parts",
        "discounts of bills with such prices are not compared",
    ),
    "CHARGES_SET_ASIDE": (
        "what it is taken from is not known: a charge of its bill is set aside, or none is there",
        "mend what the other lines of the bill say",
    ),
}


def is_off(old_line: ir.Table) -> ir.BooleanValue:
    """Whether an old line takes something off the whole bill."""
    without_product = old_line.product_key.fill_null("") == ""
    named = old_line.discount_key.fill_null("") != ""
    return named | ((old_line.category == DISCOUNT) & without_product).fill_null(False)


def judged(t: Tables, *, named: bool) -> ir.Table:
    """Reads the old lines and facts; writes the discounts of whole bills, and why one is not
    compared: ``code``, ``field`` and ``value``.
    """
    every = t["old_line"].filter(is_off(t["old_line"]))
    rows = every.rename(billed_account="account_key", stated_currency="currency")
    rows = rows.mutate(
        discount_key=rows.discount_key.fill_null("") if named else ibis.literal(NO_NAME)
    )
    account = t["account"].rename(billed_account="account_key")
    rows = looked_up(rows, account, BILL[:1], ("currency", "tax_code"), "accounts")
    rows = looked_up(rows, t["currency"], ("currency",), ("minor_digits",), "currencies")
    others = (
        (_families(t), BILL[:1]), (_bases(t), BILL), (_with_tax(t), BILL), (_given(t, named), UNIT),
    )  # fmt: skip
    for other, keys in others:
        rows = rows.left_join(other, list(keys)).drop(*(f"{key}_right" for key in keys))
    shared = _shared(t)
    rows = rows.left_join(shared, "billed_account").drop("billed_account_right")
    scale = integers.nanos_per_minor(rows.minor_digits.fill_null(0))
    rows = rows.mutate(
        net_minor=integers.quotient(rows.net_nanos, scale),
        tax_minor=integers.quotient(rows.tax_nanos, scale),
        rest=(rows.net_nanos % scale).abs() + (rows.tax_nanos.fill_null(0) % scale).abs(),
    )
    return with_first_fault(rows, _faults(rows))


def _faults(rows: ir.Table) -> list[Fault]:
    """The reasons in order."""
    other_currency = (rows.stated_currency != rows.currency).fill_null(False)
    return [
        ("ACCOUNT_UNKNOWN", "billed_account", rows.accounts.isnull()),
        ("ACCOUNT_DOUBLED", "billed_account", rows.accounts > 1),
        ("PERIOD_NOT_STATED", "period_from", rows.period_from.isnull()),
        ("CURRENCY_UNKNOWN", "currency", rows.minor_digits.isnull()),
        ("CURRENCY_MISMATCH", "stated_currency", other_currency),
        ("FINER_THAN_CURRENCY", "net_nanos", rows.rest != 0),
        ("DISCOUNT_SHARED", "billed_account", rows.shared.notnull()),
        ("CHARGES_WITH_TAX", "period_from", rows.with_tax.notnull()),
        ("CHARGES_SET_ASIDE", "period_from", rows.charges.isnull()),
        ("DISCOUNT_UNKNOWN", "discount_key", rows.given.isnull()),
    ]


def _families(t: Tables) -> ir.Table:
    """The first family of each account's products: an account is billed by one policy."""
    rows = t["holder"].group_by(billed_account="holder")
    return rows.aggregate(family=t["holder"].family.min())


def _bases(t: Tables) -> ir.Table:
    """The bills all of whose charges are known."""
    rows, unknown = t["line"].group_by(*BILL), ~_is_known(t["line"])
    sums = rows.aggregate(charges=t["line"].count(), unknown=t["line"].count(where=unknown))
    return sums.filter(sums.unknown == 0).drop("unknown")


def _with_tax(t: Tables) -> ir.Table:
    """The bills that charge for an offering of which a price contains its taxes."""
    within = t["component"].filter(t["component"].tax_inclusive).select("offering_code")
    held = t["product"].semi_join(within, "offering_code").select("product_key")
    bills = t["line"].semi_join(held, "product_key").select(*BILL).distinct()
    return bills.mutate(with_tax=ibis.literal(True))


def _is_known(line: ir.Table) -> ir.BooleanValue:
    """Whether a line says what is charged for what, be it compared or not."""
    return line.code.isnull() | line.code.isin(KNOWN)


def _given(t: Tables, named: bool) -> ir.Table:
    """Which discounts an account has on which bill."""
    bills, terms = t["line"].select(*BILL).distinct(), t["discount"]
    lasting = terms.valid_to.isnull() | (bills.period_from < terms.valid_to)
    begun = bills.period_from >= terms.valid_from
    rows = bills.inner_join(terms, [bills.billed_account == terms.account_key, begun, lasting])
    key = rows.discount_key if named else ibis.literal(NO_NAME)
    found = rows.select(*BILL, discount_key=key)
    return found.group_by(*UNIT).aggregate(given=found.count())


def _shared(t: Tables) -> ir.Table:
    """The accounts that pay for others, and those for which others pay."""
    rules = t["payer"]
    both = (rules.select(billed_account=name) for name in ("account_key", "payer_key"))
    return ibis.union(*both, distinct=True).mutate(shared=ibis.literal(True))


def units(off_line: ir.Table, t: Tables, *, named: bool) -> ir.Table:
    """What is compared: what the old lines take off a bill, by discount where each names its own.

    One without a line is what the account was to get on a bill that is there; not so where a
    discount of the bill was set aside, which may be that one.
    """
    sound = off_line.filter(off_line.code.isnull())
    old = sound.group_by(*UNIT).aggregate(
        lines=sound.count(), old_minor=integers.sum_int64(sound.net_minor)
    )
    aside = off_line.filter(off_line.code.notnull()).select(*BILL).distinct()
    due = _given(t, named).select(*UNIT).semi_join(_bases(t), list(BILL))
    due = due.anti_join(aside, list(BILL)).anti_join(_shared(t), "billed_account")
    due = due.anti_join(_with_tax(t), list(BILL))
    rows = old.select(*UNIT).union(due, distinct=True)
    rows = rows.left_join(old, list(UNIT)).drop(*(f"{key}_right" for key in UNIT))
    rows = rows.inner_join(_families(t), "billed_account")
    account = t["account"].select(billed_account="account_key", currency="currency")
    rows = rows.inner_join(account, "billed_account")
    return rows.mutate(
        unit_id=ibis.row_number().over(order_by=[rows[key] for key in UNIT]).cast("int64"),
        kind=ibis.ifelse(rows.lines.notnull(), OFF, NOT_OFF),
        lines=rows.lines.fill_null(0),
        old_minor=rows.old_minor.fill_null(0),
    )


def charges(t: Tables, *, narrow: bool) -> ir.Table:
    """What each bill prints, less the products' own discounts: by category alone, or, ``narrow``,
    by product, for discounts of some products only.
    """
    line = t["line"].filter(_is_known(t["line"])).semi_join(t["off_unit"], list(BILL))
    product = t["product"]
    held = product.group_by("product_key").aggregate(offering_code=product.offering_code.min())
    rows = line.inner_join(held, "product_key")
    own = (rows.category == DISCOUNT).fill_null(False)
    rows = rows.mutate(category=ibis.ifelse(own, RECURRING, rows.category.fill_null("")))
    each = rows.group_by(
        *BILL, "product_key", "offering_code", "category", "price_code", "charge_from"
    ).aggregate(left_minor=integers.sum_int64(rows.net_minor))
    each = each.filter(each.left_minor > 0)
    if not narrow:
        each = each.mutate(product_key=ibis.literal(""), offering_code=ibis.literal(""))
    key = ("product_key", "offering_code", "category")
    return each.group_by(*BILL, *key).aggregate(left_minor=integers.sum_int64(each.left_minor))


def _numbered(account: ir.StringValue, number: ir.IntegerValue) -> ir.StringValue:
    return account + "|" + number.cast("string")


def tried(charge: ir.Table, candidate: ir.Table) -> ir.Table:
    """The charges once for each candidate, as ``discounts.taken`` reads them."""
    rows = charge.cross_join(candidate)
    made = rows.mutate(
        account_key=_numbered(rows.billed_account, rows.number),
        price_code=ibis.literal(""),
        charge_from=rows.period_from,
        sign=ibis.literal(1, "int64"),
    )
    return made.select(*discounts.LINE, "offering_code", "rounding_mode", "left_minor")


def terms(discount: ir.Table, candidate: ir.Table, stated: Sequence[str]) -> ir.Table:
    """The discounts once for each candidate, with the terms that they do not state."""
    rows = discount.cross_join(candidate)
    of = rows.discount_of.nullif(DiscountOf.ALL.value)
    percentage = rows.kind == discounts.PERCENTAGE
    first = percentage == (rows.discount_order == DiscountOrder.PERCENTAGE_FIRST.value)
    made = rows.mutate(
        account_key=_numbered(rows.account_key, rows.number),
        category=rows.category if "discount_of" in stated else of,
        position=(
            rows.position.fill_null(0)
            if "discount_order" in stated
            else ibis.ifelse(first, 0, 1).cast("int64")
        ),
        left_minor=ibis.null("int64"),
    )
    return made.select(*discounts.completed(discount.limit(0)).columns)


def fits(unit: ir.Table, candidate: ir.Table, shares: Sequence[ir.Table], named: bool) -> ir.Table:
    """What each unit comes to under each candidate, and whether that is what the old bill says."""
    taken = ibis.union(*shares) if len(shares) > 1 else shares[0]
    key = taken.discount_key if named else ibis.literal(NO_NAME)
    sums = taken.mutate(discount_key=key).group_by("account_key", "period_from", "discount_key")
    sums = sums.aggregate(off_minor=integers.sum_int64(taken["share"]))
    rows = unit.cross_join(candidate.select("number"))
    rows = rows.mutate(account_key=_numbered(rows.billed_account, rows.number))
    on = ["account_key", "period_from", "discount_key"]
    rows = rows.left_join(sums, on).drop(*(f"{key}_right" for key in on))
    now = -rows.off_minor.fill_null(0)
    return rows.select("unit_id", "number", now_minor=now, fits=now == rows.old_minor)


def as_printed(off_line: ir.Table, taxable: ir.Table, holder: ir.Table) -> ir.Table:
    """Reads discounts that name products, and ``taxable`` lines; writes both with what tax asks.

    A part of a discount is taxed as the charges of its product on the bill are, where that is one
    way.
    """
    terms = taxable.group_by(*BILL, "product_key").aggregate(
        untold=taxable.count(where=~taxable.usable),
        tax_category=taxable.tax_category.min(),
        tax_inclusive=taxable.tax_inclusive.max(),
        kinds=taxable.tax_category.nunique(),
        all_inclusive=taxable.tax_inclusive.min(),
    )
    on = [*BILL, "product_key"]
    rows = off_line.drop("family").left_join(terms, on).drop(*(f"{key}_right" for key in on))
    rows = rows.left_join(holder.select("product_key", "family"), "product_key")
    one_kind = (rows.kinds == 1) & (rows.tax_inclusive == rows.all_inclusive) & (rows.untold == 0)
    stated = ~rows.tax_inclusive | rows.tax_minor.notnull()
    place = ibis.row_number().over(order_by=[rows.file, rows.line]).cast("int64")
    parts = rows.mutate(
        line_id=-place - 1,  # those of products count from 0
        category=ibis.literal(DISCOUNT),
        usable=(rows.code.isnull() & one_kind & stated).fill_null(False),
    )
    return taxable.select(*PRINTED).union(parts.select(*PRINTED))


def outcome_rows(unit: ir.Table, mask: ir.Table) -> ir.Table:
    """The units with their masks, as rows of the table ``outcome`` before they are counted."""
    rows = unit.inner_join(mask, "unit_id")
    one = ibis.literal(1, "int64")
    return rows.mutate(rows=one, size_minor=rows.old_minor.abs())


def steps(passes: int, stated: Sequence[str], *, named: bool, narrow: bool) -> list[Step]:
    """The part of the search that asks for discounts of whole bills; none where nobody has any."""
    if not passes:
        return []
    made = [
        Step("off_line", lambda t: judged(t, named=named)),
        Step("off_unit", lambda t: units(t["off_line"], t, named=named)),
        Step("off_charge", lambda t: charges(t, narrow=narrow)),
        Step("off_left_0", lambda t: tried(t["off_charge"], t["discount_candidate"])),
        Step(
            "off_terms",
            lambda t: discounts.active(
                terms(t["discount"], t["discount_candidate"], stated), t["off_left_0"]
            ),
        ),
    ]
    for number in range(passes):
        made.extend(_pass(number))
    return [
        *made,
        Step("off_now", lambda t: _fits(t, passes, named=named)),
        Step("off_mask", lambda t: taxes.masks(t["off_now"], "unit_id")),
    ]


def _pass(number: int) -> list[Step]:
    lines, share = f"off_left_{number}", f"off_share_{number}"
    return [
        Step(share, lambda t: discounts.taken(t[lines], t["off_terms"], number)),
        Step(f"off_left_{number + 1}", lambda t: discounts.still(t[lines], t[share])),
    ]


def _fits(t: Tables, passes: int, *, named: bool) -> ir.Table:
    shares = [t[f"off_share_{number}"] for number in range(passes)]
    return fits(t["off_unit"], t["discount_candidate"], shares, named)


def stated_terms(found: dict[str, Any]) -> tuple[str, ...]:
    """Which terms are not searched: stated by some row, or of no account's bills."""
    order = found["positions"] or not found["both_kinds"]
    return tuple(
        name
        for name, is_told in (("discount_of", found["categories"]), ("discount_order", order))
        if is_told
    )
