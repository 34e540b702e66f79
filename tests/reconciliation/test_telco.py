"""Two extracts of the same 7,043 customers, against a plain count with csv and Decimal."""

import csv
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from crossbill.cli_reconcile import reconcile

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "examples/telco/reconcile.yaml"
DATA = ROOT.parent / "shared/data"
LEFT = DATA / "telco_ibm/WA_Fn-UseC_-Telco-Customer-Churn.csv"
RIGHT = DATA / "telco_maven/telecom_customer_churn.csv"
NO_INTERNET = {("Yes", "Yes"), ("No", "No"), ("No internet service", "")}

pytestmark = pytest.mark.skipif(
    not (LEFT.is_file() and RIGHT.is_file()), reason="the telco extracts are not there"
)

# field -> left column, right column, the pairs that mean the same
CODED = {
    "multiple_lines": (
        "MultipleLines", "MultipleLines", {("Yes", "Yes"), ("No", "No"), ("No phone service", "")}
    ),
    "internet_service": (
        "InternetService", "Internetservice", {("DSL", "Yes"), ("Fiber optic", "Yes"), ("No", "No")}
    ),
    "internet_type": ("InternetService", "Internettype", {("DSL", "DSL"), ("No", "")}),
    "online_security": ("OnlineSecurity", "Onlinesecurity", NO_INTERNET),
    "online_backup": ("OnlineBackup", "Onlinebackup", NO_INTERNET),
    "device_protection": ("DeviceProtection", "Deviceprotectionplan", NO_INTERNET),
    "tech_support": ("TechSupport", "Premiumtechsupport", NO_INTERNET),
    "streaming_tv": ("StreamingTV", "Streamingtv", NO_INTERNET),
    "streaming_movies": ("StreamingMovies", "Streamingmovies", NO_INTERNET),
    "payment_method": (
        "PaymentMethod",
        "Paymentmethod",
        {
            ("Bank transfer (automatic)", "Bank Withdrawal"),
            ("Credit card (automatic)", "Credit Card"),
            ("Mailed check", "Mailed Check"),
        },
    ),
    "churn": ("Churn", "Customerstatus", {("No", "Stayed"), ("No", "Joined"), ("Yes", "Churned")}),
}  # fmt: skip
SAME = {
    "gender": ("gender", "Gender"),
    "partner": ("Partner", "Married"),
    "phone_service": ("PhoneService", "Phoneservice"),
    "contract": ("Contract", "Contract"),
    "paperless_billing": ("PaperlessBilling", "Paperlessbilling"),
}
NUMBERS = {
    "tenure": ("tenure", "Tenureinmonths"),
    "monthly_charge": ("MonthlyCharges", "Monthlycharge"),
    "total_charges": ("TotalCharges", "Totalcharges"),
}


def read(path: Path, key: str) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = [{k.strip(): v for k, v in row.items()} for row in csv.DictReader(lines)]
    return {row[key]: row for row in rows}


@pytest.fixture(scope="module")
def pairs():
    left, right = read(LEFT, "customerID"), read(RIGHT, "Customerid")
    assert left.keys() == right.keys()
    return [(left[key], right[key]) for key in left]


@pytest.fixture(scope="module")
def found():
    app = typer.Typer()
    app.command()(reconcile)
    sides = ["--left", str(LEFT.parent), "--right", str(RIGHT.parent)]
    result = CliRunner().invoke(app, [str(SPEC), *sides, "--json"])
    assert result.exit_code == 1, result.output  # some differences have no known cause
    return json.loads(result.stdout)


def number(text: str) -> Decimal:
    return Decimal(text.strip() or 0)


def test_all_customers_are_paired(found, pairs):
    assert found["left"]["rows"] == found["right"]["rows"] == found["matched"] == len(pairs) == 7043
    assert (found["missing"], found["extra"], found["duplicate_keys"]) == (0, 0, 0)
    assert found["suspended"] == {"left": {}, "right": {}}


def test_every_field_of_the_example_is_counted_here_too(found):
    derived = {"senior_citizen", "dependents"}
    assert found["fields"].keys() == CODED.keys() | SAME.keys() | NUMBERS.keys() | derived


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_agree_with_a_plain_sum(found, pairs, name):
    left, right = NUMBERS[name]
    amounts = [number(r[right]) - number(ell[left]) for ell, r in pairs]
    field = found["fields"][name]
    differing = [
        ell[left].strip() == "" or number(ell[left]) != number(r[right]) for ell, r in pairs
    ]
    assert field["different"] == sum(differing)
    assert Decimal(field["value"]) == sum(amounts)
    assert Decimal(field["over"]) == sum(a for a in amounts if a > 0)
    assert Decimal(field["under"]) == sum(a for a in amounts if a < 0)
    for side, column, rows in (("left", left, 0), ("right", right, 1)):
        assert Decimal(found[side]["totals"][name]) == sum(number(p[rows][column]) for p in pairs)


@pytest.mark.parametrize("name", [*CODED, *SAME])
def test_texts_agree_with_a_plain_count(found, pairs, name):
    left, right, *same = (*CODED.get(name, ()), *SAME.get(name, ()))
    counts = Counter((ell[left], r[right]) for ell, r in pairs)
    equal = same[0] if same else {pair for pair in counts if pair[0] == pair[1]}
    different = {pair: n for pair, n in counts.items() if pair not in equal}
    classes = Counter()
    for (one, other), times in different.items():
        rows = sum(n for pair, n in counts.items() if pair[0] == one)
        is_mapping = times >= 20 and times * 100 >= 99 * rows and other
        rest = "MAPPING" if is_mapping else "UNEXPLAINED"
        classes["FORMAT" if one.lower() == other.lower() else rest] += times
    assert found["fields"][name]["different"] == sum(different.values())
    assert found["fields"][name]["classes"] == classes


def test_derived_fields_agree_with_a_plain_count(found, pairs):
    children = [
        (ell["Dependents"] == "Yes") != (int(r["Numberofdependents"]) > 0) for ell, r in pairs
    ]
    seniors = [(ell["SeniorCitizen"] == "1") != (int(r["Age"]) >= 65) for ell, r in pairs]
    assert found["fields"]["dependents"]["different"] == sum(children) == 551
    assert found["fields"]["senior_citizen"]["different"] == sum(seniors) == 0


def test_not_set_is_told_from_wrong(found):
    classes = {name: found["fields"][name]["classes"] for name in NUMBERS}
    assert classes["monthly_charge"] == {"SENTINEL": 120}
    assert classes["total_charges"] == {"SENTINEL": 11}
    assert classes["tenure"] == {"UNEXPLAINED": 11}
