"""The rules of granting: which discounts and exemptions an account can have, and how they end."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from typing import ClassVar, NoReturn

from crossbill.core.refusal import Refusal
from crossbill.platform.concession.words import discount_words, exemption_words
from crossbill.platform.customer.amendments import (
    CATEGORIES,
    Amendment,
    Billed,
    Row,
    percent,
    refuse_day,
    refuse_no_bill,
    span_words,
)

WHOLE_PPM = 1_000_000
MOST_MINOR = 10**15
MOST_POSITION = 1_000_000
LONGEST_REASON = 200
FOREVER = date.max


class DiscountNotPossible(Refusal):
    """The account cannot have this discount. The message names the term to correct."""

    code: ClassVar[str] = "DISCOUNT_NOT_POSSIBLE"


class ExemptionNotPossible(Refusal):
    """The account cannot be exempt like that. The message names what is missing or in the way."""

    code: ClassVar[str] = "EXEMPTION_NOT_POSSIBLE"


class ConcessionNotThere(Refusal):
    """The account has no such discount or exemption to end. Look at what it has."""

    code: ClassVar[str] = "CONCESSION_NOT_THERE"


@dataclass(frozen=True)
class DiscountAsked:
    """A discount that somebody asks for; without a position it is taken off last.

    Amounts are minor units of ``currency``; none is the account's.
    """

    account_key: str
    valid_from: date
    valid_to: date | None = None
    rate_ppm: int | None = None
    amount_minor: int | None = None
    currency: str | None = None
    category: str | None = None
    product_key: str | None = None
    offering_code: str | None = None
    spend_minor: int | None = None
    most_minor: int | None = None
    position: int | None = None


@dataclass(frozen=True)
class ExemptionAsked:
    """An exemption that somebody asks for: by a certificate with its date, or on another ground."""

    account_key: str
    valid_from: date
    valid_to: date | None = None
    tax_name: str | None = None
    certificate: str = ""
    issued_date: date | None = None
    ground: str = ""

    @property
    def reason(self) -> str:
        """Why nothing is due, as the bill says it."""
        issued = f"certificate {self.certificate} of {self.issued_date}"
        return issued if self.certificate else self.ground


@dataclass(frozen=True)
class DiscountEnd:
    """A discount is taken off no longer from a day on."""

    account_key: str
    discount_key: str
    valid_to: date


@dataclass(frozen=True)
class ExemptionEnd:
    """A tax is due again from a day on; ``number`` is that of the exemption."""

    account_key: str
    number: int
    valid_to: date


@dataclass(frozen=True)
class Holder:
    """An account as the rules see it: how it is billed, what it has, what can be named.

    ``products`` has the end of each of its products by key; rows are those of the canonical
    tables.
    """

    billed: Billed
    new_key: str = ""
    products: Mapping[str, date | None] = field(default_factory=dict)
    offerings: Mapping[str, str] = field(default_factory=dict)
    taxes: Collection[str] = ()
    discounts: Sequence[Row] = ()
    exemptions: Sequence[Row] = ()


def planned_discount(asked: DiscountAsked, holder: Holder, today: date) -> Amendment:
    """The discount that is to begin; a Refusal where it cannot be."""
    _refuse_days(asked.valid_from, asked.valid_to, holder.billed, today, DiscountNotPossible)
    _refuse_worth(asked, holder.billed.currency)
    _refuse_named(asked, holder)
    taken = {row["position"] for row in holder.discounts}
    last = max(taken, default=0) + 1
    position = last if asked.position is None else asked.position
    if position in taken or not 0 <= position <= MOST_POSITION:
        what = "Another discount of the account has this position"
        if position not in taken:
            what = f"A position is a whole number from 0 to {MOST_POSITION:,}"
        raise DiscountNotPossible(
            what, field="position", value=str(position), cure=f"take another one, such as {last}"
        )
    row = {
        "discount_key": holder.new_key, "account_key": asked.account_key, "position": position,
        "product_key": asked.product_key, "offering_code": asked.offering_code,
        "category": asked.category, "kind": "amount" if asked.amount_minor else "percentage",
        "rate_ppm": asked.rate_ppm, "currency": holder.billed.currency,
        "amount_minor": asked.amount_minor, "spend_minor": asked.spend_minor,
        "most_minor": asked.most_minor, "valid_from": asked.valid_from,
        "valid_to": asked.valid_to,
    }  # fmt: skip
    return _begins("discount", row, _said_discount(row, holder))


def planned_exemption(asked: ExemptionAsked, holder: Holder, today: date) -> Amendment:
    """The exemption that is to begin; a Refusal where it cannot be."""
    _refuse_days(asked.valid_from, asked.valid_to, holder.billed, today, ExemptionNotPossible)
    _refuse_ground(asked, today)
    if asked.tax_name is not None and asked.tax_name not in holder.taxes:
        cure = f"use {', '.join(sorted(holder.taxes))}, or none for every tax"
        cure = cure if holder.taxes else "name none: the account is then exempt from every tax"
        _no(ExemptionNotPossible, "The catalogue has no such tax", "tax_name", asked.tax_name, cure)
    _refuse_overlap(asked, holder.exemptions)
    row = {
        "account_key": asked.account_key, "tax_name": asked.tax_name, "reason": asked.reason,
        "valid_from": asked.valid_from, "valid_to": asked.valid_to,
    }  # fmt: skip
    return _begins("exemption", row, _said_exemption(row))


def planned_end(
    table: str, row: Row | None, valid_to: date, holder: Holder, today: date
) -> Amendment:
    """The end of a row of the table ``discount`` or ``exemption``, if it is there and lasts."""
    account_key = holder.billed.account_key
    if row is None:
        _no(ConcessionNotThere, f"The account has no such {table}", table, account_key, _SEE)
    refuse_day(valid_to, today, holder.billed.bill_cycle_day, "valid_to")
    if valid_to < row["valid_from"]:
        what = f"The {table} begins on {row['valid_from']} only"
        cure = f"take {row['valid_from']} or a later day"
        _no(ConcessionNotThere, what, "valid_to", str(valid_to), cure)
    if row["valid_to"] is not None and row["valid_to"] <= valid_to:
        what = f"The {table} ends on {row['valid_to']} already"
        _no(ConcessionNotThere, what, "valid_to", str(valid_to), "take an earlier day")
    said = _said_discount(row, holder) if table == "discount" else _said_exemption(row)
    return Amendment(table, account_key, valid_to, (row,), (), said, "")


_SEE = "look at what the account has"


def _no(refusal: type[Refusal], what: str, name: str, value: str | None, cure: str) -> NoReturn:
    raise refusal(what, field=name, value=value, cure=cure)


def _begins(table: str, row: Row, said: str) -> Amendment:
    return Amendment(table, row["account_key"], row["valid_from"], (), (row,), "", said)


def _refuse_days(
    begins: date, ends: date | None, billed: Billed, today: date, refusal: type[Refusal]
) -> None:
    if billed.closed:
        cure = "choose an account that is not"
        _no(refusal, "The account is closed", "account_key", billed.account_key, cure)
    refuse_day(begins, today, billed.bill_cycle_day)
    refuse_no_bill(begins, ends, billed.bill_cycle_day)


def _refuse_worth(asked: DiscountAsked, currency: str) -> None:
    """What is taken off is a share or an amount of the account's money, within its limits."""
    rate, amount, no = asked.rate_ppm, asked.amount_minor, DiscountNotPossible
    if (rate is None) == (amount is None):
        cure = "give one of the two"
        _no(no, "A discount is a percentage or an amount", "rate_ppm", None, cure)
    if rate is not None and not 0 < rate <= WHOLE_PPM:
        _no(no, "Not a share", "rate_ppm", percent(rate), "above 0 %, up to 100 %")
    if asked.currency not in (None, currency):
        cure = f"give the amount in {currency}"
        _no(no, "The account is billed in another currency", "currency", asked.currency, cure)
    for name, least in (("amount_minor", 1), ("spend_minor", 0), ("most_minor", 1)):
        value = getattr(asked, name)
        if value is not None and not least <= value <= MOST_MINOR:
            what = "The amount is not above 0" if value < least else "an absurdly large amount"
            _no(no, what, name, str(value), "check the figure")


def _refuse_named(asked: DiscountAsked, holder: Holder) -> None:
    """From what it is taken has to be there on a day of the discount."""
    no, key, code = DiscountNotPossible, asked.product_key, asked.offering_code
    if asked.category not in (None, *CATEGORIES):
        cure = f"use {', '.join(CATEGORIES)}, or none for everything"
        _no(no, "There is no such category", "category", asked.category, cure)
    if code is not None and code not in holder.offerings:
        cure = "use the code of one that the catalogue has"
        _no(no, "There is no such offering", "offering_code", code, cure)
    if key is None:
        return
    if key not in holder.products:
        cure = "see `crossbill product show`"
        _no(no, "The account holds no such product", "product_key", key, cure)
    ends = holder.products[key]
    if ends is not None and ends <= asked.valid_from:
        cure = "take what is held then, or an earlier day"
        _no(no, f"The product is held up to {ends} only", "product_key", key, cure)


def _refuse_ground(asked: ExemptionAsked, today: date) -> None:
    no = ExemptionNotPossible
    if bool(asked.certificate) == bool(asked.ground):
        cure = "give the number of its certificate, or the ground on which there is none"
        _no(no, "An exemption has one reason", "certificate", None, cure)
    if asked.certificate and asked.issued_date is None:
        cure = "give the day on which it was issued"
        _no(no, "The certificate has no date", "issued_date", None, cure)
    if asked.issued_date is not None and not asked.certificate:
        cure = "give the number of the certificate"
        _no(no, "The certificate has no number", "certificate", None, cure)
    if asked.issued_date is not None and asked.issued_date > today:
        cure = "check the date"
        what = "The certificate is not issued yet"
        _no(no, what, "issued_date", str(asked.issued_date), cure)
    if len(asked.reason) > LONGEST_REASON:
        what = f"The reason has {len(asked.reason)} characters"
        name = "certificate" if asked.certificate else "ground"
        _no(no, what, name, None, f"use at most {LONGEST_REASON}: the bill prints it")


def _refuse_overlap(asked: ExemptionAsked, held: Sequence[Row]) -> None:
    """A tax is due or not for one reason; what holds for every tax holds for each."""
    for row in held:
        alike = row["tax_name"] == asked.tax_name or None in (row["tax_name"], asked.tax_name)
        first = max(row["valid_from"], asked.valid_from)
        if alike and first < min(row["valid_to"] or FOREVER, asked.valid_to or FOREVER):
            words = exemption_words(row["tax_name"], row["reason"])
            days = span_words(row["valid_from"], row["valid_to"])
            what = f"The account is {words}, {days} already"
            cure = "end that one first, or take other days"
            _no(ExemptionNotPossible, what, "valid_from", str(asked.valid_from), cure)


@dataclass
class _Stated:
    """The terms of a row as ``discount_words`` reads them."""

    category: str | None
    rate_ppm: int | None
    amount_minor: int | None
    spend_minor: int | None
    most_minor: int | None

    @classmethod
    def of(cls, row: Row) -> "_Stated":
        return cls(*(row[each.name] for each in fields(cls)))


def _said_discount(row: Row, holder: Holder) -> str:
    named = [
        holder.offerings[row["offering_code"]] if row["offering_code"] else None,
        row["product_key"],
    ]
    only = ", ".join(each for each in named if each) or None
    words = discount_words(_Stated.of(row), currency=row["currency"], only=only)
    return f"{row['discount_key']}: {words}{_until(row)}"


def _said_exemption(row: Row) -> str:
    return exemption_words(row["tax_name"], row["reason"]) + _until(row)


def _until(row: Row) -> str:
    return f", up to {row['valid_to']}" if row["valid_to"] else ""
