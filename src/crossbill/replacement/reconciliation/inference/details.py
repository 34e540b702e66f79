"""What the inferred policies leave open: what does not fit, and what was set aside."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crossbill.core.money import format_minor, format_nanos, minor_digits
from crossbill.replacement.migration.sources import ROW_PROBLEMS
from crossbill.replacement.migration.types import FIELD_PROBLEMS
from crossbill.replacement.reconciliation.inference import (
    amounts,
    bill_discounts,
    comparable,
    taxes,
)
from crossbill.replacement.reconciliation.inference.infer import FamilyFit, Inference

Row = dict[str, Any]
STATED = {
    "stated_account": "account_key", "billed_account": "account_key",
    "stated_currency": "currency",
}  # fmt: skip
PLACED = ("file", "line", "code", "field", "value")
ORDER = ("file", "line", "product_key", "account_key", "period_from", "discount_key")


def winners(fits: Sequence[FamilyFit]) -> ir.Table:
    """The numbers of the candidates that were chosen for each family."""
    rows = [
        {
            "family": fit.family,
            "net_number": fit.net.number,
            "tax_number": fit.tax.number,
            "discount_number": fit.discount.number,
        }
        for fit in fits
    ]
    numbers = ("net_number", "tax_number", "discount_number")
    schema = pa.schema({"family": pa.string()} | dict.fromkeys(numbers, pa.int64()))
    return ibis.memtable(pa.Table.from_pylist(rows, schema))


def unfit_lines(found: Inference) -> list[Row]:
    """Old lines whose amount is another one by the policy of their family, in order of their place.

    ``old_minor`` and ``now_minor`` are those of all lines of the same key. What only the policy
    charges has no file.
    """
    t = found.tables
    numbers = winners(found.fits)
    best = t["pattern"].inner_join(numbers.rename(number="net_number"), "family")
    bad = best.anti_join(amounts.reproduced(best, t["fit"]), "pattern")
    now = amounts.costs(bad, t["item"], t["share"])
    rows = t["unit"].inner_join(now.drop("number"), "pattern")
    holders = t["holder"].select("product_key", account_key="holder")
    rows = rows.inner_join(holders, "product_key")
    key = _key(found)
    lines = t["taxable"].filter(t["taxable"].code.isnull()).select(*key, "file", "line")
    placed = rows.left_join(lines, list(key)).drop(*(f"{name}_right" for name in key))
    shown = placed.select(
        "file", "line", "family", "account_key", *key, "currency", "lines", "old_minor", "now_minor"
    )
    return _fetched(found, shown)


def unfit_taxes(found: Inference) -> list[Row]:
    """Old lines and bills whose tax is another one by the policy, in order of their place."""
    t = found.tables
    numbers = winners(found.fits).select("family", number="tax_number")
    line = t["line_tax"].filter(~t["line_tax"].fits).inner_join(t["printed"], "line_id")
    lines = line.inner_join(numbers, ["family", "number"]).select(
        "file", "line", "currency", "now_minor", kind=ibis.literal("line"), old_minor="tax_minor"
    )
    bill = t["bill_tax_now"].filter(~t["bill_tax_now"].fits).inner_join(t["bill"], "bill_id")
    of = t["bill_family"].rename(account_key="billed_account")
    bills = bill.inner_join(of, ["account_key", "period_from"])
    bills = bills.inner_join(numbers, ["family", "number"]).select(
        "file", "line", "currency", "now_minor", kind=ibis.literal("bill"), old_minor="old_tax"
    )
    return _fetched(found, lines.union(bills.distinct()))


def unfit_discounts(found: Inference) -> list[Row]:
    """Discounts of whole bills that come to another amount, in order of their place.

    One that is due and stands on no old bill has no file.
    """
    if not found.shape.discounts:
        return []
    t, key = found.tables, list(bill_discounts.UNIT)
    numbers = winners(found.fits).select("family", number="discount_number")
    wrong = t["off_now"].filter(~t["off_now"].fits).inner_join(t["off_unit"], "unit_id")
    rows = wrong.inner_join(numbers, ["family", "number"])
    lines = t["off_line"].filter(t["off_line"].code.isnull()).select(*key, "file", "line")
    placed = rows.left_join(lines, key).drop(*(f"{name}_right" for name in key))
    shown = placed.select(
        "file", "line", "family", "period_from", "discount_key", "currency", "old_minor",
        "now_minor", account_key="billed_account",
    )  # fmt: skip
    return _fetched(found, shown)


def _key(found: Inference) -> tuple[str, ...]:
    """What tells one compared line from another."""
    further = (name for name in amounts.FURTHER if name in found.tables["unit"].columns)
    return (*amounts.KEY, *further)


def _fetched(found: Inference, rows: ir.Table) -> list[Row]:
    order = [name for name in ORDER if name in rows.columns]
    fetched: list[Row] = found.backend.to_pyarrow(rows.order_by(*order)).to_pylist()
    return fetched


def set_aside(found: Inference, read: pa.Table) -> list[Row]:
    """What was read and is not compared: its place, code, field, value, what is wrong and the cure.

    ``read`` is what could not even be read, of the dataset ``suspended``.
    """
    rows = worded_reasons(read.to_pylist(), {})
    judged = {"taxable": comparable.REASONS, "bill": taxes.REASONS}
    if found.shape.discounts:
        judged["off_line"] = comparable.REASONS | bill_discounts.REASONS
    for name, reasons in judged.items():
        table = found.tables[name]
        bad = table.filter(table.code.notnull()).select(*PLACED)
        rows += [_reason(row, reasons) for row in _fetched(found, bad)]
    return sorted(rows, key=lambda row: (row["file"], row["line"], row["code"]))


def worded_reasons(rows: Sequence[Row], reasons: Mapping[str, tuple[str, str]]) -> list[Row]:
    """What was set aside, with the words of its reason: one of these, or a fault of reading."""
    records = {code: (problem.what, problem.cure) for code, problem in ROW_PROBLEMS.items()}
    return [_reason(row, {**records, **FIELD_PROBLEMS, **reasons}) for row in rows]


def _reason(row: Row, reasons: Mapping[str, tuple[str, str]]) -> Row:
    """The place and the value as the file has them, with the words of the reason."""
    words = ("the engine cannot charge it", "mend the facts that it names")
    what, cure = reasons.get(row["code"], words)
    field, value = row["field"], row["value"]
    if field and field.endswith("_nanos"):
        field, value = field.removesuffix("_nanos"), format_nanos(int(value))
    told = {"field": STATED.get(field, field), "value": value}
    return {name: row[name] for name in PLACED} | told | {"what": what, "cure": cure}


def in_words(row: Row) -> Row:
    """A row with its money as decimal text and its days as text."""
    digits = minor_digits(row["currency"])
    shown = {"old_minor": "old", "now_minor": "computed"}
    return {
        shown.get(name, name): _shown(value, digits if name in shown else None)
        for name, value in row.items()
    }


def _shown(value: Any, digits: int | None) -> Any:
    if digits is not None:
        return format_minor(value, digits)
    return str(value) if isinstance(value, date) else value
