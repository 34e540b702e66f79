"""What holds an account back, what holds a wave back, and who may let it go."""

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from ledger.books import make_books

from crossbill import cli
from crossbill.core.plugins import PluginUnknown
from crossbill.engine.store import Store
from crossbill.platform.customer.models import BillingAccount
from crossbill.replacement.migration.models import AccountMove, SuspendedRecord, Wave
from crossbill.replacement.migration.spec import ClassRule, ControlRule, GateSpec
from crossbill.replacement.reconciliation import gate as gates
from crossbill.replacement.reconciliation import gate_controls, limits
from crossbill.replacement.reconciliation.models import Difference, Gate, Signature
from crossbill.replacement.reconciliation.operations import CannotSign, _evidence, sign_gate

SPEC = GateSpec(
    approvers=2,
    fallout_share_ppm=50_000,
    fallout_accounts=3,
    unexplained_accounts=1,
    unexplained_share_ppm=10_000,
    classes={},
)
SOUND = {
    "planned": 100,
    "fallout": 5,
    "unexplained_accounts": 1,
    "going_live": {"classes": {}, "account": None},
    "control_totals": [{"name": "accounts", "old": 95, "new": 95}],
    "ledger": {"unbalanced_entries": 0, "receivable_minor": 700, "open_items_minor": 700},
}


# The rules


def failing(**changed) -> list[str]:
    rules = gates.evaluate(SPEC, SOUND | changed)
    assert len(rules) == 5
    return [rule["rule"] for rule in rules if not rule["holds"]]


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({}, None),
        ({"fallout": 6}, "Accounts that fall out"),
        ({"planned": 40, "fallout": 3}, None),  # the least that is always allowed
        ({"planned": 40, "fallout": 4}, "Accounts that fall out"),
        ({"planned": 119, "fallout": 6}, "Accounts that fall out"),  # 5 % of 119 are five whole
        ({"planned": 120, "fallout": 6}, None),
        ({"unexplained_accounts": 2}, "Accounts with an unexplained difference"),
        ({"planned": 40, "fallout": 0}, None),  # one is always allowed
        ({"planned": 200, "unexplained_accounts": 2}, None),
        (
            {"control_totals": [{"name": "accounts", "old": 95, "new": 94}]},
            "Control totals that differ between old and new",
        ),
        (
            {"ledger": SOUND["ledger"] | {"unbalanced_entries": 1}},
            "Journal entries that do not balance",
        ),
        (
            {"ledger": SOUND["ledger"] | {"receivable_minor": 699}},
            "Receivables less open items, in minor units",
        ),
        (
            {"ledger": SOUND["ledger"] | {"open_items_minor": 699}},
            "Receivables less open items, in minor units",
        ),
    ],
)
def test_rules_of_the_gate(changed, rule):
    assert failing(**changed) == ([rule] if rule else [])


LIMITED = SPEC.model_copy(
    update={
        "account_limit_minor": 100,
        "classes": {
            "TIMING": ClassRule(decision="accept", owner="billing", accounts=2, value_minor=300),
            "FORMAT": ClassRule(decision="accept", owner="data"),
        },
    }
)
ASKING = SPEC.model_copy(
    update={
        "controls": {"balances": ControlRule(), "dunning": ControlRule(figures=2, share_ppm=30_000)}
    }
)
FIRST = "C1: old 5, new 4 minor USD"


@pytest.mark.parametrize(
    ("balances", "dunning", "broken"),
    [
        (("passed", 0), ("failed", 3), []),  # 3 % of 100 accounts are more than two figures
        (("failed", 1), ("passed", 0), [f"Figures that differ in control balances, as {FIRST}"]),
        (("passed", 0), ("failed", 4), [f"Figures that differ in control dunning, as {FIRST}"]),
        (
            ("passed", 0),
            ("no data", 0),
            ["Control dunning has no data: There is no old collection"],
        ),
    ],
)
def test_a_gate_asks_the_controls_that_its_terms_name(balances, dunning, broken):
    answers = [
        {"control": name, "outcome": outcome, "differ": differ, "first": FIRST * bool(differ),
         "lacking": "There is no old collection" * (outcome == "no data")}
        for name, (outcome, differ) in (("balances", balances), ("dunning", dunning))
    ]  # fmt: skip
    rules = gates.evaluate(ASKING, SOUND | {"controls": answers})
    assert len(rules) == 5 + 2
    assert [rule["rule"] for rule in rules if not rule["holds"]] == broken


def test_must_pass_is_short_for_no_figure_that_differs_and_a_control_has_to_be_there():
    asked = {"balances": "must pass", "ageing": {"figures": 1}}
    spec = GateSpec.model_validate(SPEC.model_dump() | {"controls": asked})
    assert (spec.controls["balances"].figures, spec.controls["ageing"].figures) == (0, 1)
    gate_controls.refuse_unknown(spec)
    wrong = GateSpec.model_validate(SPEC.model_dump() | {"controls": {"balance": "must pass"}})
    with pytest.raises(PluginUnknown, match=r"gate\.controls"):
        gate_controls.refuse_unknown(wrong)


MOST = "Most by which one account's bills are over or under, in minor units"
MONEY = "TIMING on bills that go live, over and under in minor units"


@pytest.mark.parametrize(
    ("over", "under", "accounts", "broken"),
    [
        (100, 100, 2, []),
        (101, 0, 1, [MOST]),
        (0, 101, 1, [MOST]),  # under is as bad as over, and one never pays for the other
        (100, 100, 3, ["TIMING on bills that go live, accounts"]),
    ],
)
def test_limits_in_money_are_stated_by_the_terms(over, under, accounts, broken):
    account = {"account_key": "C1", "over_minor": over, "under_minor": under}
    amounts = {"accounts": accounts, "over_minor": 150, "under_minor": 150}
    found = SOUND | {"going_live": {"classes": {"TIMING": amounts}, "account": account}}
    rules = gates.evaluate(LIMITED, found)
    assert len(rules) == 5 + 3
    assert [rule["rule"] for rule in rules if not rule["holds"]] == broken
    amounts["under_minor"] += 1
    rules = gates.evaluate(LIMITED, found)
    assert [rule["rule"] for rule in rules if not rule["holds"]] == [*broken, MONEY]


@pytest.mark.parametrize(
    ("at_least", "before", "now", "broken"),
    [
        (0, [], 900, []),  # the first mock has nothing to be compared with
        (0, [500], 500, []),
        (0, [500], 501, ["Unexplained"]),
        (0, [700, 300, 500], 301, ["Unexplained"]),  # what was reached once is not lost again
        (2, [500], 0, ["Mocks"]),
        (2, [500, 500], 0, []),
    ],
)
def test_what_nobody_explains_does_not_grow_from_mock_to_mock(at_least, before, now, broken):
    trend = {"mocks": 3, "at_least": at_least}
    spec = GateSpec.model_validate(SPEC.model_dump() | {"trend": trend})
    earlier = [{"carrier": f"mock-{n}", "unexplained_minor": v} for n, v in enumerate(before)]
    found = SOUND | {"trend": {"unexplained_minor": now, "earlier": earlier}}
    rules = gates.evaluate(spec, found)[5:]
    assert [rule["rule"].split()[0] for rule in rules if not rule["holds"]] == broken


def test_limits_in_money_hold_where_no_bill_differs():
    assert all(rule["holds"] for rule in gates.evaluate(LIMITED, SOUND))


# Reasons in words


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (
            ("bill", "total_minor", "different", 98, "USD", "follows from its lines: old 1; new 2"),
            "The total of a bill is 0.98 USD more than before; "
            "the line that differs most: old 1; new 2",
        ),
        (
            ("bill", "tax_minor", "different", -5, "JPY", "why"),
            "The tax of a bill is 5 JPY less than before: why",
        ),
        (
            ("open_item", "open_minor", "different", 1_500, "KWD", "why"),
            "The open of an open item is 1.500 KWD more than before: why",
        ),
        (
            ("bill_line", "*", "missing", -490, "USD", "why"),
            "The old system has a line of a bill that the new one lacks: why",
        ),
        (
            ("bill_line", "*", "extra", 490, "USD", "why"),
            "The new system has a line of a bill that the old one lacks: why",
        ),
        (
            ("bill", "*", "duplicate_key", None, None, "why"),
            "A bill stands more than once on one side: why",
        ),
        (
            ("product", "price_override_nanos", "different", None, None, "why"),
            "The price override of a product differs: why",
        ),
        (
            ("account", "street", "different", None, None, "why"),
            "The street of the account differs: why",
        ),
    ],
)
def test_a_difference_in_words(difference, words):
    assert gates.in_words(*difference) == words


# Who stays


@pytest.fixture
def wave(db) -> Wave:
    """A wave with the accounts C1 and C2, paid by C1, C3, paid by C2, and C9 on its own."""
    wave = make_books()
    Wave.objects.filter(pk=wave.pk).update(cutover_date=date(2024, 6, 8))
    first = BillingAccount.objects.get(account_key="C1")
    for number, (key, parent) in enumerate({"C2": "C1", "C3": "C2", "C9": None}.items(), 50):
        BillingAccount.objects.create(
            id=UUID(int=number),
            carrier=first.carrier,
            account_key=key,
            customer=first.customer,
            parent_account_key=parent,
            status="active",
            currency="USD",
            tax_code="NY01",
            bill_cycle_day=1,
            disputed=False,
        )
    for key in ("C1", "C2", "C3", "C9"):
        AccountMove.objects.create(
            replacement=wave.replacement, wave=wave, account_key=key, state="loaded"
        )
    return wave


def differ(wave: Wave, account: str, **facts: object) -> None:
    common = {"entity": "bill", "record_key": f"{account}|2024-05-01", "kind": "different"}
    common |= {"field": "total_minor", "amount_minor": 98, "currency": "USD", "evidence": "why"}
    common |= {"class_code": "TAX", "decision": "block", "owner": "tax", "account_key": account}
    Difference.objects.create(replacement=wave.replacement, wave=wave, **common | facts)


def reasons(wave: Wave) -> dict[str, tuple[str, str]]:
    rows = gates.blocking_reasons(wave).to_pylist()
    return {row["account_key"]: (row["class_code"], row["reason"]) for row in rows}


def test_nobody_stays_for_an_accepted_difference(wave):
    differ(wave, "C9", decision="accept")
    assert reasons(wave) == {}


def test_the_gravest_difference_is_the_reason(wave):
    differ(wave, "C9", class_code="DISCOUNT", amount_minor=5)
    differ(wave, "C9", class_code="TAX", amount_minor=-500)
    differ(wave, "C9", class_code="UNEXPLAINED", amount_minor=None, field="printed_name")
    assert reasons(wave) == {"C9": ("TAX", "The total of a bill is 5.00 USD less than before: why")}


@pytest.mark.parametrize("blocked", ["C1", "C2", "C3"])
def test_a_hierarchy_stays_together(wave, blocked):
    differ(wave, blocked)
    found = reasons(wave)
    assert set(found) == {"C1", "C2", "C3"}
    assert found.pop(blocked)[0] == "TAX"
    stays = ("", f"Stays with {blocked}, which is in the same hierarchy")
    assert set(found.values()) == {stays}


def test_a_hierarchy_stays_with_an_account_that_fell_out_before(wave):
    AccountMove.objects.filter(account_key="C3").update(state="fallout", reason="suspended record")
    assert set(reasons(wave)) == {"C1", "C2"}


# What goes live


def test_only_bills_of_accounts_that_go_live_count_against_limits(wave):
    AccountMove.objects.filter(account_key="C3").update(state="fallout", reason="blocked")
    differ(wave, "C1", class_code="TIMING", decision="accept", amount_minor=90)
    differ(wave, "C1", class_code="TIMING", decision="accept", amount_minor=-80)
    differ(wave, "C2", class_code="TIMING", decision="accept", amount_minor=-85)
    differ(wave, "C9", class_code="PRORATION", decision="accept", amount_minor=3)
    differ(wave, "C9", class_code="PRORATION", entity="bill_line", field="net_minor")
    differ(wave, "C9", class_code="PRORATION", field="tax_minor")
    differ(wave, "C3", class_code="TIMING", amount_minor=9_999)
    found = limits.going_live(wave)
    assert found["classes"] == {
        "PRORATION": {"accounts": 1, "over_minor": 3, "under_minor": 0},
        "TIMING": {"accounts": 2, "over_minor": 90, "under_minor": 165},
    }
    worst = {"account_key": "C1", "currency": "USD", "over_minor": 90, "under_minor": 80}
    assert found["account"] == worst


def test_nothing_goes_live_with_a_difference(wave):
    assert limits.going_live(wave) == {"classes": {}, "account": None}


# Who signs


@pytest.fixture
def people(db) -> dict[str, User]:
    permission = Permission.objects.get(codename="sign_gate")
    found = {name: User.objects.create(username=name) for name in ("ann", "bob", "eve", "off")}
    for name in ("ann", "bob", "off"):
        found[name].user_permissions.add(permission)
    found["off"].is_active = False
    found["off"].save()
    return {name: User.objects.get(username=name) for name in found}


def gate_of(wave: Wave, result: str = "passed") -> Gate:
    wave.replacement.spec = {"replacement": {"gate": {"approvers": 2}}}
    wave.replacement.save()
    return Gate.objects.create(
        wave=wave, facts={}, rules=[], result=result, evidence_sha256="ab" * 32
    )


def test_the_second_signature_moves_the_wave(wave, people):
    gate = gate_of(wave)
    sign_gate(gate_id=gate.id, user=people["ann"])
    assert Wave.objects.get(pk=wave.pk).live_at is None
    sign_gate(gate_id=gate.id, user=people["bob"])
    assert Wave.objects.get(pk=wave.pk).live_at is not None
    assert set(AccountMove.objects.values_list("state", flat=True)) == {"live"}
    assert {s.evidence_sha256 for s in gate.signatures.all()} == {gate.evidence_sha256}


@pytest.mark.parametrize(
    ("signers", "result", "words"),
    [
        (["ann", "ann"], "passed", "ann has signed this gate already"),
        (["eve"], "passed", "eve may not sign gates"),
        (["off"], "passed", "off may not sign gates"),
        (["ann"], "refused", "The gate refused this wave"),
    ],
)
def test_who_may_not_sign(wave, people, signers, result, words):
    gate = gate_of(wave, result)
    *before, last = signers
    for name in before:
        sign_gate(gate_id=gate.id, user=people[name])
    with pytest.raises(CannotSign, match=words) as refused:
        sign_gate(gate_id=gate.id, user=people[last])
    assert "What to do" in str(refused.value)
    assert refused.value.code == "CANNOT_SIGN"
    assert gate.signatures.count() == len(before)
    assert Wave.objects.get(pk=wave.pk).live_at is None


@pytest.fixture
def crossbill(monkeypatch, capsys):
    """A command of the command line, without the waiting: its exit code, and what it says."""
    monkeypatch.setattr("crossbill.cli_decide.ready", lambda: None)

    def command(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["crossbill", "reconcile", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return command


@pytest.mark.usefixtures("people")
def test_a_person_signs_what_was_read_on_the_command_line(wave, crossbill):
    seen = ("--evidence", gate_of(wave).evidence_sha256)
    code, said = crossbill("sign", "opticom", "1", "--user", "ann", "--evidence", "00" * 32)
    assert (code, "OTHER_EVIDENCE" in said, Signature.objects.count()) == (2, True, 0)
    code, said = crossbill("sign", "opticom", "1", "--user", "eve", *seen)
    assert (code, "CANNOT_SIGN" in said) == (2, True)
    assert crossbill("sign", "opticom", "1", "--user", "ann", *seen) == (
        0,
        "ann has signed wave 1: 1 of 2 names.\n",
    )
    code, said = crossbill("sign", "opticom", "wave 1", "--user", "bob", *seen)
    assert said == "bob has signed wave 1: 2 of 2 names, and the wave is live.\n"
    assert Wave.objects.get(pk=wave.pk).live_at is not None


def test_a_gate_that_is_not_decided_cannot_be_signed(wave, crossbill):
    code, said = crossbill("sign", "opticom", "1", "--user", "ann", "--evidence", "00")
    assert (code, "There is no gate yet" in said) == (2, True)


def test_an_account_is_explained_on_the_command_line(wave, crossbill):
    differ(wave, "C9", class_code="TAX")
    SuspendedRecord.objects.create(
        replacement=wave.replacement, file="A.DAT", line=3, stage="map", code="UNMAPPED_CODE",
        class_code="MAPPING", message="no such code", owner="migration", account_key="C9",
    )  # fmt: skip
    _, said = crossbill("explain", "opticom", "C9")
    assert said.splitlines() == [
        "C9, wave 1: loaded",
        "TAX block (tax) C9|2024-05-01",
        "  The total of a bill is 0.98 USD more than before: why",
        "suspended A.DAT:3 UNMAPPED_CODE: no such code (owner: migration)",
    ]
    found = json.loads(crossbill("explain", "opticom", "C9", "--json")[1])
    assert [d["class_code"] for d in found["differences"]] == ["TAX"]
    assert "Nothing differs" in crossbill("explain", "opticom", "C2")[1]
    assert "NO_SUCH_MOVE" in crossbill("explain", "opticom", "C77")[1]


# What is signed


@pytest.fixture
def workspace(tmp_path) -> Iterator[SimpleNamespace]:
    store = Store(f"file://{tmp_path}")
    yield SimpleNamespace(
        store=store, inputs={"data/CUSTMAST.DAT": "cd" * 32}, path=lambda *p: store.path("c", *p)
    )


def test_the_evidence_is_what_was_hashed(wave, workspace):
    found = _evidence(workspace, wave, SOUND, gates.evaluate(SPEC, SOUND))
    with workspace.store.open(workspace.path("wave-1", "evidence.json"), "rb") as file:
        text = file.read()
    assert hashlib.sha256(text).hexdigest() == found
    document = json.loads(text)
    assert document["facts"] == SOUND
    assert document["inputs"] == workspace.inputs
    assert [rule["holds"] for rule in document["rules"]] == [True] * 5


def test_the_same_facts_have_the_same_hash_and_others_another(wave, workspace):
    rules = gates.evaluate(SPEC, SOUND)
    first = _evidence(workspace, wave, SOUND, rules)
    assert _evidence(workspace, wave, dict(reversed(SOUND.items())), rules) == first
    assert _evidence(workspace, wave, SOUND | {"fallout": 4}, rules) != first
