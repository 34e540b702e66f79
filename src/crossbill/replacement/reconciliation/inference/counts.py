"""What came in and where it ended, proved; and which account has which policy."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import ibis

from crossbill.core.policy import Policy
from crossbill.replacement.reconciliation.inference import amounts, bill_discounts
from crossbill.replacement.reconciliation.inference.details import Row
from crossbill.replacement.reconciliation.inference.infer import Inference
from crossbill.replacement.reconciliation.inference.read_folder import OldBooks


def line_counts(found: Inference, books: OldBooks, unfit: Sequence[Row]) -> dict[str, int]:
    """Lines read, set aside, compared, reproduced and not; each line is in one of the last two.

    ``unfit`` are those of products and those that take something off whole bills.
    """
    tables = ("taxable", "off_line") if found.shape.discounts else ("taxable",)
    counted = _counts(found, books, tables, "bill_line")
    of_families = sum(
        outcome.lines
        for fit in found.fits
        for outcome in fit.outcomes
        if outcome.kind in (amounts.LINE, bill_discounts.OFF)
    )
    assert of_families == counted["compared"], "a compared line is of no family"
    missed = sum(row["file"] is not None for row in unfit)
    return counted | {
        "reproduced": counted["compared"] - missed,
        "unexplained": missed,
        "charged_without_a_line": len(unfit) - missed,
    }


def bill_counts(found: Inference, books: OldBooks, wrong: Sequence[Row]) -> dict[str, int]:
    """Bills read, set aside, compared, and those whose tax is reproduced or not."""
    if "bill" not in books.counted:
        return {"read": 0, "set_aside": 0, "compared": 0, "reproduced": 0, "unexplained": 0}
    counted = _counts(found, books, ("bill",), "bill")
    missed = sum(row["kind"] == "bill" for row in wrong)
    return counted | {"reproduced": counted["compared"] - missed, "unexplained": missed}


def _counts(found: Inference, books: OldBooks, tables: Sequence[str], name: str) -> dict[str, int]:
    rows = ibis.union(*(found.tables[table].select("code") for table in tables))
    asked = rows.aggregate(rows=rows.count(), sound=rows.code.isnull().cast("int64").sum())
    (told,) = found.backend.to_pyarrow(asked).to_pylist()
    held, sound = told["rows"], told["sound"] or 0
    counted = books.counted[name]
    without_taxes = name == "bill" and held == 0  # where taxes are not compared, no bill is
    assert held == counted.used or without_taxes, f"{counted.used} read, {held} judged"
    return {"read": counted.records, "set_aside": counted.records - sound, "compared": sound}


def by_code(aside: Sequence[Row]) -> dict[str, int]:
    """How many rows are set aside for each reason."""
    return dict(sorted(Counter(row["code"] for row in aside).items()))


def account_policies(
    found: Inference, by_family: Mapping[str, Policy]
) -> tuple[dict[str, str], list[str]]:
    """The policy of each account whose products are all billed by one; and the other accounts."""
    holder = found.tables["holder"]
    rows = found.backend.to_pyarrow(
        holder.select("holder", "family").distinct().order_by("holder", "family")
    ).to_pylist()
    codes: dict[str, set[str]] = {}
    for row in rows:
        if row["family"] in by_family:
            codes.setdefault(row["holder"], set()).add(by_family[row["family"]].policy_code)
    mixed = [account for account, found_codes in codes.items() if len(found_codes) > 1]
    return {a: min(names) for a, names in codes.items() if len(names) == 1}, mixed


def document_of(books: OldBooks) -> dict[str, Any]:
    """The records of each table, as JSON."""
    return {
        name: {
            "read": counted.records,
            "used": counted.used,
            "doubled": counted.doubled,
            "set_aside": counted.aside,
        }
        for name, counted in books.counted.items()
    }
