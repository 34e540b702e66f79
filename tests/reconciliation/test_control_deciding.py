"""People accept what a control found: up to what, until when, and nothing worse."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, transaction
from django.utils.timezone import localdate, now
from ledger.books import EVIDENCE, make_books, make_control_run, make_gate

from crossbill.replacement.migration.models import Wave
from crossbill.replacement.migration.spec import ControlRule, GateSpec
from crossbill.replacement.reconciliation import control_deciding_operations as operations
from crossbill.replacement.reconciliation import control_deciding_queries as queries
from crossbill.replacement.reconciliation import deciding_operations, gate_controls, limits
from crossbill.replacement.reconciliation.control_deciding import Break, BreakLimits, why_over
from crossbill.replacement.reconciliation.deciding import Limits
from crossbill.replacement.reconciliation.deciding_operations import CannotDecide, NothingAccepted
from crossbill.replacement.reconciliation.models import (
    ControlAcceptance,
    ControlRow,
    ControlRun,
    Signature,
)
from crossbill.replacement.reconciliation.operations import CannotSign, sign_gate
from crossbill.runs.models import Stage

TODAY = localdate()
USD = {"USD": Limits(100, 100)}


@pytest.mark.parametrize(
    ("found", "most", "why"),
    [
        (Break("minor USD", 2, 100), BreakLimits(2, 100), ""),
        (Break("minor USD", 3, 100), BreakLimits(2, 100),
         "3 figures differ in USD, the limit is 2"),
        (Break("minor USD", 2, 101), BreakLimits(2, 100),
         "they differ by 1.01 USD, the limit is 1.00 USD"),
        (Break("minor USD", 2, 1), BreakLimits(2, None), "no limit is given in USD"),
        (Break("mandates", 2, 2), BreakLimits(2, None), ""),
        (Break("mandates", 2, 2), BreakLimits(1, None),
         "2 figures differ in mandates, the limit is 1"),
    ],
)  # fmt: skip
def test_limits_hold_for_figures_and_for_amounts(found, most, why):
    assert why_over(found, most) == why


@pytest.fixture
def wave(db) -> Wave:
    """A compared wave whose control ``tax`` found one figure a cent too low."""
    wave = make_books()
    wave.replacement.spec = {"replacement": {"gate": {"approvers": 2, "decide": "people"}}}
    wave.replacement.save()
    Stage.objects.create(
        run=wave.replacement.run, name="reconcile-1", title="Compare", position=1, finished_at=now()
    )
    make_control_run(wave)
    rights = {"clerk": ["accept_finding"], "ann": ["sign_gate", "accept_finding"], "eve": []}
    for name, codes in rights.items():
        user = User.objects.create(username=name)
        user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    return wave


def user(name: str) -> User:
    return User.objects.get(username=name)


def accept(wave: Wave, **changed) -> list[ControlAcceptance]:
    terms = {
        "control": "tax", "user": user("clerk"), "reason": "a cent, agreed", "figures": 1,
        "limits": USD, "valid_until": TODAY, "today": TODAY,
    }  # fmt: skip
    return operations.accept_control(wave_id=wave.id, **terms | changed)


def again(wave: Wave, *rows: tuple[str, int, int]) -> ControlRun:
    """A later run of the control, with these figures."""
    run = ControlRun.objects.create(wave=wave, control="tax", terms={}, outcome="failed")
    for key, old, new in rows:
        ControlRow.objects.create(
            run=run, key=key, unit="minor USD", left_value=old, right_value=new,
            difference=new - old, verdict="over" if new > old else "under",
        )  # fmt: skip
    return run


def rule(wave: Wave, run: ControlRun, day=TODAY) -> tuple[str, int]:
    """What the gate says of the control, and how many of its figures count."""
    found = {"tax": ControlRule()}
    spec = GateSpec(approvers=2, fallout_share_ppm=0, fallout_accounts=0, unexplained_accounts=0,
                    controls=found, classes={})  # fmt: skip
    run.totals = [dict.fromkeys(("missing", "extra", "over"), 0) | {"under": run.rows.count()}]
    accepted = queries.accepted_breaks(run, queries.decisions_on(wave, day))
    answer = gate_controls.answer(run, accepted)
    ((words, limit, count),) = limits.control_rules(spec, {"controls": [answer], "planned": 9})
    assert limit == 0
    return words, count


SEEN = "NY01|C1|2024-05-01"


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([(SEEN, 5, 4)], 0),
        ([(SEEN, 104, 4)], 0),  # within the limit of 1.00 USD
        ([(SEEN, 5, 6)], 0),
        ([(SEEN, 105, 4)], 1),
        ([("NY01|C2|2024-05-01", 5, 4)], 1),  # nobody has seen this one
        ([(SEEN, 5, 4), ("NY01|C2|2024-05-01", 5, 4)], 2),
    ],
)
def test_a_later_run_that_is_worse_is_not_accepted(wave, rows, counts):
    accept(wave)
    words, count = rule(wave, again(wave, *rows))
    assert count == counts
    assert ("beside 1 that people accepted" in words) == (counts == 0)


def test_nothing_counts_that_has_ended_or_was_revoked(wave):
    accept(wave)
    later = again(wave, (SEEN, 5, 4))
    words = "Figures that differ in control tax, beside 1 that people accepted"
    assert rule(wave, later) == (words, 0)
    assert rule(wave, later, TODAY + timedelta(days=1))[1] == 1
    assert operations.revoke_control(
        wave_id=wave.id, control="tax", user=user("ann"), reason="not agreed"
    ) == 1  # fmt: skip
    assert rule(wave, later)[1] == 1
    (told,) = queries.decisions_on(wave, TODAY)
    assert (told["counts"], told["why_not"]) == (False, "ann revoked it")
    with pytest.raises(CannotDecide, match="Nobody has accepted"):
        operations.revoke_control(wave_id=wave.id, control="tax", user=user("ann"), reason="twice")


@pytest.mark.parametrize(
    ("asked", "refused", "words"),
    [
        ({"figures": 0}, NothingAccepted, "1 figure differs in USD, the limit is 0"),
        ({"limits": {"USD": Limits(0, 0)}}, NothingAccepted, "they differ by 0.01 USD"),
        ({"limits": {}}, NothingAccepted, "no limit is given in USD"),
        ({"reason": " "}, CannotDecide, "A reason is missing"),
        ({"valid_until": TODAY - timedelta(days=1)}, CannotDecide, "the day has passed"),
        ({"user": "eve"}, CannotDecide, "eve may not accept"),
    ],
)
def test_what_is_not_accepted(wave, asked, refused, words):
    asked = asked | ({"user": user(asked["user"])} if "user" in asked else {})
    with pytest.raises(refused, match=words):
        accept(wave, **asked)
    assert not ControlAcceptance.objects.exists()


def test_a_control_without_data_or_breaks_is_not_accepted(wave):
    ControlRun.objects.create(
        wave=wave, control="tax", terms={}, outcome="no data", reason="There is no old bill"
    )
    with pytest.raises(CannotDecide, match="nothing to accept of tax: There is no old bill"):
        accept(wave)


def test_nothing_is_accepted_after_the_wave_was_taken_to_its_gate_by_any_program(wave):
    (made,) = accept(wave)
    deciding_operations.submit(wave_id=wave.id, user=user("clerk"), today=TODAY)
    with pytest.raises(CannotDecide, match="was taken to its gate"):
        accept(wave)
    made.id = None
    with pytest.raises(IntegrityError, match="taken to its gate"), transaction.atomic():
        made.save(force_insert=True)


def test_an_acceptance_over_its_limits_cannot_be_written_by_any_program(wave):
    (made,) = accept(wave)
    for over in ({"figures": 2}, {"value": 101}, {"reason": ""}):
        row = {name: getattr(made, name) for name in (*queries.KEPT, "valid_until_date")} | over
        with pytest.raises(IntegrityError), transaction.atomic():
            ControlAcceptance.objects.create(run=made.run, made_by=made.made_by, **row)


def test_who_accepted_does_not_sign_and_nobody_signs_on_what_has_ended(wave):
    accept(wave, user=user("ann"))
    gate = make_gate(wave)
    gate.facts = {"control_decisions": queries.decisions_on(wave, TODAY)}
    with pytest.raises(CannotSign, match="ann has accepted"):
        sign_gate(gate_id=gate.id, user=user("ann"))
    with pytest.raises(IntegrityError, match="does not sign its gate"), transaction.atomic():
        Signature.objects.create(gate=gate, user=user("ann"), evidence_sha256=EVIDENCE)
    assert queries.ended_since(gate, TODAY) == ""
    tomorrow = TODAY + timedelta(days=1)
    assert queries.ended_since(gate, tomorrow) == f"control tax: it ended on {TODAY}"
