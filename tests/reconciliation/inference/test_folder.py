"""Folders of old bills and facts, however they are written, and what is refused or set aside."""

import csv
import json
from datetime import date
from pathlib import Path
from random import Random

import pytest
from old_carrier import any_policy, carrier, together
from old_folder import write_folder

from crossbill.core.refusal import Refusal
from crossbill.engine.duckdb import connect
from crossbill.replacement.reconciliation.inference.fields import TABLES
from crossbill.replacement.reconciliation.inference.infer_policy import as_json, infer_policy
from crossbill.replacement.reconciliation.inference.read_table import read_table
from crossbill.replacement.reconciliation.inference.spec import InferenceSpec

TRUE = any_policy(Random(3)) | {"day_count": "thirty_360", "tax_scope": "line"}
BILLED = carrier(3, accounts=30).bill(TRUE)
GERMAN = """\
infer_policy: 1
policy_code: alt-2019
currency: USD
written: {decimal_comma: true, date_format: DD.MM.YYYY, thousands: "."}
tables:
  bill_line:
    file: "POSTEN*.TXT"
    encoding: cp1252
    delimiter: ";"
    negate: {column: ART, values: [GS]}
    fields:
      account_key: KTO
      product_key: VERTRAG
      period_from: {column: MONAT, date_format: MM/YYYY}
      period_to: {column: MONAT, date_format: MM/YYYY, last_day: true}
      category: {column: ART, codes: {GR: recurring, GS: discount}}
      net: NETTO
      tax: {column: MWST, implied_digits: 2, decimal_comma: false, thousands: "", sign: trailing}
  bill:
    file: KOPF.TXT
    delimiter: "|"
    fields: {account_key: KTO, period_from: VON, net: NETTO, tax: MWST, total: BRUTTO}
  product:
    file: VERTRAG.TXT
    delimiter: ";"
    fields:
      product_key: VERTRAG
      account_key: KTO
      offering_code: TARIF
      quantity: MENGE
      start_date: AB
      end_date: {column: LETZTER, last_day: true, null_values: ["31.12.9999"]}
      price_override: {column: PREIS, sign: credit_mark}
      discount_percent: RABATT
  price:
    file: TARIF.TXT
    fields: {offering_code: TARIF, amount: PREIS, valid_from: AB, valid_to: BIS}
  account:
    file: KUNDE.TXT
    fields: {account_key: KTO, tax_code: {column: LAND, codes: {"1": A, "2": B, "3": C}}}
  tax_rate: {file: SATZ.TXT, fields: {tax_code: CODE, rate_percent: SATZ}}
"""

FLAT = """\
currency: USD
tables:
  bill_line:
    file: alles.csv
    delimiter: ";"
    fields:
      product_key: VERTRAG
      category: art
      period_from: von
      period_to: bis
      net: {column: netto, implied_digits: 2}
      tax: {column: mwst, implied_digits: 2}
  product:
    file: alles.csv
    delimiter: ";"
    written: {decimal_comma: true, date_format: DD.MM.YYYY}
    fields:
      product_key: VERTRAG
      account_key: KTO
      quantity: MENGE
      start_date: AB
      end_date: {column: LETZTER, last_day: true, null_values: ["31.12.9999"]}
      price_override: {column: PREIS, sign: credit_mark, thousands: "."}
      discount_percent: RABATT
  tax_rate: {file: alles.csv, delimiter: ";", fields: {tax_code: land, rate_percent: satz}}
"""


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "old", BILLED)


def rules(document) -> dict:
    """The one policy of a result."""
    (found,) = document["policies"]
    return found["policy"]


def is_true(document) -> bool:
    """Whether each rule is the true one, or one that the data does not tell from it."""
    (family,) = document["families"]
    told = {
        field["field"]: {other["value"] for other in field["alternatives"]}
        for field in family["not_told_apart"]
    }
    return all(
        value == TRUE[name] or TRUE[name] in told.get(name, ())
        for name, value in rules(document).items()
        if name != "policy_code"
    )


def test_a_folder_by_the_usual_names(folder):
    """The same folder gives the same bytes."""
    document = infer_policy(folder).document
    assert as_json(document) == as_json(infer_policy(folder).document)
    assert document["complete"]
    assert is_true(document)
    assert document["lines"]["compared"] == document["lines"]["read"] == len(BILLED.lines)
    assert document["bills"]["reproduced"] == len(BILLED.bills)


def test_a_table_may_have_one_value_for_all_its_fields(tmp_path):
    """The rate of tax is stated in no file of the old system."""
    (tmp_path / "bill.csv").write_text("net\n1.00\n2.00\n")
    rate = {"file": "bill.csv", "fields": {"rate_percent": {"value": "7.7"}}}
    spec = InferenceSpec.model_validate({"tables": {"tax_rate": rate}})
    with connect() as backend:
        read = read_table(backend, tmp_path, spec, TABLES["tax_rate"])
    assert [row["rate_ppm"] for row in read.rows.to_pylist()] == [77_000, 77_000]
    assert read.records == 2


# What is done to a line (by its number), and why it is then set aside.
SPOILT = {
    3: ({"net": "12.345"}, "FINER_THAN_CURRENCY", "net", "12.345"),
    4: ({"net": "1.00", "tax": "0.001"}, "FINER_THAN_CURRENCY", "tax", "0.001"),
    5: ({"net": "12,34"}, "NOT_AN_AMOUNT", "net", "12,34"),
    6: ({"period_from": "2024-02-30"}, "DATE_DOES_NOT_EXIST", "period_from", "2024-02-30"),
    7: ({"period_to": ""}, "PERIOD_NOT_STATED", "period_from", "2024-01-01"),
    8: ({"product_key": "GONE"}, "FACTS_MISSING", "product_key", "GONE"),
    9: ({"product_key": ""}, "PRODUCT_NOT_STATED", "product_key", None),
    10: ({"account_key": "A0"}, "ACCOUNT_DIFFERS", "account_key", "A0"),
    11: ({"category": "fee"}, "CATEGORY_UNKNOWN", "category", "fee"),
    12: ({"category": "usage"}, "USAGE_MISSING", "category", "usage"),
    13: ({"period_to": "2023-12-31"}, "PERIOD_BACKWARDS", "period_to", "2023-12-31"),
    14: ({"period_to": "2024-01-31"}, "PERIOD_DOUBLED", "period_to", "2024-01-31"),
    15: ({"product_key": "TWICE"}, "FACTS_DOUBLED", "product_key", "TWICE"),
    16: ({"product_key": "UNPRICED"}, "PRICE_MISSING", "offering_code", "NONE"),
    17: ({"currency": "EUR"}, "CURRENCY_MISMATCH", "currency", "EUR"),
}


def test_what_cannot_be_compared_is_set_aside_with_place_and_cure(folder):
    rows = read(folder / "bill_line.csv")
    for row in rows:
        row["currency"] = "USD"
    for line, (change, *_) in SPOILT.items():
        rows[line - 2] |= change
    doubled = [{"product_key": "TWICE", "quantity": 1}, {"product_key": "TWICE", "quantity": 2}]
    more = [*doubled, {"product_key": "UNPRICED", "offering_code": "NONE"}]
    products = read(folder / "product.csv")
    for line, row in zip((15, 15, 16), more, strict=True):
        holder = {"account_key": rows[line - 2]["account_key"], "price_override": ""}
        products.append(products[0] | holder | row)
    dump(folder / "bill_line.csv", rows, ",")
    dump(folder / "product.csv", products, ",")
    found = infer_policy(folder)
    told = {r["line"]: r for r in found.aside if r["file"] == "bill_line.csv"}
    for line, (_, code, field, value) in SPOILT.items():
        assert (told[line]["code"], told[line]["field"], told[line]["value"]) == (
            code, field, value,
        ), line  # fmt: skip
        assert told[line]["what"] and told[line]["cure"]
    lines = found.document["lines"]
    assert lines["read"] == len(rows) == lines["compared"] + lines["set_aside"]
    assert lines["set_aside"] == len(told) == len(SPOILT)
    assert is_true(found.document)


def test_a_line_is_not_compared_without_the_others_of_its_sum(tmp_path):
    """Without categories a charge and its discount are one sum."""
    folder = write_folder(tmp_path / "old", BILLED)
    rows = read(folder / "bill_line.csv")
    off = next(n for n, row in enumerate(rows) if row["category"] == "discount")
    rows[off]["net"] = "nothing"
    rows = [{name: v for name, v in row.items() if name != "category"} for row in rows]
    dump(folder / "bill_line.csv", rows, ",")
    found = infer_policy(folder)
    assert is_true(found.document)
    assert found.document["lines"]["set_aside"] == 1
    same = (rows[off]["product_key"], rows[off]["period_from"])
    (unfit,) = found.unfit
    assert (unfit["product_key"], str(unfit["period_from"])) == same


def test_a_part_that_is_not_the_share_of_who_pays_is_set_aside(tmp_path):
    """Right shares are among the 200 carriers; here two accounts pay by halves, it is said."""
    paid = carrier(4, accounts=12).bill(TRUE)
    halved = {rule["account_key"] for rule in paid.facts["payer"] if rule["share_ppm"] == 600_000}
    for rule in paid.facts["payer"]:
        if rule["account_key"] in halved:
            rule["share_ppm"] = 500_000
    aside = infer_policy(write_folder(tmp_path / "old", paid)).aside
    wrong = [row for row in aside if row["code"] == "PART_DIFFERS"]
    assert len(wrong) > 2 * len(halved) > 0
    assert {row["field"] for row in wrong} == {"account_key"}
    assert {row["value"] for row in wrong} <= {*halved, "A11"}


def discounted(tmp_path: Path, accounts: int = 12) -> tuple[Path, dict]:
    """A carrier with discounts on whole bills whose lines do not name them, and the true terms."""
    found = carrier(1, accounts, discounted=True).bill(TRUE)
    for line in found.lines:
        line.pop("discount_key", None)
    return write_folder(tmp_path / "old", found), found.facts["terms"][0]


def test_terms_of_discounts_on_whole_bills_are_found_and_those_told_that_do_not_fit(tmp_path):
    folder, terms = discounted(tmp_path)
    lines = read(folder / "bill_line.csv")
    off = [row for row in lines if not row["product_key"]]
    off[0]["net"] = "-999.99"  # wrong
    off[1]["account_key"] = "A999"  # of nobody, and not on the bill where it is due
    off[2]["net"] = "-0.001"
    charge = next(r for r in lines if r["product_key"] and bill_of(r) == bill_of(off[3]))
    charge["product_key"] = "GONE"
    dump(folder / "bill_line.csv", lines, ",")
    found = infer_policy(folder)
    codes = {row["line"]: row["code"] for row in found.aside if row["file"] == "bill_line.csv"}
    place = {id(row): number for number, row in enumerate(lines, 2)}
    told = [codes.get(place[id(row)]) for row in [*off[1:4], charge]]
    assert told == ["ACCOUNT_UNKNOWN", "FINER_THAN_CURRENCY", "CHARGES_SET_ASIDE", "FACTS_MISSING"]
    wrong, missing = sorted(found.unfit_discounts, key=lambda row: row["file"] or "~")
    assert (wrong["line"], wrong["old_minor"]) == (place[id(off[0])], -99999)
    assert (missing["file"], missing["old_minor"]) == (None, 0)
    assert missing["now_minor"] < 0
    counts = found.document["lines"]
    assert counts["read"] == len(lines) == counts["compared"] + counts["set_aside"]
    offs = found.document["families"][0]["bill_discounts"]
    assert (offs["terms"], offs["due_without_a_line"]) == (terms, 1)
    assert offs["compared"] == offs["reproduced"] + 1 > 30
    assert "DISCOUNT_ON_BILL" in {row["code"] for row in found.aside if row["file"] == "bill.csv"}


def bill_of(row: dict) -> tuple[str, str]:
    return row["account_key"], row["period_from"]


def test_a_bill_that_does_not_add_up_is_set_aside(folder):
    rows = read(folder / "bill.csv")
    rows[0]["net"], rows[1]["total"], rows[2]["net"] = "0.01", "0.02", "0.001"
    rows.append(rows[3])
    rows.append(rows[4] | {"account_key": "NOBODY"})
    dump(folder / "bill.csv", rows, ",")
    found = infer_policy(folder)
    codes = {r["line"]: r["code"] for r in found.aside}
    assert codes == {
        2: "LINES_DO_NOT_SUM", 3: "TOTAL_DOES_NOT_SUM", 4: "BILL_FINER_THAN_CURRENCY",
        5: "BILL_DOUBLED", len(rows): "BILL_DOUBLED", len(rows) + 1: "BILL_WITHOUT_LINES",
    }  # fmt: skip
    bills = found.document["bills"]
    assert bills["read"] == len(rows) == bills["compared"] + bills["set_aside"]


def no_columns(folder: Path) -> None:
    (folder / "product.csv").write_text("a,b\n1,2\n", "utf-8")


def no_currency(folder: Path) -> None:
    """Neither an account, nor a line, nor a price says which."""
    for name in ("account", "price"):
        rows = read(folder / f"{name}.csv")
        dump(
            folder / f"{name}.csv",
            [{k: v for k, v in r.items() if k != "currency"} for r in rows],
            ",",
        )


REFUSED = [
    ("no folder", lambda f: f.rename(f.parent / "x"), "BAD_OLD_BILLS"),
    ("no lines", lambda f: (f / "bill_line.csv").unlink(), "BAD_OLD_BILLS"),
    ("no products", lambda f: (f / "product.csv").unlink(), "BAD_OLD_BILLS"),
    ("a column is missing", no_columns, "COLUMN_MISSING"),
    ("an empty file", lambda f: (f / "bill_line.csv").write_text(""), "FILE_EMPTY"),
    ("a header alone", lambda f: cut(f / "bill_line.csv"), "NOTHING_TO_COMPARE"),
    ("no facts", lambda f: cut(f / "product.csv"), "NOTHING_TO_COMPARE"),
    ("no currency", no_currency, "BAD_OLD_BILLS"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "code"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_makes_no_sense_is_refused(folder, spoil, code):
    spoil(folder)
    with pytest.raises(Refusal) as refused:
        infer_policy(folder)
    assert refused.value.code == code
    assert refused.value.cure


BAD_SPECS = [
    ("tables: {bil: {file: a}}", "tables.bil"),
    ("tables: {bill: {file: a, fields: {nett: A}}}", "tables.bill.fields.nett"),
    ("tables: {bill: {file: a, fields: {net: {column: A, value: '1'}}}}", "tables.bill.fields.net"),
    ("tables: {bill: {fields: {net: A}}}", "tables.bill.file"),
    ("written: {date_format: DD/MM}", "written.date_format"),
    ("currency: EURO", "currency"),
    ("infer_policy: 2", "infer_policy"),
    ("- a", "(the whole file)"),
]


@pytest.mark.parametrize(("text", "field"), BAD_SPECS)
def test_a_specification_is_refused_with_its_place(folder, tmp_path, text, field):
    spec = tmp_path / "spec.yaml"
    spec.write_text(text, "utf-8")
    with pytest.raises(Refusal) as refused:
        infer_policy(folder, spec)
    assert (refused.value.code, refused.value.field) == ("BAD_INFERENCE_SPEC", field)
    assert refused.value.line == 1


def test_families_with_rules_of_their_own(tmp_path):
    """Each has its policy; accounts with products of both are told."""
    other = {"end_day_counts": not TRUE["end_day_counts"], "rounding_mode": "up"}
    ours = {**TRUE, "policy_code": "X", "rounding_mode": "down"}
    theirs = {**ours, **other, "policy_code": "Y"}
    two = [carrier(5, name="X").bill(ours), carrier(6, name="Y").bill(theirs)]
    folder = write_folder(tmp_path / "old", together(two))
    found = infer_policy(folder)
    told = {names: policy.as_row() for policy, names in found.policies}
    assert {n: told[n,]["rounding_mode"] for n in "XY"} == {"X": "down", "Y": "up"}
    assert told["X",]["end_day_counts"] is not told["Y",]["end_day_counts"]
    assert not found.document["complete"]
    assert set(found.account_policy.values()) == {"inferred-1", "inferred-2"}
    assert found.document["accounts_of_several_policies"] == 0
    (folder / "family.csv").unlink()
    (mixed,) = infer_policy(folder).document["families"]
    assert {*mixed["other_rules"]["rules"]} >= {"rounding_mode", "end_day_counts"}
    assert mixed["other_rules"]["lines"] > mixed["other_rules"]["of"] // 2


def test_families_that_differ_only_in_what_is_not_told_have_one_policy(tmp_path):
    """The first has full months only, so that it fits to what the second tells."""
    plain = carrier(8, name="X")
    plain.facts["product"] = [
        row | {"start_date": date(2021, 5, 7), "end_date": None, "discount_ppm": None}
        for row in plain.facts["product"]
    ]
    both = [
        plain.bill(TRUE | {"policy_code": "X"}),
        carrier(9, name="Y").bill(TRUE | {"policy_code": "Y"}),
    ]
    found = infer_policy(write_folder(tmp_path / "old", together(both)))
    ((policy, families),) = found.policies
    assert families == ("X", "Y")
    assert policy.day_count == "thirty_360"
    assert found.document["complete"]


def read(path: Path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cut(path: Path) -> None:
    """Leave the header alone."""
    path.write_text(path.read_text("utf-8").splitlines()[0] + "\n", "utf-8")


def test_one_file_may_hold_everything(tmp_path):
    """Each line with its facts: no accounts, no prices, no heads of bills, one tax rate."""
    plain = carrier(4, accounts=20)
    for account in plain.facts["account"]:
        account["tax_code"] = "B"
    for product in plain.facts["product"]:
        product["price_override_nanos"] = product["price_override_nanos"] or 19_990_000_000
    plain.bill(TRUE)
    facts = {row["product_key"]: contract(row) for row in plain.facts["product"]}
    rows = [
        {"von": row["period_from"], "bis": row["period_to"], "netto": row["net"],
         "mwst": row["tax"], "art": row["category"], "land": "B", "satz": "19",
         **facts[row["product_key"]]}
        for row in plain.lines
    ]  # fmt: skip
    dump(tmp_path / "alles.csv", rows)
    spec = tmp_path / "spec.yaml"
    spec.write_text(FLAT, "utf-8")
    document = infer_policy(tmp_path, spec).document
    assert document["complete"], json.dumps(document["set_aside"] + document["unexplained"])
    assert is_true(document)


def test_a_folder_of_another_system(tmp_path):
    """Decimal commas, days of another order, last days, months, codes, credits without a sign."""
    folder = german(tmp_path / "alt")
    spec = tmp_path / "spec.yaml"
    spec.write_text(GERMAN, "utf-8")
    document = infer_policy(folder, spec).document
    assert document["complete"], json.dumps(
        document["set_aside"] + document["unexplained"] + document["unexplained_taxes"]
    )
    assert is_true(document)
    assert rules(document)["policy_code"] == "alt-2019"
    assert document["lines"]["read"] == len(BILLED.lines)


def german(folder: Path) -> Path:
    """The carrier as a system from elsewhere would write it."""
    folder.mkdir()
    lines = [
        {
            "KTO": row["account_key"],
            "VERTRAG": row["product_key"],
            "MONAT": f"{row['period_from']:%m/%Y}",
            "ART": {"recurring": "GR", "discount": "GS"}[row["category"]],
            "NETTO": comma(abs(row["net"])),
            "MWST": f"{abs(row['tax'])}+",
        }
        for row in BILLED.lines
    ]
    half = len(lines) // 2
    dump(folder / "POSTEN1.TXT", lines[:half])
    dump(folder / "POSTEN2.TXT", lines[half:])
    bills = [
        {"KTO": b["account_key"], "VON": f"{b['period_from']:%d.%m.%Y}", "NETTO": comma(b["net"]),
         "MWST": comma(b["tax"]), "BRUTTO": comma(b["total"])}
        for b in BILLED.bills
    ]  # fmt: skip
    dump(folder / "KOPF.TXT", bills, "|")
    dump(folder / "VERTRAG.TXT", [contract(row) for row in BILLED.facts["product"]])
    prices = [
        {"TARIF": p["offering_code"], "PREIS": comma(p["amount_nanos"] // 10**7),
         "AB": f"{p['valid_from']:%d.%m.%Y}",
         "BIS": f"{p['valid_to']:%d.%m.%Y}" if p["valid_to"] else ""}
        for p in BILLED.facts["price"]
    ]  # fmt: skip
    dump(folder / "TARIF.TXT", prices, ",")
    accounts = [
        {"KTO": a["account_key"], "LAND": "ABC".index(a["tax_code"]) + 1}
        for a in BILLED.facts["account"]
    ]
    dump(folder / "KUNDE.TXT", accounts, ",")
    rates = [
        {"CODE": r["tax_code"], "SATZ": f"{r['rate_ppm'] // 10**4},{r['rate_ppm'] % 10**4:04}"}
        for r in BILLED.facts["tax_rate"]
    ]
    dump(folder / "SATZ.TXT", rates, ",")
    return folder


def contract(row: dict) -> dict:
    own, off = row["price_override_nanos"], row["discount_ppm"]
    end = row["end_date"]
    return {
        "VERTRAG": row["product_key"],
        "KTO": row["account_key"],
        "TARIF": row["offering_code"],
        "MENGE": row["quantity"],
        "AB": f"{row['start_date']:%d.%m.%Y}",
        "LETZTER": f"{end.fromordinal(end.toordinal() - 1):%d.%m.%Y}" if end else "31.12.9999",
        "PREIS": comma(own // 10**7) + " DR" if own else "",
        "RABATT": f"{off // 10**4},{off % 10**4:04}" if off else "",
    }


def comma(cents: int) -> str:
    return (
        f"{'-' if cents < 0 else ''}{abs(cents) // 100:,}".replace(",", ".")
        + f",{abs(cents) % 100:02}"
    )


def dump(path: Path, rows: list[dict], delimiter: str = ";") -> None:
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
