"""Bills of the books by the catalogues in force: components, lists, taxes, and days they begin."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest
from product.shop import (
    JANUARY,
    POLICY,
    TEXT,
    books,
    carrier,
    change_product,
    order_product,
    person,
    planned_change,
    published,
)

from crossbill.core.policy import ChargeRounding
from crossbill.engine.datasets import USAGE_TOTAL
from crossbill.platform.billing.change_cost import change_cost
from crossbill.platform.billing.compute import read_policy
from crossbill.platform.billing.preview import preview
from crossbill.platform.concession.queries import holder_of
from crossbill.platform.customer.models import BillingAccount, Carrier
from crossbill.platform.product.catalogue_operations import retire, take_over
from crossbill.platform.product.change_queries import product_named
from crossbill.platform.product.changes import Kind, OwnPriceUnclear, Terms, Wanted
from crossbill.platform.product.orders import Order

pytestmark = pytest.mark.django_db

SWISS = read_policy(POLICY)
WHOLE_BILLS = replace(SWISS, rounding_scope=ChargeRounding.BILL)
TODAY, APRIL = date(2026, 4, 1), date(2026, 4, 1)
MONTHLY = "      - price: monthly\n"


@pytest.fixture
def owner() -> Carrier:
    made = carrier()
    books(made)
    person("ann", "operator")
    return made


def billed(
    owner: Carrier, key: str, period: str = "2026-04", used: Sequence[dict] = (), policy=SWISS
):
    return preview(
        carrier_id=owner.id, account_key=key, period=period, policies={"asked": policy},
        used=pa.Table.from_pylist([*used], USAGE_TOTAL.arrow),
    )["asked"]  # fmt: skip


def lines(owner: Carrier, key: str, period: str = "2026-04") -> list[tuple[str, str]]:
    """Price and net amount of each line of an account's bill."""
    found = billed(owner, key, period)
    assert found.unresolved == []
    return [(each.line["price_code"], each.net) for bill in found.bills for each in bill.lines]


def listed(*whom: str, amount: str) -> str:
    """The catalogue with a list of the first plan's monthly price."""
    keys = "".join(f"        {each}\n" for each in whom)
    version = f'        versions: [{{version: l, from: 2025-01-01, amount: "{amount}"}}]\n'
    return TEXT.replace(MONTHLY, MONTHLY + keys + version + MONTHLY, 1)


def order(owner: Carrier, code: str, day: date = APRIL, **terms) -> str:
    made = order_product(
        carrier_id=owner.id, order=Order(Terms("A1", code, 1, **terms), day), user=person("ann"),
        today=TODAY,
    )  # fmt: skip
    return made.product.product_key


def change(owner: Carrier, key: str, kind: Kind, value=None, day: date = APRIL) -> str | None:
    made = change_product(
        carrier_id=owner.id, product_key=key, wanted=Wanted(kind, day, value), user=person("ann"),
        today=TODAY,
    )  # fmt: skip
    return made.resulting_product.product_key if made.resulting_product else None


def test_books_have_the_price_where_no_catalogue_has(owner):
    assert lines(owner, "A1") == [("alpina-s", "19.90")]
    published(owner, valid_from=date(2026, 4, 2))
    assert lines(owner, "A1") == [("alpina-s", "19.90")]


def test_what_a_catalogue_declares_is_billed_by_it_and_the_rest_by_the_books(owner):
    published(owner)
    assert lines(owner, "A1") == [("alpina-s/monthly", "21.90")]
    assert lines(owner, "A3") == [("old-plan", "25.00")]


def test_what_is_rounded_as_a_whole_is_previewed_so(owner):
    published(owner)
    for day in (11, 12):  # 21 and 20 of 31 days of 21.90 are 14.8354... and 14.1290...
        order(owner, "alpina-s", date(2026, 5, day))
    found = [billed(owner, "A1", "2026-05", policy=p).bills[0] for p in (SWISS, WHOLE_BILLS)]
    nets = [
        sorted(line.net for line in bill.lines if line.line["category"] == "recurring")
        for bill in found
    ]
    assert nets == [["14.13", "14.84", "21.90"], ["14.13", "14.83", "21.90"]]


def test_bill_period_that_begins_before_the_version_is_billed_by_the_one_before(owner):
    first = published(owner, valid_from=JANUARY)
    published(owner, TEXT.replace('"21.90"', '"22.90"'), valid_from=APRIL)
    assert lines(owner, "A1", "2026-03") == [("alpina-s/monthly", "21.90")]
    assert lines(owner, "A1", "2026-04") == [("alpina-s/monthly", "22.90")]
    BillingAccount.objects.filter(account_key="A1").update(bill_cycle_day=31)
    assert lines(owner, "A1", "2026-03") == [("alpina-s/monthly", "21.90")]
    retire(version_id=first.id, user=person("bob"))
    assert lines(owner, "A1", "2026-03") == [("alpina-s", "19.90")]


@pytest.mark.parametrize(
    ("whom", "amount"),
    [
        (["segment: RC"], "11.90"),
        (["region: ZH"], "11.90"),
        (["segment: RC", "region: ZH"], "11.90"),
        (["segment: business"], "21.90"),
        (["region: VD"], "21.90"),
        (["segment: RC", "region: VD"], "21.90"),
    ],
)
def test_price_list_holds_for_its_segment_and_region(owner, whom, amount):
    BillingAccount.objects.filter(account_key="A1").update(region="ZH")
    published(owner, listed(*whom, amount="11.90"))
    assert lines(owner, "A1") == [("alpina-s/monthly", amount)]


def test_several_taxes_stand_side_by_side(owner):
    city = '  - {jurisdiction: CH, tax: city, from: 2018-01-01, percent: "1"}\n\nofferings:'
    published(owner, TEXT.replace("\nofferings:", city, 1))
    (bill,) = billed(owner, "A1").bills
    assert bill.totals["tax"] == "1.99"  # 8.1 % of 21.90 is 1.77, and 1 % is 0.22
    assert [each.split(":")[0] for each in bill.taxes] == ["VAT of CH", "city of CH"]


def test_provider_says_the_taxes_of_the_books_too(owner, levels):
    """And where it knows none the books' own rate is not taken: that would be another tax."""
    chosen = TEXT.replace("taxes:\n", "tax_providers: {CH: levels}\ntaxes:\n", 1)
    published(owner, chosen)
    (bill,) = billed(owner, "A1").bills
    assert bill.taxes == ("VAT of CH: 8.1 % of 21.90 is 1.77, as levels 2026.7 says",)
    account = BillingAccount.objects.get(account_key="A1")
    assert "VAT" in holder_of(account, APRIL).taxes
    published(owner, chosen.replace("jurisdiction: CH", "jurisdiction: DE"), valid_from=APRIL)
    assert [row["code"] for row in billed(owner, "A1").unresolved] == ["TAX_RATE_MISSING"]


def test_one_time_price_is_charged_with_the_order(owner):
    published(owner)
    key = order(owner, "alpina-s", date(2026, 4, 16))
    mine = [line for line in lines(owner, "A1") if line[1] in ("10.95", "40.00")]
    assert mine == [("alpina-s/activation", "40.00"), ("alpina-s/monthly", "10.95")]
    assert lines(owner, "A1", "2026-05").count(("alpina-s/activation", "40.00")) == 0
    assert key == "A1-alpina-s"


END = date(2026, 12, 1)
FEE = "alpina-m/early-end"


def fees(owner: Carrier, *accounts: str) -> list[str]:
    """The fees for an early end on the bills of spring."""
    return [
        net
        for key in accounts or ("A1",)
        for period in ("2026-03", "2026-04", "2026-05")
        for code, net in lines(owner, key, period)
        if code == FEE
    ]


BOUND = {  # what is done with a product of 15.00 a month for an early end, and what it costs
    "kept": ([], []),
    "cancelled": ([(Kind.CANCEL, None, 11)], ["120.00"]),  # 8 months, from 11 April to 1 December
    "cancelled from the first day of a period": ([(Kind.CANCEL, None, 1)], ["120.00"]),
    "another quantity": ([(Kind.QUANTITY, 2, 11)], []),
    "another quantity, then cancelled": (
        [(Kind.QUANTITY, 2, 11), (Kind.CANCEL, None, 21)], ["240.00"],
    ),
    "both from one day": ([(Kind.QUANTITY, 2, 11), (Kind.CANCEL, None, 11)], ["120.00"]),
    "moved": ([(Kind.MOVE, "A3", 11)], []),
    "moved, then cancelled there": ([(Kind.MOVE, "A3", 11), (Kind.CANCEL, None, 21)], ["120.00"]),
    "suspended": ([(Kind.SUSPEND, None, 11)], []),
    "suspended, then resumed": ([(Kind.SUSPEND, None, 11), (Kind.RESUME, None, 21)], []),
    "suspended, then cancelled": (
        [(Kind.SUSPEND, None, 11), (Kind.CANCEL, None, 21)], ["120.00"],
    ),
    "to what has no fee": ([(Kind.OFFERING, "alpina-s", 11)], []),
    "to what the contract does not go to": ([(Kind.OFFERING, "family", 11)], ["120.00"]),
    "the same, taken back": (
        [(Kind.OFFERING, "family", 11), (Kind.OFFERING, "alpina-m", 11)], [],
    ),
    "cancelled, and taken back": ([(Kind.CANCEL, None, 11), (Kind.RESUME, None, 11)], []),
}  # fmt: skip


@pytest.mark.parametrize(("deeds", "charged"), BOUND.values(), ids=BOUND)
def test_fee_for_an_early_end_is_charged_where_a_contract_is_broken(owner, deeds, charged):
    plan = "    kind: plan\n    contract_goes_to: [alpina-s]\n"
    published(owner, TEXT.replace('months"\n    kind: plan\n', f'months"\n{plan}'))
    key = order(owner, "alpina-m", date(2026, 3, 1), contract_end_date=END)
    for kind, value, day in deeds:
        key = change(owner, key, kind, value, date(2026, 4, day)) or key
    assert fees(owner, "A1", "A3") == charged


@pytest.mark.parametrize("day", [1, 11])
def test_cost_of_leaving_shows_the_bill_with_the_fee(owner, day):
    """On the first day of a period the fee stands on the bill before."""
    published(owner)
    key = order(owner, "alpina-m", date(2026, 3, 1), contract_end_date=END)
    product = product_named(owner.id, key)
    leaving = Wanted(Kind.CANCEL, date(2026, 4, day))
    told = change_cost(
        carrier_id=owner.id, account_key="A1", plans=[planned_change(product, leaving, TODAY)],
        policy=SWISS,
    )  # fmt: skip
    change(owner, key, Kind.CANCEL, day=date(2026, 4, day))
    months = ["2026-03", "2026-04"] if day == 1 else ["2026-04"]
    bills = [bill for month in months for bill in billed(owner, "A1", month).bills]
    after = sum(int(bill.totals["total"].replace(".", "")) for bill in bills)
    (total,) = told.effect.totals
    assert total["after"] == f"{after // 100}.{after % 100:02}"
    assert (FEE, "120.00") in lines(owner, "A1", months[0])


def other(text: str = TEXT) -> str:
    return text.replace("name: mobile\n", "name: other\n")


def in_force(owner: Carrier, text: str) -> None:
    """Bill by a catalogue without the checks of publishing."""
    take_over(carrier_id=owner.id, text=text, file="other.yaml")


def test_catalogues_that_state_one_tax_alike_agree(owner):
    published(owner)
    only = other(TEXT[: TEXT.index("  - code: alpina-s")])
    published(
        owner,
        only
        + '  - code: old-plan\n    name: "Old"\n    prices:\n'
        + MONTHLY
        + '        versions: [{version: "1", from: 2025-01-01, amount: "26.00"}]\n',
    )
    assert lines(owner, "A1") == [("alpina-s/monthly", "21.90")]
    assert lines(owner, "A3") == [("old-plan/monthly", "26.00")]


def test_offering_of_two_catalogues_is_not_charged_but_told(owner):
    """Nobody can publish such a one any more; one that was is told in the bill."""
    published(owner)
    in_force(owner, other(TEXT.replace("- price: monthly", "- price: fee")))
    found = billed(owner, "A1")
    assert {row["code"] for row in found.unresolved} == {"PRICE_DOUBLED"}
    assert found.bills == []


def test_own_price_of_a_bundle_is_instead_of_one_of_its_prices(owner):
    published(owner)
    with pytest.raises(OwnPriceUnclear, match="alpina-s/monthly or family/second-card"):
        order(owner, "family", price_override_nanos=5 * 10**9)
    key = order(
        owner, "family", price_override_nanos=5 * 10**9, price_override_code="alpina-s/monthly"
    )
    found = sorted(line for line in lines(owner, "A1") if "activation" not in line[0])
    assert found == [
        ("alpina-s/monthly", "21.90"),
        ("alpina-s/monthly", "5.00"),
        ("family/second-card", "9.90"),
    ]
    change(owner, key, Kind.PRICE, day=date(2026, 4, 15))
    assert product_named(owner.id, key).price_override_code == "alpina-s/monthly"


def test_usage_of_an_offering_of_two_catalogues_is_told_too(owner):
    """One of them says how it is taxed, and the other that it is as all else."""
    key = order(owner, "alpina-s")
    use = {
        "account_key": "A1", "product_key": key, "offering_code": "alpina-s", "events": 3,
        "period_from": APRIL, "period_to": date(2026, 5, 1), "currency": "CHF",
        "amount_nanos": 7_000_000_000,
    }  # fmt: skip
    taxed = TEXT.replace("kind: plan", "usage: {tax_category: standard}", 1)
    published(owner, taxed)
    assert "7.00" in [each.net for each in billed(owner, "A1", used=[use]).bills[0].lines]
    in_force(owner, other(TEXT))
    told = [row["code"] for row in billed(owner, "A1", used=[use]).unresolved]
    assert "USAGE_TERMS_DOUBLED" in told


def test_taxes_on_which_catalogues_disagree_are_told(owner):
    published(owner)
    dear = other(TEXT.replace('"8.1"', '"9.1"'))
    in_force(owner, dear.replace("alpina-s", "mobile-x"))
    assert {row["code"] for row in billed(owner, "A1").unresolved} == {"TAX_RATE_DOUBLED"}


OF_40 = 'versions: [{version: o, from: 2025-01-01, amount: "40.00"}]'
ONCE = f"""\
      - {{price: set-up, charge: one_time, {OF_40}}}
      - {{price: return, charge: one_time, timing: end, {OF_40}}}
"""


def once(owner: Carrier, *accounts: str, period: str = "2026-04") -> list[str]:
    """The one-time prices on the bills of these accounts."""
    rows = [row for key in accounts for row in lines(owner, key, period)]
    return sorted(code for code, _ in rows if code.split("/")[-1] in ("set-up", "return"))


@pytest.fixture
def with_once(owner) -> Carrier:
    """A carrier whose first plan costs something when it begins, and when it ends."""
    place = TEXT.index(MONTHLY)
    published(owner, text=TEXT[:place] + ONCE + TEXT[place:])
    return owner


SET_UP, RETURN = "alpina-s/set-up", "alpina-s/return"
MIDDLE = date(2026, 4, 12)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Kind.QUANTITY, 3), (Kind.PRICE, 9_000_000_000), (Kind.MOVE, "A2"), (Kind.SUSPEND, None)],
)
def test_what_goes_on_after_a_change_neither_begins_nor_ends_anew(with_once, kind, value):
    key = order(with_once, "alpina-s")
    plan = planned_change(product_named(with_once.id, key), Wanted(kind, MIDDLE, value), TODAY)
    cost = change_cost(carrier_id=with_once.id, account_key="A1", plans=[plan], policy=SWISS)
    assert not {line.some["price_code"] for line in cost.lines} & {SET_UP, RETURN}
    change(with_once, key, kind, value, MIDDLE)
    assert once(with_once, "A1", "A2") == [SET_UP]


def test_what_is_resumed_is_not_set_up_again_and_ends_once(with_once):
    key = order(with_once, "alpina-s")
    change(with_once, key, Kind.SUSPEND, day=MIDDLE)
    resumed = change(with_once, key, Kind.RESUME, day=date(2026, 4, 20))
    assert once(with_once, "A1") == [SET_UP]
    change(with_once, resumed, Kind.CANCEL, day=date(2026, 5, 10))
    assert once(with_once, "A1", period="2026-05") == [RETURN]


def test_what_is_suspended_and_then_cancelled_has_ended(with_once):
    """The end is that of the suspension, and so is the bill on which it stands."""
    key = order(with_once, "alpina-s")
    change(with_once, key, Kind.SUSPEND, day=MIDDLE)
    leaving = Wanted(Kind.CANCEL, date(2026, 5, 10))
    plan = planned_change(product_named(with_once.id, key), leaving, TODAY)
    cost = change_cost(carrier_id=with_once.id, account_key="A1", plans=[plan], policy=SWISS)
    assert [line.some["price_code"] for line in cost.lines] == [RETURN]
    change(with_once, key, Kind.CANCEL, day=leaving.effective_date)
    assert once(with_once, "A1") == [RETURN, SET_UP]


def test_another_offering_begins_and_the_one_before_ends(with_once):
    key = order(with_once, "alpina-s")
    change(with_once, key, Kind.OFFERING, "alpina-m", MIDDLE)
    assert once(with_once, "A1") == [RETURN, SET_UP]


def test_change_taken_back_on_its_day_leaves_an_end_to_be_charged(with_once):
    key = order(with_once, "alpina-s")
    other = change(with_once, key, Kind.QUANTITY, 2, MIDDLE)
    change(with_once, other, Kind.QUANTITY, 1, MIDDLE)
    change(with_once, key, Kind.CANCEL, day=MIDDLE)
    assert once(with_once, "A1") == [RETURN, SET_UP]
