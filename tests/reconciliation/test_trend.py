"""Mocks side by side, and how the findings that hold accounts back become fewer."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection

from crossbill.platform.customer.models import Carrier
from crossbill.replacement.migration.models import Replacement, Wave
from crossbill.replacement.reconciliation import trend
from crossbill.replacement.reconciliation.deciding_operations import accept_again
from crossbill.replacement.reconciliation.models import (
    Acceptance,
    Difference,
    Finding,
    Gate,
    Revocation,
)
from crossbill.runs.models import Run, Stage

pytestmark = pytest.mark.django_db

FIRST = date(2026, 5, 1)
CUTOVER = date(2026, 6, 8)
BILLS = {"bills equal": 90, "bills explained": 8, "bills unexplained": 2}


def rehearse(code: str, *, unexplained: int = 0, name: str = "OptiCom", compared=True) -> Wave:
    """A change-over whose first wave was compared on the first of May."""
    carrier = Carrier.objects.create(code=code, name=code)
    run = Run.objects.create(key=code, kind="replacement", title=code, input_hash="aa")
    gate = {"decide": "people", "classes": {"FORMAT": {"decision": "accept"}}}
    replacement = Replacement.objects.create(
        carrier=carrier, run=run, name=name, as_of_date=FIRST, spec={"replacement": {"gate": gate}}
    )
    wave = Wave.objects.create(
        replacement=replacement, position=1, name="Wave 1", cutover_date=CUTOVER
    )
    at = datetime(2026, 5, 1, 12, tzinfo=UTC) if compared else None
    Stage.objects.create(
        run=run, name="reconcile-1", title="Compare", position=1, finished_at=at, notes=BILLS
    )
    find(wave, 1, "UNEXPLAINED", -unexplained)
    find(wave, 2, "TAX", -5)
    find(wave, 3, "FORMAT", 0)
    return wave


def find(wave: Wave, number: int, class_code: str, under_minor: int) -> None:
    Finding.objects.create(
        replacement=wave.replacement, wave=wave, number=number, class_code=class_code, accounts=2,
        differences=2, currency="USD", over_minor=0, under_minor=under_minor, owner="billing",
        fix="mend it", description="2 accounts",
    )  # fmt: skip


def test_mocks_are_those_of_the_same_name_before(db):
    for code, unexplained in (("mock-1", 900), ("mock-2", 500)):
        rehearse(code, unexplained=unexplained)
    rehearse("other", name="Another carrier")
    rehearse("broken", compared=False)
    wave = rehearse("opticom", unexplained=300)
    rehearse("later", unexplained=1)
    assert trend.before_this_wave(wave, 5) == {
        "unexplained_minor": 300,
        "earlier": [
            {"carrier": "mock-2", "unexplained_minor": 500},
            {"carrier": "mock-1", "unexplained_minor": 900},
        ],
    }
    assert len(trend.before_this_wave(wave, 1)["earlier"]) == 1
    found = trend.mocks(wave.replacement)
    codes = ["mock-1", "mock-2", "broken", "opticom"]
    assert [each.replacement.carrier.code for each in found] == codes
    assert [each.match.compared for each in found] == [100, 100, 0, 100]
    assert (found[-1].match.equal, found[-1].unexplained) == (90, {"USD": 300})
    assert found[-1].classes == {"UNEXPLAINED": 2, "TAX": 2, "FORMAT": 2}


def moved_to(row: object, day: date) -> None:
    """Set back when a row was made, which no program can."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        table = row._meta.db_table
        cursor.execute(f"UPDATE {table} SET made_at = %s WHERE id = %s", [day, row.pk])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def test_findings_burn_down_as_they_are_accepted_and_come_back_when_that_ends():
    wave, user = rehearse("opticom"), User.objects.create(username="ann")
    facts = {"reason": "a", "limit_minor": 9, "account_limit_minor": 9, "value_minor": 5}
    facts |= {"account_value_minor": 5, "made_by": user}
    tax, unknown = (Finding.objects.get(number=n) for n in (2, 1))
    short = Acceptance.objects.create(finding=tax, valid_until_date=date(2026, 5, 4), **facts)
    long = Acceptance.objects.create(finding=unknown, valid_until_date=date(2026, 7, 1), **facts)
    revocation = Revocation.objects.create(acceptance=long, reason="b", made_by=user)
    for row, day in ((short, 3), (long, 3), (revocation, 6)):
        moved_to(row, date(2026, 5, day))
    found = trend.burn_down(wave.replacement, date(2026, 5, 7))
    assert [count for _, count in found.days] == [2, 2, 0, 0, 1, 2, 2]
    assert found.days[0][0] == FIRST
    assert found.cutover == CUTOVER
    gate = Gate.objects.create(
        wave=wave, facts={}, rules=[], result="passed", evidence_sha256="ab" * 32
    )
    after = trend.burn_down(wave.replacement, gate.decided_at.date() + timedelta(days=1))
    assert after.days[-1][1] == 0  # whoever is not accepted at the gate stays: nothing is to decide


# What a mock accepted, and the next one again


@pytest.fixture
def clerk() -> User:
    user = User.objects.create(username="clerk")
    user.user_permissions.set(Permission.objects.filter(codename="accept_finding"))
    return user


def accepted_in(wave: Wave, number: int, user: User, until: date, limit: int) -> Acceptance:
    finding = Finding.objects.get(wave=wave, number=number)
    return Acceptance.objects.create(
        finding=finding, reason="agreed", limit_minor=limit, account_limit_minor=limit,
        value_minor=5, account_value_minor=5, valid_until_date=until, made_by=user,
    )  # fmt: skip


def differ(wave: Wave, number: int, account: str) -> None:
    Difference.objects.create(
        replacement=wave.replacement, wave=wave, entity="bill", account_key=account,
        record_key=account, field="total_minor", kind="different", class_code="TAX",
        evidence="why", decision="block", owner="tax", finding_number=number,
    )  # fmt: skip


TODAY = date(2026, 5, 10)


@pytest.mark.parametrize(
    ("until", "limit", "then", "why"),
    [
        (TODAY, 5, "A1 A2", ""),
        (TODAY - timedelta(days=1), 5, "A1", "it ended on 2026-05-09"),
        (TODAY, 5, "A2", "its accounts share nothing, and they were others then"),
    ],
)
def test_a_mock_accepts_again_what_the_one_before_did(clerk, until, limit, then, why):
    before, wave = rehearse("mock-1"), rehearse("mock-2")
    first = accepted_in(before, 2, clerk, until, limit)
    for account in then.split():
        differ(before, 2, account)
    differ(wave, 2, "A1")
    done = accept_again(wave_id=wave.id, user=clerk, today=TODAY)
    assert [(f.number, words) for f, words in done.left_out] == ([(2, why)] if why else [])
    kept = [(a.finding.wave_id, a.reason, a.valid_until_date) for a in done.acceptances]
    assert kept == ([] if why else [(wave.id, first.reason, until)])


def test_what_became_more_is_not_accepted_again_and_what_was_revoked_neither(clerk):
    before, wave = rehearse("mock-1", unexplained=5), rehearse("mock-2", unexplained=6)
    for number in (1, 2):
        accepted_in(before, number, clerk, TODAY, 5)
        for each in (before, wave):
            differ(each, number, "A1")
    Revocation.objects.create(
        acceptance=Acceptance.objects.get(finding__number=2), reason="a", made_by=clerk
    )
    done = accept_again(wave_id=wave.id, user=clerk, today=TODAY)
    assert done.acceptances == []
    ((finding, why),) = done.left_out
    assert (finding.number, why.split(";")[0]) == (
        1,
        "it is worth 0.06 USD, the limit is 0.05 USD",
    )


def test_nothing_burns_before_anything_was_compared():
    wave = rehearse("opticom", compared=False)
    assert trend.burn_down(wave.replacement, FIRST).days == []
