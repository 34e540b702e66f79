"""What a change would do to everybody's bills: in parts, resumed, and refused."""

import ibis
import pyarrow as pa
import pytest
from product.shop import MARCH, MAY, POLICY, TEXT, books, carrier, draft, person, published

from crossbill.core.ids import identity
from crossbill.core.money import format_minor
from crossbill.core.refusal import Refusal
from crossbill.engine.duckdb import connect
from crossbill.platform.billing import what_if_operations
from crossbill.platform.billing.catalogue_effect import catalogue_effect
from crossbill.platform.billing.compute import read_policy
from crossbill.platform.billing.models import WhatIf, WhatIfPart
from crossbill.platform.billing.preview import NEW_RULES
from crossbill.platform.billing.what_if_operations import (
    PART_ACCOUNTS,
    answer_what_if,
    ask_what_if,
    part_count,
)
from crossbill.platform.billing.what_if_parts import NEW, _spread, together
from crossbill.platform.customer.models import BillingAccount, Payer
from crossbill.platform.product.catalogue_queries import catalogue_of
from crossbill.runs.models import Run

SWISS = read_policy(POLICY)
DEARER = TEXT.replace('"21.90"', '"23.90"')


@pytest.fixture
def shop(db):
    found = carrier()
    books(found)
    return found


def ask(shop, version=None, **terms) -> WhatIf:
    given = {"period": "2026-04", "policy": SWISS, "other_policy": SWISS} | terms
    user = given.pop("user", None) or person("ann", "operator")
    return ask_what_if(carrier_id=shop.id, version=version, user=user, **given)


def answered(asked: WhatIf) -> dict:
    answer_what_if(what_if_id=asked.id)
    asked.refresh_from_db()
    return asked.answer


def test_answer_is_that_of_the_catalogues_effect(shop):
    assert DEARER != TEXT
    published(shop, valid_from=MARCH)
    version = draft(shop, DEARER, valid_from=MARCH)
    answer = answered(ask(shop, version))
    effect = catalogue_effect(
        carrier_id=shop.id, draft=catalogue_of(version), valid_from=MARCH, policy=SWISS,
        period="2026-04",
    ).effect  # fmt: skip
    (mine,), (theirs,) = answer["totals"], effect.totals
    counts = ("bills", "unchanged", "dearer", "cheaper")
    assert {name: mine[name] for name in counts} == {name: theirs[name] for name in counts}
    assert mine["dearer"] == 2
    for name in ("before", "after", "difference"):
        assert format_minor(mine[f"{name}_minor"], 2) == theirs[name]
    assert [row["account_key"] for row in answer["largest"]] == ["A1", "A2"]
    assert answer["unresolved"] == {"before": 0, "after": 0}
    steps = {row["step"]: row["bills"] for row in answer["spread"]}
    assert steps == {3: 1, 2: 1, 0: 1}  # 9.1 %, 3.3 %, and what the books alone know


def test_published_version_is_compared_with_what_was_before_it(shop):
    first = published(shop)
    assert ask(shop, first).compared_with is None
    assert ask(shop, published(shop, DEARER, valid_from=MAY)).compared_with == first
    assert ask(shop, draft(shop, TEXT + "\n", valid_from=MARCH)).compared_with == first


def test_any_two_versions_of_a_catalogue_are_compared(shop):
    first, dearer = published(shop, valid_from=MARCH), draft(shop, DEARER, valid_from=MAY)
    asked = ask(shop, first, before=dearer)
    (row,) = answered(asked)["totals"]
    assert (asked.compared_with, row["cheaper"], row["dearer"]) == (dearer, 2, 0)
    other = draft(shop, TEXT.replace("name: mobile", "name: fixed"))
    for version, before, code in (
        (None, first, "WHAT_IF_OF_TWO_CATALOGUES"),
        (other, first, "WHAT_IF_OF_TWO_CATALOGUES"),
        (first, first, "WHAT_IF_OF_NOTHING"),
    ):
        with pytest.raises(Refusal, match=code):
            ask(shop, version, before=before)


def test_parts_add_up_to_the_whole(shop, monkeypatch):
    version = published(shop, DEARER)
    whole = answered(ask(shop, version))
    monkeypatch.setattr(what_if_operations, "PART_ACCOUNTS", 1)
    asked = ask(shop, version)
    assert asked.part_count == 4
    assert answered(asked) == whole
    assert not WhatIfPart.objects.exists()
    assert asked.run.stages.get(name="bill").chunk_count == 4


def test_who_is_paid_for_is_in_the_part_of_the_payer(shop, monkeypatch):
    accounts = {each.account_key: each for each in BillingAccount.objects.filter(carrier=shop)}
    accounts |= {
        key: BillingAccount.objects.create(
            id=identity(shop.code, "account", key), carrier=shop, account_key=key,
            customer=accounts["A1"].customer, status="active", currency="CHF", tax_code="CH",
            bill_cycle_day=1, disputed=False,
        )
        for key in map("B{}".format, range(20))
    }  # fmt: skip
    for key in accounts.keys() - {"A1"}:
        Payer.objects.create(
            account=accounts[key], payer_key="A1", share_ppm=1_000_000, valid_from=MARCH
        )
    monkeypatch.setattr(what_if_operations, "PART_ACCOUNTS", 1)
    asked = ask(shop, other_policy=NEW_RULES)
    parts = [what_if_operations._accounts(asked, n).count() for n in range(asked.part_count)]
    assert sorted(parts)[-2:] == [0, len(accounts)]


def test_other_rules_alone(shop):
    asked = ask(shop, other_policy=NEW_RULES)
    assert str(asked) == "What if rules new-1 held in 2026-04"
    (row,) = answered(asked)["totals"]
    assert (row["bills"], row["unchanged"]) == (3, 3)


def test_stopped_run_goes_on_where_it_stopped(shop, monkeypatch):
    monkeypatch.setattr(what_if_operations, "PART_ACCOUNTS", 1)
    asked = ask(shop, published(shop, DEARER))
    real, done = what_if_operations.part_answer, []

    def stops_once(backend, before, after):
        done.append(1)
        if len(done) == 3:
            raise KeyboardInterrupt
        return real(backend, before, after)

    monkeypatch.setattr(what_if_operations, "part_answer", stops_once)
    with pytest.raises(KeyboardInterrupt):
        answer_what_if(what_if_id=asked.id)
    assert WhatIfPart.objects.count() == 2
    assert answered(asked)["totals"][0]["bills"] == 3
    assert len(done) == 5
    assert Run.objects.get().status == "done"


def test_who_is_answered_is_not_billed_again(shop):
    asked = ask(shop, published(shop, DEARER))
    first = answered(asked)
    assert answered(asked) == first
    assert Run.objects.get().attempts == 1


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({}, "WHAT_IF_OF_NOTHING"),
        ({"other_policy": NEW_RULES, "period": "2026-13"}, "NOT_A_BILL_PERIOD"),
        ({"other_policy": NEW_RULES, "user": "eve"}, "CANNOT_ASK_WHAT_IF"),
    ],
    ids=["nothing changes", "no month", "a viewer"],
)
def test_refused(terms, code, shop):
    if "user" in terms:
        terms = terms | {"user": person(terms["user"], "viewer")}
    with pytest.raises(Refusal, match=code):
        ask(shop, **terms)
    assert not WhatIf.objects.exists()


@pytest.mark.django_db
def test_carrier_without_accounts_is_refused():
    with pytest.raises(Refusal, match="NOBODY_TO_BILL"):
        ask(carrier(), other_policy=NEW_RULES)


@pytest.mark.parametrize(
    ("accounts", "parts"),
    [(1, 1), (PART_ACCOUNTS, 1), (PART_ACCOUNTS + 1, 2), (3 * PART_ACCOUNTS, 4), (1_000_000, 64)],
)
def test_parts_are_a_power_of_two(accounts, parts):
    assert part_count(accounts) == parts


STEPS = [
    (1000, 1000, 0), (1000, 1001, 1), (1000, 1009, 1), (1000, 1010, 2), (1000, 1049, 2),
    (1000, 1050, 3), (1000, 1100, 4), (1000, 1199, 4), (1000, 1200, 5), (1000, 9000, 5),
    (1000, 999, -1), (1000, 990, -2), (1000, 950, -3), (1000, 900, -4), (1000, 800, -5),
    (1000, 0, -5), (0, 5, NEW), (0, -5, NEW), (0, 0, 0), (-1000, -990, 2), (-1000, -1200, -5),
]  # fmt: skip


def test_steps_of_a_change():
    names = [f"A{number:02}" for number in range(len(STEPS))]
    rows = [
        {"account_key": name, "currency": name, "before_minor": before, "after_minor": after,
         "difference_minor": after - before}
        for name, (before, after, _) in zip(names, STEPS, strict=True)
    ]  # fmt: skip
    with connect() as backend:
        found = backend.to_pyarrow(_spread(ibis.memtable(pa.Table.from_pylist(rows)))).to_pylist()
    steps = {row["currency"]: row["step"] for row in found}
    assert steps == {name: step for name, (_, _, step) in zip(names, STEPS, strict=True)}


def test_parts_with_nothing_add_up_to_nothing():
    nothing = {"totals": [], "spread": [], "categories": [], "largest": []}
    none = nothing | {"unresolved": {"before": 0, "after": 0}}
    assert together([none, none]) == none
