"""Why a bill is what it is: each line in words and numbers, from what the calculation holds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from crossbill.core.money import NANO_DIGITS, format_minor, format_nanos, minor_digits
from crossbill.core.policy import ChargeRounding, DiscountBase, TaxScope
from crossbill.core.refusal import Refusal
from crossbill.core.rounding import RoundingMode, divide_rounded
from crossbill.engine.billing_datasets import COMPUTED_BILL, COMPUTED_LINE
from crossbill.platform.billing.bill import DISCOUNT
from crossbill.platform.billing.book_prices import holds
from crossbill.platform.billing.commitments import COMMITMENT
from crossbill.platform.billing.compute import Computed
from crossbill.platform.billing.compute_parts import stored
from crossbill.platform.billing.price_lists import CHOSEN
from crossbill.platform.billing.resolve import CHARGED_PRICE, OWN_PRICE, USAGE

Row = Mapping[str, Any]
Bills = Mapping[tuple[Any, ...], Sequence[Row]]  # the charges of an account in a period
LINE = ("period_from", "product_key", "price_code", "charge_from", "sign")
DAY_COUNTS = {
    "actual_actual": "calendar days",
    "thirty_360": "days of months of 30",
    "actual_365": "days of a year of 365, twelve months' price",
}
PRICE_WORDS = {
    OWN_PRICE: "the customer's own price",
    CHARGED_PRICE: "the price that was charged",
}
STORED = (COMPUTED_BILL, COMPUTED_LINE)


class NoStoredBills(Refusal):
    """The folder holds no bills to compare with. Name the folder that `bill compute` wrote."""

    code: ClassVar[str] = "NO_STORED_BILLS"


@dataclass(frozen=True)
class LineExplained:
    """A line as it is printed, and the steps that lead to it."""

    line: Row
    net: str
    tax: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class BillExplained:
    """A bill with its lines, its taxes and credits in words."""

    bill: Row
    lines: tuple[LineExplained, ...]
    taxes: tuple[str, ...]
    totals: Mapping[str, str]


class Found(Protocol):
    """What bills are explained from: results by their dataset's name, and rates as SAID_TAX."""

    def fetch(self, name: str) -> pa.Table:
        """One result in memory, in order of its key."""

    def said(self) -> pa.Table:
        """The rates of these bills' taxes that a provider has said."""


def explained(found: Found) -> list[BillExplained]:
    """All bills of a computed snapshot; meant for one account."""
    rows = {name: found.fetch(name).to_pylist() for name in ("bill", "bill_line", "bill_tax")}
    charged = found.fetch("charge").to_pylist()
    charges = {(row["account_key"], *_key(row)): row for row in charged}
    together = _together(charged)
    said = found.said().to_pylist()
    by_line = {
        row["account_key"] for row in charges.values() if row["tax_scope"] == TaxScope.LINE.value
    }
    return [
        BillExplained(
            bill,
            tuple(_line(row, charges, together) for row in _printed(rows["bill_line"], bill)),
            tuple(_tax(row, bill, by_line, said) for row in rows["bill_tax"] if _is_of(row, bill)),
            _totals(bill),
        )
        for bill in rows["bill"]
    ]


def disagreements(found: Computed, folder: Path) -> list[str]:
    """What a folder of stored bills says otherwise of the same accounts, in words."""
    told: list[str] = []
    for dataset in STORED:
        name, files = dataset.name, stored(folder, dataset.name)
        if not files:
            cure = "name the folder that `bill compute` wrote"
            raise NoStoredBills("there are no bills", file=str(folder), field=name, cure=cure)
        now = found.fetch(dataset.name).to_pylist()
        mine = {row["account_key"] for row in now}
        known = pc.field("account_key").isin(list(mine))
        before = parquet.read_table(files, filters=known).to_pylist()
        told.extend(f"{name} said {_shown(row)}" for row in before if row not in now)
        told.extend(f"{name} would say {_shown(row)}" for row in now if row not in before)
    return told


def _shown(row: Row) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)


def _key(row: Row) -> tuple[Any, ...]:
    """What a line and its charge have alike; one offering may charge both a price and its usage."""
    return row["category"] == USAGE, *(row[name] for name in LINE)


def _is_of(row: Row, bill: Row) -> bool:
    return bool(row["bill_key"] == bill["bill_key"])


def _printed(lines: Iterable[Row], bill: Row) -> list[Row]:
    """The lines of a bill: product by product, what is taken off after what it is taken from."""
    mine = [row for row in lines if _is_of(row, bill)]
    return sorted(mine, key=_place)


def _place(row: Row) -> tuple[Any, ...]:
    product, off = row["product_key"], row["taken_from"]
    return product is None, product or "", off or row["price_code"], off is not None


def _together(charges: Iterable[Row]) -> Bills:
    """What each account is charged in a period, where its sum is rounded."""
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in charges:
        if row["rounding_scope"] == ChargeRounding.BILL and row["numerator"]:
            found[row["account_key"], row["period_from"]].append(row)
    return found


def _line(row: Row, charges: Mapping[tuple[Any, ...], Row], together: Bills) -> LineExplained:
    digits = minor_digits(row["currency"])
    charge = charges.get((row["used_by"] or row["account_key"], *_key(row)))
    return LineExplained(
        row,
        format_minor(row["net_minor"], digits),
        format_minor(row["tax_minor"], digits),
        tuple(_steps(row, charge, digits, together)),
    )


def _steps(row: Row, charge: Row | None, digits: int, together: Bills) -> Iterable[str]:
    """How the line came about."""
    if row["used_by"]:
        yield f"used by {row['used_by']}, paid here; the whole line:"
    if row["category"] == COMMITMENT:
        yield f"what is missing of the commitment {row['price_code']}"
    elif row["category"] == DISCOUNT and charge is None:
        named = f"{row['taken_from']}: its share of the discount {row['price_code']}"
        yield f"off {named}, by largest remainder"
    elif charge is None:
        yield "no charge stands behind this line"
    elif row["category"] == DISCOUNT:
        percent = _percent(charge["discount_ppm"])
        gross = _discounted_words(charge, digits)
        named = f"{row['taken_from']}: the product's own discount"
        yield f"off {named}, {percent} of {gross}, rounded {_rounding(charge)}"
    else:
        yield from _charged(charge, digits, together)


def _discounted_words(charge: Row, digits: int) -> str:
    """The amount of which a product's discount is a share."""
    if charge["discount_base"] == DiscountBase.UNROUNDED and charge["rounding_digits"]:
        return format_nanos(_with_its_digits(charge, digits), digits)
    return format_minor(charge["gross_minor"], digits)


def _with_its_digits(charge: Row, digits: int) -> int:
    """The nanos of a charge with the digits of its policy."""
    if charge["rounding_scope"] != ChargeRounding.BILL:
        return int(charge["gross_nanos"])
    last: int = 10 ** (NANO_DIGITS - digits - charge["rounding_digits"])
    exact, mode = _exact_nanos(charge), RoundingMode(charge["rounding_mode"])
    return divide_rounded(exact.numerator, exact.denominator * last, mode) * last


def _charged(charge: Row, digits: int, together: Bills) -> Iterable[str]:
    if charge["category"] == USAGE:
        events = charge["events"]
        yield f"{events:,} rated usage events, together {format_nanos(charge['price_nanos'])}"
    else:
        yield _price_words(charge)
        yield _share_words(charge)
    if charge["sign"] < 0:
        yield "charged before, and given back"
    if charge["rounding_scope"] == ChargeRounding.BILL:
        yield from _part_words(charge, digits, together)
    else:
        yield from _first_rounded_words(charge, digits)
        yield _rounded_words(charge, digits)
    if charge["tax_inclusive"]:
        yield f"the price contains its tax of {_percent(charge['tax_ppm'])}"


def _part_words(charge: Row, digits: int, together: Bills) -> Iterable[str]:
    """What a bill's charges come to exactly and rounded, and which part of that this one is."""
    rows = together[charge["account_key"], charge["period_from"]]
    exact = format_nanos(int(sum(map(_exact_nanos, rows))), digits)
    rounded = format_minor(sum(row["gross_minor"] for row in rows), digits)
    charges = "1 charge" if len(rows) == 1 else f"{len(rows):,} charges"
    mine = format_nanos(charge["gross_nanos"], digits)
    yield f"{mine}, with all that the account is charged {exact} ({charges})"
    if charge["rounding_digits"]:
        kept = _decimals(digits + charge["rounding_digits"])
        yield f"the sum was rounded {_rounding(charge)} to {kept} first"
    gross = format_minor(charge["gross_minor"], digits)
    yield f"the sum rounded {_rounding(charge)}: {rounded}; its part by largest remainder: {gross}"


def _exact_nanos(charge: Row) -> Fraction:
    price = charge["price_nanos"] * charge["quantity"] * charge["sign"]
    return Fraction(price * charge["numerator"], charge["denominator"])


def _decimals(kept: int) -> str:
    return "1 decimal" if kept == 1 else f"{kept} decimals"


def _first_rounded_words(charge: Row, digits: int) -> Iterable[str]:
    """What was rounded before the line was, where it is not the line alone."""
    kept = digits + charge["rounding_digits"]
    if charge["rounding_scope"] == ChargeRounding.LINE and kept == digits:
        return
    if charge["rounding_scope"] == ChargeRounding.DAY and charge["denominator"] > 1:
        what = "the price of a day"
    elif charge["rounding_scope"] == ChargeRounding.LINE:
        what = "the line"
    else:
        what = "the price of a unit"
    yield f"{what} was rounded {_rounding(charge)} to {_decimals(kept)} first"


def _rounded_words(charge: Row, digits: int) -> str:
    gross = format_minor(charge["gross_minor"], digits)
    if charge["gross_minor"] * 10 ** (NANO_DIGITS - digits) == charge["gross_nanos"]:
        return f"{gross} exactly"
    return f"{format_nanos(charge['gross_nanos'])}, rounded {_rounding(charge)}: {gross}"


def _price_words(charge: Row) -> str:
    version = PRICE_WORDS.get(charge["price_version"], f"version {charge['price_version']}")
    whom = [charge[name] for name in CHOSEN if charge[name]]
    version += f", price list: {', '.join(whom)}" if whom else ""
    months = charge["interval_months"]
    every = "once" if charge["category"] != "recurring" else f"per {_months(months)}"
    price = format_nanos(charge["price_nanos"], minor_digits(charge["currency"]))
    named = charge["price_code"] or charge["product_key"]
    return f"{named}: {price} x {charge['quantity']:,} {every} ({version})"


def _months(months: int) -> str:
    return "month" if months == 1 else f"{months} months"


def _share_words(charge: Row) -> str:
    days = f"{charge['charge_from']} to {charge['charge_to']}"
    if charge["numerator"] == charge["denominator"]:
        return f"{days}, all of it"
    share = Fraction(charge["numerator"], charge["denominator"])
    counted = DAY_COUNTS[charge["day_count"]]
    whole = f"{charge['interval_from']} to {charge['interval_to']}"
    return (
        f"{days} of {whole}: {charge['numerator']}/{charge['denominator']}"
        f"{'' if share.denominator == charge['denominator'] else f' = {share}'} ({counted})"
    )


def _rounding(charge: Row) -> str:
    return str(charge["rounding_mode"]).replace("_", " ")


def _percent(ppm: int) -> str:
    whole, part = divmod(ppm, 10_000)
    return f"{whole}.{part:04}".rstrip("0").rstrip(".") + " %"


def _tax(row: Row, bill: Row, by_line: set[str], said: Iterable[Row]) -> str:
    digits = minor_digits(bill["currency"])
    taxable, tax = (format_minor(row[name], digits) for name in ("taxable_minor", "tax_minor"))
    why = f" (exempt: {row['exempt']})" if row["exempt"] else ""
    named = f"{row['tax_name']} of {row['tax_code']}"
    where = ", line by line" if bill["account_key"] in by_line and row["rate_ppm"] else ""
    source = _said_by(row, bill, said)
    return f"{named}: {_percent(row['rate_ppm'])} of {taxable} is {tax}{where}{why}{source}"


def _said_by(row: Row, bill: Row, said: Iterable[Row]) -> str:
    """Which provider has said the rate, where it is not stated."""
    for rate in said:
        named = all(rate[name] == row[name] for name in ("tax_code", "tax_name"))
        if named and holds(rate, bill["period_from"]):
            return f", as {rate['said_by']} says"
    return ""


def _totals(bill: Row) -> dict[str, str]:
    digits = minor_digits(bill["currency"])
    names = ("net", "tax", "total", "credit", "due")
    return {name: format_minor(bill[f"{name}_minor"], digits) for name in names}
