"""What an add-on requires, when what it stands beside changes: rules as tables, then the books."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from product.shop import CARRIER, MARCH, POLICY, books, carrier, person, published, run

from crossbill import cli_product
from crossbill.core.refusal import Refusal
from crossbill.platform.product.changes import Begun, Held, Kind, Plan, Terms, Wanted
from crossbill.platform.product.models import Product, ProductChange
from crossbill.platform.product.requirements import Needs, refuse_alone

START, DAY, LATER = date(2026, 1, 1), date(2026, 3, 16), date(2026, 4, 1)
NEEDS = Needs({"roaming": ["s", "m"]}, {"family": ["duo"], "duo": ["s"]})


def held(key: str, code: str, start: date = START, end: date | None = None, account="A") -> Held:
    return Held(key, Terms(account, code, 1), start, end)


PLAN, ADD_ON = held("P", "s"), held("R", "roaming")
BESIDE = [PLAN, ADD_ON]


def ends(key: str, kind: Kind = Kind.CANCEL, day: date = DAY) -> Plan:
    return Plan(Wanted(kind, day), {key: day})


def becomes(key: str, kind: Kind, code: str = "s", account: str = "A") -> Plan:
    return replace(ends(key, kind), begins=Begun(Terms(account, code, 1), DAY, None))


def goes_on(key: str, other: str) -> Plan:
    return Plan(Wanted(Kind.OFFERING, DAY), {other: DAY, key: None}, goes_on=key)


ORDERED = Plan(Wanted(Kind.ORDERED, DAY), {}, Begun(Terms("A", "roaming", 1), DAY, None))
ALLOWED = {
    "nothing requires it": ([PLAN], ends("P")),
    "the add-on ends": (BESIDE, ends("R")),
    "the add-on ends on that day": ([PLAN, replace(ADD_ON, end_date=DAY)], ends("P")),
    "another plan stays": ([*BESIDE, held("Q", "m")], ends("P")),
    "a bundle in a bundle stays": ([*BESIDE, held("F", "family")], ends("P")),
    "upgrade to what serves as well": (BESIDE, becomes("P", Kind.OFFERING, "m")),
    "another quantity": (BESIDE, becomes("P", Kind.QUANTITY)),
    "another quantity of the add-on": (BESIDE, becomes("R", Kind.QUANTITY, "roaming")),
    "alone before": ([PLAN, held("R", "roaming", account="B")], ends("P")),
    "alone before, and changed": ([ADD_ON], becomes("R", Kind.QUANTITY, "roaming")),
    "alone before, and taken back": (
        [replace(ADD_ON, end_date=DAY), held("R-2", "roaming", DAY)], goes_on("R", "R-2"),
    ),
    "ordered beside its plan": ([PLAN], ORDERED),
    "moved beside another plan": ([*BESIDE, held("Q", "m", account="B")],
        becomes("R", Kind.MOVE, "roaming", "B")),
}  # fmt: skip


@pytest.mark.parametrize(("products", "plan"), ALLOWED.values(), ids=ALLOWED)
def test_allowed(products, plan):
    refuse_alone([plan], products, NEEDS)


R = "R requires m or s, and A would hold none of it from 2026-03-16"
NONE = "roaming requires m or s, and the account holds none of it"
REFUSED = {
    "cancelled": (BESIDE, ends("P"), R, "cancel R first, from 2026-03-16 or earlier"),
    "suspended": (BESIDE, ends("P", Kind.SUSPEND), R, "suspend or cancel R first"),
    "moved": (BESIDE, becomes("P", Kind.MOVE, account="B"), R, "cancel R first"),
    "another offering": (BESIDE, becomes("P", Kind.OFFERING, "tv"), R, "cancel R first"),
    "the bundle around it": ([held("F", "family"), ADD_ON], ends("F"), R, "cancel R first"),
    "an add-on that begins later": (
        [PLAN, held("R", "roaming", LATER)], ends("P"),
        "R requires m or s, and A would hold none of it from 2026-04-01",
        "cancel R first, from 2026-04-01",
    ),
    "until the other plan ends": (
        [*BESIDE, held("Q", "m", end=LATER)], ends("P"), "none of it from 2026-04-01", "cancel R",
    ),
    "backdated, of an add-on that has ended since": (
        [PLAN, held("R", "roaming", end=LATER)], ends("P"), R, "from 2026-03-16 or earlier",
    ),
    "one alone already, one more": (
        [held("0", "roaming", account="B"), *BESIDE], ends("P"), R, "cancel R first",
    ),
    "ordered alone": ([], ORDERED, f"{NONE} on that day", "order m or s first"),
    "ordered beside a plan that is to end": (
        [replace(PLAN, end_date=LATER)], ORDERED, f"{NONE} from 2026-04-01", "order m or s first",
    ),
    "one alone already, and one ordered": ([ADD_ON], ORDERED, NONE, "order m or s first"),
    "what was not needed becomes an add-on": (
        [held("T", "tv")], becomes("T", Kind.OFFERING, "roaming"), NONE, "order m or s first",
    ),
    "the add-on is moved away": (
        BESIDE, becomes("R", Kind.MOVE, "roaming", "B"), NONE, "order m or s first",
    ),
    "the add-on is resumed alone": (
        [replace(ADD_ON, end_date=DAY)],
        Plan(Wanted(Kind.RESUME, DAY), {"R": None}, goes_on="R"), NONE, "order m or s first",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("products", "plan", "what", "cure"), REFUSED.values(), ids=REFUSED)
def test_refused(products, plan, what, cure):
    with pytest.raises(Refusal) as caught:
        refuse_alone([plan], products, NEEDS)
    assert what in caught.value.what
    assert cure in caught.value.cure
    code = "REQUIRES_ANOTHER" if what.startswith(NONE) else "REQUIRED_BY_ANOTHER"
    assert caught.value.code == code


# On the books

BY_ANN = ("--carrier", CARRIER, "--user", "ann", "--policy", POLICY)


@pytest.fixture
def owner(db, monkeypatch):
    monkeypatch.setattr(cli_product, "ready", lambda: None)
    person("ann", "operator")
    made = carrier()
    books(made)
    published(made)
    return made


def product(command: str, *words: object, on: str = "2026-03-16") -> str:
    return run(cli_product.product_app, command, *words, *BY_ANN, "--on", on).splitlines()[-1]


DEEDS = {
    "cancel": ["--cancel"],
    "suspend": ["--suspend"],
    "move": ["--move", "A3"],
    "another offering": ["--offering", "old-plan"],
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_plan_stays_while_an_add_on_requires_it(owner, deed):
    product("order", "A1", "roaming-pack")
    with pytest.raises(Refusal, match="A1-roaming-pack requires alpina-m or alpina-s"):
        product("change", "A1-0", *deed)
    assert ProductChange.objects.count() == 1
    product("change", "A1-roaming-pack", "--cancel")
    product("change", "A1-0", *deed)


def test_upgrade_to_a_plan_that_serves_as_well(owner):
    product("order", "A1", "roaming-pack")
    assert product("change", "A1-0", "--offering", "alpina-m") == (
        "A1-0 ends and A1-0-2 begins on 2026-03-16."
    )
    assert product("change", "A1-0-2", "--offering", "alpina-s").startswith("A1-0-2 ends and A1-0 ")


def test_what_stood_alone_before_blocks_nothing(owner):
    Product.objects.filter(product_key="A1-0").update(end_date=MARCH)
    Product.objects.create(
        id=UUID(int=9), carrier=owner, product_key="X", quantity=1, start_date=MARCH,
        account=Product.objects.get(product_key="A1-0").account,
        offering=owner.productoffering_set.get(code="roaming-pack"),
    )  # fmt: skip
    product("order", "A1", "old-plan")
    assert "X-2 begins" in product("change", "X", "--quantity", 2)
    assert "is cancelled" in product("change", "A1-old-plan", "--cancel")


def test_days_before_the_catalogue_that_requires_it_are_free(owner):
    assert "begins" in product("order", "A3", "roaming-pack", on="2026-02-28")
