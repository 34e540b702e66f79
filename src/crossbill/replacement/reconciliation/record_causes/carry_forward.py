"""A balance was carried that is not the sum of the open items behind it."""

import ibis
import ibis.expr.types as ir

from crossbill.engine.integers import sum_int64
from crossbill.replacement.reconciliation.classify import IDENTITY
from crossbill.replacement.reconciliation.lines import money
from crossbill.replacement.reconciliation.records import Records

CODE = "CARRY_FORWARD"
PRECEDENCE = 70
NEEDS = ("balance", "open_item")


def explain(records: Records) -> ir.Table:
    """Balances of which exactly one is the sum of its own side's open items."""
    d = records.differences
    carried = d.filter(d.entity == "balance", d.field == "balance_minor", d.kind == "different")
    for side, tables in (("old", records.old), ("new", records.new)):
        items = tables["open_item"]
        sums = items.group_by("account_key").aggregate(
            **{f"{side}_items": sum_int64(items.open_minor)}
        )
        carried = carried.left_join(sums, "account_key").drop("account_key_right")
    old, new = carried.old_items.fill_null(0), carried.new_items.fill_null(0)
    off = carried.mutate(
        old_off=carried.left_number != old, new_off=carried.right_number != new, items=new
    )
    found = off.filter(off.old_off != off.new_off)
    digits = found.digits.fill_null(2)
    old_words = _words("old", found.left_number, found.old_items.fill_null(0), digits)
    new_words = _words("new", found.right_number, found["items"], digits)
    turned = found.left_number == -found.right_number
    sign = ibis.ifelse(turned, ": the amount of the other sign", "")
    return found.select(*IDENTITY, evidence=ibis.ifelse(found.new_off, new_words, old_words) + sign)


def _words(
    side: str, carried: ir.IntegerValue, items: ir.IntegerValue, digits: ir.IntegerValue
) -> ir.StringValue:
    said = ibis.literal(f"the {side} balance says ") + money(carried, digits)
    return said + ibis.literal(", its open items add up to ") + money(items, digits)
