"""The old biller's habits, on bills that were worked out by hand."""

from datetime import date
from decimal import Decimal

import pytest

from crossbill.sample.old_system.biller import bill, bill_both_months, days_360, truncated
from crossbill.sample.old_system.calendar import APRIL, MAY, Period
from crossbill.sample.old_system.payers import settle
from crossbill.sample.old_system.places import Exemption
from crossbill.sample.old_system.records import Account, Bill, Service, Share
from crossbill.sample.old_system.tariffs import OPEN_END

D = Decimal


def service(tariff: str, **terms: object) -> Service:
    plain = {
        "service_id": f"S-{tariff}",
        "quantity": 1,
        "start": date(2023, 1, 1),
        "end": None,
        "special_price": None,
        "discount_percent": None,
        "discount_to": None,
        "contract_end": None,
        "changed": "20230101120000",
    }
    return Service(tariff=tariff, **{**plain, **terms})  # type: ignore[arg-type] # the terms are mixed


def account(*services: Service, tax_code: str = "NY01") -> Account:
    return Account(
        key="C000000042",
        name="Zoë Müller",
        kind="P",
        segment="RC",
        street="1 Main St",
        city="New York",
        state="NY",
        postcode="10001-1234",
        tax_code=tax_code,
        opened=date(2023, 1, 1),
        changed="20230101120000",
        services=list(services),
    )


def billed(*services: Service, period: Period = APRIL, tax_code: str = "NY01") -> Bill:
    made = bill(account(*services, tax_code=tax_code), period)
    assert made is not None
    return made


def test_a_golden_bill() -> None:
    """May at 8.875 %: worked out by hand, line by line.

    Fibre 500, whole month: 74.90; tax 6.647375 cut to 6.64.
    Its discount of 7.5 %: 5.6175 cut to -5.61; tax -0.4978875 cut to -0.49.
    Fixed line from the 11th: 20 of 30 days of 21.49, 14.32666, cut to 14.32; it bears three taxes,
    2.51 % of the federal state and 2.35 % of the city too: 1.2709, 0.3594 and 0.3365 are 1.95.
    Its connection at May's 24.00: 2.13, 0.6024 and 0.564 are 3.29.
    SIP, 8 channels at their own 11.10, to the 20th included: 20 of 30 days of 88.80 is 59.20;
    tax 5.254, 1.4859 and 1.3912 are 8.12.
    """
    made = billed(
        service("F5S", discount_percent=D("7.50")),
        service("TLS", start=date(2024, 5, 11)),
        service("SIP", quantity=8, special_price=D("11.10"), end=date(2024, 5, 20)),
        period=MAY,
    )
    assert [(n.category, n.days, n.net, n.tax) for n in made.lines] == [
        ("R", 30, D("74.90"), D("6.64")),
        ("D", 30, D("-5.61"), D("-0.49")),
        ("R", 20, D("14.32"), D("1.95")),
        ("O", 1, D("24.00"), D("3.29")),
        ("R", 20, D("59.20"), D("8.12")),
    ]
    assert (made.net, made.tax, made.total) == (D("166.81"), D("19.51"), D("186.32"))
    assert (made.number, made.name, made.postcode) == (
        "B2405000000042",
        "Zoë Müller",
        "10001-1234",
    )
    assert [(n.first, n.last) for n in made.lines[2::2]] == [
        (date(2024, 5, 11), date(2024, 5, 31)),
        (date(2024, 5, 1), date(2024, 5, 20)),
    ]


def test_a_quarter_is_paid_when_it_begins_counted_from_the_month_of_the_start() -> None:
    """Hosting since February: May to July at the price of 1 May; nothing in April."""
    hosting = service("WEB", start=date(2023, 2, 15), discount_percent=D("10.00"))
    assert bill(account(hosting), APRIL) is None
    made = billed(hosting, period=MAY)
    assert [(n.category, n.days, n.net, n.tax) for n in made.lines] == [
        ("R", 90, D("32.40"), D("2.87")),
        ("D", 90, D("-3.24"), D("-0.28")),
    ]
    assert (made.lines[0].first, made.lines[0].last) == (date(2024, 5, 1), date(2024, 7, 31))


def test_part_of_a_quarter_costs_its_days_of_ninety() -> None:
    """From 11 April: 80 of 90 days of 32.40. To 20 June: 50 of 90 days of it."""
    begun = billed(service("WEB", start=date(2024, 4, 11)))
    ended = billed(service("WEB", start=date(2023, 5, 1), end=date(2024, 6, 20)), period=MAY)
    assert [(made.lines[0].days, made.lines[0].net) for made in (begun, ended)] == [
        (80, D("28.80")),
        (50, D("18.00")),
    ]


def test_a_bundle_is_one_service_with_a_line_for_each_of_its_prices() -> None:
    """From 21 April, 10 of 30 days: of 64.90 are 21.63, of 12.49 are 4.16; 10 % off each.

    Tax of 21.63 at 8.875 %: 1.91. The telephone bears three taxes: 0.36, 0.09 and 0.09 of 4.16.
    """
    made = billed(service("DUO", start=date(2024, 4, 21), discount_percent=D("10.00")))
    assert [(n.charge, n.category, n.net, n.tax) for n in made.lines] == [
        ("DUO", "R", D("21.63"), D("1.91")),
        ("DUO", "D", D("-2.16"), D("-0.19")),
        ("DUV", "R", D("4.16"), D("0.54")),
        ("DUV", "D", D("-0.41"), D("-0.03")),
        ("INS", "O", D("79.00"), D("7.01")),
    ]


@pytest.mark.parametrize(
    ("kind", "percent", "parents", "childs"),
    [
        ("*", 100, ["75.00", "-11.25", "24.75"], None),
        ("*", 50, ["37.50", "-5.62", "12.37"], ["37.50", "-5.63", "12.38"]),
        ("R", 100, ["75.00", "-11.25"], ["24.75"]),
        ("O", 33, ["8.17"], ["75.00", "-11.25", "16.58"]),
        ("U", 100, [], ["75.00", "-11.25", "24.75"]),
    ],
    ids=["all", "half", "what comes again", "a third", "nothing of the kind"],
)
def test_a_parent_pays_its_part_of_each_line(
    kind: str, percent: int, parents: list[str], childs: list[str] | None
) -> None:
    """Mobile S five times at 15.00 with 15 % off, and five SIM cards at 4.95 as it begins."""
    cards = service("MBS", quantity=5, discount_percent=D("15.00"), start=APRIL.first)
    child, parent = account(cards), account(service("F5S"))
    child.key, parent.key, child.parent = "C000000001", "C000000002", "C000000002"
    child.paid = Share(kind, D(percent), APRIL.first)
    bill_both_months(child)
    bill_both_months(parent)
    own = len(parent.bills[0].lines)
    settle([child, parent])
    assert [str(line.net) for line in parent.bills[0].lines[own:]] == parents
    left = child.bill(APRIL)
    assert (left and [str(line.net) for line in left.lines]) == childs


def test_a_year_is_paid_in_the_month_of_its_start() -> None:
    yearly = service("DOM", start=date(2021, 5, 20), quantity=2)
    assert bill(account(yearly), APRIL) is None
    assert [(n.days, n.net) for n in billed(yearly, period=MAY).lines] == [(360, D("42.00"))]


def test_a_fee_is_due_once_with_the_month_in_which_the_service_begins() -> None:
    """Ten channels from 16 April: 15 of 30 days of 123.50, and ten times 7.45 to set them up."""
    trunk = service("SIP", quantity=10, start=date(2024, 4, 16), special_price=D("12.35"))
    lines = [(n.category, n.first, n.last, n.net) for n in billed(trunk).lines]
    assert lines == [
        ("R", date(2024, 4, 16), date(2024, 4, 30), D("61.75")),
        ("O", date(2024, 4, 16), date(2024, 4, 16), D("74.50")),
    ]
    assert [n.category for n in billed(trunk, period=MAY).lines] == ["R"]


@pytest.mark.parametrize(
    ("end", "until", "fee"),
    [
        (date(2024, 5, 20), date(2024, 8, 21), D("52.50")),
        (date(2024, 5, 20), date(2024, 8, 22), D("70.00")),
        (date(2024, 4, 29), date(2024, 5, 30), D("15.00")),
        (date(2024, 5, 20), date(2024, 5, 21), None),
        (date(2024, 5, 20), None, None),
    ],
    ids=["three months", "a fourth has begun", "April's price", "as it ends", "no contract"],
)
def test_an_early_end_costs_a_fee_for_each_month_of_the_contract_that_is_left(
    end: date, until: date | None, fee: Decimal | None
) -> None:
    mobile = service("MBM", end=end, contract_end=until)
    made = billed(mobile, period=APRIL if end < MAY.first else MAY)
    assert [(n.first, n.net) for n in made.lines if n.category == "O"] == (
        [(end, fee)] if fee else []
    )


def test_a_service_that_never_was_held_owes_no_fee() -> None:
    never = service("SIP", start=date(2024, 4, 10), end=date(2024, 4, 9))
    assert bill(account(never), APRIL) is None


@pytest.mark.parametrize(
    ("first", "after", "days"),
    [
        (date(2024, 4, 1), date(2024, 5, 1), 30),
        (date(2024, 5, 1), date(2024, 6, 1), 30),
        (date(2024, 2, 1), date(2024, 3, 1), 30),
        (date(2023, 2, 15), date(2023, 3, 1), 16),
        (date(2024, 4, 30), date(2024, 5, 1), 1),
        (date(2024, 5, 30), date(2024, 6, 1), 1),
        (date(2024, 5, 31), date(2024, 6, 1), 1),
        (date(2024, 5, 1), date(2024, 5, 31), 29),
        (date(2024, 5, 10), date(2024, 5, 20), 10),
        (date(2024, 5, 30), date(2024, 5, 31), 0),
    ],
)
def test_a_month_has_thirty_days(first: date, after: date, days: int) -> None:
    assert days_360(first, after) == days


@pytest.mark.parametrize(
    ("exact", "cut"),
    [("1.999", "1.99"), ("-1.999", "-1.99"), ("0.009", "0.00"), ("-0.009", "0.00"), ("2", "2.00")],
)
def test_amounts_are_cut_toward_zero_and_never_minus_zero(exact: str, cut: str) -> None:
    assert str(truncated(D(exact))) == cut


@pytest.mark.parametrize(
    ("period", "price"), [(APRIL, D("104.50")), (MAY, D("109.00"))], ids=["April", "May"]
)
def test_the_price_of_the_first_day_is_charged(period: Period, price: Decimal) -> None:
    assert billed(service("FGS"), period=period).lines[0].net == price


@pytest.mark.parametrize(
    ("to", "april", "may"),
    [
        (None, True, True),
        (date(2024, 4, 1), False, False),
        (date(2024, 4, 2), True, False),
        (date(2024, 5, 1), True, False),
        (date(2024, 5, 2), True, True),
    ],
)
def test_a_discount_holds_while_it_ends_after_the_first_day(
    to: date | None, april: bool, may: bool
) -> None:
    discounted = service("F5S", discount_percent=D("10.00"), discount_to=to)
    for period, holds in ((APRIL, april), (MAY, may)):
        assert (len(billed(discounted, period=period).lines) == 2) is holds


@pytest.mark.parametrize(
    ("tax", "last", "taxes"),
    [
        ("SAL", OPEN_END, ["0.50", "0.53"]),
        ("ALL", OPEN_END, ["0.00", "0.00"]),
        ("SAL", date(2024, 4, 30), ["0.50", "1.89"]),
        ("CTX", OPEN_END, ["1.86", "1.89"]),
    ],
)
def test_the_exempt_pay_only_what_they_are_not_exempt_of(
    tax: str, last: date, taxes: list[str]
) -> None:
    """Of 21.49 in Hartford: 6.35 % are 1.3646, and of the surcharge 2.34 % in April, 0.5028, and
    2.51 % in May, 0.5393; it is due from those who need not pay the sales tax. Each is cut: with
    both it is 1.36 + 0.50 and 1.36 + 0.53.
    """
    held = account(service("TLS"), tax_code="CT01")
    held.exemptions = [Exemption(tax, date(2024, 1, 1), last, "certificate 7")]
    assert [str(made.tax) for p in (APRIL, MAY) if (made := bill(held, p))] == taxes


@pytest.mark.parametrize(
    ("tax", "amounts"),
    [
        ("", [("47.84", "4.16"), ("-4.78", "-0.42")]),
        ("SAL", [("47.84", "1.11"), ("-4.78", "-0.11")]),
        ("USF", [("47.84", "3.05"), ("-4.78", "-0.31")]),
    ],
)
def test_a_price_that_contains_its_taxes_loses_only_those_that_are_not_due(
    tax: str, amounts: list[tuple[str, str]]
) -> None:
    """52.00 in Hartford in April hold 6.35 % and 2.34 %: without them 47.8424, cut to 47.84.

    The smaller takes 1.1194 of that, cut to 1.11, and the other what is left of 52.00: 3.05.
    The discount of 10 % is 5.20 with its taxes: 4.7842 is 4.78, 0.1118 is 0.11, and 0.31 is left.
    """
    held = account(service("MBA", discount_percent=D("10.00")), tax_code="CT01")
    if tax:
        held.exemptions = [Exemption(tax, date(2024, 1, 1), OPEN_END, "certificate 7")]
    made = bill(held, APRIL)
    assert (made and [(str(line.net), str(line.tax)) for line in made.lines]) == amounts


@pytest.mark.parametrize(
    "nothing",
    [
        service("F5S", end=date(2024, 3, 31)),
        service("F5S", start=date(2024, 5, 1)),
        service("F5S", start=date(2024, 4, 10), end=date(2024, 4, 9)),
    ],
    ids=["ended on the eve", "begins the day after", "ended before it began"],
)
def test_no_charged_day_no_line_and_no_line_no_bill(nothing: Service) -> None:
    assert bill(account(nothing), APRIL) is None
    assert len(billed(nothing, service("TLS")).lines) == 1


def test_the_suspended_pay_like_the_active() -> None:
    suspended = account(service("F5S"))
    suspended.status = "S"
    made = bill(suspended, APRIL)
    assert made is not None
    assert made.net == D("74.90")
