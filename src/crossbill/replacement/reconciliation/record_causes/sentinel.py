"""One side is empty where the other holds a value that means "not set"."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.classify import explained
from crossbill.replacement.reconciliation.records import Records

CODE = "SENTINEL"
PRECEDENCE = 60
NEEDS = ()

DATES = ("9999-12-31", "1900-01-01", "1970-01-01", "0001-01-01")
# Old systems write -1 to -10, or nines, where nobody stated an amount; both in whole units.
UNITS = {"nanos": 1_000_000_000, "minor": 100, "count": 1}
NINES = {
    "nanos": (9_999_999_990_000_000,),
    "minor": (999_999_999,),
    "count": (9_999_999, 99_999_999, 999_999_999),
}


def explain(records: Records) -> ir.Table:
    """Fields that are empty on one side, and on the other blank, a far date or a marking number."""
    d = records.differences
    marked = [
        _marks(d, f"{side}_value", f"{side}_number") & d[f"{other}_value"].isnull()
        for side, other in (("left", "right"), ("right", "left"))
    ]
    shown = ibis.ifelse(marked[0], d.left_value, d.right_value)
    words = ibis.literal("'") + shown + ibis.literal("' means not set, as the empty field does")
    return explained(d, (d.kind == "different") & (marked[0] | marked[1]), words)


def _marks(d: ir.Table, value: str, number: str) -> ir.BooleanValue:
    """Whether the side's value means that there is none."""
    blank = (d.type == "text") & (d[value].strip() == "")
    far = (d.type == "date") & d[value].isin(DATES)
    told = [
        (d.unit == unit) & (d[number].isin(NINES[unit]) | _is_minus_one_to_ten(d[number], whole))
        for unit, whole in UNITS.items()
    ]
    return (blank | far | ibis.or_(*told)).fill_null(False)


def _is_minus_one_to_ten(number: ir.IntegerValue, unit: int) -> ir.BooleanValue:
    return (number % unit == 0) & number.between(unit * -10, unit * -1)
