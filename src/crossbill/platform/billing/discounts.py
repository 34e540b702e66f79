"""Discounts of a bill: in their stated order, each on what the earlier ones left.

What a discount takes is worked out on the sum of the lines that it applies to and shared among
them by largest remainder, so that each line, and its tax, knows its part. Credits (lines below 0)
are not discounted.
"""

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.engine import integers
from crossbill.engine.billing_datasets import DISCOUNT as DISCOUNT_TERMS
from crossbill.engine.billing_datasets import NET_LINE
from crossbill.platform.billing.bill import DISCOUNT
from crossbill.platform.billing.resolve import PPM
from crossbill.platform.billing.shares import largest_remainder

PERCENTAGE, AMOUNT = "percentage", "amount"
BILL = ["account_key", "period_from"]
LINE = [
    "account_key", "period_from", "product_key", "category", "price_code", "charge_from", "sign",
]  # fmt: skip


def completed(discount: ir.Table) -> ir.Table:
    """Discounts as ``discount`` has them, also where nothing is said of what is left of them."""
    left = ibis.null("int64") if "left_minor" not in discount.columns else discount.left_minor
    return discount.mutate(left_minor=left).select(*DISCOUNT_TERMS.ibis)


def most_of_an_account(backend: Backend, discount: ir.Table) -> int:
    """So many discounts has the account that has most; reads that table, which is small."""
    each = discount.group_by("account_key").aggregate(n=discount.count())
    return int(backend.to_pyarrow(each.n.max()).as_py() or 0)


def discountable(charge: ir.Table) -> ir.Table:
    """Reads ``charge``; writes its rows above 0 with ``left_minor``: less their own discount."""
    rows = charge.mutate(left_minor=charge.gross_minor + charge.discount_minor)
    return rows.filter(rows.left_minor > 0).select(
        *LINE, "offering_code", "rounding_mode", "left_minor"
    )


def active(discount: ir.Table, net_line: ir.Table) -> ir.Table:
    """Reads ``discount`` and the lines; writes the discounts of each bill, numbered as ``pass_no``.

    The first day of a bill's period says whether a discount is valid.
    """
    bills = net_line.select(*BILL).distinct()
    begun = bills.period_from >= discount.valid_from
    lasting = discount.valid_to.isnull() | (bills.period_from < discount.valid_to)
    rows = bills.inner_join(discount, [bills.account_key == discount.account_key, begun, lasting])
    rows = rows.rename(only_product="product_key")
    rows = rows.rename(
        only_offering="offering_code", only_category="category", left_of_it="left_minor"
    )
    window = ibis.window(group_by=BILL, order_by=[rows.position, rows.discount_key])
    return rows.mutate(pass_no=ibis.row_number().over(window).cast("int64"))


def taken(lines: ir.Table, discounts: ir.Table, pass_no: int) -> ir.Table:
    """What the discounts of one pass take from each line: LINE, discount_key and ``share``.

    ``lines`` has ``left_minor``: what earlier passes left of each.
    """
    mine = discounts.filter(discounts.pass_no == pass_no)
    rows = lines.inner_join(mine, BILL)
    fits = [
        rows[only].isnull() | (rows[only] == rows[name])
        for only, name in (
            ("only_product", "product_key"),
            ("only_offering", "offering_code"),
            ("only_category", "category"),
        )
    ]
    rows = rows.filter(rows.left_minor > 0, *fits)
    base = integers.sum_int64(rows.left_minor, over=ibis.window(group_by=BILL))
    based = rows.mutate(base_minor=base)
    off = based.mutate(off_minor=_off(based))
    shared = largest_remainder(
        off.filter(off.off_minor > 0), amount="off_minor", weight="left_minor", whole="base_minor",
        group=BILL, order=[name for name in LINE if name not in BILL],
    )  # fmt: skip
    return shared.filter(shared.share > 0).select(*LINE, "discount_key", "share")


def _off(rows: ir.Table) -> ir.IntegerValue:
    """What the discount takes of the sum: never more than is there, than a bill may have, is left.

    One that asks for a spend takes nothing below it.
    """
    by_rate = integers.mul_div_rounded(
        rows.base_minor, rows.rate_ppm.fill_null(0), PPM, rows.rounding_mode
    )
    wanted = ibis.ifelse(rows.kind == PERCENTAGE, by_rate, rows.amount_minor.fill_null(0))
    limits = [rows[name].fill_null(rows.base_minor) for name in ("most_minor", "left_of_it")]
    reached = rows.base_minor >= rows.spend_minor.fill_null(0)
    return ibis.ifelse(reached, ibis.least(rows.base_minor, wanted, *limits), 0)


def still(lines: ir.Table, share: ir.Table) -> ir.Table:
    """The lines with what one more pass left of them."""
    off = share.select(*LINE, "share")
    same = [lines[name].identical_to(off[name]) for name in LINE]
    joined = lines.left_join(off, same).drop(*(f"{name}_right" for name in LINE))
    left = joined.left_minor - joined.share.fill_null(0)
    return joined.mutate(left_minor=left).drop("share")


def discount_lines(net_line: ir.Table, shares: ir.Table) -> ir.Table:
    """Reads the lines and all shares; writes ``net_line`` rows for what is taken off."""
    off = shares.rename(taken_by="discount_key")
    rows = net_line.inner_join(off, [net_line[name].identical_to(off[name]) for name in LINE])
    return rows.mutate(
        price_code=rows.taken_by,
        discount_key=rows.taken_by,
        taken_from=rows.price_code.nullif(""),
        category=ibis.literal(DISCOUNT),
        amount_minor=-rows.share,
        events=ibis.null("int64"),
    ).select(*NET_LINE.ibis)
