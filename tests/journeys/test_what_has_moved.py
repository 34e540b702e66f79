"""What is so of a change-over that the sample users have signed: who moved, and what they owe."""

import json
from collections import Counter, defaultdict
from datetime import date
from itertools import cycle
from pathlib import Path

import pytest
from django.db.models import Sum
from oracle.plain_bill import Biller
from typer.testing import CliRunner

from crossbill import cli
from crossbill.config.environment import read_environment
from crossbill.core.policy import Policy
from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.platform.billing.preview import NEW_RULES, preview
from crossbill.platform.customer.models import BillingAccount, Carrier
from crossbill.platform.ledger.models import JournalEntry, Posting
from crossbill.platform.ledger.queries import unbalanced_entries
from crossbill.replacement import queries
from crossbill.replacement.migration.models import AccountMove
from crossbill.replacement.migration.queries import billed_periods, new_policy, old_policy
from crossbill.replacement.reconciliation.control_runs import run_controls
from crossbill.replacement.reconciliation.evidence.keys import signing_key
from crossbill.replacement.reconciliation.evidence.operations import pack_wave
from crossbill.replacement.reconciliation.evidence.verify import PackFails, verify_pack
from crossbill.replacement.reconciliation.models import ControlRow, Difference
from crossbill.replacement.reconciliation.stored_usage import usage_totals_of

pytestmark = pytest.mark.django_db

CODE = "moved"
CATALOGUE = ("price", "component", "tax_rate")
OWN = ("product", "usage_total", "discount", "exemption", "commitment")
FACTS = ("account", "customer", *OWN, *CATALOGUE)
CENTS = 2


def moves(replacement, **wanted):
    return AccountMove.objects.filter(replacement=replacement, **wanted)


def receivable_minor(replacement, account_key: str) -> int:
    postings = Posting.objects.filter(
        account__carrier=replacement.carrier, account__account_key=account_key, gl_account="1200"
    )
    return int(postings.aggregate(total=Sum("amount_minor"))["total"] or 0)


def test_account_with_a_blocked_difference_stays_and_its_opening_is_reversed(moved):
    blocked = set(
        Difference.objects.filter(replacement=moved, decision="block").values_list(
            "account_key", flat=True
        )
    )
    stayed = moves(moved, account_key__in=blocked)
    assert blocked
    assert set(stayed.values_list("state", flat=True)) == {"fallout"}
    assert not stayed.filter(reason="").exists()
    assert not stayed.filter(class_code="").exists()
    assert {receivable_minor(moved, key) for key in blocked} == {0}
    openings = JournalEntry.objects.filter(
        carrier=moved.carrier, source__in=[f"opening|{key}" for key in blocked]
    )
    assert openings.exists()
    assert not openings.filter(reversed_by__isnull=True).exists()


def test_fallout_is_not_billed_here(moved):
    stayed = moves(moved, state="fallout").values_list("account_key", flat=True)
    accounts = BillingAccount.objects.filter(carrier=moved.carrier)
    assert not accounts.filter(account_key__in=stayed, live_from_date__isnull=False).exists()
    live = moves(moved, state="live").values_list("account_key", flat=True)
    assert accounts.filter(live_from_date__isnull=False).count() == len(live)


def test_accounts_that_pay_for_each_other_stay_together(moved):
    states = dict(moves(moved).values_list("account_key", "state"))
    paid = BillingAccount.objects.filter(
        carrier=moved.carrier, parent_account_key__isnull=False
    ).values_list("account_key", "parent_account_key")
    assert paid
    assert [pair for pair in paid if states[pair[0]] != states[pair[1]]] == []


def test_ledger_balances(moved):
    assert unbalanced_entries(moved.carrier_id) == 0


def test_controls_hold_for_what_goes_live_and_see_a_file_that_was_changed(moved):
    store = Store(read_environment().store_url)
    found = {
        (wave.position, run.control): run
        for wave in moved.waves.filter(position__in=(1, 4))
        for run in run_controls(wave=wave, store=store)
    }
    failed = {control for (_, control), run in found.items() if run.outcome == "failed"}
    # the first two list what the gate's terms accept, the others what was seeded for them
    assert failed <= {"bill_to_bill", "tax", "deposits", "dunning", "features", "mandates"}
    bills = Difference.objects.filter(replacement=moved, decision="accept", entity="bill")
    accepted = set(bills.values_list("account_key", flat=True))
    rows = ControlRow.objects.filter(run__in=found.values(), run__control="tax").exclude(
        verdict="equal"
    )
    assert {row.key.split("|")[1] for row in rows} <= accepted
    path = Path(store.path(CODE, "wave-1", "bill.parquet"))
    whole = path.read_bytes()
    path.write_bytes(whole + b" ")
    wave = moved.waves.get(position=1)
    (run,) = run_controls(wave=wave, store=store, only="extract_integrity")
    path.write_bytes(whole)
    assert [row.key for row in run.rows.all()] == ["wave-1/bill.parquet"]


def test_controls_on_the_command_line(moved, monkeypatch, capsys):
    for module in ("cli_controls", "cli_trend"):
        monkeypatch.setattr(f"crossbill.{module}.ready", lambda: None)

    def crossbill(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["crossbill", "reconcile", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, capsys.readouterr().out

    code, said = crossbill("run", CODE, "1", "--control", "keys")
    assert (code, "passed" in said, "keys" in said) == (0, True, True)
    assert "Keys missing, extra" in crossbill("show", CODE, "Wave 1", "keys")[1]
    assert "not run" in crossbill("list", CODE)[1]
    runs = json.loads(crossbill("trend", CODE, "--control", "keys", "--json")[1])["controls"]
    assert {(run["control"], run["outcome"]) for run in runs} == {("keys", "passed")}


def test_evidence_of_each_wave_verifies_and_with_one_changed_byte_it_does_not(moved, tmp_path):
    environment = read_environment()
    store, key = Store(environment.store_url), signing_key(environment)
    for wave in moved.waves.all():
        out = tmp_path / f"{wave.position}.zip"
        found = pack_wave(wave_id=wave.id, store=store, key=key, out=out)
        assert found.rows["differences.csv"] == wave.differences.count()
        assert found.rows["accounts.csv"] == wave.moves.count()
        assert [row["user"] for row in found.approvals] == ["billing.manager", "migration.lead"]
        changed = out.read_bytes().replace(b"SOURCE_DEFECT", b"SOURCE_DEFECt", 1)
        changed = changed.replace(b"USAGE0424.CSV,1", b"USAGE0424.CSV,2", 1)
        assert changed != out.read_bytes()
        out.write_bytes(changed)
        with pytest.raises(PackFails, match="its bytes are not those that were packed"):
            verify_pack(out)


# From the books an account is billed as in the shadow.


@pytest.fixture(scope="module")
def shadow(moved):
    """The bill lines that the shadow run stored, by account and first day of the period."""
    store = Store(read_environment().store_url)
    found: dict[tuple, list[dict]] = {}
    for wave in moved.waves.all():
        lines = store.read(store.path(CODE, f"wave-{wave.position}", "bill_line.parquet"))
        for row in lines.to_pylist():
            found.setdefault((row["account_key"], row["period_from"]), []).append(row)
    return found


@pytest.fixture(scope="module")
def shadow_bills(moved):
    """The bills that the shadow run stored, by account and first day of the period."""
    store = Store(read_environment().store_url)
    return {
        (row["account_key"], row["period_from"]): row
        for wave in moved.waves.all()
        for row in store.read(store.path(CODE, f"wave-{wave.position}", "bill.parquet")).to_pylist()
    }


@pytest.fixture
def command(monkeypatch):
    """Runs `crossbill bill preview` in the test's own database."""
    monkeypatch.setattr("crossbill.cli_bill.ready", lambda: None)
    return lambda *words: CliRunner().invoke(cli.app, ["bill", "preview", *words])


def live(replacement) -> list[str]:
    accounts = BillingAccount.objects.filter(
        carrier=replacement.carrier, live_from_date__isnull=False
    )
    return list(accounts.values_list("account_key", flat=True))


def previewed(replacement, key, period, policy):
    """What the account would be billed for the month, with what it used."""
    store = Store(read_environment().store_url)
    used = usage_totals_of(carrier_id=replacement.carrier_id, account_key=key, store=store)
    return preview(
        carrier_id=replacement.carrier_id, account_key=key, period=period,
        policies={"asked": policy}, used=used,
    )["asked"]  # fmt: skip


def amounts(lines) -> list[tuple]:
    """What lines say, in an order of their own."""
    names = (
        "product_key", "category", "charge_from", "charge_to", "discount_key", "discounted",
        "net_minor", "tax_minor",
    )  # fmt: skip
    return sorted(tuple(str(line[name]) for name in names) for line in lines)


def test_the_change_over_needed_no_truth(moved, extract):
    assert list(extract.parent.iterdir()) == [extract]
    assert queries.summary(moved)["gate"] == "passed"


def test_every_account_of_the_books_is_billed_as_in_the_shadow(moved, shadow, shadow_bills):
    """Each in one of the two months, in turn: that the other is alike is the oracle's to say."""
    policy, met, months = old_policy(moved), Counter(), cycle(billed_periods(moved))
    every = set(BillingAccount.objects.values_list("account_key", flat=True))
    assert every > {*live(moved)}, "those that stay on the old system are billed alike"
    for key, (first, _) in zip(sorted(every), months, strict=False):
        found = previewed(moved, key, f"{first:%Y-%m}", policy)
        stored = shadow.get((key, first), [])
        lines = [each.line for bill in found.bills for each in bill.lines]
        assert found.unresolved == []
        assert amounts(lines) == amounts(stored), key
        for bill in found.bills:
            theirs = shadow_bills[key, first]
            for name in ("net_minor", "tax_minor", "total_minor", "currency", "period_to"):
                assert bill.bill[name] == theirs[name], (key, name)
        assert len(found.bills) == ((key, first) in shadow_bills), key
        met["bills"] += len(found.bills)
        met["with usage"] += any(line["category"] == "usage" for line in lines)
        met["usage discounted"] += any(line["discounted"] == "usage" for line in lines)
    assert met["bills"] > 90
    assert min(met.values()) > 0, met


def test_command_prints_the_bill_of_the_books(moved, shadow_bills, shadow, command):
    key, day = next(
        place
        for place, lines in shadow.items()
        if place[0] in live(moved) and any(line["category"] == "usage" for line in lines)
    )
    done = command(key, "--carrier", CODE, "--period", f"{day:%Y-%m}", "--json")
    assert done.exit_code == 0, done.output
    (bill,) = json.loads(done.output)["bills"]
    assert bill["account_key"] == key
    assert int(bill["total"].replace(".", "")) == shadow_bills[key, day]["total_minor"]


def test_command_bills_by_another_policy(moved, command, tmp_path):
    rules = NEW_RULES.as_row() | {"policy_code": "other"}
    file = tmp_path / "policy.yaml"
    file.write_text("\n".join(f"{name}: {json.dumps(value)}" for name, value in rules.items()))
    key = live(moved)[0]
    done = command(key, "--carrier", CODE, "--period", "2024-04", "--policy", str(file), "--json")
    assert done.exit_code == 0, done.output
    asked = previewed(moved, key, "2024-04", NEW_RULES)
    assert json.loads(done.output)["bills"][0]["total"] == asked.bills[0].totals["total"]


@pytest.mark.parametrize("places", [[], ["--snapshot", ".", "--carrier", CODE]])
def test_command_wants_one_place_to_bill_from(places, command):
    done = command("C1", "--period", "2024-04", *places)
    assert done.exit_code == 2
    assert "give --snapshot FOLDER, or --carrier CODE" in done.output


@pytest.mark.parametrize(
    ("carrier", "account", "code"),
    [("nobody", "C1", "NO_SUCH_CARRIER"), (CODE, "C9", "ACCOUNT_NOT_THERE"),
     ("no-rules", "C1", "OLD_POLICY_NOT_KNOWN")],
)  # fmt: skip
def test_command_says_what_is_not_there(carrier, account, code, moved, command):
    Carrier.objects.get_or_create(code="no-rules", name="Nobody has said its rules")
    done = command(account, "--carrier", carrier, "--period", "2024-04")
    assert isinstance(done.exception, Refusal)
    assert done.exception.code == code


# By the new rules a bill is the shadow bill and what each rule makes of it, and no more.


@pytest.fixture(scope="module")
def stored(moved):
    """All waves' tables together, as plain rows."""
    store, found = Store(read_environment().store_url), defaultdict(list)
    for wave in moved.waves.all():
        for name in (*FACTS, "bill", "rule_change"):
            path = store.path(CODE, f"wave-{wave.position}", f"{name}.parquet")
            if name not in CATALOGUE or wave.position == 1:
                found[name] += store.read(path).to_pylist()
    assert found["discount"]
    assert found["commitment"]
    found["discount"] = [row | {"left_minor": None} for row in found["discount"]]
    return found


class Plain:
    """The plain biller over the stored facts, by one policy."""

    def __init__(self, stored: dict, policy: Policy) -> None:
        self.policy, self.tables = policy, {name: stored[name] for name in CATALOGUE}
        self.own = {name: defaultdict(list) for name in OWN}
        for name, rows in self.own.items():
            for row in stored[name]:
                rows[row["account_key"]].append(row)

    def total(self, account: dict, period: tuple[date, date]) -> int:
        """What the account owes for the period."""
        key = account["account_key"]
        rows = self.tables | {name: mine[key] for name, mine in self.own.items()}
        rows["usage_total"] = [r for r in rows["usage_total"] if r["period_from"] == period[0]]
        rows["policy"] = [self.policy.as_row()]
        billed = account | {"policy_code": self.policy.policy_code}
        return Biller(rows, period, CENTS).bill(billed).total


def test_shadow_bill_and_changes_are_the_bill_by_the_new_rules(moved, stored):
    old, new = (Plain(stored, rules) for rules in (old_policy(moved), new_policy(moved)))
    shadow = {(r["account_key"], r["period_from"]): r["total_minor"] for r in stored["bill"]}
    changes = defaultdict(int)
    for row in stored["rule_change"]:
        changes[row["account_key"], row["period_from"]] += row["net_minor"] + row["tax_minor"]
    changed = 0
    for account in stored["account"]:
        for period in billed_periods(moved):
            place = (account["account_key"], period[0])
            before, after = (rules.total(account, period) for rules in (old, new))
            assert before == shadow.get(place, 0), place
            assert after - before == changes[place], place
            changed += after != before
    assert changed > 50


def test_every_rule_that_differs_changes_some_bill_and_no_other_is_named(moved, stored):
    before, after = old_policy(moved).as_row(), new_policy(moved).as_row()
    differing = {name for name in before if before[name] != after[name]} - {"policy_code"}
    assert {row["rule"] for row in stored["rule_change"]} == differing
    for row in stored["rule_change"]:
        assert (row["was"], row["becomes"]) == (before[row["rule"]], after[row["rule"]])


def test_summary_adds_up_to_what_is_stored(moved, stored):
    told = queries.summary(moved)["rule_changes"]
    assert [row["rule"] for row in told] == [
        "day_count", "rounding_mode", "tax_scope", "tax_rounding_mode",
    ]  # fmt: skip
    for row in told:
        mine = [r for r in stored["rule_change"] if r["rule"] == row["rule"]]
        assert row["bills"] == len(mine)
        cents = sum(int(row[side].replace(".", "")) for side in ("more", "less"))
        assert cents == sum(r["net_minor"] + r["tax_minor"] for r in mine)


def test_page_of_an_account_tells_each_change_and_the_bill_by_the_new_rules(
    moved, stored, admin_client
):
    """``admin_client`` may see everything."""
    key, day = next(
        (row["account_key"], row["period_from"])
        for row in stored["rule_change"]
        if row["rule"] == "day_count"
    )
    mine = [r for r in stored["rule_change"] if (r["account_key"], r["period_from"]) == (key, day)]
    (bill,) = (r for r in stored["bill"] if (r["account_key"], r["period_from"]) == (key, day))
    total = bill["total_minor"] + sum(row["net_minor"] + row["tax_minor"] for row in mine)
    page = admin_client.get(f"/accounts/{CODE}/{key}/").content.decode()
    assert (
        f"By the new rules this bill is <strong>{total // 100}.{total % 100:02} USD</strong>"
        in page
    )
    assert (
        "Parts of a month are charged by the days of the calendar; before: months of thirty" in page
    )
