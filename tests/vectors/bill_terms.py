"""Vectors of kinds discount, tax and credit_note: what is taken off a bill and what is added."""

from collections.abc import Sequence
from fractions import Fraction

import ibis
import pyarrow as pa
from oracle.tables import ENGINE

from crossbill.core.rounding import RoundingMode
from crossbill.engine import integers
from vectors.answers import (
    Figures,
    Semantics,
    Uncovered,
    digits_of,
    fraction,
    pick,
    text,
)
from vectors.billing import Account, Billed, Item, Question, by_billing, cents, minor, ppm
from vectors.proration import CREDITED

FINEST = 9  # digits of a currency
PERCENT_DIGITS = 5  # of a rate that is worked out


# Discounts


def _coupon(coupon: dict) -> dict:
    """A coupon as a discount: a percentage, or an amount of which some may be used."""
    value, used = coupon["value"], coupon.get("already_used_cents") or 0
    kind = str(coupon["type"])
    if kind.startswith("percentage"):
        return {"kind": "percentage", "rate_ppm": ppm(value)}
    if not kind.startswith("fixed"):
        raise Uncovered(f"a coupon of a kind that is not known: {kind}")
    left = max(minor(value) - minor(used), 0)
    return {"kind": "amount", "amount_minor": minor(value), "left_minor": left}


def coupons(vector: dict) -> Question:
    """Coupons in their order, each on what the one before left."""
    values = vector["input"]
    given = values.get("coupons", [values])
    base = cents(pick(values, "base_cents", "subtotal_cents"))
    account = Account(vector["id"], [Item(base)], discounts=[_coupon(one) for one in given])

    def read(bills: Sequence[Billed]) -> Figures:
        (bill,) = bills
        taken = [line for line in bill.bill_line if line["category"] == "discount"]
        return {
            "discount_cents": str(-sum(line["net_minor"] for line in taken)),
            "subtotal_after_cents": str(bill.of_bill("net_minor")),
        }

    return Question([account], read)


def distributed(vector: dict) -> Question:
    """An amount taken off several lines."""
    values = vector["input"]
    amount = minor(values["discount_cents"])
    account = Account(
        vector["id"],
        [Item(cents(line)) for line in values["lines_cents"]],
        discounts=[{"kind": "amount", "amount_minor": amount}],
    )

    def read(bills: Sequence[Billed]) -> Figures:
        (bill,) = bills
        left = [sum(line["net_minor"] for line in lines) for lines in bill.items()]
        return {"lines_after": str(left)}

    return Question([account], read)


# Tax


def percentage(vector: dict) -> Question:
    """Rates on one amount; one finer than its currency is taxed exactly and rounded after."""
    values = vector["input"]
    taxable = values["taxable"]
    rates = values["tax_pcts"] if "tax_pcts" in values else [values["tax_pct"]]
    digits = int(values["currency_decimals"])
    if digits_of(taxable) > digits:
        digits = digits_of(taxable) + digits_of(*rates) + 2
        if digits > FINEST or "compare" not in vector:
            raise Uncovered("the engine taxes what a bill prints, in its currency's minor units")
    item = Item(fraction(taxable), taxes=tuple(str(rate) for rate in rates))

    def read(bills: Sequence[Billed]) -> Figures:
        (bill,) = bills
        return {"tax": bill.figure(bill.of_bill("tax_minor"))}

    return Question([Account(vector["id"], [item], digits=digits)], read)


def invoice(vector: dict) -> Question:
    """Fees after their coupons, each with its taxes; a tax is that of the bill.

    A fee's own tax is that of a bill of this fee alone.
    """
    values = vector["input"]
    fees = values["fees"]
    items = [Item(cents(fee["amount_cents"]), taxes=_rates(values, fee)) for fee in fees]
    whole = Account(vector["id"], items, discounts=_fee_coupons(values))
    alone = [
        Account(f"{vector['id']}/fee{place}", [item], discounts=_fee_coupons({"fees": [fee]}))
        for place, (item, fee) in enumerate(zip(items, fees, strict=True))
    ]

    def read(bills: Sequence[Billed]) -> Figures:
        bill, *each = bills
        own = {f"fee{n}_tax": str(fee.of_bill("tax_minor")) for n, fee in enumerate(each, 1)}
        return _invoice(bill) | own | ({} if "tax_pcts" in values else _by_rate(bill))

    return Question([whole, *alone], read)


def _rates(values: dict, fee: dict) -> tuple[str, ...]:
    """The taxes of a fee; those of the invoice are one, since only their sum is rounded."""
    if "tax_pcts" in values:
        return (text(sum((fraction(rate) for rate in values["tax_pcts"]), Fraction(0))),)
    return tuple(str(rate) for rate in fee["tax_pcts"])


def _fee_coupons(values: dict) -> list[dict]:
    """Coupons of fees, then one of all fees, which they share."""
    found = [
        {"kind": "amount", "amount_minor": minor(fee["coupon_cents"]), "item": place}
        for place, fee in enumerate(values["fees"])
        if fee.get("coupon_cents")
    ]
    shared = values.get("coupon_cents") or values.get("coupons_cents")
    if shared:
        found.append({"kind": "amount", "amount_minor": minor(shared)})
    return found


def _invoice(bill: Billed) -> Figures:
    net, tax = bill.of_bill("net_minor"), bill.of_bill("tax_minor")
    found = {"subtotal": str(net), "total": str(bill.of_bill("total_minor"))}
    found |= {"tax": str(tax), "invoice_tax": str(tax)}
    return found | ({"effective_pct": _percent(tax, net)} if net > 0 else {})


def _by_rate(bill: Billed) -> Figures:
    return {f"tax{row['tax_name']}": str(row["tax_minor"]) for row in bill.bill_tax}


def _percent(part: int, of: int) -> str:
    """One amount in percent of another, rounded by the engine."""
    scale = 10**PERCENT_DIGITS
    rows = ibis.memtable(pa.table({"part": [part], "of": [of]}))
    rate = integers.mul_div_rounded(rows.part, 100 * scale, rows.of, RoundingMode.HALF_UP.value)
    (row,) = ENGINE.to_pyarrow(rows.select(rate=rate)).to_pylist()
    return text(Fraction(row["rate"], scale))


def by_provider(vector: dict) -> Question:
    """Rates that a provider states for each fee are a table of rates."""
    fees = vector["input"].get("fees") or []
    if not fees or any("tax_pcts" not in fee for fee in fees):
        raise Uncovered("another system works out the tax")
    return invoice(vector)


# Credit notes


def capped(vector: dict) -> Question:
    """A credit pays no more than earlier ones left of the bill."""
    values = vector["input"]
    paid, credited, potential = (
        values[name] for name in ("original_paid", "already_credited", "potential")
    )
    digits = digits_of(paid, credited, potential)
    credits = [int(fraction(amount) * 10**digits) for amount in (credited, potential)]
    account = Account(vector["id"], [Item(fraction(paid))], digits=digits, credits=credits)

    def read(bills: Sequence[Billed]) -> Figures:
        (bill,) = bills
        used = [row for row in bill.credit_use if row["credit_key"].endswith("/1")]
        return {"credit": bill.figure(sum(row["used_minor"] for row in used))}

    return Question([account], read)


DISCOUNTS: dict[str, Semantics] = {
    "coupon_amount": by_billing(coupons),
    "sequential_on_remaining": by_billing(coupons),
    "largest_remainder": by_billing(distributed),
}
TAXES: dict[str, Semantics] = {
    "tax_round_half_up": by_billing(percentage),
    "tax_on_fee_after_coupon": by_billing(invoice),
    "coupon_prorata_before_tax": by_billing(invoice),
    "multi_rate": by_billing(invoice),
    "provider_tax": by_billing(by_provider),
}
CREDIT_NOTES: dict[str, Semantics] = {
    "sum_of_rounded_parts": CREDITED,
    "cap_credit": by_billing(capped),
}
