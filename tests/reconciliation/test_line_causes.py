"""Each cause explains the bill lines that its case table says, and no others."""

from datetime import date, datetime
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from crossbill.core.money import parse_nanos
from crossbill.engine.datasets import CHARGE_INPUT, PRICE, TAX_RATE, Dataset
from crossbill.platform.billing.charge import charge
from crossbill.replacement.reconciliation.lines import RECORD, Case, best, candidates, line_causes

TABLES = Path(__file__).parent / "line_causes"
CAUSES = {cause.CODE: cause for cause in line_causes()}

MAY, JUNE = date(2024, 5, 1), date(2024, 6, 1)
BASE = {
    "account_key": "A",
    "product_key": "P",
    "offering_code": "fibre",
    "period_from": MAY,
    "period_to": JUNE,
    "charge_from": MAY,
    "charge_to": JUNE,
    "quantity": 1,
    "currency": "USD",
    "minor_digits": 2,
    "price_version": "2024",
    "price_nanos": parse_nanos("49.00"),
    "discount_ppm": 0,
    "tax_code": "NY01",
    "tax_ppm": 88_750,
    "policy_code": "old",
    "day_count": "thirty_360",
    "end_day_counts": True,
    "rounding_mode": "down",
    "tax_scope": "line",
    "tax_rounding_mode": "down",
    "source_changed_at": datetime(2024, 3, 1, 12),
}
BEGIN_2023, BEGIN_2024 = date(2023, 1, 1), date(2024, 1, 1)
PRICES = [
    ("fibre", "2023", BEGIN_2023, BEGIN_2024, "USD", parse_nanos("45.00")),
    ("fibre", "2024", BEGIN_2024, None, "USD", parse_nanos("49.00")),
    ("television", "2024", BEGIN_2024, None, "USD", parse_nanos("45.50")),
]
RATES = [
    ("NY01", BEGIN_2023, None, 88_750),
    ("CT01", BEGIN_2023, None, 63_500),
    ("EX00", BEGIN_2023, None, 0),
    ("NJ01", BEGIN_2023, BEGIN_2024, 66_250),
]
TARIFF = {
    "source_code": ["F1P", "F1P", "F100"],
    "valid_from": [BEGIN_2023, BEGIN_2024, BEGIN_2023],
    "valid_to": [BEGIN_2024, None, None],
    "amount_nanos": [parse_nanos(price) for price in ("47.00", "49.90", "49.00")],
}
RECORDS = {
    "account_key": "string",
    "period_from": "date",
    "period_to": "date",
    "product_key": "string",
    "category": "string",
    "charge_from": "date",
    "record_key": "string",
    "kind": "string",
    "old_stamp": "timestamp",
    "old_net": "int64",
    "old_tax": "int64",
    "new_net": "int64",
    "new_tax": "int64",
}


def read_cases(table: Path) -> list[dict]:
    lines = [line for line in table.read_text("utf-8").splitlines() if line[:1] not in ("", "#")]
    header, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    return [dict(zip(header, row, strict=True)) for row in rows]


ALL = [
    (table.stem.upper(), number, case)
    for table in sorted(TABLES.iterdir())
    for number, case in enumerate(read_cases(table))
]


def typed(name: str, text: str):
    """The text of a case as a value of CHARGE_INPUT."""
    if name == "price_nanos":
        return parse_nanos(text)
    like = BASE[name]
    return date.fromisoformat(text) if isinstance(like, date) else type(like)(text)


def minor(text: str) -> tuple[int, int]:
    """``49.00 4.34`` as net and tax in minor units; ``nothing`` where the side has no line."""
    if text == "nothing":
        return 0, 0
    net, tax = (parse_nanos(amount) // 10**7 for amount in text.split())
    return net, tax


def rows(columns: list[str], values: list[tuple], schema: pa.Schema) -> ibis.Table:
    return ibis.memtable(
        pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in values], schema)
    )


def as_stored(dataset: Dataset) -> pa.Schema:
    """The schema as Parquet files show it to the engine: any column may be empty."""
    return pa.schema([field.with_nullable(True) for field in dataset.arrow])


def charged_amounts(charge_input: ibis.Table, line: str) -> tuple[int, int]:
    (row,) = charge(charge_input).to_pyarrow().to_pylist()
    part = "gross" if line == "recurring" else "discount"
    tax = "gross_tax_minor" if line == "recurring" else "discount_tax_minor"
    return row[f"{part}_minor"], row[tax]


def records(case: dict, given: dict, base: dict, new: tuple[int, int]) -> list[dict]:
    """The differing record of a case, or, for a line on another bill, both sides of it."""
    stamp = given.get("old_stamp")
    record = {name: base[name] for name in RECORDS if name in base} | {
        "category": case["line"],
        "record_key": "P",
        "kind": given.get("kind", "different"),
        "old_stamp": datetime.fromisoformat(stamp) if stamp else None,
    }
    old = dict(zip(("old_net", "old_tax"), minor(case["old"]), strict=True))
    new_ = dict(zip(("new_net", "new_tax"), new, strict=True))
    none_old, none_new = dict.fromkeys(old, 0), dict.fromkeys(new_, 0)
    if "next" in given:
        start = date.fromisoformat(given["next"])
        later = {"period_from": start, "period_to": date(2024, start.month + 1, 1)}
        return [
            record | new_ | none_old | {"kind": "extra"},
            record | old | none_new | later | {"kind": "missing"},
        ]
    return [record | old | (none_new if record["kind"] == "missing" else new_)]


def built(case: dict) -> Case:
    given = dict(pair.split("=") for pair in case["given"].split())
    base = BASE | {name: typed(name, text) for name, text in given.items() if name in BASE}
    charge_input = ibis.memtable(pa.Table.from_pylist([base], as_stored(CHARGE_INPUT)))
    new = charged_amounts(charge_input, case["line"])
    found = records(case, given, base, new)
    product = {
        "product_key": ["P" if given.get("known") != "no" else "Q"],
        "source_code": [given.get("source_code", "F100")],
        "changed_at": [base["source_changed_at"]],
    }
    return Case(
        records=ibis.memtable(found, schema=ibis.schema(RECORDS)),
        behind=charge_input,
        charge=charge(charge_input),
        product=ibis.memtable(pa.table(product)),
        price=rows(PRICE.arrow.names, PRICES, as_stored(PRICE)),
        tax_rate=rows(TAX_RATE.arrow.names, RATES, as_stored(TAX_RATE)),
        tariff=ibis.memtable(pa.table(TARIFF)),
    )


@pytest.mark.parametrize(
    ("code", "number", "case"), ALL, ids=[f"{code}-{number}" for code, number, _ in ALL]
)
def test_cause_explains_what_its_case_table_says(code, number, case):
    built_case = built(case)
    explained = CAUSES[code].candidates(built_case).to_pyarrow().to_pylist()
    expected, _, words = case["explained"].partition(" ")
    lines = built_case.records.count().to_pyarrow().as_py()
    places = {tuple(row[name] for name in RECORD) for row in explained}
    assert len(places) == (lines if expected == "yes" else 0)
    assert not words or any(words in row["evidence"] for row in explained)


@pytest.mark.parametrize(
    ("given", "old", "code"),
    [
        ("old_stamp=2024-04-01T08:00:00", "45.00 3.99", "STALE_EXTRACT"),
        ("source_code=F1P", "49.90 4.42", "MAPPING"),
        ("", "49.00 4.35", "ROUNDING"),
        ("", "52.37 4.34", None),
    ],
)
def test_of_several_causes_one_explains_a_line(given, old, code):
    case = built({"given": given, "line": "recurring", "old": old})
    found = best([candidates(case, cause) for cause in line_causes()]).to_pyarrow().to_pylist()
    assert [row["class_code"] for row in found] == ([code] if code else [])
