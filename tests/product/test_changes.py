"""The rules of a change, as a table: what is held, what is wanted, what ends and what begins."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from crossbill.core.refusal import Refusal
from crossbill.platform.product.changes import (
    Begun,
    Held,
    Kind,
    Known,
    LastChange,
    Payer,
    Plan,
    Situation,
    Terms,
    Wanted,
    planned,
)

START, DAY, LATER, END = date(2026, 1, 1), date(2026, 3, 15), date(2026, 3, 20), date(2027, 1, 1)
TODAY = date(2026, 3, 10)
TERMS = Terms("A1", "alpina-s", 1, price_override_nanos=15_000_000_000, discount_ppm=100_000)
LIST = replace(TERMS, price_override_nanos=None)
P = Held("P", TERMS, START)
KNOWN = Known(
    TODAY,
    ("alpina-s", "alpina-m"),
    {
        "A1": Payer("CHF"), "A2": Payer("CHF"), "OLD": Payer("CHF", closed=True),
        "EU": Payer("EUR"),
    },
)  # fmt: skip
M = replace(LIST, offering_code="alpina-m")


def ended(kind: Kind, day: date = DAY, *, became: str | None = None, value=None, before=None):
    """The product after a change has ended it."""
    return Situation(replace(P, end_date=day), LastChange(Wanted(kind, day, value), became, before))


def upgraded(held: Held = P, day: date = DAY) -> Situation:
    """The product that an upgrade has made of another one."""
    return Situation(
        Held("P-2", M, day, held.end_date), before=Held("P", held.terms, held.start_date, day)
    )


STANDING = Situation(P)
UNTIL = Situation(replace(P, end_date=END))
SUSPENDED, CANCELLED = ended(Kind.SUSPEND), ended(Kind.CANCEL)
OVERTAKEN = ended(Kind.OFFERING, became="P-2", value="alpina-m")


def begins(terms: Terms, day: date = DAY, end: date | None = None) -> Begun:
    return Begun(terms, day, end)


DONE = {
    "upgrade": (STANDING, Kind.OFFERING, "alpina-m", DAY, {"P": DAY}, begins(M)),
    "upgrade of one that is to end": (
        UNTIL, Kind.OFFERING, "alpina-m", DAY, {"P": DAY}, begins(M, end=END),
    ),
    "upgrade from the start": (
        STANDING, Kind.OFFERING, "alpina-m", START, {"P": START}, begins(M, START),
    ),
    "upgrade taken back on its day": (
        upgraded(), Kind.OFFERING, "alpina-s", DAY, {"P-2": DAY, "P": None}, "P",
    ),
    "upgrade taken back, of one that is to end": (
        upgraded(UNTIL.held), Kind.OFFERING, "alpina-s", DAY, {"P-2": DAY, "P": END}, "P",
    ),
    "upgrade from the start taken back": (
        upgraded(day=START), Kind.OFFERING, "alpina-s", START, {"P-2": START, "P": None}, "P",
    ),
    "back to the old offering later": (
        upgraded(), Kind.OFFERING, "alpina-s", LATER, {"P-2": LATER}, begins(LIST, LATER),
    ),
    "quantity": (
        STANDING, Kind.QUANTITY, 3, DAY, {"P": DAY}, begins(replace(TERMS, quantity=3)),
    ),
    "own price": (
        STANDING, Kind.PRICE, 0, DAY, {"P": DAY}, begins(replace(TERMS, price_override_nanos=0)),
    ),
    "list price": (STANDING, Kind.PRICE, None, DAY, {"P": DAY}, begins(LIST)),
    "move": (STANDING, Kind.MOVE, "A2", DAY, {"P": DAY}, begins(replace(TERMS, account_key="A2"))),
    "move at the list price to another currency": (
        Situation(replace(P, terms=LIST)), Kind.MOVE, "EU", DAY, {"P": DAY},
        begins(replace(LIST, account_key="EU")),
    ),
    "suspend": (STANDING, Kind.SUSPEND, None, DAY, {"P": DAY}, None),
    "suspend from the start": (STANDING, Kind.SUSPEND, None, START, {"P": START}, None),
    "resume later": (SUSPENDED, Kind.RESUME, None, LATER, {}, begins(TERMS, LATER)),
    "resume one that is to end": (
        ended(Kind.SUSPEND, before=END), Kind.RESUME, None, LATER, {}, begins(TERMS, LATER, END),
    ),
    "resume on the day itself": (SUSPENDED, Kind.RESUME, None, DAY, {"P": None}, "P"),
    "cancel": (STANDING, Kind.CANCEL, None, DAY, {"P": DAY}, None),
    "cancel earlier": (CANCELLED, Kind.CANCEL, None, TODAY, {"P": TODAY}, None),
    "cancel while suspended": (SUSPENDED, Kind.CANCEL, None, LATER, {"P": DAY}, None),
    "cancel before it was suspended": (SUSPENDED, Kind.CANCEL, None, TODAY, {"P": TODAY}, None),
    "cancellation taken back": (CANCELLED, Kind.RESUME, None, DAY, {"P": None}, "P"),
    "backdated by years": (
        Situation(replace(P, start_date=date(2020, 1, 1))), Kind.CANCEL, None, date(2021, 5, 1),
        {"P": date(2021, 5, 1)}, None,
    ),
    "change before a cancellation": (
        CANCELLED, Kind.OFFERING, "alpina-m", TODAY, {"P": TODAY}, begins(M, TODAY, DAY),
    ),
    "400 days ahead": (
        STANDING, Kind.CANCEL, None, TODAY + timedelta(days=400),
        {"P": TODAY + timedelta(days=400)}, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("situation", "kind", "value", "day", "ends", "then"), DONE.values(), ids=DONE
)
def test_change(situation, kind, value, day, ends, then):
    plan = planned(situation, wanted := Wanted(kind, day, value), KNOWN)
    begun, goes_on = (then, None) if isinstance(then, Begun) else (None, then)
    assert plan == Plan(wanted, ends, begun, goes_on)


REFUSED = {
    "before its start": (
        STANDING, Kind.CANCEL, None, date(2025, 12, 31), "CHANGE_BEFORE_START", "effective_date",
    ),
    "401 days ahead": (
        STANDING, Kind.CANCEL, None, TODAY + timedelta(days=401), "CHANGE_TOO_FAR_AHEAD",
        "effective_date",
    ),
    "same offering": (
        STANDING, Kind.OFFERING, "alpina-s", DAY, "CHANGE_OF_NOTHING", "offering_code",
    ),
    "offering that nobody sells": (
        STANDING, Kind.OFFERING, "mobile-x", DAY, "OFFERING_NOT_SOLD", "offering_code",
    ),
    "same quantity": (STANDING, Kind.QUANTITY, 1, DAY, "CHANGE_OF_NOTHING", "quantity"),
    "no quantity": (STANDING, Kind.QUANTITY, 0, DAY, "QUANTITY_NOT_POSSIBLE", "quantity"),
    "negative quantity": (STANDING, Kind.QUANTITY, -1, DAY, "QUANTITY_NOT_POSSIBLE", "quantity"),
    "absurd quantity": (
        STANDING, Kind.QUANTITY, 2**63, DAY, "QUANTITY_NOT_POSSIBLE", "quantity",
    ),
    "same price": (
        STANDING, Kind.PRICE, 15_000_000_000, DAY, "CHANGE_OF_NOTHING", "price_override_nanos",
    ),
    "negative price": (
        STANDING, Kind.PRICE, -1, DAY, "OWN_PRICE_NOT_POSSIBLE", "price_override_nanos",
    ),
    "same account": (STANDING, Kind.MOVE, "A1", DAY, "CHANGE_OF_NOTHING", "account_key"),
    "account that is not there": (
        STANDING, Kind.MOVE, "A9", DAY, "MOVE_NOT_POSSIBLE", "account_key",
    ),
    "closed account": (STANDING, Kind.MOVE, "OLD", DAY, "MOVE_NOT_POSSIBLE", "account_key"),
    "own price in another currency": (
        STANDING, Kind.MOVE, "EU", DAY, "MOVE_NOT_POSSIBLE", "account_key",
    ),
    "change of what was cancelled": (
        CANCELLED, Kind.QUANTITY, 3, DAY, "PRODUCT_HAS_ENDED", "effective_date",
    ),
    "change on a planned end": (
        UNTIL, Kind.QUANTITY, 3, END, "PRODUCT_HAS_ENDED", "effective_date",
    ),
    "cancel later than cancelled": (
        CANCELLED, Kind.CANCEL, None, LATER, "PRODUCT_HAS_ENDED", "effective_date",
    ),
    "resume what was cancelled": (
        CANCELLED, Kind.RESUME, None, LATER, "PRODUCT_HAS_ENDED", "effective_date",
    ),
    "resume after the planned end": (
        ended(Kind.SUSPEND, before=END), Kind.RESUME, None, END, "PRODUCT_HAS_ENDED",
        "effective_date",
    ),
    "resume what stands": (
        STANDING, Kind.RESUME, None, DAY, "PRODUCT_NOT_SUSPENDED", "effective_date",
    ),
    "resume before it is suspended": (
        SUSPENDED, Kind.RESUME, None, TODAY, "PRODUCT_NOT_SUSPENDED", "effective_date",
    ),
    "suspend again": (
        SUSPENDED, Kind.SUSPEND, None, LATER, "PRODUCT_IS_SUSPENDED", "product_key",
    ),
    "upgrade what is suspended": (
        SUSPENDED, Kind.OFFERING, "alpina-m", LATER, "PRODUCT_IS_SUSPENDED", "product_key",
    ),
    "suspend twice": (SUSPENDED, Kind.SUSPEND, None, DAY, "CHANGE_MADE_ALREADY", "suspend"),
    "cancel twice": (CANCELLED, Kind.CANCEL, None, DAY, "CHANGE_MADE_ALREADY", "cancel"),
    "upgrade twice": (
        OVERTAKEN, Kind.OFFERING, "alpina-m", DAY, "CHANGE_MADE_ALREADY", "offering",
    ),
    "other change of what was upgraded": (
        OVERTAKEN, Kind.QUANTITY, 3, TODAY, "PRODUCT_CHANGED_SINCE", "product_key",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("situation", "kind", "value", "day", "code", "field"), REFUSED.values(), ids=REFUSED
)
def test_refused_change(situation, kind, value, day, code, field):
    with pytest.raises(Refusal) as caught:
        planned(situation, Wanted(kind, day, value), KNOWN)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert caught.value.value
    assert caught.value.cure


def test_refusal_names_what_could_be_meant():
    wanted = Wanted(Kind.OFFERING, DAY, "mobile-xl")
    with pytest.raises(Refusal, match="use one of alpina-m, alpina-s"):
        planned(STANDING, wanted, KNOWN)
    with pytest.raises(Refusal, match="publish a catalogue first"):
        planned(STANDING, wanted, replace(KNOWN, offerings=()))
    with pytest.raises(Refusal, match="change P-2, from 2026-03-15 or later"):
        planned(OVERTAKEN, Wanted(Kind.CANCEL, DAY), KNOWN)


# Own prices: of several recurring prices one is named

SEVERAL = replace(KNOWN, recurring={"alpina-s": ["s/net", "s/tv"], "alpina-m": []})
OF_TV = replace(LIST, price_override_nanos=9, price_override_code="s/tv")
OWN_PRICES = {  # what is held, the own price that is wanted and of which price, and what it becomes
    "of one of two": (LIST, 9, "s/tv", OF_TV),
    "of the other one": (replace(OF_TV, price_override_code="s/net"), 9, "s/tv", OF_TV),
    "the list's again": (OF_TV, None, None, LIST),
    "of which nobody says": (LIST, 9, None, "OWN_PRICE_UNCLEAR"),
    "of none that there is": (LIST, 9, "s/once", "OWN_PRICE_UNCLEAR"),
    "a name without a price": (OF_TV, None, "s/tv", "OWN_PRICE_UNCLEAR"),
    "of what costs nothing again": (M, 9, None, "OWN_PRICE_UNCLEAR"),
    "the same": (OF_TV, 9, "s/tv", "CHANGE_OF_NOTHING"),
}


@pytest.mark.parametrize(("terms", "nanos", "of", "becomes"), OWN_PRICES.values(), ids=OWN_PRICES)
def test_own_price_of_what_has_several_prices(terms, nanos, of, becomes):
    wanted = Wanted(Kind.PRICE, DAY, nanos, of)
    situation = Situation(Held("P", terms, START))
    if isinstance(becomes, Terms):
        assert planned(situation, wanted, SEVERAL).begins == begins(becomes)
        return
    with pytest.raises(Refusal) as caught:
        planned(situation, wanted, SEVERAL)
    assert (caught.value.code, bool(caught.value.cure)) == (becomes, True)


def test_own_price_of_a_part_does_not_go_with_another_offering():
    plan = planned(
        Situation(Held("P", OF_TV, START)), Wanted(Kind.OFFERING, DAY, "alpina-m"), SEVERAL
    )
    assert plan.begins == begins(M)


# Contracts: who bears one, and where one is broken

BREAKING = replace(KNOWN, contract_goes_to={"alpina-s": ["alpina-m"], "alpina-m": []})
BOUND = Held("P", replace(LIST, contract_end_date=END), START)
FREE = replace(BOUND, terms=LIST)  # as it is stored once its contract has gone along
EARLIER = Held("E", LIST, date(2025, 1, 1), START)  # what was held before P, and has let it go
CHANGED = Situation(
    Held("P-2", replace(BOUND.terms, offering_code="alpina-m"), DAY),
    before=replace(BOUND, end_date=DAY), lasting=replace(FREE, end_date=DAY),
)  # fmt: skip
WAITING = Situation(
    replace(FREE, end_date=DAY), LastChange(Wanted(Kind.SUSPEND, DAY), contract_before=END)
)
GONE = Situation(
    replace(BOUND, end_date=DAY), LastChange(Wanted(Kind.CANCEL, DAY), contract_before=END)
)


def of_no_day(situation: Situation) -> Situation:
    """The same from its first day, after another product."""
    return replace(situation, held=replace(situation.held, start_date=DAY), lasting=EARLIER)


BROKEN = replace(CHANGED, held=replace(CHANGED.held, terms=M), lasting=replace(BOUND, end_date=DAY))
CONTRACTS = {
    "upgrade": (Situation(BOUND), Kind.OFFERING, "alpina-m", DAY, {"P": None}, END),
    "quantity": (Situation(BOUND), Kind.QUANTITY, 2, DAY, {"P": None}, END),
    "own price": (Situation(BOUND), Kind.PRICE, 1, DAY, {"P": None}, END),
    "move": (Situation(BOUND), Kind.MOVE, "A2", DAY, {"P": None}, END),
    "upgrade taken back": (
        CHANGED, Kind.OFFERING, "alpina-s", DAY, {"P": END}, None,
    ),
    "to what the contract does not go to": (CHANGED, Kind.OFFERING, "mobile-x", LATER, {}, None),
    "the same, from the first day": (
        CHANGED, Kind.OFFERING, "mobile-x", DAY, {"P": END}, None,
    ),
    "the same, taken back": (
        BROKEN, Kind.OFFERING, "alpina-s", DAY, {"P": END}, None,
    ),
    "cancel": (Situation(BOUND), Kind.CANCEL, None, DAY, {}, None),
    "cancel from the first day": (of_no_day(Situation(BOUND)), Kind.CANCEL, None, DAY,
        {"E": END}, None),
    "cancel of what was never held": (Situation(BOUND), Kind.CANCEL, None, START, {}, None),
    "upgraded and cancelled on one day": (CHANGED, Kind.CANCEL, None, DAY, {"P": END}, None),
    "that cancellation taken back": (
        of_no_day(GONE), Kind.RESUME, None, DAY, {"E": None, "P": END}, None,
    ),
    "suspend": (Situation(BOUND), Kind.SUSPEND, None, DAY, {"P": None}, None),
    "resume later": (WAITING, Kind.RESUME, None, LATER, {}, END),
    "resume on the day": (WAITING, Kind.RESUME, None, DAY, {"P": END}, None),
    "cancel while suspended": (WAITING, Kind.CANCEL, None, LATER, {"P": END}, None),
    "cancel while suspended from the first day": (
        of_no_day(WAITING), Kind.CANCEL, None, LATER, {"E": END}, None,
    ),
    "cancel earlier": (GONE, Kind.CANCEL, None, TODAY, {}, None),
    "no contract": (Situation(FREE), Kind.OFFERING, "alpina-m", DAY, {}, None),
}  # fmt: skip


@pytest.mark.parametrize(
    ("situation", "kind", "value", "day", "contracts", "goes_to"), CONTRACTS.values(), ids=CONTRACTS
)
def test_contract_goes_along_or_is_broken(situation, kind, value, day, contracts, goes_to):
    known = replace(BREAKING, offerings=("alpina-s", "alpina-m", "mobile-x"))
    plan = planned(situation, Wanted(kind, day, value), known)
    assert plan.contracts == contracts
    assert (plan.begins.terms.contract_end_date if plan.begins else None) == goes_to


def test_contract_goes_to_every_offering_where_nothing_is_said():
    plan = planned(Situation(BOUND), Wanted(Kind.OFFERING, DAY, "alpina-m"), KNOWN)
    assert plan.begins.terms.contract_end_date == END
