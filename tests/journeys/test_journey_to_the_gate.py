"""What a gate lets through, what stays on the old system, and who may sign."""

import json
import re
import shutil
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils.timezone import localdate
from spoilt_carrier import SpoiltCarrier

from crossbill import cli
from crossbill.config.environment import read_environment
from crossbill.engine.store import Store
from crossbill.replacement import queries
from crossbill.replacement.migration.later_extract import (
    NotLater,
    read_later_extract,
    refuse_strangers,
)
from crossbill.replacement.migration.models import AccountMove
from crossbill.replacement.reconciliation.control_runs import run_controls
from crossbill.replacement.reconciliation.evidence.keys import signing_key
from crossbill.replacement.reconciliation.evidence.operations import pack_wave
from crossbill.replacement.reconciliation.models import (
    ControlRun,
    Difference,
    Finding,
    Gate,
)
from crossbill.replacement.reconciliation.operations import CannotSign, sign_gate
from crossbill.runs.progress import Silent

pytestmark = pytest.mark.django_db


ASKED = {"mandates": "must pass"}  # which one seeded defect breaks


@pytest.fixture(scope="module")
def worked(books, extract, tmp_path_factory):
    """A change-over in one wave that waited for people, and what they did on the command line."""
    carrier = SpoiltCarrier.copied(extract, tmp_path_factory.mktemp("unsigned"), "unsigned")
    carrier.in_one_wave()
    carrier.edit("replacement.yaml", lambda spec: spec["gate"].update(decide="people"))
    carrier.edit("replacement.yaml", lambda spec: spec["gate"]["controls"].update(ASKED))
    waiting = carrier.replace()
    said = work_on(waiting, carrier.data.parent)
    return SimpleNamespace(
        replacement=carrier.replace(), waiting=waiting, said=said, carrier=carrier
    )


@pytest.fixture
def unsigned(worked):
    """The change-over at its gate, which nobody has signed yet."""
    return worked.replacement


def crossbill(*words: str) -> tuple[int, str]:
    """A command of the reconciliation, without the waiting: its exit code, and what it says."""
    with pytest.MonkeyPatch.context() as patch, StringIO() as said:
        for module in ("cli_work", "cli_decide", "cli_trend", "cli_controls", "cli_accept_control"):
            patch.setattr(f"crossbill.{module}.ready", lambda: None)
        patch.setenv("COLUMNS", "160")
        patch.setattr("sys.argv", ["crossbill", "reconcile", *words])
        with (
            redirect_stdout(said),
            redirect_stderr(said),
            pytest.raises(SystemExit) as ended,
        ):
            cli.main()
        return int(ended.value.code or 0), said.getvalue()


def work_on(waiting, folder) -> dict[str, tuple[int, str]]:
    """Work the findings of a change-over that waits, and take its wave to the gate."""
    clerk = get_user_model().objects.create_user(username="clerk")
    rights = Permission.objects.filter(codename__in=["accept_finding", "add_comment"])
    clerk.user_permissions.set(rights)
    (folder / "seen.txt").write_text("agreed on the telephone", "utf-8")
    tomorrow = (localdate() + timedelta(days=1)).isoformat()
    terms = ("--user", "clerk", "--reason", "agreed with finance", "--until", tomorrow)
    prices = [f.number for f in Finding.objects.filter(wave__replacement=waiting)
              if f.class_code == "PRICE_VERSION"]  # fmt: skip
    unknown = Finding.objects.get(wave__replacement=waiting, class_code="UNEXPLAINED").number
    wave, least, most = ("unsigned", "1"), "0.01 USD", "99 USD"
    return {
        "open": crossbill("work", *wave, "--status", "open", "--json"),
        "too little": crossbill("accept", *wave, *map(str, prices), *terms, "--limit", least),
        "class": crossbill("accept", *wave, "--class", "PRICE_VERSION", *terms, "--limit", most),
        "one": crossbill("accept", *wave, str(unknown), *terms, "--limit", "500.00 USD"),
        "nothing": crossbill("accept", *wave, *terms, "--limit", "1 USD"),
        "no money": crossbill("accept", *wave, "1", *terms, "--limit", "much"),
        "taken back": crossbill("revoke", *wave, str(unknown), *terms[:4]),
        "given": crossbill("assign", *wave, "billing team", "--class", "UNEXPLAINED", *terms[:2]),
        "comment": crossbill(
            "comment", *wave, str(unknown), *terms[:2], "--text", "called",
            "--file", str(folder / "seen.txt"),
        ),
        "mandates": crossbill("run", *wave, "--control", "mandates"),
        "no figure": crossbill("accept-control", *wave, "mandates", *terms, "--figures", "0"),
        "control": crossbill("accept-control", *wave, "mandates", *terms, "--figures", "1"),
        "no file": crossbill(
            "comment", *wave, str(unknown), *terms[:2], "--text", "a", "--file", "none.txt"
        ),
        "list": crossbill("work", *wave),
        "preview": crossbill("preview", *wave, "--json"),
        "trend": crossbill("trend", "unsigned"),
        "submit": crossbill("submit", *wave, *terms[:2]),
    }  # fmt: skip


def moves(replacement, **wanted):
    return AccountMove.objects.filter(replacement=replacement, **wanted)


def person(name: str, *, may_sign: bool = True):
    user = get_user_model().objects.create_user(username=name)
    if may_sign:
        user.user_permissions.add(Permission.objects.get(codename="sign_gate"))
    return user


@pytest.fixture(scope="module")
def refused(books, extract, tmp_path_factory):
    """A change-over by the command whose gate takes no fallout, of which it has a family."""
    carrier = SpoiltCarrier.copied(extract, tmp_path_factory.mktemp("refused"), "refused")
    carrier.in_one_wave()
    carrier.without_manifest()
    none = {"fallout_accounts": 0, "fallout_share_ppm": 0}
    carrier.edit(
        "replacement.yaml",
        lambda spec: spec.update(
            gate=spec["gate"] | none, rehearsal={"signers": ["first.signer", "second.signer"]}
        ),
    )
    child, parent = spoil_a_child(carrier)
    arguments = ["replace", str(carrier.spec_path), "--data", str(carrier.data), "--json"]
    with pytest.MonkeyPatch.context() as patch, StringIO() as out, StringIO() as told:
        patch.setattr("sys.argv", ["crossbill", *arguments, "--carrier", "refused"])
        patch.setattr("crossbill.config.ready", lambda: None)
        with redirect_stdout(out), redirect_stderr(told), pytest.raises(SystemExit) as ended:
            cli.main()
        code, said = ended.value.code, (out.getvalue(), told.getvalue())
    gate = Gate.objects.get(wave__replacement__carrier__code="refused")
    return SimpleNamespace(code=code, said=said, gate=gate, child=child, parent=parent)


def spoil_a_child(carrier: SpoiltCarrier) -> tuple[str, str]:
    """Give a service of an account that another pays for a price below zero; both accounts."""
    master = carrier.lines("CUSTMAST.DAT")
    child = next(line for line in master if line[136:146].strip() and line[:2] == b"01")
    key, parent = child[2:12].strip(), child[136:146].strip()
    services = carrier.lines("SVCINV.CSV")
    place = next(n for n, line in enumerate(services) if line.split(b";")[1] == key)
    values = services[place].split(b";")
    values[6] = b"-1,00"
    services[place] = b";".join(values)
    carrier.write("SVCINV.CSV", services)
    return key.decode(), parent.decode()


def test_hierarchy_of_a_blocked_account_stays_with_it(refused):
    replacement = refused.gate.wave.replacement
    assert moves(replacement, account_key=refused.child).get().state == "fallout"
    payer = moves(replacement, account_key=refused.parent).get()
    assert payer.state == "fallout"
    assert refused.child in payer.reason


def test_nobody_of_a_refused_wave_goes_live_and_the_command_says_so(refused):
    out, told = refused.said
    assert refused.code == 1
    assert '"gate": "refused"' in out
    stages = re.findall("✗ .*: (.*): .*", told)
    assert stages == ["decide at the gate", "sign the gate and go live"]
    states = set(moves(refused.gate.wave.replacement).values_list("state", flat=True))
    assert states == {"loaded", "fallout"}
    with pytest.raises(CannotSign, match="refused this wave"):
        sign_gate(gate_id=refused.gate.id, user=person("late"))


def read_later(replacement, data, as_of_date=date(2024, 6, 15)):
    store = Store(read_environment().store_url)
    return read_later_extract(
        replacement=replacement, data=data, as_of_date=as_of_date, store=store, progress=Silent()
    )


def test_what_changed_in_the_old_system_since_is_told_and_nothing_else(worked, tmp_path):
    later = replace(worked.carrier, data=tmp_path / "later")
    shutil.copytree(
        worked.carrier.data, later.data, ignore=shutil.ignore_patterns("USAGE*", "BILL*")
    )
    wave = worked.replacement.waves.get()
    held = moves(worked.replacement, state="loaded").values_list("account_key", flat=True)
    head, *services = later.lines("SVCINV.CSV")
    mine = [line for line in services if line.split(b";")[1].decode() in held]
    gone, other = mine[0], mine[-1]
    new = other.replace(b"S", b"T", 1)  # both in the number that they had
    services[services.index(gone)] = new
    later.write("SVCINV.CSV", [head, *services])
    read = read_later(worked.replacement, later.data)
    assert (read.run.status, read_later(worked.replacement, later.data)) == ("done", read)
    store = Store(read_environment().store_url)
    (run,) = run_controls(wave=wave, store=store, only="after_catch_up")
    key = {line: "product|" + "|".join(line.decode().split(";")[:2]) for line in (gone, new)}
    assert sorted((row.key, row.verdict) for row in run.rows.all()) == [
        (key[gone], "extra"),
        (key[new], "missing"),
    ]
    assert (
        run.reason
        == "The extract of 2024-06-15 against the books; the one of 2024-06-01 was loaded"
    )
    records = {unit["unit"]: unit for unit in run.totals}["records"]
    assert records["equal"] > 5 * len(held)


def test_what_is_no_later_extract_of_the_same_system_is_refused(worked, tmp_path):
    carrier = worked.carrier
    with pytest.raises(NotLater, match="that was loaded is of 2024-06-01"):
        read_later(worked.replacement, carrier.data, date(2024, 6, 1))
    with pytest.raises(NotLater, match="byte for byte the one that was loaded"):
        read_later(worked.replacement, carrier.data)
    mapping = carrier.specs / "mapping.yaml"
    whole = mapping.read_text("utf-8")
    mapping.write_text(whole + "# another reading", "utf-8")
    with pytest.raises(NotLater, match="not the one by which") as refused:
        read_later(worked.replacement, carrier.data)
    mapping.write_text(whole, "utf-8")
    assert refused.value.file == "mapping.yaml"
    with pytest.raises(NotLater, match="none of the 2 accounts"):
        refuse_strangers({"A1", "A2"}, {"B1"})


def test_people_decide_on_the_command_line_while_the_run_waits(worked):
    said = worked.said
    assert worked.waiting.run.status == "waiting"
    open_work = json.loads(said["open"][1])
    assert {"PRICE_VERSION", "UNEXPLAINED"} <= {work["class_code"] for work in open_work}
    assert not {"FORMAT", "ROUNDING"} & {work["class_code"] for work in open_work}  # by the terms
    for name, code in [("too little", "NOTHING_ACCEPTED"), ("nothing", "NOTHING_CHOSEN"),
                       ("no money", "BAD_LIMIT"), ("no file", "BAD_ATTACHMENT"),
                       ("no figure", "NOTHING_ACCEPTED")]:  # fmt: skip
        assert (said[name][0], code in said[name][1]) == (2, True), said[name]
    assert "Accepted until" in said["class"][1]
    assert "mandates on All, accounts with a mandate: 1 figure, 1 in all" in said["control"][1]
    assert said["taken back"][1].startswith("Revoked: finding ")
    assert said["given"][1].startswith("Given to billing team: finding ")
    assert "goes to its gate" in said["submit"][1]
    for words in ("accepted, ", "billing team", "by terms", "catalogue"):
        assert words in said["list"][1]


def test_what_people_accepted_of_a_control_holds_no_wave_at_its_gate(worked):
    gate = Gate.objects.get(wave__replacement=worked.replacement)
    words = "Figures that differ in control mandates, beside 1 that people accepted"
    rules = {rule["rule"]: (rule["limit"], rule["found"]) for rule in gate.rules}
    assert (gate.result, rules[words]) == ("passed", (0, 0))
    (decision,) = gate.facts["control_decisions"]
    assert (decision["control"], decision["accepted_by"]) == ("mandates", "clerk")


def test_accounts_whose_differences_people_accepted_move_and_the_evidence_says_who_and_why(worked):
    replacement = worked.replacement
    assert replacement.run.status == "done"
    blocked = Difference.objects.filter(replacement=replacement, decision="block")
    accepted = Finding.objects.filter(wave__replacement=replacement, class_code="PRICE_VERSION")
    numbers = set(accepted.values_list("number", flat=True))
    by_finding = blocked.values_list("account_key", "finding_number")
    others = {key for key, number in by_finding if number not in numbers}
    mine = {key for key, number in by_finding if number in numbers} - others
    assert mine
    stay = set(moves(replacement, account_key__in=mine, state="fallout").values_list("account_key"))
    assert stay == set()
    assert moves(replacement, account_key__in=others).exclude(state="fallout").count() == 0
    wave = replacement.waves.get()
    decided = wave.gate.facts["decisions"]
    assert {(d["accepted_by"], d["counts"]) for d in decided} == {("clerk", True), ("clerk", False)}
    assert wave.gate.facts["unexplained_accounts"] > 0  # what was taken back counts again
    key = signing_key(read_environment())
    store = Store(read_environment().store_url)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "pack.zip"
        found = pack_wave(wave_id=wave.id, store=store, key=key, out=out)
    assert found.rows["decisions.csv"] == len(decided) + 4  # revoked, assigned, said, attached
    assert found.pack["submitted"]["by"] == "clerk"


def test_what_the_preview_said_before_is_what_the_gate_says_and_nothing_was_changed_by_it(worked):
    code, said = worked.said["preview"]
    preview, gate = json.loads(said), worked.replacement.waves.get().gate
    assert (code, preview["passes"], preview["rules"]) == (0, True, gate.rules)
    held = moves(worked.replacement, state="fallout", class_code__in=preview["staying"])
    assert 0 < sum(preview["staying"].values()) <= held.count()
    assert ControlRun.objects.filter(wave=gate.wave, control="balances").count() == 1
    code, said = crossbill("preview", "unsigned", "1")
    assert (code, "GATE_DECIDED" in said) == (2, True)


def test_the_trend_on_the_command_line_says_how_bills_match_and_what_is_left(worked):
    code, said = worked.said["trend"]
    assert code == 0
    for words in ("unsigned", "UNEXPLAINED", "PRICE_VERSION", "Findings that hold accounts back: "):
        assert words in said


def test_unsigned_wave_is_loaded_and_not_live(unsigned):
    assert queries.summary(unsigned)["gate"] == "passed"
    assert set(moves(unsigned).values_list("state", flat=True)) == {"loaded", "fallout"}


def test_two_people_sign_and_the_wave_goes_live(unsigned):
    gate = Gate.objects.get(wave__replacement=unsigned)
    first, second = person("first"), person("second")
    sign_gate(gate_id=gate.id, user=first)
    assert not moves(unsigned, state="live").exists()
    with pytest.raises(CannotSign, match="has signed this gate already"):
        sign_gate(gate_id=gate.id, user=first)
    with pytest.raises(CannotSign, match="may not sign"):
        sign_gate(gate_id=gate.id, user=person("visitor", may_sign=False))
    assert not moves(unsigned, state="live").exists()
    sign_gate(gate_id=gate.id, user=second)
    assert set(moves(unsigned).values_list("state", flat=True)) == {"live", "fallout"}
