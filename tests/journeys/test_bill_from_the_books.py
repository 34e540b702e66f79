"""What an account would be billed from the books is what the shadow run billed it."""

import json
from collections import Counter
from itertools import cycle

import pytest
from typer.testing import CliRunner

from crossbill.cli import app
from crossbill.config.environment import read_environment
from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.platform.billing.preview import NEW_RULES, preview
from crossbill.platform.customer.models import BillingAccount, Carrier
from crossbill.replacement import queries
from crossbill.replacement.migration.queries import billed_periods, old_policy
from crossbill.replacement.reconciliation.stored_usage import usage_totals_of

pytestmark = pytest.mark.django_db

CODE = "moved"


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
    return lambda *words: CliRunner().invoke(app, ["bill", "preview", *words])


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
