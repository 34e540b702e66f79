"""Bills from files to files: what comes out, that it adds up, and that a preview is the run."""

import json
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from crossbill.cli_bill import bill_app
from crossbill.core.refusal import Refusal
from crossbill.engine.one_writer import only_writer
from crossbill.platform.billing.compute import computed, periods
from crossbill.platform.billing.compute_parts import OutputNotAFolder, compute
from crossbill.platform.billing.explain_bill import disagreements, explained

EXAMPLES = Path(__file__).parents[2] / "examples" / "billing"
MOBILE = EXAMPLES / "mobile"
MARCH = ("--period", "2026-03", "--policy", str(MOBILE / "policy.yaml"))
ACCOUNTS = ("A1", "A2", "A3", "A4")


def command(*arguments):
    return CliRunner().invoke(bill_app, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def bills(tmp_path_factory):
    """The mobile example of March, as `bill compute` writes it."""
    out = tmp_path_factory.mktemp("bills")
    done = command("compute", "--snapshot", MOBILE, *MARCH, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    return out, json.loads(done.output)


def rows(folder, name):
    return parquet.read_table(folder / f"{name}.parquet").to_pylist()


def test_what_the_command_prints_is_what_the_bills_add_up_to(bills):
    out, printed = bills
    (sums,) = printed["totals"]
    assert sums["bills"] == len(rows(out, "bill")) == 4
    total = sum(bill["total_minor"] for bill in rows(out, "bill"))
    assert sums["total"] == f"{total // 100}.{total % 100:02}"
    receipt = json.loads((out / "receipt.json").read_text())
    assert receipt["totals"] == printed["totals"]
    assert set(receipt["files"]) == {path.name for path in out.glob("*.parquet")}


CALLS, COST = "A1,P1,retail,alpina-s,calls,voice,", ",41,5210,0,5460,13.6532,0,CHF,exact-1"
# What is added to a table of the example, and what is then refused.
FAULTS = [
    ("product.csv", "P1,A1,alpina-s,1,2026-03-11,,,,,", "several rows have one product_key"),
    ("product.csv", "P9,A1,alpina-s,1,2026-03-11,2026-03-01,,,,", "it ends before it starts"),
    ("account.csv", "A9,C1,CHF,CH,32", "no day of a month"),
    ("charged.csv", "P99,x,2026-01-01", "there is no such product"),
    ("charged.csv", "P3,alpina-m/x,9999-12-31", "absurdly late"),
    ("commitment.csv", "more,A3,-1,true,standard,2026-01-01", "negative or absurdly high"),
    ("commitment.csv", "more,A99,1,true,standard,2026-01-01", "there is no such account"),
    ("credit.csv", "goodwill,A4,1,1500", "several rows have one account_key"),
    ("credit.csv", "more,A99,2,1500", "there is no such account"),
    ("credit.csv", "more,A4,2,-1500", "negative or absurdly high"),
    ("usage_charge.csv", f"{CALLS}2026-03-01,2026-04-01{COST}", "several rows have one account"),
    ("usage_charge.csv", f"{CALLS}2026-04-01,2026-03-01{COST}", "does not end after it starts"),
    ("exemption.csv", "A99,,2026-01-01,nobody", "there is no such account"),
    ("discount.csv", "more,A1,3,,gift,10,,,2026-01-01,", "no such kind"),
    ("discount.csv", "more,A1,3,,percentage,150,,,2026-01-01,", "not a share"),
    ("discount.csv", "more,A1,3,,amount,,-5,,2026-01-01,", "negative or absurdly high"),
    ("discount.csv", "more,A1,3,,percentage,,500,,2026-01-01,", "no value of its kind"),
    ("discount.csv", "more,A99,3,,percentage,5,,,2026-01-01,", "there is no such account"),
]


@pytest.mark.parametrize(("table", "row", "what"), FAULTS)
def test_a_snapshot_with_a_fault_is_refused_before_anything_is_written(tmp_path, table, row, what):
    snapshot, out = tmp_path / "snapshot", tmp_path / "bills"
    shutil.copytree(MOBILE, snapshot)
    with (snapshot / table).open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")
    done = command("compute", "--snapshot", snapshot, *MARCH, "--out", out)
    assert isinstance(done.exception, Refusal), done.output
    assert (what in str(done.exception), table in str(done.exception)) == (True, True)
    assert not out.exists()


def test_bills_are_not_written_where_a_file_stands(tmp_path):
    out = tmp_path / "bills"
    out.write_text("mine")
    done = command("compute", "--snapshot", MOBILE, *MARCH, "--out", out)
    assert isinstance(done.exception, OutputNotAFolder), done.output
    assert out.read_text() == "mine"


def test_each_bill_is_the_sum_of_its_lines_and_taxes(bills):
    out, _ = bills
    for bill in rows(out, "bill"):
        mine = [r for r in rows(out, "bill_line") if r["bill_key"] == bill["bill_key"]]
        taxes = [r for r in rows(out, "bill_tax") if r["bill_key"] == bill["bill_key"]]
        assert bill["net_minor"] == sum(line["net_minor"] for line in mine)
        assert bill["tax_minor"] == sum(tax["tax_minor"] for tax in taxes)
        assert bill["due_minor"] == bill["total_minor"] - bill["credit_minor"]


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_preview_is_the_run(bills, account):
    out, _ = bills
    done = command("preview", account, "--snapshot", MOBILE, *MARCH, "--json")
    (preview,) = json.loads(done.output)["bills"]
    (stored,) = (row for row in rows(out, "bill") if row["account_key"] == account)
    names = ("net", "tax", "total", "credit", "due")
    assert {name: preview[name].replace(".", "").lstrip("0") or "0" for name in names} == {
        name: str(stored[f"{name}_minor"]) for name in names
    }


# What a billing analyst would work out by hand for the example.
BY_HAND = [
    ("21 of 31 days at the price since March", "A1", "P1", "alpina-s/monthly", 1484),
    ("a pack is never prorated", "A1", "P2", "roaming-pack/monthly", 900),
    ("usage as it was rated, to the cent", "A1", "P1", "alpina-s", 1485),
    ("21 of 31 days charged in advance come back", "A2", "P3", "alpina-m/monthly", -2642),
    ("fifteen months of the contract are left", "A2", "P3", "alpina-m/early-end", 22500),
    ("twelve cards at the customer's own price", "A3", "P4", "alpina-m/monthly", 42000),
    ("500.00 were promised, 378.00 billed", "A3", None, "frame-2026", 12200),
    ("a bundle charges its part", "A4", "P5", "alpina-s/monthly", 2190),
    ("and its own price", "A4", "P5", "family/second-card", 990),
    ("an instalment in arrears", "A4", "P6", "phone-instalment/instalment", 2910),
]


@pytest.mark.parametrize(("title", "account", "product", "price", "net"), BY_HAND)
def test_the_example_by_hand(bills, title, account, product, price, net):
    found = [
        line["net_minor"]
        for line in rows(bills[0], "bill_line")
        if (line["account_key"], line["product_key"], line["price_code"])
        == (account, product, price)
        and line["category"] != "discount"
    ]
    assert found == [net], title


def test_discounts_take_in_order_what_is_left(bills):
    taken = {}
    for line in rows(bills[0], "bill_line"):
        if line["account_key"] == "A1" and line["category"] == "discount":
            taken[line["price_code"]] = taken.get(line["price_code"], 0) + line["net_minor"]
    # 20 % of the recurring 14.84 + 9.00 is 4.77; of the voucher of 10.00 there are 7.00 left.
    assert taken == {"spring-20": -477, "voucher": -700}


def test_an_exempt_account_sees_the_tax_that_it_does_not_pay(bills):
    bill = next(row for row in rows(bills[0], "bill") if row["account_key"] == "A3")
    (tax,) = (row for row in rows(bills[0], "bill_tax") if row["bill_key"] == bill["bill_key"])
    assert (tax["rate_ppm"], tax["tax_minor"], tax["exempt"]) == (0, 0, "reverse charge")


def test_the_next_month_goes_on_where_this_one_ended(bills, tmp_path):
    """What was charged through is the next snapshot's history: nothing is charged twice."""
    snapshot = tmp_path / "april"
    shutil.copytree(MOBILE, snapshot)
    (snapshot / "charged.csv").unlink()
    shutil.copy(bills[0] / "charged.parquet", snapshot / "charged.parquet")
    with computed(snapshot, period="2026-04", policy=str(MOBILE / "policy.yaml")) as found:
        lines = found.fetch("bill_line").to_pylist()
    mine = {(r["product_key"], r["price_code"]): r for r in lines if r["category"] == "recurring"}
    assert mine["P1", "alpina-s/monthly"]["charge_from"] == date(2026, 4, 1)
    assert mine["P1", "alpina-s/monthly"]["net_minor"] == 2190
    assert ("P3", "alpina-m/monthly") not in mine, "what was given back is given back once"


def test_an_explanation_says_whether_the_stored_bill_still_agrees(bills, tmp_path):
    done = command("explain", "A1", "--snapshot", MOBILE, *MARCH, "--stored", bills[0])
    assert (done.exit_code, "The stored bill agrees." in done.output) == (0, True)
    changed = tmp_path / "changed"
    shutil.copytree(MOBILE, changed)
    text = (changed / "catalogue.yaml").read_text()
    (changed / "catalogue.yaml").write_text(text.replace('"21.90"', '"22.90"'))
    done = command("explain", "A1", "--snapshot", changed, *MARCH, "--stored", bills[0])
    assert (done.exit_code, "No longer agrees" in done.output) == (1, True)


def test_every_line_is_explained_and_no_other_account_is_compared(bills):
    with computed(MOBILE, period="2026-03", policy=str(MOBILE / "policy.yaml")) as found:
        every = explained(found)
        assert disagreements(found, bills[0]) == []
    assert all(line.steps for bill in every for line in bill.lines)


def test_a_what_if_compares_everybody(tmp_path):
    other = tmp_path / "catalogue.yaml"
    other.write_text((MOBILE / "catalogue.yaml").read_text().replace('"21.90"', '"25.00"'))
    arguments = ("what-if", "--snapshot", MOBILE, *MARCH, "--json")
    same = json.loads(command(*arguments).output)
    assert [row["difference"] for row in same["totals"]] == ["0.00"]
    dearer = json.loads(command(*arguments, "--catalogue", other).output)
    assert {row["account_key"] for row in dearer["largest"]} == {"A1", "A4"}


@pytest.mark.parametrize(
    ("text", "cycles", "first"),
    [("2026-02", 31, date(2026, 2, 1)), ("2026-02-28", 1, date(2026, 2, 28))],
)
def test_a_period_is_a_month_of_every_cycle_or_one_cycles_first_day(text, cycles, first):
    found = periods(text).to_pylist()
    assert (len(found), found[0]["period_from"]) == (cycles, first)


# Bad input: file, what stands there, period, and what the refusal names.
BAD = [
    ("account.csv", "account_key,currency,tax_code,colour\nA1,CHF,CH,red\n", "colour", 1),
    ("account.csv", "currency,tax_code\nCHF,CH\n", "account_key", None),
    ("account.csv", "account_key,currency,tax_code,bill_cycle_day\nA1,CHF,CH,one\n",
     "bill_cycle_day", 2),
    ("account.csv", 'account_key,currency\n"A1,CHF\n', None, None),
    ("product.csv", "product_key,account_key,offering_code,quantity,start_date\n"
     "P1,A1,alpina-s,99999999999999999999,2026-03-01\n", "quantity", 2),
    ("product.csv", "product_key,account_key,offering_code,start_date\nP1,A1,alpina-s,1.3.2026\n",
     "start_date", 2),
    ("product.csv", "product_key,account_key,offering_code,start_date\nP1,A1,alpina-s,\n",
     "start_date", 2),
    ("product.csv", "product_key,account_key,offering_code,start_date,price_override\n"
     "P1,A1,alpina-s,2026-03-01,12.3.4\n", "price_override", 2),
    ("product.csv", "product_key,account_key,offering_code,start_date,price_override,"
     "price_override_nanos\nP1,A1,alpina-s,2026-03-01,1,1\n", "price_override", 1),
    ("price.csv", "offering_code,price_version,valid_from,currency,amount\n", None, None),
    ("discount.csv", "discount_key,account_key,position,kind,rate_percent,valid_from\n"
     "d,A1,1,percentage,ten,2026-01-01\n", "rate_percent", 2),
    ("policy.csv", "policy_code,day_count\nx,lunar\n", "end_day_counts", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "field", "line"), BAD)
def test_a_bad_file_is_refused_with_its_place(tmp_path, name, content, field, line):
    snapshot = tmp_path / "snapshot"
    shutil.copytree(MOBILE, snapshot)
    (snapshot / name).write_text(content)
    with (
        pytest.raises(Refusal) as refused,
        computed(snapshot, period="2026-03", policy=str(MOBILE / "policy.yaml")),
    ):
        pass
    assert refused.value.code == "BAD_BILLING_SNAPSHOT"
    assert name in str(refused.value)
    if field:
        assert refused.value.field == field
    if line:
        assert refused.value.line == line
    assert refused.value.cure


@pytest.mark.parametrize("text", ["2026", "2026-13", "march", "2026-3", "2026-02-30", ""])
def test_what_is_no_bill_period_is_refused(text):
    with pytest.raises(Refusal) as refused:
        periods(text)
    assert refused.value.code == "NOT_A_BILL_PERIOD"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"policy": None}, "POLICY_NOT_KNOWN"),
        ({"policy": "nobody"}, "POLICY_NOT_KNOWN"),
        ({"account": "A9"}, "ACCOUNT_NOT_THERE"),
    ],
)
def test_what_is_not_there_is_refused(options, code):
    chosen = {"policy": str(MOBILE / "policy.yaml")} | options
    with pytest.raises(Refusal) as refused, computed(MOBILE, period="2026-03", **chosen):
        pass
    assert refused.value.code == code


def test_a_product_that_cannot_be_charged_is_told_and_the_rest_is_billed(tmp_path):
    snapshot = tmp_path / "snapshot"
    shutil.copytree(MOBILE, snapshot)
    with (snapshot / "product.csv").open("a") as file:
        file.write("P7,A1,fax,1,2026-01-01,,,,,\nP8,A8,alpina-s,1,2026-01-01,,,,,\n")
    arguments = ("compute", "--snapshot", snapshot, *MARCH, "--out", tmp_path / "out", "--json")
    done = command(*arguments)
    assert done.exit_code == 1
    found = json.loads(done.output)
    assert found["unresolved"] == {"ACCOUNT_UNKNOWN": 1, "PRICE_MISSING": 1}
    assert found["totals"][0]["bills"] == 4


# In parts


@pytest.fixture
def in_parts(monkeypatch):
    """Two accounts a part, so that the example has several."""
    monkeypatch.setattr("crossbill.platform.billing.compute_parts.ACCOUNTS_PER_PART", 2)


def test_in_parts_the_bills_are_the_same(bills, in_parts, tmp_path):
    done = command("compute", "--snapshot", MOBILE, *MARCH, "--out", tmp_path, "--json")
    assert json.loads(done.stdout) == bills[1]
    for name in ("bill", "bill_line", "bill_tax", "charge", "credit_use", "charged"):
        parts = [rows(tmp_path, path.stem) for path in sorted(tmp_path.glob(f"{name}-*.parquet"))]
        assert len(parts) == 2
        together = sorted((row for part in parts for row in part), key=repr)
        assert together == sorted(rows(bills[0], name), key=repr), name


def test_a_run_that_was_killed_goes_on_and_does_nothing_twice(bills, in_parts, tmp_path):
    arguments = ("compute", "--snapshot", MOBILE, *MARCH, "--out", tmp_path, "--json")
    command(*arguments)
    kept, lost = tmp_path / "bill-0001.parquet", tmp_path / "bill-0002.parquet"
    before = kept.stat().st_mtime_ns
    lost.unlink()
    (tmp_path / "part-0002.json").unlink()
    assert json.loads(command(*arguments).stdout) == bills[1]
    assert kept.stat().st_mtime_ns == before
    assert lost.exists()


def test_a_folder_with_other_bills_is_refused(bills):
    with pytest.raises(Refusal) as refused:
        compute(MOBILE, period="2026-04", policy=str(MOBILE / "policy.yaml"), out=bills[0])
    assert refused.value.code == "OUTPUT_OF_ANOTHER_RUN"


def test_of_two_runs_into_one_folder_the_second_is_refused(tmp_path):
    with only_writer(tmp_path), pytest.raises(Refusal) as refused:
        compute(MOBILE, period="2026-03", policy=str(MOBILE / "policy.yaml"), out=tmp_path)
    assert refused.value.code == "OUTPUT_IN_USE"


def test_the_parts_of_changed_rules_add_up_to_the_whole_change(tmp_path):
    """The old system's rules become the new ones, one after the other."""
    old = tmp_path / "old.yaml"
    text = (MOBILE / "policy.yaml").read_text()
    for new, before in (
        ("actual_actual", "thirty_360"), ("rounding_mode: half_up", "rounding_mode: down"),
        ("tax_scope: bill", "tax_scope: line"), ("swiss-2026", "old"),
    ):  # fmt: skip
        text = text.replace(new, before)
    old.write_text(text)
    arguments = ("--snapshot", MOBILE, "--period", "2026-03", "--json")
    rules = json.loads(command("rules", old, MOBILE / "policy.yaml", *arguments).output)
    assert [(rule["rule"], rule["before"], rule["after"]) for rule in rules] == [
        ("day_count", "thirty_360", "actual_actual"),
        ("rounding_mode", "down", "half_up"),
        ("tax_scope", "line", "bill"),
        ("tax_rounding_mode", "down", "half_up"),
    ]
    whole = ("--policy", old, "--other-policy", MOBILE / "policy.yaml")
    together = json.loads(command("what-if", *arguments, *whole).output)
    parts = [Decimal(row["difference"]) for rule in rules for row in rule["totals"]]
    assert sum(parts) == Decimal(together["totals"][0]["difference"]) != 0


def test_days_come_back_at_the_price_that_was_charged(bills, tmp_path):
    """The price rose in the meantime; what was paid is what is given back."""
    snapshot = tmp_path / "april"
    shutil.copytree(MOBILE, snapshot)
    (snapshot / "charged.csv").write_text(
        "product_key,price_code,charged_through,charged\nP1,alpina-s/monthly,2026-05-01,19.90\n"
    )
    (snapshot / "product.csv").write_text(
        "product_key,account_key,offering_code,start_date,end_date\n"
        "P1,A1,alpina-s,2026-03-01,2026-04-16\n"
    )
    with computed(snapshot, period="2026-04", policy=str(MOBILE / "policy.yaml")) as found:
        (charge,) = found.fetch("charge").to_pylist()
        (after,) = found.fetch("charged").to_pylist()
    assert (charge["sign"], charge["price_nanos"]) == (-1, 19_900_000_000)
    assert charge["gross_minor"] == -995
    assert (after["charged_through"], after["charged_nanos"]) == (date(2026, 4, 16), 19_900_000_000)


def test_a_snapshot_that_is_refused_leaves_nothing_and_may_be_mended(bills, tmp_path):
    snapshot, out = tmp_path / "snapshot", tmp_path / "out"
    shutil.copytree(MOBILE, snapshot)
    sound = (snapshot / "account.csv").read_text()
    (snapshot / "account.csv").write_text(sound.replace("A4,C4,CHF,CH,1", "A4,C4,CHF,CH,one"))
    policy = str(MOBILE / "policy.yaml")
    with pytest.raises(Refusal):
        compute(snapshot, period="2026-03", policy=policy, out=out)
    assert not out.exists()
    (snapshot / "account.csv").write_text(sound)
    assert compute(snapshot, period="2026-03", policy=policy, out=out) == bills[1]
