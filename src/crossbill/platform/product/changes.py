"""The rules of changing what a customer holds: which product ends on the day, and which begins.

A change of a product is two products: one ends, one begins. What is taken back on its own day
leaves the first one as if nothing had happened, so that it is billed as one.

A contract is borne by one product, and an end before the contract's costs a fee. It goes with what
is held from a change on; a suspension keeps it for later. Where it is broken, the last product that
was held for a day bears it.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from crossbill.core.refusal import Refusal

FURTHEST_DAYS = 400
MOST_QUANTITY = 1_000_000_000
MOST_PRICE_NANOS = 10**18  # a thousand million of the currency's major unit, as for a charge


class Kind(StrEnum):
    """What a change does."""

    ORDERED = "ordered"
    OFFERING = "offering"
    QUANTITY = "quantity"
    PRICE = "price"
    SUSPEND = "suspend"
    RESUME = "resume"
    CANCEL = "cancel"
    MOVE = "move"


# The column that a change gives another value.
COLUMNS: dict[Kind, str] = {
    Kind.OFFERING: "offering_code",
    Kind.QUANTITY: "quantity",
    Kind.PRICE: "price_override_nanos",
    Kind.MOVE: "account_key",
}


OWN_PRICE = ("price_override_nanos", "price_override_code")


class ProductHasEnded(Refusal):
    """The product is no longer held on that day. Change it from an earlier day."""

    code: ClassVar[str] = "PRODUCT_HAS_ENDED"


class ChangedSince(Refusal):
    """Another change has made another product of it. Change that one."""

    code: ClassVar[str] = "PRODUCT_CHANGED_SINCE"


class ChangeMadeAlready(Refusal):
    """The same change was made from the same day. There is nothing to do."""

    code: ClassVar[str] = "CHANGE_MADE_ALREADY"


class ChangeOfNothing(Refusal):
    """The product is that already. Check what was asked for."""

    code: ClassVar[str] = "CHANGE_OF_NOTHING"


class ChangeBeforeStart(Refusal):
    """The product is not held yet on that day. Change it from its first day, or a later one."""

    code: ClassVar[str] = "CHANGE_BEFORE_START"


class ChangeTooFarAhead(Refusal):
    """The day is more than 400 days ahead. Make the change when it is nearer."""

    code: ClassVar[str] = "CHANGE_TOO_FAR_AHEAD"


class ProductIsSuspended(Refusal):
    """The product is suspended. Resume or cancel it first."""

    code: ClassVar[str] = "PRODUCT_IS_SUSPENDED"


class ProductNotSuspended(Refusal):
    """The product is not suspended on that day, so it cannot be resumed. Check the product."""

    code: ClassVar[str] = "PRODUCT_NOT_SUSPENDED"


class OfferingNotSold(Refusal):
    """The carrier's catalogue has no such offering. Use the code of one that it has."""

    code: ClassVar[str] = "OFFERING_NOT_SOLD"


class QuantityNotPossible(Refusal):
    """Nobody can hold that many. Give a whole number from 1 to 1,000,000,000."""

    code: ClassVar[str] = "QUANTITY_NOT_POSSIBLE"


class OwnPriceNotPossible(Refusal):
    """A product cannot have this price. Give 0 or more, up to 1,000,000,000 a month."""

    code: ClassVar[str] = "OWN_PRICE_NOT_POSSIBLE"


class OwnPriceUnclear(Refusal):
    """It is not told instead of which recurring price the own price is. Name one of them."""

    code: ClassVar[str] = "OWN_PRICE_UNCLEAR"


class MoveNotPossible(Refusal):
    """The product cannot be moved to that account. Name an account that can pay for it."""

    code: ClassVar[str] = "MOVE_NOT_POSSIBLE"


@dataclass(frozen=True)
class Terms:
    """What is held, and who pays for it."""

    account_key: str
    offering_code: str
    quantity: int
    price_override_nanos: int | None = None
    price_override_code: str | None = None
    discount_ppm: int | None = None
    discount_end_date: date | None = None
    contract_end_date: date | None = None


@dataclass(frozen=True)
class Held:
    """A product: its terms on the days from its start up to, not including, its end."""

    product_key: str
    terms: Terms
    start_date: date
    end_date: date | None = None

    def document(self) -> dict[str, Any]:
        """The product as JSON."""
        days = {"start_date": self.start_date, "end_date": self.end_date}
        row = {"product_key": self.product_key} | asdict(self.terms) | days
        return {k: v.isoformat() if isinstance(v, date) else v for k, v in row.items()}


@dataclass(frozen=True)
class Wanted:
    """A change that somebody asks for; ``value`` is that of the kind's column, if it has one.

    ``price_code`` says of an own price instead of which of several prices it is.
    """

    kind: Kind
    effective_date: date
    value: str | int | None = None
    price_code: str | None = None


@dataclass(frozen=True)
class LastChange:
    """The change that ended a product: what was asked, and what the product became, if anything.

    ``end_before`` is the day on which the product was to end before that, ``contract_before`` the
    end of the contract that it bore.
    """

    asked: Wanted
    became: str | None = None
    end_before: date | None = None
    contract_before: date | None = None


@dataclass(frozen=True)
class Situation:
    """A product with what was done to it: what ended it, and what it was before it began.

    ``lasting`` is what was held last, for a day or longer, before it.
    """

    held: Held
    last: LastChange | None = None
    before: Held | None = None
    lasting: Held | None = None


@dataclass(frozen=True)
class Payer:
    """An account as far as it matters for who can pay."""

    currency: str
    closed: bool = False


@dataclass(frozen=True)
class Known:
    """What else the rules look at: today, what is sold, and the accounts in question.

    ``contract_goes_to`` has the offerings to which the contract of one goes; without it to all.
    ``recurring`` has the codes of an offering's recurring prices; without it, it has one of its own
    code.
    """

    today: date
    offerings: Collection[str] = ()
    payers: Mapping[str, Payer] = field(default_factory=dict)
    contract_goes_to: Mapping[str, Collection[str]] = field(default_factory=dict)
    recurring: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Begun:
    """A product that begins."""

    terms: Terms
    start_date: date
    end_date: date | None


@dataclass(frozen=True)
class Plan:
    """What a change does: the ends of products, by key, and what begins or goes on.

    ``goes_on`` is a product that is there already and is held again from the day; ``begins`` is one
    that has no key yet. A change has one of them, or neither where nothing is held any more.
    ``contracts`` are the ends of contracts that products bear from now on, or no longer, by key.
    """

    wanted: Wanted
    ends: Mapping[str, date | None]
    begins: Begun | None = None
    goes_on: str | None = None
    contracts: Mapping[str, date | None] = field(default_factory=dict)


def planned(situation: Situation, wanted: Wanted, known: Known) -> Plan:
    """What is to be ended and begun; a Refusal where the change cannot be."""
    _refuse_day(situation.held, wanted, known.today)
    _refuse_again(situation, wanted)
    match wanted.kind:
        case Kind.SUSPEND:
            return _suspended(situation, wanted)
        case Kind.RESUME:
            return _resumed(situation, wanted)
        case Kind.CANCEL:
            return _cancelled(situation, wanted)
        case _:
            return _changed(situation, wanted, known)


def _refuse_day(held: Held, wanted: Wanted, today: date) -> None:
    day = wanted.effective_date
    if day < held.start_date:
        cure = f"change it from {held.start_date} or later"
        raise ChangeBeforeStart(
            f"{held.product_key} is not held yet on that day", field="effective_date",
            value=str(day), cure=cure,
        )  # fmt: skip
    refuse_far(day, today)


def refuse_far(day: date, today: date) -> None:
    """Refuse a day so far ahead that nobody can mean it."""
    if day > today + timedelta(days=FURTHEST_DAYS):
        raise ChangeTooFarAhead(
            f"The day is more than {FURTHEST_DAYS} days ahead", field="effective_date",
            value=str(day), cure=f"take {today + timedelta(days=FURTHEST_DAYS)} or an earlier day",
        )  # fmt: skip


def _refuse_again(situation: Situation, wanted: Wanted) -> None:
    """Refuse what was done already, and what another change has overtaken."""
    last, key = situation.last, situation.held.product_key
    if last is None:
        return
    if last.asked == wanted:
        what = f"{key} was changed in the same way from the same day"
        cure = f"see {last.became}, which it became" if last.became else "there is nothing to do"
        raise ChangeMadeAlready(
            what, field=wanted.kind, value=str(wanted.effective_date), cure=cure
        )
    if last.became is not None:
        day = last.asked.effective_date
        raise ChangedSince(
            f"{key} has become {last.became} on {day}", field="product_key", value=key,
            cure=f"change {last.became}, from {day} or later",
        )  # fmt: skip


def _is_suspended(situation: Situation) -> bool:
    return situation.last is not None and situation.last.asked.kind is Kind.SUSPEND


def _refuse_ended(held: Held, day: date, end: date | None) -> None:
    if end is not None and day >= end:
        raise ProductHasEnded(
            f"{held.product_key} ended on {end}", field="effective_date", value=str(day),
            cure="change it from an earlier day, or choose another product",
        )  # fmt: skip


def _refuse_suspended(situation: Situation) -> None:
    held = situation.held
    if _is_suspended(situation):
        raise ProductIsSuspended(
            f"{held.product_key} is suspended from {held.end_date}", field="product_key",
            value=held.product_key, cure="resume or cancel it first",
        )  # fmt: skip


def _suspended(situation: Situation, wanted: Wanted) -> Plan:
    held = situation.held
    _refuse_suspended(situation)
    _refuse_ended(held, wanted.effective_date, held.end_date)
    return Plan(wanted, {held.product_key: wanted.effective_date}, contracts=_borne_no_longer(held))


def _cancelled(situation: Situation, wanted: Wanted) -> Plan:
    """End it on the day; a suspended product has ended, and now nobody can resume it."""
    held, day = situation.held, wanted.effective_date
    contract = held.terms.contract_end_date
    if situation.last is not None and _is_suspended(situation):
        day, contract = min(day, held.end_date or day), situation.last.contract_before
    else:
        _refuse_ended(held, day, held.end_date)
    contracts = _broken(situation, day, contract)
    return Plan(wanted, {held.product_key: day}, contracts=contracts)


def _resumed(situation: Situation, wanted: Wanted) -> Plan:
    """Begin it again; on the day on which it was suspended or cancelled it simply goes on."""
    held, last, day = situation.held, situation.last, wanted.effective_date
    ended = last.asked.kind if last is not None else None
    if ended is Kind.CANCEL and day != held.end_date:
        _refuse_ended(held, day, held.end_date)
    if last is None or ended not in (Kind.SUSPEND, Kind.CANCEL) or day < (held.end_date or day):
        what = f"{held.product_key} is not suspended on that day"
        cure = f"resume it from {held.end_date} or later" if last else "check the product"
        raise ProductNotSuspended(what, field="effective_date", value=str(day), cure=cure)
    _refuse_ended(held, day, last.end_before)
    contract = last.contract_before
    if day == held.end_date:
        contracts = _borne_again(held.product_key, situation.lasting, contract)
        ends = {held.product_key: last.end_before}
        return Plan(wanted, ends, goes_on=held.product_key, contracts=contracts)
    terms = replace(held.terms, contract_end_date=contract)
    return Plan(wanted, {}, Begun(terms, day, last.end_before))


def _changed(situation: Situation, wanted: Wanted, known: Known) -> Plan:
    """End the product and begin one of other terms, or let the one before go on."""
    held, day = situation.held, wanted.effective_date
    _refuse_suspended(situation)
    _refuse_ended(held, day, held.end_date)
    refuse_value(wanted, known)
    if wanted.kind is Kind.MOVE:
        _refuse_payer(held, str(wanted.value), known)
    if wanted.kind is Kind.PRICE:
        refuse_unclear(held.terms.offering_code, wanted.value, wanted.price_code, known)
    before = _replaced_today(situation, day)
    terms = _terms(held.terms, wanted, before, known)
    if _is_that(held.terms, wanted):
        raise ChangeOfNothing(
            f"{held.product_key} is that already", field=COLUMNS[wanted.kind],
            value=str(wanted.value), cure="check what was asked for",
        )  # fmt: skip
    if before is not None and before.terms == terms:
        ends = {held.product_key: day, before.product_key: held.end_date}
        key, contract = before.product_key, before.terms.contract_end_date
        contracts = _borne_again(key, situation.lasting, contract)
        return Plan(wanted, ends, goes_on=key, contracts=contracts)
    contracts = _borne_no_longer(held)
    if terms.contract_end_date is None:
        contracts = _broken(situation, day, held.terms.contract_end_date)
    begins = Begun(terms, day, held.end_date)
    return Plan(wanted, {held.product_key: day}, begins, contracts=contracts)


def _replaced_today(situation: Situation, day: date) -> Held | None:
    """The product that this one has replaced from the very day that is changed again."""
    before = situation.before
    if before is None or not day == situation.held.start_date == before.end_date:
        return None
    return before


def _is_that(terms: Terms, wanted: Wanted) -> bool:
    """Whether what is held has what is wanted already."""
    same = bool(getattr(terms, COLUMNS[wanted.kind]) == wanted.value)
    return same and wanted.price_code in (None, terms.price_override_code)


def _terms(terms: Terms, wanted: Wanted, before: Held | None, known: Known) -> Terms:
    """The new terms: an own price is that of its offering, and does not go with another one.

    Nor does the contract, where the catalogue says so.
    """
    changes: dict[str, Any] = {COLUMNS[wanted.kind]: wanted.value}
    if wanted.kind is Kind.PRICE:
        changes["price_override_code"] = wanted.price_code
    if wanted.kind is Kind.OFFERING:
        carried = wanted.value in known.contract_goes_to.get(terms.offering_code, [wanted.value])
        changes |= dict.fromkeys(OWN_PRICE)
        changes["contract_end_date"] = terms.contract_end_date if carried else None
        if before is not None and before.terms.offering_code == wanted.value:
            for name in (*OWN_PRICE, "contract_end_date"):
                changes[name] = getattr(before.terms, name)
    return replace(terms, **changes)


def _borne_no_longer(held: Held) -> dict[str, date | None]:
    """The contract goes with what is held next, or waits for it: its end costs nothing here."""
    return {} if held.terms.contract_end_date is None else {held.product_key: None}


def _broken(situation: Situation, ends: date, contract: date | None) -> dict[str, date | None]:
    """Who bears a contract that is broken on this day: what was held last for a day or longer."""
    held = situation.held
    bearer = held if ends > held.start_date else situation.lasting
    if contract is None or bearer is None or bearer.terms.contract_end_date == contract:
        return {}
    return {bearer.product_key: contract}


def _borne_again(key: str, lasting: Held | None, contract: date | None) -> dict[str, date | None]:
    """The contract is that of the product that goes on, and of none before it."""
    if contract is None:
        return {}
    others: dict[str, date | None] = {lasting.product_key: None} if lasting is not None else {}
    return others | {key: contract}


def refuse_value(wanted: Wanted, known: Known) -> None:
    """Refuse an offering that is not sold, and a quantity or price that nobody can have."""
    match wanted.kind, wanted.value:
        case Kind.OFFERING, code if code not in known.offerings:
            raise OfferingNotSold(
                "The catalogue has no such offering", field="offering_code", value=str(code),
                cure=_nearest(str(code), known.offerings),
            )  # fmt: skip
        case Kind.QUANTITY, int(number) if not 1 <= number <= MOST_QUANTITY:
            raise QuantityNotPossible(
                "Nobody can hold that many", field="quantity", value=str(number),
                cure=f"give a whole number from 1 to {MOST_QUANTITY:,}; cancel what is not wanted",
            )  # fmt: skip
        case Kind.PRICE, int(nanos) if not 0 <= nanos <= MOST_PRICE_NANOS:
            raise OwnPriceNotPossible(
                "A product cannot have this price", field="price_override_nanos", value=str(nanos),
                cure="give 0 or more, up to 1,000,000,000 a month",
            )  # fmt: skip


def refuse_unclear(offering: str, nanos: str | int | None, code: str | None, known: Known) -> None:
    """Refuse an own price of which nobody says instead of which price it is, and a name alone."""
    prices = sorted(known.recurring.get(offering, [offering]))
    if nanos is None and code is not None:
        what, cure = "A price is named, and no own price for it", "give the own price too"
    elif nanos is None or code in prices or (code is None and len(prices) == 1):
        return
    elif not prices:
        what, cure = f"{offering} has no recurring price", "take the own price out"
    else:
        what = (
            f"{offering} has {len(prices)} recurring prices"
            if code is None
            else (f"{offering} has no such recurring price")
        )
        cure = f"say which one the own price is instead of: {' or '.join(prices)}"
    raise OwnPriceUnclear(what, field="price_override_code", value=code, cure=cure)


def _nearest(code: str, offerings: Collection[str]) -> str:
    """Which codes there are, first those that begin alike."""
    alike = sorted(each for each in offerings if each[:3] == code[:3]) or sorted(offerings)
    return f"use one of {', '.join(alike[:10])}" if alike else "publish a catalogue first"


def _refuse_payer(held: Held, key: str, known: Known) -> None:
    payer, own = known.payers.get(key), known.payers.get(held.terms.account_key)
    priced = held.terms.price_override_nanos is not None
    if payer is None:
        what, cure = "There is no such account", "check the key"
    elif payer.closed:
        what, cure = "The account is closed", "choose an account that is not"
    elif priced and own is not None and own.currency != payer.currency:
        what = f"The product's own price is in {own.currency}, the account in {payer.currency}"
        cure = "take its own price away first"
    else:
        return
    raise MoveNotPossible(what, field="account_key", value=key, cure=cure)
