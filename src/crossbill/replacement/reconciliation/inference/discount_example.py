"""A bill that tells terms of discounts apart which the data does not, worked out by the engine."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.money import format_minor, minor_digits
from crossbill.engine.billing_datasets import DISCOUNT
from crossbill.platform.billing import discounts
from crossbill.replacement.reconciliation.inference import bill_discounts
from crossbill.replacement.reconciliation.inference.candidates import DISCOUNT_CANDIDATE

SOME_DAY = date(2024, 1, 1)
SHARE_PPM, AMOUNT_MINOR = 100_000, 500
CHARGES = {"recurring": 4000, "usage": 2000, "one_time": 1000}  # in minor units


def discount_example(
    backend: Backend, rules: Sequence[Mapping[str, Any]], currency: str
) -> list[str]:
    """What a share and an amount take off a bill by the first of some terms, and by each other."""
    numbered = [{**each, "number": number} for number, each in enumerate(rules)]
    candidate = ibis.memtable(pa.Table.from_pylist(numbered, DISCOUNT_CANDIDATE.arrow))
    taken = _taken(backend, candidate)

    def text(minor: int) -> str:
        return format_minor(minor, minor_digits(currency))

    recurring, usage, once = (text(amount) for amount in CHARGES.values())
    bill = f"On a bill of {recurring} recurring, {usage} usage and {once} charged once"
    less = f"10 % and {text(AMOUNT_MINOR)} together take off"
    return [
        f"{bill}, {less} {text(taken[0])} under {_said(rules[0], other)}"
        f" and {text(taken[number])} under {_said(other, rules[0])}"
        for number, other in enumerate(rules)
        if number
    ]


def _said(rules: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in rules.items() if other[name] != value)


def _taken(backend: Backend, candidate: ibis.Table) -> dict[int, int]:
    """What both discounts take off the bill under each candidate."""
    charges = [
        {
            "billed_account": "", "period_from": SOME_DAY, "product_key": "",
            "offering_code": "", "category": category, "left_minor": amount,
        }
        for category, amount in CHARGES.items()
    ]  # fmt: skip
    charge = ibis.memtable(pa.Table.from_pylist(charges))
    always = {"account_key": "", "valid_from": SOME_DAY}
    both = [
        always | {"discount_key": "1", "kind": discounts.PERCENTAGE, "rate_ppm": SHARE_PPM},
        always | {"discount_key": "2", "kind": discounts.AMOUNT, "amount_minor": AMOUNT_MINOR},
    ]
    discount = ibis.memtable(pa.Table.from_pylist(both, DISCOUNT.arrow))
    left = bill_discounts.tried(charge, candidate)
    active = discounts.active(bill_discounts.terms(discount, candidate, ()), left)
    off: dict[int, int] = {}
    for number in range(len(both)):
        share = discounts.taken(left, active, number)
        left = discounts.still(left, share)
        for row in backend.to_pyarrow(share).to_pylist():
            place = int(row["account_key"].split("|")[1])
            off[place] = off.get(place, 0) + row["share"]
    return off
