"""`crossbill catalogue`: what each command does, prints and ends with."""

import json
from functools import partial

import pytest
from product.shop import CARRIER, EXAMPLE, POLICY, TEXT, books, carrier, person
from product.shop import run as run_app

from crossbill import cli_catalogue
from crossbill.core.refusal import Refusal
from crossbill.platform.product.models import CatalogueVersion

run = partial(run_app, cli_catalogue.catalogue_app)
FILE = EXAMPLE / "catalogue.yaml"
DEARER = TEXT.replace('"21.90"', '"22.90"')


def refused(*words: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        run(*words)
    return caught.value


# Without a database


def test_check_counts_what_a_catalogue_holds():
    assert "mobile, CHF: 5 offerings, 7 prices, 8 price versions, 3 tax rates" in run("check", FILE)
    assert json.loads(run("check", FILE, "--json")) == {
        "name": "mobile", "currency": "CHF", "offerings": 5, "prices": 7, "price_versions": 8,
        "tax_rates": 3, "warnings": [],
    }  # fmt: skip


def test_check_refuses_what_is_not_sound(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(TEXT.replace("kind: plan", "kind: plam", 1), "utf-8")
    wrong = refused("check", path)
    assert (wrong.code, wrong.file, wrong.line) == ("BAD_PRODUCT_CATALOGUE", "wrong.yaml", 14)


def test_diff_of_equals_ends_with_0():
    assert run("diff", FILE, FILE) == "They say the same.\n"
    assert json.loads(run("diff", FILE, FILE, "--json")) == []


def test_diff_says_what_differs_and_ends_with_1(tmp_path):
    path = tmp_path / "new.yaml"
    path.write_text(DEARER.replace('name: "Mobile S"', 'name: "Mobile [S]"'), "utf-8")
    assert run("diff", FILE, path, exit_code=1).splitlines() == [
        "changed offering alpina-s: name was Mobile S, is Mobile [S]",
        "changed version alpina-s/monthly 2026: amount was 21.90 CHF, is 22.90 CHF",
    ]
    assert json.loads(run("diff", FILE, path, "--json", exit_code=1))[1] == {
        "kind": "changed", "what": "version", "code": "alpina-s/monthly 2026", "field": "amount",
        "old": "21.90 CHF", "new": "22.90 CHF",
    }  # fmt: skip


# With the books


@pytest.fixture
def owner(db, monkeypatch):
    monkeypatch.setattr(cli_catalogue, "ready", lambda: None)
    person("ann", "operator")
    person("bob", "approver")
    return carrier()


def load(file=FILE, *more: object, user: str = "ann", day: str = "2026-03-01") -> str:
    return run("load", file, "--carrier", CARRIER, "--user", user, "--from", day, *more)


def test_draft_is_loaded_published_and_retired(owner):
    assert load() == "Loaded mobile 1, a draft to bill by from 2026-03-01.\n"
    by_bob = ("mobile", 1, "--carrier", CARRIER, "--user", "bob")
    assert run("publish", *by_bob) == "Published mobile 1: billed by from 2026-03-01.\n"
    assert run("retire", *by_bob) == "Retired mobile 1: billed by no longer.\n"
    assert CatalogueVersion.objects.get().status == "retired"


def test_versions_are_listed(owner, tmp_path):
    assert "No version yet" in run("versions", "--carrier", CARRIER)
    load()
    run("publish", "mobile", 1, "--carrier", CARRIER, "--user", "bob", "--json")
    listed = run("versions", "--carrier", CARRIER)
    assert all(word in listed for word in ("mobile", "published", "2026-03-01", "ann", "bob"))
    (row,) = json.loads(run("versions", "--carrier", CARRIER, "--json"))
    assert (row["number"], row["drafted_by"], row["published_by"]) == (1, "ann", "bob")


def test_text_comes_back_as_it_was(owner):
    load()
    assert run("text", "mobile", 1, "--carrier", CARRIER) == TEXT


def test_effect_is_printed_and_kept(owner, tmp_path):
    books(owner)
    asked = ("--policy", POLICY, "--period", "2026-03")
    later = tmp_path / "catalogue.yaml"  # the price of what one account holds begins too late
    later.write_text(TEXT.replace('2025-01-01, amount: "39.00"', '2026-04-01, amount: "39.00"'))
    said = load(later, *asked)
    assert "Products that cannot be charged: 0 before, 1 after" in said
    assert "The bills of 2026-03 by policy swiss-2026, compared with the books' own prices" in said
    kept = CatalogueVersion.objects.get().effect
    assert kept["totals"][0]["difference"] == "-37.84"
    assert kept["unresolved"] == {"before": 0, "after": 1}
    made = json.loads(load(FILE, *asked, "--json", day="2026-04-01"))
    assert (made["number"], made["effect"]["compared_with"]) == (2, None)


def test_loading_without_a_policy_keeps_no_effect(owner):
    assert json.loads(load(FILE, "--json"))["effect"] is None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--carrier", "nobody", "--user", "ann", "--from", "2026-03-01"), "NO_SUCH_CARRIER"),
        (("--carrier", CARRIER, "--user", "nobody", "--from", "2026-03-01"), "NO_SUCH_USER"),
        (("--carrier", CARRIER, "--user", "bob", "--from", "2026-03-01"), "CANNOT_DRAFT"),
        (("--carrier", CARRIER, "--user", "ann", "--from", "1.3.2026"), "NOT_A_DATE"),
        (
            ("--carrier", CARRIER, "--user", "ann", "--from", "2026-03-01", "--policy", POLICY),
            "NO_EFFECT_ASKED",
        ),
        (
            ("--carrier", CARRIER, "--user", "ann", "--from", "2026-03-01", "--policy", POLICY,
             "--period", "March"),
            "NOT_A_BILL_PERIOD",
        ),
    ],
)  # fmt: skip
def test_load_refuses(owner, words, code):
    assert refused("load", FILE, *words).code == code
    assert not CatalogueVersion.objects.exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("mobile", 1, "--user", "ann"), "CANNOT_PUBLISH"),
        (("mobile", 2, "--user", "bob"), "NO_SUCH_CATALOGUE_VERSION"),
        (("fixed", 1, "--user", "bob"), "NO_SUCH_CATALOGUE_VERSION"),
    ],
)
def test_publish_refuses(owner, words, code):
    load()
    assert refused("publish", *words, "--carrier", CARRIER).code == code
    assert CatalogueVersion.objects.get().status == "draft"
