"""Lines that other accounts pay: whether each of them was billed the part that is its own.

What is charged is compared with all parts of a line together; here the sum is shared by the rules
of who pays, as bills are, and each printed part has to be what comes out.
"""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.platform.billing import payers
from crossbill.platform.billing.bill import DISCOUNT
from crossbill.platform.billing.due import RECURRING
from crossbill.platform.billing.resolve import bill_days

PART_DIFFERS = "PART_DIFFERS"
MEASURES = ("net", "gross")  # of a price with its tax the parts are those of both


def with_parts(
    judged: ir.Table, payer: ir.Table, periods: ir.Table, key: Sequence[str]
) -> ir.Table:
    """Sets lines aside that are not the part that their account pays of all with their key.

    Several lines of one account and key were shared one by one, so their sum tells nothing.
    """
    part, days = _parts(judged, key), bill_days(periods)
    for measure in MEASURES:
        part = _beside(part, _expected(part, payer, days, key, measure), key, measure)
    right = (part.net == part.net_due) | (part.gross == part.gross_due)
    wrong = part.filter(part.lines == 1, ~right.fill_null(False))
    wrong = wrong.select(*key, "billed_account", wrong_part="net")
    rows = judged.left_join(wrong, [*key, "billed_account"])
    rows = rows.drop(*(f"{name}_right" for name in (*key, "billed_account")))
    differs = rows.code.isnull() & rows.wrong_part.notnull()
    return rows.mutate(
        code=ibis.ifelse(differs, PART_DIFFERS, rows.code),
        field=ibis.ifelse(differs, "stated_account", rows.field),
        value=ibis.ifelse(differs, rows.billed_account, rows.value),
    ).drop("wrong_part")


def _parts(judged: ir.Table, key: Sequence[str]) -> ir.Table:
    """What each account was billed of each key, of holders for whom others pay."""
    sound = judged.filter(judged.code.isnull())
    counted_as = sound.category.fill_null("")
    rows = sound.mutate(
        counted_as=ibis.ifelse(counted_as == DISCOUNT, RECURRING, counted_as),
        gross_minor=sound.net_minor + sound.tax_minor.fill_null(0),
    )
    return rows.group_by(*key, "account_key", "counted_as", "billed_account").aggregate(
        lines=rows.count(),
        net=integers.sum_int64(rows.net_minor),
        gross=integers.sum_int64(rows.gross_minor),
    )


def _expected(
    part: ir.Table, payer: ir.Table, days: ir.Table, key: Sequence[str], measure: str
) -> ir.Table:
    """The parts of the sum of all parts, as the rules share it."""
    whole = part.group_by(*key, "account_key", "counted_as").aggregate(
        amount_minor=integers.sum_int64(part[measure])
    )
    others = {name: ibis.literal("") for name in payers.LINE if name not in whole.columns}
    lines = whole.mutate(**others | {"sign": ibis.literal(1, "int64")})
    due = payers.shared(lines, payer, days)
    return due.group_by(*key, billed_account=due.account_key).aggregate(
        due=integers.sum_int64(due.amount_minor)
    )


def _beside(part: ir.Table, due: ir.Table, key: Sequence[str], measure: str) -> ir.Table:
    on = [*key, "billed_account"]
    rows = part.left_join(due.rename(**{f"{measure}_due": "due"}), on)
    return rows.drop(*(f"{name}_right" for name in on))
