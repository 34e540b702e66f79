"""`crossbill product identifier`: who holds a number, and what is refused."""

from functools import partial

import pytest
from product.shop import CARRIER, books, carrier, person
from product.shop import run as run_app

from crossbill import cli_product
from crossbill.core.refusal import Refusal
from crossbill.platform.product.models import ServiceIdentifier

pytestmark = pytest.mark.django_db
run = partial(run_app, cli_product.identifier_app)
NUMBER = "+41791234567"
OF_ALPINA = ("--carrier", CARRIER)


@pytest.fixture(autouse=True)
def owner(monkeypatch):
    monkeypatch.setattr(cli_product, "ready", lambda: None)
    person("ann", "operator")
    person("eve", "viewer")
    made = carrier()
    books(made)
    return made


def assign(key: str, day: str, user: str = "ann") -> str:
    return run("assign", NUMBER, key, *OF_ALPINA, "--user", user, "--from", day)


def release(day: str, user: str = "ann") -> str:
    return run("release", NUMBER, *OF_ALPINA, "--user", user, "--from", day)


def shown() -> list[str]:
    return run("show", NUMBER, *OF_ALPINA).splitlines()


def test_number_goes_from_one_product_to_another():
    assert shown() == [f"Nobody holds or held {NUMBER}."]
    assert assign("A1-0", "2026-01-01") == f"{NUMBER} is A1-0's from 2026-01-01.\n"
    assert release("2026-03-01") == f"{NUMBER} is free from 2026-03-01; A1-0 held it.\n"
    assign("A2-0", "2026-03-01")
    assert shown() == [
        f"{NUMBER}: A1-0 from 2026-01-01 to 2026-03-01",
        f"{NUMBER}: A2-0 from 2026-03-01",
    ]


REFUSED = {
    "held by another": (lambda: assign("A2-0", "2026-03-01"), "IDENTIFIER_TAKEN"),
    "held already": (lambda: assign("A1-0", "2026-01-01"), "IDENTIFIER_TAKEN"),
    "from before the holder": (lambda: assign("A2-0", "2025-01-01"), "IDENTIFIER_TAKEN"),
    "before the product": (lambda: assign("A2-0", "2020-12-31"), "IDENTIFIER_NOT_POSSIBLE"),
    "no such product": (lambda: assign("A9-0", "2026-03-01"), "NO_SUCH_PRODUCT"),
    "not a day": (lambda: assign("A2-0", "1.3.2026"), "NOT_A_DATE"),
    "viewer assigns": (lambda: assign("A2-0", "2026-03-01", "eve"), "CANNOT_CHANGE"),
    "viewer releases": (lambda: release("2026-03-01", "eve"), "CANNOT_CHANGE"),
    "released too early": (lambda: release("2025-12-31"), "IDENTIFIER_NOT_HELD"),
}


@pytest.mark.parametrize(("deed", "code"), REFUSED.values(), ids=REFUSED)
def test_refused(deed, code):
    assign("A1-0", "2026-01-01")
    with pytest.raises(Refusal) as caught:
        deed()
    assert caught.value.code == code
    assert caught.value.cure
    assert ServiceIdentifier.objects.count() == 1


def test_refusal_names_the_holder_and_its_days():
    assign("A1-0", "2026-01-01")
    with pytest.raises(Refusal, match="A1-0 holds the identifier from 2026-01-01 ") as caught:
        assign("A2-0", "2026-03-01")
    assert "release it from A1-0 on 2026-03-01" in caught.value.cure


def test_refusal_names_no_holder_of_no_day():
    assign("A1-0", "2026-01-01")
    release("2026-01-01")
    assign("A2-0", "2026-01-01")
    with pytest.raises(Refusal, match="A2-0 holds the identifier from 2026-01-01 "):
        assign("A3-0", "2026-01-01")
