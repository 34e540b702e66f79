"""What people decide of findings: when it counts, who may, and what stays as it was."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, transaction
from django.utils.timezone import localdate, now
from ledger.books import make_books

from crossbill.engine.store import Store
from crossbill.replacement.migration.models import AccountMove, Wave
from crossbill.replacement.reconciliation import (
    attachments,
    deciding,
    deciding_queries,
    queries,
)
from crossbill.replacement.reconciliation import deciding_operations as operations
from crossbill.replacement.reconciliation import gate as gates
from crossbill.replacement.reconciliation.attachments import AttachmentLost, BadAttachment, File
from crossbill.replacement.reconciliation.deciding import Given, Limits, Standing, Worth
from crossbill.replacement.reconciliation.deciding_operations import CannotDecide, NothingAccepted
from crossbill.replacement.reconciliation.models import (
    Acceptance,
    Attachment,
    Comment,
    Difference,
    Finding,
    Gate,
    Signature,
    Submission,
)
from crossbill.replacement.reconciliation.operations import CannotSign, sign_gate
from crossbill.runs.models import Stage

DAY = date(2026, 5, 10)
TODAY = localdate()
ENOUGH = {"USD": Limits(finding_minor=1_000, account_minor=1_000)}


# The rules


@pytest.mark.parametrize(
    ("finding", "account", "limits", "why"),
    [
        (500, 90, {"USD": Limits(500, 90)}, ""),
        (501, 90, {"USD": Limits(500, 90)}, "it is worth 5.01 USD, the limit is 5.00 USD"),
        (500, 91, {"USD": Limits(500, 90)}, "one account differs by 0.91 USD, the limit is 0.90"),
        (501, 91, {"USD": Limits(500, 90)}, "it is worth 5.01 USD, the limit is 5.00 USD; one acc"),
        (1, 1, {"EUR": Limits(500, 90)}, "no limit is given in USD"),
        (0, 0, {}, ""),  # a name that is written differently is worth nothing
        (0, 0, {"USD": Limits(0, 0)}, ""),
    ],
)
def test_limits_hold_for_the_finding_and_for_one_account(finding, account, limits, why):
    found = deciding.why_over(Worth("USD", finding, account), limits)
    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_limits_are_read_by_currency():
    found = deciding.read_limits(["5.00 USD", "1000 JPY"], ["0.90 USD"])
    assert found == {"USD": Limits(500, 90), "JPY": Limits(1_000, 1_000)}


@pytest.mark.parametrize(
    ("limits", "account_limits", "field"),
    [
        (["5.00"], [], "limit"),
        (["-5.00 USD"], [], "limit"),
        (["5.00 USD"], ["much"], "account_limit"),
        (["5.00 USD"], ["1 EUR"], "account_limit"),
    ],
)
def test_what_is_no_limit(limits, account_limits, field):
    with pytest.raises(deciding.BadLimit) as refused:
        deciding.read_limits(limits, account_limits)
    assert (refused.value.code, refused.value.field) == ("BAD_LIMIT", field)


@pytest.mark.parametrize(
    ("until", "why"),
    [
        (DAY, ""),
        (DAY + timedelta(days=366), ""),
        (DAY - timedelta(days=1), "the day has passed"),
        (DAY + timedelta(days=367), "nothing is accepted for more than a year"),
    ],
)
def test_an_acceptance_ends(until, why):
    assert deciding.why_not_until(until, DAY) == why


YESTERDAY = DAY - timedelta(days=1)


@pytest.mark.parametrize(
    ("decision", "given", "standing"),
    [
        ("accept", [], Standing.BY_TERMS),
        ("block", [], Standing.OPEN),
        ("block", [Given(DAY)], Standing.ACCEPTED),  # its last day counts
        ("block", [Given(YESTERDAY)], Standing.EXPIRED),
        ("block", [Given(DAY, "ann")], Standing.OPEN),
        ("block", [Given(YESTERDAY), Given(DAY)], Standing.ACCEPTED),
        ("block", [Given(DAY), Given(YESTERDAY)], Standing.ACCEPTED),
        ("block", [Given(YESTERDAY), Given(DAY, "ann")], Standing.EXPIRED),
    ],
)
def test_how_a_finding_stands(decision, given, standing):
    assert deciding.standing(decision, given, DAY) == standing


def test_why_an_acceptance_does_not_count_is_said():
    assert deciding.why_not(Given(YESTERDAY), DAY) == "it ended on 2026-05-09"
    assert deciding.why_not(Given(DAY, "ann"), DAY) == "ann revoked it"


PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.mark.parametrize(
    ("name", "content", "type_"),
    [
        ("a.txt", "Müller".encode(), "text/plain; charset=utf-8"),
        ("A.CSV", b"a,b\n", "text/csv; charset=utf-8"),
        ("a.png", PNG, "image/png"),
        ("a.pdf", b"%PDF-1.7", "application/pdf"),
    ],
)
def test_files_that_are_attached(name, content, type_):
    assert attachments.content_type(File(name, content)) == type_


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.html", b"<script>", "this kind"),
        ("a.svg", b"<svg>", "this kind"),
        ("txt", b"a", "this kind"),
        ("a.txt", b"", "0 bytes"),
        ("a.txt", b"a" * (attachments.MOST_BYTES + 1), "5,242,881 bytes"),
        ("a.txt", b"\x00", "not what its name says"),
        ("a.csv", "ü".encode("cp1252"), "not what its name says"),
        ("a.png", b"<html>", "not what its name says"),
        ("a.pdf", PNG, "not what its name says"),
        ("a\n.txt", b"a", "not readable"),
        ("a" * 200 + ".txt", b"a", "too long"),
    ],
)
def test_files_that_are_not(name, content, words):
    with pytest.raises(BadAttachment, match=words) as refused:
        attachments.content_type(File(name, content))
    assert refused.value.code == "BAD_ATTACHMENT"


# On a wave: finding 1 (ROUNDING, by terms), 2 (TAX, 0.98 USD of C2), 3 (UNEXPLAINED, 3.00 of C3)


@pytest.fixture
def wave(db) -> Wave:
    wave = make_books()
    classes = {"ROUNDING": {"decision": "accept"}, "TAX": {"decision": "block"}}
    gate = {"approvers": 2, "decide": "people", "classes": classes}
    wave.replacement.spec = {"replacement": {"gate": gate}}
    wave.replacement.save()
    Stage.objects.create(
        run=wave.replacement.run, name="reconcile-1", title="Compare", position=1,
        finished_at=now() - timedelta(days=3),
    )  # fmt: skip
    find(wave, 2, "TAX", "C2", over_minor=98, largest_minor=98)
    find(wave, 3, "UNEXPLAINED", "C3", over_minor=200, under_minor=-100, largest_minor=300)
    return wave


def find(wave: Wave, number: int, class_code: str, account: str, **facts: int) -> None:
    common = {"accounts": 1, "differences": 1, "over_minor": 0, "under_minor": 0}
    common |= {"currency": "USD", "owner": "billing", "fix": "mend it", "description": "1 account"}
    whose = {"replacement": wave.replacement, "wave": wave, "class_code": class_code}
    Finding.objects.create(number=number, **whose, **common | facts)
    Difference.objects.create(
        **whose, entity="bill", account_key=account, record_key=f"{account}|2024-05-01",
        field="total_minor", kind="different", amount_minor=98, currency="USD", evidence="why",
        decision="block", owner="billing", finding_number=number,
    )  # fmt: skip
    AccountMove.objects.create(
        replacement=wave.replacement, wave=wave, account_key=account, state="loaded"
    )


@pytest.fixture
def people(db) -> dict[str, User]:
    rights = {
        "clerk": ["accept_finding", "add_comment"], "ann": ["sign_gate", "accept_finding"],
        "bob": ["sign_gate"], "eve": [],
    }  # fmt: skip
    for name, codes in rights.items():
        user = User.objects.create(username=name)
        user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    return {name: User.objects.get(username=name) for name in rights}


def number(wave: Wave, n: int) -> Finding:
    return Finding.objects.get(wave=wave, number=n)


def accept(wave: Wave, user: User, *numbers: int, limits=None, until=TODAY):
    ids = [number(wave, n).id for n in numbers]
    return operations.accept(
        finding_ids=ids, user=user, reason="agreed with finance", valid_until=until, today=TODAY,
        limits=ENOUGH if limits is None else limits,
    )  # fmt: skip


def stays(wave: Wave) -> list[str]:
    decided = deciding_queries.decisions(wave)
    rows = gates.blocking_reasons(wave, deciding_queries.counted(decided)).to_pylist()
    return [row["account_key"] for row in rows]


def submit(wave: Wave, user: User, today: date = TODAY) -> Submission:
    return operations.submit(wave_id=wave.id, user=user, today=today)


def test_an_accepted_difference_holds_nobody_back_once_the_wave_is_taken_to_its_gate(wave, people):
    accept(wave, people["clerk"], 2)
    assert stays(wave) == ["C2", "C3"]
    submit(wave, people["clerk"])
    assert stays(wave) == ["C3"]


def test_lists_say_that_people_accepted_a_difference_that_its_terms_block(wave, people):
    def blocking() -> list[str]:
        return [str(row["class_code"]) for row in queries.blocking_by_owner(wave)]

    def accepted() -> list[str]:
        rows = queries.find_differences(wave.replacement_id, queries.DifferenceFilter())
        assert {row.standing for row in rows} <= {"accept", "accepted", "block"}
        return [row.account_key for row in rows if row.standing == "accepted"]

    assert (sorted(blocking()), accepted()) == (["TAX", "UNEXPLAINED"], [])
    accept(wave, people["clerk"], 2)
    assert (blocking(), accepted()) == (["UNEXPLAINED"], ["C2"])
    submit(wave, people["clerk"], today=TODAY + timedelta(days=1))  # when it has ended
    assert (sorted(blocking()), accepted()) == (["TAX", "UNEXPLAINED"], [])
    totals = queries.differences_by_class(wave.replacement_id)
    assert {t.class_code: t.blocking for t in totals} == {"ROUNDING": 0, "TAX": 1, "UNEXPLAINED": 1}


def test_an_unexplained_difference_that_is_accepted_is_no_open_question(wave, people):
    accept(wave, people["clerk"], 3)
    submit(wave, people["clerk"])
    decided = deciding_queries.decisions(wave)
    unexplained = gates.Q(class_code="UNEXPLAINED")
    assert gates._accounts(wave, unexplained, without=[]) == 1
    accepted = deciding_queries.counted(decided)
    assert gates._accounts(wave, unexplained, without=accepted) == 0


def test_what_is_over_its_limits_is_left_out_of_a_bulk_and_told(wave, people):
    limits = {"USD": Limits(finding_minor=98, account_minor=98)}
    done = accept(wave, people["clerk"], 1, 2, 3, limits=limits)
    assert [made.finding.number for made in done.acceptances] == [2]
    assert [(finding.number, why) for finding, why in done.left_out] == [
        (1, "the gate's terms accept its class already"),
        (3, "it is worth 3.00 USD, the limit is 0.98 USD; "
            "one account differs by 3.00 USD, the limit is 0.98 USD"),
    ]  # fmt: skip
    with pytest.raises(NothingAccepted, match="it is accepted already") as refused:
        accept(wave, people["clerk"], 2)
    assert refused.value.code == "NOTHING_ACCEPTED"


def test_an_acceptance_over_its_limit_cannot_be_written_by_any_program(wave, people):
    facts = {"finding": number(wave, 2), "reason": "why", "made_by": people["clerk"]}
    facts |= {"valid_until_date": TODAY, "account_limit_minor": 1_000, "account_value_minor": 1}
    with pytest.raises(IntegrityError, match="within_its_limits"), transaction.atomic():
        Acceptance.objects.create(limit_minor=97, value_minor=98, **facts)


def test_an_acceptance_that_has_ended_or_was_revoked_counts_no_longer_and_says_so(wave, people):
    accept(wave, people["clerk"], 2)
    accept(wave, people["clerk"], 3, until=TODAY + timedelta(days=9))
    operations.revoke(finding_id=number(wave, 3).id, user=people["clerk"], reason="mistaken")
    submit(wave, people["clerk"], today=TODAY + timedelta(days=1))
    assert stays(wave) == ["C2", "C3"]
    decided = deciding_queries.decisions(wave)
    assert [(d["finding"], d["counts"], d["why_not"]) for d in decided] == [
        (2, False, f"it ended on {TODAY}"),
        (3, False, "clerk revoked it"),
    ]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"user": "eve"}, "eve may not accept findings"),
        ({"user": "bob"}, "bob may not accept findings"),
        ({"reason": " "}, "A reason is missing"),
        ({"reason": "a" * 501}, "501 characters"),
        ({"valid_until": TODAY - timedelta(days=1)}, "the day has passed"),
        ({"finding_ids": []}, "no finding fits"),
    ],
)
def test_what_is_not_accepted(wave, people, asked, words):
    usual = {
        "finding_ids": [number(wave, 2).id], "user": "clerk", "reason": "why", "limits": ENOUGH,
        "valid_until": TODAY, "today": TODAY,
    } | asked  # fmt: skip
    with pytest.raises((CannotDecide, NothingAccepted), match=words):
        operations.accept(**usual | {"user": people[usual["user"]]})
    assert not Acceptance.objects.exists()


def test_nothing_is_accepted_any_more_when_the_wave_was_taken_to_its_gate(wave, people):
    submit(wave, people["clerk"])
    with pytest.raises(NothingAccepted, match="wave 1 was taken to its gate"):
        accept(wave, people["clerk"], 2)
    with pytest.raises(CannotDecide, match="Wave 1 was taken to its gate") as refused:
        submit(wave, people["clerk"])
    assert refused.value.code == "CANNOT_DECIDE"
    facts = {"limit_minor": 1, "account_limit_minor": 1, "value_minor": 1, "reason": "late"}
    facts |= {"account_value_minor": 1, "valid_until_date": TODAY, "made_by": people["clerk"]}
    with pytest.raises(IntegrityError, match="was taken to its gate"), transaction.atomic():
        Acceptance.objects.create(finding=number(wave, 2), **facts)


def test_people_decide_only_where_the_terms_say_so_and_only_what_was_compared(wave, people):
    Stage.objects.update(finished_at=None)
    with pytest.raises(CannotDecide, match="were not compared yet"):
        submit(wave, people["clerk"])
    del wave.replacement.spec["replacement"]["gate"]["decide"]
    wave.replacement.save()
    with pytest.raises(NothingAccepted, match="the gate of wave 1 is decided by its terms alone"):
        accept(wave, people["clerk"], 2)


# Four eyes


def gate_of(wave: Wave) -> Gate:
    facts = {"decisions": deciding_queries.decisions(wave)}
    return Gate.objects.create(
        wave=wave, facts=facts, rules=[], result="passed", evidence_sha256="ab" * 32
    )


def test_who_accepted_does_not_sign(wave, people):
    accept(wave, people["ann"], 2)
    submit(wave, people["clerk"])
    gate = gate_of(wave)
    with pytest.raises(CannotSign, match="ann has accepted differences of this wave"):
        sign_gate(gate_id=gate.id, user=people["ann"])
    with pytest.raises(IntegrityError, match="does not sign its gate"), transaction.atomic():
        Signature.objects.create(gate=gate, user=people["ann"], evidence_sha256="ab" * 32)
    assert sign_gate(gate_id=gate.id, user=people["bob"]).signatures.count() == 1


def test_a_gate_is_not_signed_on_what_has_ended_or_was_revoked_since(wave, people):
    accept(wave, people["clerk"], 2)
    submit(wave, people["clerk"])
    gate = gate_of(wave)
    assert deciding_queries.ended_since(gate, TODAY) == ""
    ended = deciding_queries.ended_since(gate, TODAY + timedelta(days=1))
    assert ended == f"finding 2: it ended on {TODAY}"
    operations.revoke(finding_id=number(wave, 2).id, user=people["clerk"], reason="mistaken")
    with pytest.raises(CannotSign, match="counts no longer: finding 2: clerk revoked it"):
        sign_gate(gate_id=gate.id, user=people["bob"])


# Comments, owners, and the list


def test_a_file_goes_with_a_comment_and_comes_back_as_it_was(wave, people, tmp_path):
    store = Store(f"file://{tmp_path}")
    files = [File("a.txt", b"old 49.00"), File("b.txt", b"old 49.00")]
    finding = number(wave, 2)
    operations.comment(
        finding_id=finding.id, user=people["clerk"], text="see there", files=files, store=store
    )
    first, second = Attachment.objects.all()
    assert first.sha256 == second.sha256
    assert attachments.content(store, first) == b"old 49.00"
    path = store.path("opticom", "attachments", first.sha256)
    with store.open(path, "wb") as file:
        file.write(b"old 49.90")
    with pytest.raises(AttachmentLost, match="changed in the store") as refused:
        attachments.content(store, first)
    assert refused.value.code == "ATTACHMENT_LOST"


def test_a_comment_with_a_bad_file_leaves_nothing(wave, people, tmp_path):
    store, bad = Store(f"file://{tmp_path}"), [File("a.txt", b"good"), File("a.exe", b"MZ")]
    asked = {"finding_id": number(wave, 2).id, "user": people["clerk"], "store": store}
    with pytest.raises(BadAttachment):
        operations.comment(text="see there", files=bad, **asked)
    for words in (" ", "a" * 5_001):
        with pytest.raises(CannotDecide, match="no comment"):
            operations.comment(text=words, files=[], **asked)
    assert not Comment.objects.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_work_list_says_whose_how_old_and_how_it_stands(wave, people):
    accept(wave, people["clerk"], 3)
    operations.assign(finding_ids=[number(wave, 2).id], user=people["clerk"], owner="tax team")
    work = deciding_queries.work_list(wave.replacement, deciding_queries.EVERYTHING, TODAY)
    assert [(w.finding.number, w.owner, w.age_days, w.standing, w.place) for w in work] == [
        (2, "tax team", 3, "open", "catalogue"),
        (3, "billing", 3, "accepted", ""),
        (1, "billing", 3, "by terms", "policy"),
    ]
    for wanted, numbers in [
        ({"owner": "tax team"}, [2]),
        ({"status": "accepted"}, [3]),
        ({"class_code": "ROUNDING"}, [1]),
        ({"wave_id": wave.id + 1}, []),
    ]:
        asked = deciding_queries.WorkFilter(**wanted)
        found = deciding_queries.work_list(wave.replacement, asked, TODAY)
        assert [w.finding.number for w in found] == numbers
    for owner in (" ", "a" * 61, "a\nb"):
        with pytest.raises(CannotDecide, match="no owner"):
            operations.assign(finding_ids=[1], user=people["clerk"], owner=owner)


def test_everything_done_about_a_finding_is_told_in_time(wave, people, tmp_path):
    finding, clerk = number(wave, 2), people["clerk"]
    operations.assign(finding_ids=[finding.id], user=clerk, owner="tax")
    store = Store(f"file://{tmp_path}")
    operations.comment(finding_id=finding.id, user=clerk, text="asked", files=[], store=store)
    accept(wave, clerk, 2)
    operations.revoke(finding_id=finding.id, user=clerk, reason="mistaken")
    told = deciding_queries.acts(deciding_queries.finding_numbered(wave, 2))
    assert [(act.what, act.words) for act in told] == [
        ("assigned", "tax"), ("said", "asked"), ("accepted", "agreed with finance"),
        ("revoked", "mistaken"),
    ]  # fmt: skip
    with pytest.raises(deciding_queries.NoSuchFinding) as refused:
        deciding_queries.finding_numbered(wave, 77)
    assert refused.value.code == "NO_SUCH_FINDING"
