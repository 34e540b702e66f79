"""Systems that nobody here wrote, held against themselves; the truth is counted by plain Python."""

import csv
import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from crossbill.cli_reconcile import reconcile

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared/data"
EXPLAINED, OPEN = 0, 1

pytestmark = pytest.mark.shared_data


def compared(example: str, folder: str, tmp_path: Path, exit_code: int) -> dict:
    """What the command prints, with each difference as (key, field) -> its row."""
    app = typer.Typer()
    app.command()(reconcile)
    sides = ["--left", str(DATA / folder), "--right", str(DATA / folder)]
    spec = ROOT / f"examples/{example}.yaml"
    result = CliRunner().invoke(app, [str(spec), *sides, "--json", "--out", str(tmp_path)])
    assert result.exit_code == exit_code, result.output
    with (tmp_path / "differences.csv").open(newline="") as lines:
        rows = {(r["record_key"], r["field"]): r for r in csv.DictReader(lines)}
    return json.loads(result.stdout) | {"differences": rows}


def amounts(found: dict) -> dict[tuple[str, str], Decimal]:
    return {place: Decimal(row["difference"]) for place, row in found["differences"].items()}


# jBilling


def table(name: str) -> list[dict[str, str]]:
    with (DATA / f"jbilling2/{name}.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def summed(rows: list[dict[str, str]], key: str) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row[key]] += Decimal(row["amount"])
    return sums


def test_invoices_whose_header_carries_more_than_their_lines_are_found(tmp_path):
    found = compared("jbilling/invoice_lines", "jbilling2", tmp_path, OPEN)
    invoices, lines = table("invoice"), table("invoice_line")
    every = summed(lines, "invoice_id")
    carried = summed([row for row in lines if row["type_id"] == "3"], "invoice_id")
    truth = {}
    for row in invoices:
        for field, column, sums in (
            ("total", "total", every), ("carried", "carried_balance", carried)
        ):  # fmt: skip
            if Decimal(row[column]) != sums[row["id"]]:
                truth[row["id"], field] = sums[row["id"]] - Decimal(row[column])
    assert amounts(found) == truth
    assert {place: int(amount) for place, amount in truth.items()} == {
        ("5", "total"): -12, ("5", "carried"): -12, ("15", "total"): -12, ("15", "carried"): -12,
    }  # fmt: skip
    assert (found["matched"], found["right"]["rows"], found["right"]["combined"]) == (13, 17, 13)
    assert found["fields"]["charges"]["different"] == 0, "all of it is what was carried"


def test_balances_that_no_payment_made_and_payments_that_made_none_are_found(tmp_path):
    found = compared("jbilling/balances", "jbilling2", tmp_path, OPEN)
    paid, truth = summed(table("payment_invoice"), "invoice_id"), {}
    for row in table("invoice"):
        gone = Decimal(row["total"]) - Decimal(row["carried_balance"]) - Decimal(row["balance"])
        if gone != paid[row["id"]]:
            truth[row["id"], "paid"] = paid[row["id"]] - gone
    assert amounts(found) == truth
    assert {key: int(amount) for (key, _), amount in truth.items()} == {
        "1": -20,
        "2": -15,
        "15": 95,
    }
    assert found["fields"]["paid"]["classes"] == {"UNEXPLAINED": 3}
    assert (found["missing"], found["extra"], found["matched"]) == (0, 0, 13)


def test_payments_that_count_are_used_as_they_say(tmp_path):
    found = compared("jbilling/payments", "jbilling2", tmp_path, EXPLAINED)
    payments = table("payment")
    meant = [r for r in payments if (r["deleted"], r["is_refund"]) == ("0", "0")]
    used = summed(table("payment_invoice"), "payment_id")
    assert all(Decimal(r["amount"]) - Decimal(r["balance"]) == used[r["id"]] for r in meant)
    assert found["matched"] == len(meant) == 4
    assert found["left"]["left_out"] == len(payments) - len(meant) == 6


def test_the_rest_of_a_float_in_a_price_is_a_rounding(tmp_path):
    found = compared("jbilling/whole_cents", "jbilling2", tmp_path, EXPLAINED)
    cent = Decimal("0.01")
    truth = {row["id"] for row in table("invoice_line") if Decimal(row["amount"]) % cent}
    assert {key for key, _ in found["differences"]} == truth == {"76"}
    assert found["fields"]["amount"]["classes"] == {"ROUNDING": 1}
    assert "12.9899997711 rounded" in found["differences"]["76", "amount"]["evidence"]


def test_each_order_line_is_price_times_quantity(tmp_path):
    found = compared("jbilling/order_lines", "jbilling2", tmp_path, EXPLAINED)
    lines = table("order_line")
    products = [Decimal(r["price"]) * Decimal(r["quantity"]) == Decimal(r["amount"]) for r in lines]
    assert all(products)
    assert found["matched"] == len(lines) == 2029
    assert found["differences"] == {}


# A mainframe's export against its master files, read here by another reader.

MASTERS = {
    "account": ("A", "ACCTDATA", 300, "account_id"),
    "customer": ("C", "CUSTDATA", 500, "customer_id"),
    "card": ("D", "CARDDATA", 150, "card_number"),
    "cross_reference": ("X", "CARDXREF", 50, "card_number"),
    "transaction": ("T", "DALYTRAN", 350, "transaction_id"),
}
# field -> class of each differing record, in the order of keys
MAINFRAME = {
    "account": {
        "current_balance": "UU", "open_date": "U", "expiry_date": "U", "zip": "SS"
    },
    "customer": {
        "first_name": "FF", "middle_name": "FF", "last_name": "UF", "address_1": "FF",
        "address_2": "FF", "address_3": "FF", "state": "UU", "zip": "UU", "phone_1": "UU",
        "phone_2": "UU", "birth_date": "U", "fico_score": "U", "ssn": "U",
    },
}  # fmt: skip
WORDS = {"U": "UNEXPLAINED", "S": "SENTINEL", "F": "FORMAT"}


def cell(raw: bytes, kind: str) -> int | str:
    """A value of the layout, numbers as whole numbers of their last decimal."""
    if kind == "binary":
        return int.from_bytes(raw, "big", signed=True)
    if kind == "packed":
        digits = raw.hex()
        return int(digits[:-1]) * (-1 if digits[-1] == "d" else 1)
    if kind == "zoned":
        number = int("".join(str(byte & 15) for byte in raw))
        return -number if raw[-1] >> 4 == 0xD else number
    text = raw.decode("cp037").rstrip(" \0")
    return int(text) if kind == "digits" else text


def records(file: str, length: int, record: str) -> list[dict[str, int | str]]:
    with (DATA / "carddemo/layouts.csv").open(newline="") as lines:
        layout = [r for r in csv.DictReader(lines) if r["file"] == file]
    layout = [r for r in layout if r["record"].startswith(record) and r["field"] != "filler"]
    data = (DATA / "carddemo" / file).read_bytes()
    every = [data[at : at + length] for at in range(0, len(data), length)]
    mine = [raw for raw in every if not record or raw[:1].decode("cp037") == record]
    return [
        {
            r["field"]: cell(raw[int(r["offset"]) : int(r["offset"]) + int(r["length"])], r["type"])
            for r in layout
        }
        for raw in mine
    ]


@pytest.mark.parametrize("name", MASTERS)
def test_the_export_differs_from_its_master_where_a_plain_reader_says(name, tmp_path):
    letter, master, length, key = MASTERS[name]
    export = records("AWS.M2.CARDDEMO.EXPORT.DATA.PS", 500, letter)
    masters = {r[key]: r for r in records(f"AWS.M2.CARDDEMO.{master}.PS", length, "")}
    truth = {
        (row[key], field)
        for row in export
        for field, value in row.items()
        if value != masters[row[key]][field]
    }
    found = compared(f"carddemo/{name}", "carddemo", tmp_path, OPEN if truth else EXPLAINED)
    assert found["matched"] == len(export) == len(masters)
    assert found["left"]["rows"] == found["left"]["left_out"] + len(export) == 500
    written = type(export[0][key])  # as the plain reader has it: a number or a text
    assert {(written(k), field) for k, field in found["differences"]} == truth
    expected = {f: [WORDS[sign] for sign in signs] for f, signs in MAINFRAME.get(name, {}).items()}
    classes = defaultdict(list)
    for (_, field), row in sorted(found["differences"].items(), key=lambda item: int(item[0][0])):
        classes[field].append(row["class_code"])
    assert classes == expected


# Chinook: a clean set gives nothing.


def test_invoices_of_a_clean_database_are_the_sums_of_their_lines(tmp_path):
    found = compared("chinook/invoices", "chinook", tmp_path, EXPLAINED)
    with closing(sqlite3.connect(DATA / "chinook/Chinook_Sqlite.sqlite")) as database:
        lines = database.execute("SELECT count(*) FROM InvoiceLine").fetchone()[0]
        total = database.execute("SELECT sum(round(100 * Total)) FROM Invoice").fetchone()[0]
    assert (found["matched"], found["right"]["rows"]) == (412, lines) == (412, 2240)
    assert Decimal(found["left"]["totals"]["total"]) == Decimal(int(total)) / 100
    assert found["differences"] == {}


def test_customers_of_a_clean_database_are_those_of_their_invoices(tmp_path):
    found = compared("chinook/customers", "chinook", tmp_path, EXPLAINED)
    assert (found["matched"], found["right"]["combined"], found["right"]["rows"]) == (59, 59, 412)
    assert found["differences"] == {}
