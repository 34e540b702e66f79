"""`crossbill product`: what each command does, prints and ends with."""

import json
from functools import partial

import pytest
from product.shop import CARRIER, POLICY, books, carrier, person
from product.shop import run as run_app

from crossbill import cli_product
from crossbill.core.refusal import Refusal
from crossbill.platform.product.identifier_operations import assign_identifier
from crossbill.platform.product.models import Product, ProductChange

pytestmark = pytest.mark.django_db
run = partial(run_app, cli_product.product_app)
BY_ANN = ("--carrier", CARRIER, "--user", "ann")


@pytest.fixture(autouse=True)
def owner(monkeypatch):
    monkeypatch.setattr(cli_product, "ready", lambda: None)
    person("ann", "operator")
    made = carrier()
    books(made)
    return made


def change(key: str, *words: object, on: str = "2026-03-16") -> str:
    return run("change", key, *BY_ANN, "--on", on, "--policy", POLICY, *words)


def refused(*words: object, **more) -> str:
    with pytest.raises(Refusal) as caught:
        change(*words, **more)
    assert not ProductChange.objects.exists()
    return caught.value.code


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_change_says_its_cost_and_is_made():
    lines = change("A1-0", "--offering", "alpina-m", "--reason", "by phone").splitlines()
    assert lines[0] == (
        "The bill of 2026-03-01 to 2026-04-01 by policy swiss-2026, before and after the change:"
    )
    # 19.90 * 15/31 + 39.00 * 16/31 = 9.63 + 20.13, and 8.1 % tax; before it was 19.90 and tax
    assert ["CHF", "1", "0", "1", "0", "21.51", "32.17", "10.66"] in map(cells, lines)
    assert lines[-1] == "A1-0 ends and A1-0-2 begins on 2026-03-16."


def test_dry_run_changes_nothing():
    said = change("A1-0", "--cancel", "--dry-run")
    assert said.endswith("Nothing was changed: this was a dry run.\n")
    assert not ProductChange.objects.exists()
    assert Product.objects.get(product_key="A1-0").end_date is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--suspend"], "A1-0 is suspended from 2026-03-16."),
        (["--cancel"], "A1-0 is cancelled from 2026-03-16."),
        (["--quantity", 2], "A1-0 ends and A1-0-2 begins on 2026-03-16."),
        (["--price", "9.90"], "A1-0 ends and A1-0-2 begins on 2026-03-16."),
        (["--move", "A3"], "A1-0 ends and A1-0-2 begins on 2026-03-16."),
    ],
)
def test_each_change_can_be_made(words, says):
    assert change("A1-0", *words).splitlines()[-1] == says


def test_suspended_product_goes_on():
    change("A1-0", "--suspend")
    assert change("A1-0", "--resume").splitlines()[-1] == "A1-0 goes on from 2026-03-16."
    change("A1-0", "--offering", "alpina-m")
    back = change("A1-0-2", "--offering", "alpina-s").splitlines()
    assert back[-1] == "A1-0-2 ends and A1-0 goes on from 2026-03-16."


def test_move_names_the_bills_of_both():
    lines = change("A1-0", "--move", "A3", "--dry-run").splitlines()
    found = [row for row in map(cells, lines) if len(row) == 5 and row[0] in ("A1", "A3")]
    assert found == [
        ["A1", "2026-03-01", "21.51", "10.41", "-11.10"],
        ["A3", "2026-03-01", "27.03", "38.13", "11.10"],
    ]


def test_change_as_json():
    made = json.loads(change("A1-0", "--price", "9.90", "--json"))
    assert made["cost"]["periods"] == [{"period_from": "2026-03-01", "period_to": "2026-04-01"}]
    assert made["cost"]["totals"][0]["currency"] == "CHF"
    assert made["change"]["resulting_product_key"] == "A1-0-2"
    assert (made["change"]["before"]["own_price"], made["change"]["after"]["own_price"]) == (
        None, "9.90 CHF",
    )  # fmt: skip
    told = json.loads(change("A1-0-2", "--price", "list", "--dry-run", "--json"))
    assert told["change"] is None


def test_what_an_account_holds_is_shown(owner):
    assign_identifier(
        carrier_id=owner.id, identifier="+41791234567", product_key="A1-0", user=person("ann"),
        valid_from=Product.objects.get(product_key="A1-0").start_date,
    )  # fmt: skip
    change("A1-0", "--price", "9.90", "--reason", "loyal")
    said = run("show", "A1", "--carrier", CARRIER).splitlines()
    assert said[0] == "Account A1, CHF, active"
    assert ["A1-0-2", "alpina-s", "1", "9.90 CHF", "2026-03-16", ""] in map(cells, said)
    assert "+41791234567: A1-0-2 from 2026-03-16" in said
    assert "2021-01-01 A1-0 starts" in said
    assert said[-1].startswith("2026-03-16 A1-0 price list to 9.90 CHF, now A1-0-2, by ann at ")
    assert said[-1].endswith(": loyal")
    document = json.loads(run("show", "A1", "--carrier", CARRIER, "--json"))
    assert [row["own_price"] for row in document["products"]] == [None, "9.90 CHF"]
    assert document["timeline"][-1]["after"]["own_price"] == "9.90 CHF"
    assert len(document["identifiers"]) == 2


def test_what_was_suspended_is_cancelled_at_the_cost_of_its_last_day():
    assert "21.51" in change("A1-0", "--suspend", on="2026-03-01")
    said = change("A1-0", "--cancel", on="2026-04-01")
    assert "The bill of 2026-02-01 to 2026-03-01 and 2026-04-01 to 2026-05-01" in said
    assert ["CHF", "1", "1", "0", "0", "21.51", "21.51", "0.00"] in map(cells, said.splitlines())


def test_nothing_billed_is_said():
    change("A1-0", "--suspend", on="2021-01-01")
    assert "Nothing is billed, before or after." in change("A1-0", "--cancel", on="2026-04-01")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], "ONE_CHANGE_AT_A_TIME"),
        (["--suspend", "--cancel"], "ONE_CHANGE_AT_A_TIME"),
        (["--quantity", 0], "QUANTITY_NOT_POSSIBLE"),
        (["--price", "cheap"], "AMOUNT_UNREADABLE"),
        (["--price", "-1"], "OWN_PRICE_NOT_POSSIBLE"),
        (["--offering", "mobile-xl"], "OFFERING_NOT_SOLD"),
        (["--move", "A9"], "MOVE_NOT_POSSIBLE"),
        (["--resume"], "PRODUCT_NOT_SUSPENDED"),
    ],
)
def test_impossible_change_is_refused(words, code):
    assert refused("A1-0", *words) == code


def test_unknown_names_are_refused():
    assert refused("A9-0", "--cancel") == "NO_SUCH_PRODUCT"
    assert refused("A1-0", "--cancel", on="16.3.2026") == "NOT_A_DATE"
    assert refused("A1-0", "--cancel", "--user", "eve") == "NO_SUCH_USER"
    person("eve", "viewer")
    assert refused("A1-0", "--cancel", "--user", "eve") == "CANNOT_CHANGE"
    with pytest.raises(Refusal, match="NO_SUCH_ACCOUNT"):
        run("show", "A9", "--carrier", CARRIER)
