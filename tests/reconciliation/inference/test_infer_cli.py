"""``crossbill reconcile infer-policy``: what it prints, keeps and answers."""

import json
import sys
from datetime import date
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
import yaml
from old_carrier import Carrier, any_policy, carrier
from old_folder import write_folder

from crossbill.cli import main
from crossbill.core.money import minor_digits
from crossbill.sample.operations import generate

ROOT = Path(__file__).parents[3]
OPTICOM = ROOT / "examples" / "infer_policy" / "opticom" / "spec.yaml"
ALLOWANCES = ROOT / "examples" / "infer_policy" / "allowances"
JUNE = [(date(2024, 6, 1), date(2024, 7, 1))]
assert minor_digits("USD") == 2


def run(monkeypatch, capsys, *words) -> tuple[int, str, str]:
    """The exit code and what is printed on both streams."""
    monkeypatch.setattr(sys, "argv", ["crossbill", *map(str, words)])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def true() -> dict:
    return any_policy(Random(17))


@pytest.fixture
def folder(tmp_path, true):
    return write_folder(tmp_path / "old", carrier(17, accounts=40).bill(true))


def with_usage(folder: Path) -> Path:
    """The folder with the example's usage and all charges that an order explains."""
    for name in ("rating.yaml", "calls.csv", "NUTZUNG.CSV", "spec.yaml"):
        text = (ALLOWANCES / name).read_text("utf-8").replace("T2;04.2024;2,00", "T2;04.2024;0,00")
        (folder / name).write_text(text, "utf-8")
    return folder / "spec.yaml"


def test_what_is_printed_is_yaml_and_bills_a_later_month(
    folder, true, tmp_path, monkeypatch, capsys
):
    """By the engine from the printed policy, and by the plain biller from the true one.

    The order of allowances, which the folder tells as well, is printed as comments.
    """
    spec = with_usage(folder)
    words = ("reconcile", "infer-policy", folder, "--spec", spec)
    code, printed, _ = run(monkeypatch, capsys, *words)
    assert code == 0
    assert "#     home-100: {priority: 10}" in printed
    assert list(yaml.safe_load(printed)) == [
        "policy_code", "day_count", "end_day_counts", "rounding_mode", "rounding_scope",
        "rounding_digits", "discount_base", "price_by", "tax_scope", "tax_rounding_mode",
    ]  # fmt: skip
    assert "lines read: " in printed
    (tmp_path / "policy.yaml").write_text(printed, "utf-8")
    bills = tmp_path / "bills"
    code, _, told = run(
        monkeypatch, capsys, "bill", "compute", "--snapshot", folder, "--period", "2024-06",
        "--policy", tmp_path / "policy.yaml", "--out", bills,
    )  # fmt: skip
    assert (code, told) == (0, "")
    rows = pq.read_table(bills / "bill.parquet").to_pylist()
    billed = {(r["account_key"], r["period_from"]): (r["net_minor"], r["tax_minor"]) for r in rows}
    later = Carrier(carrier(17, accounts=40).facts).bill(true, JUNE)
    assert billed == later.totals() != {}


def test_a_line_that_does_not_fit_is_derived_and_answers_1(folder, monkeypatch, capsys, tmp_path):
    lines = (folder / "bill_line.csv").read_text("utf-8").splitlines()
    values = lines[4].split(",")
    values[-2] = "99999.99"
    lines[4] = ",".join(values)
    (folder / "bill_line.csv").write_text("\n".join(lines), "utf-8")
    out = tmp_path / "out"
    code, printed, _ = run(
        monkeypatch, capsys, "reconcile", "infer-policy", folder, "--json", "--out", out
    )
    document = json.loads(printed)
    (unfit,) = document["unexplained"]
    assert (code, unfit["file"], unfit["line"]) == (1, "bill_line.csv", 5)
    assert unfit["old"] == "99999.99"
    assert unfit["derivation"][0] == f"{unfit['category']} {unfit['computed']}"
    kept = {path.name for path in out.iterdir()}
    assert kept == {
        "policy.yaml", "report.json", "set_aside.csv", "unexplained.csv", "unexplained_taxes.csv",
        "unexplained_discounts.csv",
    }  # fmt: skip
    assert json.loads((out / "report.json").read_text("utf-8")) == document


def test_what_is_refused_answers_2_without_a_traceback(tmp_path, monkeypatch, capsys):
    code, printed, told = run(monkeypatch, capsys, "reconcile", "infer-policy", tmp_path)
    assert (code, printed) == (2, "")
    assert "bill_line" in told
    assert "[BAD_OLD_BILLS]" in told
    assert "Traceback" not in told


def test_two_extracts_are_compared_without_naming_a_command(monkeypatch, capsys):
    """`reconcile SPEC` stays what it was beside the commands with a name."""
    words = ("reconcile", "gone.yaml", "--left", "a", "--right", "b")
    code, _, told = run(monkeypatch, capsys, *words)
    assert code == 2
    assert "gone.yaml" in told


def test_the_rules_of_the_sample_carrier_are_found(tmp_path, monkeypatch, capsys):
    """From its extract as it is: cut to the cent, months of 30 days, each line taxed.

    Its seeded defects are what does not fit.
    """
    extract = tmp_path / "extract"
    generate(accounts=1000, seed=42, extract_dir=extract, truth_dir=tmp_path / "truth")
    code, printed, _ = run(
        monkeypatch, capsys, "reconcile", "infer-policy", extract, "--spec", OPTICOM, "--json"
    )
    document = json.loads(printed)
    ((policy, families),) = ((p["policy"], p["families"]) for p in document["policies"])
    assert policy == {
        "policy_code": "opticom-old", "day_count": "thirty_360", "end_day_counts": True,
        "rounding_mode": "down", "rounding_scope": "line", "rounding_digits": 0,
        "discount_base": "rounded", "price_by": "bill_time", "tax_scope": "line",
        "tax_rounding_mode": "down",
    }  # fmt: skip
    assert families == ["ADD", "INT", "MOB", "TVS", "VOI"]
    lines = document["lines"]
    assert (code, lines["read"]) == (1, lines["compared"] + lines["set_aside"])
    assert 0 < lines["unexplained"] < 15
    assert 0 < len(document["unexplained_taxes"]) < 15  # usage by the taxes of its tariff
    assert lines["reproduced"] > 5000
    assert document["set_aside_by_code"]["CHARGES_WITH_TAX"] > 50  # discounts of such bills
    offs = [family["bill_discounts"] for family in document["families"]]
    assert sum(off["compared"] for off in offs) == sum(off["reproduced"] for off in offs) > 1000
    bills = document["bills"]  # of those with discounts, too, whose lines name products
    assert bills["compared"] > 1400
    # Among them is an exempt account's price that contains the tax which it does not pay.
    assert bills["unexplained"] + len(document["unexplained_taxes"]) < 20
