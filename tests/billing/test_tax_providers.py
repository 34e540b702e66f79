"""A tax provider that another distribution brings says the taxes, without any other edit."""

import shutil
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import ibis
import pyarrow as pa
import pytest
from outside import installed
from pyarrow import parquet
from test_guides import console, run, trimmed

from crossbill.core.plugins import PluginDoubled
from crossbill.core.refusal import Refusal
from crossbill.engine.billing_datasets import SAID_TAX
from crossbill.engine.duckdb import connect
from crossbill.platform.billing.compute import computed
from crossbill.platform.billing.compute_parts import OutputOfAnotherRun, compute
from crossbill.platform.billing.explain_bill import explained
from crossbill.platform.billing.read_snapshot import read_snapshot
from crossbill.platform.billing.what_if import changed
from crossbill.platform.product import taxes
from crossbill.platform.product.catalogue_file import read_product_catalogue
from crossbill.replacement.migration.workspace import Workspace

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "tax_provider"
POLICY = str(EXAMPLE / "policy.yaml")
JULY = {"period": "2026-07", "policy": POLICY}
LEVELS = (EXAMPLE / "tax_levels.py").read_text("utf-8")
BY_LEVELS = "  US: levels\n"


@pytest.fixture
def snapshot(tmp_path):
    """A copy of the example's snapshot."""
    return Path(shutil.copytree(EXAMPLE / "snapshot", tmp_path / "snapshot"))


def rewritten(snapshot: Path, old: str, new: str) -> None:
    catalogue = snapshot / "catalogue.yaml"
    text = catalogue.read_text("utf-8")
    assert old in text
    catalogue.write_text(text.replace(old, new), "utf-8")


def taxed(snapshot: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The taxes of each account's bill in words, and what cannot be charged: why, by account."""
    with computed(snapshot, **JULY) as found:
        bills = {bill.bill["account_key"]: list(bill.taxes) for bill in explained(found)}
        told = found.fetch("unresolved").to_pylist()
    return bills, {row["account_key"]: row["code"] for row in told}


STATED = """\
  - {jurisdiction: US-IL-CHI, tax: federal-usf, category: telecom, from: 2026-01-01, percent: "3.6"}
  - {jurisdiction: US-IL-CHI, tax: state, category: telecom, from: 2020-01-01, percent: "7"}
  - {jurisdiction: US-IL-SPI, tax: federal-usf, category: telecom, from: 2026-01-01, percent: "3.6"}
  - {jurisdiction: US-IL-SPI, tax: state, category: telecom, from: 2020-01-01, percent: "7"}
  - {jurisdiction: US-IL, tax: federal-usf, category: telecom, from: 2026-01-01, percent: "3.6"}
"""


def test_bills_are_those_of_a_table_that_states_the_same(levels, snapshot):
    """The same taxes stated city by city: nobody's bill differs."""
    rewritten(snapshot, "tax_providers:\n" + BY_LEVELS, "")
    rewritten(snapshot, "offerings:\n", STATED + "offerings:\n")
    example = EXAMPLE / "snapshot" / "catalogue.yaml"
    effect = changed(snapshot, **JULY, catalogue=example, other_policy=None)
    (sums,) = effect.totals
    assert (sums["bills"], sums["unchanged"], sums["before"]) == (4, 4, "227.90")
    assert effect.unresolved == (1, 1)


RECORDED = """\
tax_code,tax_category,tax_name,rate_percent,valid_from,valid_to,said_by
US-IL-CHI,telecom,city,7,2026-07-01,2026-08-01,engine 2026-06-30
US-IL-CHI,telecom,state,6.25,2026-07-01,2026-08-01,engine 2026-06-30
US-IL-CHI,telecom,usf,3.6,2026-07-01,2026-08-01,
"""


def test_answers_of_an_engine_stand_in_the_snapshot_beside_the_catalogue(snapshot):
    """As a command writes them that has asked over the network; with who said so."""
    rewritten(snapshot, BY_LEVELS, "  US: table\n")
    (snapshot / "tax_rate.csv").write_text(RECORDED)
    rewritten(snapshot, "jurisdiction: US-IL-CHI", "jurisdiction: US-IL-EVA")
    bills, told = taxed(snapshot)
    assert bills["chicago"] == [
        "city of US-IL-CHI: 7 % of 50.00 is 3.50, as engine 2026-06-30 says",
        "state of US-IL-CHI: 6.25 % of 50.00 is 3.13, as engine 2026-06-30 says",
        "usf of US-IL-CHI: 3.6 % of 50.00 is 1.80",
    ]
    assert told == {"peoria": "TAX_RATE_MISSING"}


def test_the_guide_prints_what_it_shows_and_bills_are_made_of_what_was_said(
    levels, tmp_path, monkeypatch, capsys
):
    """The answers are kept; of another version of the provider the bills are others."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    commands = console("tax-providers")
    assert len(commands) > 4
    for command, shown in commands:
        assert trimmed(run(command, monkeypatch, capsys)) == trimmed(shown), command
    kept = parquet.read_table("us-bills/tax_rate.parquet")
    assert set(kept["tax_code"].to_pylist()) == {"US-IL", "US-IL-CHI", "US-IL-SPI"}
    assert set(kept["said_by"].to_pylist()) == {"levels 2026.7"}
    example = Path("examples") / "tax_provider"
    terms = {"period": "2026-07", "policy": str(example / "policy.yaml"), "out": Path("us-bills")}
    assert compute(example / "snapshot", **terms)["unresolved"] == {"TAX_RATE_MISSING": 1}
    levels().VERSION = "2026.8"
    with pytest.raises(OutputOfAnotherRun):
        compute(example / "snapshot", **terms)


# Who is asked for a jurisdiction, by who is chosen where.
NEAREST = [
    ("CH", {}, "table"),
    ("CH", {"US": "a"}, "table"),
    ("US", {"US": "a"}, "a"),
    ("US-IL-CHI", {"US": "a"}, "a"),
    ("US-AK-JNU", {"US": "a", "US-AK": "b"}, "b"),
    ("US-AK", {"US": "a", "US-AK": "table"}, "table"),
    ("USA", {"US": "a"}, "table"),
    ("", {"US": "a"}, "table"),
]


@pytest.mark.parametrize(("tax_code", "chosen", "provider"), NEAREST)
def test_the_nearest_provider_is_asked(tax_code, chosen, provider):
    assert taxes.provider_of(tax_code, chosen) == provider


ANSWER = {
    "tax_code": "US", "tax_category": "standard", "tax_name": "usf", "valid_from": date(2026, 1, 1),
    "valid_to": None, "rate_ppm": 36_000,
}  # fmt: skip
SCHEMA = {
    "tax_code": "string", "tax_category": "string", "tax_name": "string", "valid_from": "date",
    "valid_to": "date", "rate_ppm": "int64",
}  # fmt: skip
FLOAT = SCHEMA | {"rate_ppm": "float64"}
NAMELESS = {name: kind for name, kind in SCHEMA.items() if name != "tax_name"}
# What is changed of a sound answer, by which schema, and what is told: the field and the value.
UNUSABLE = {
    "of another place": ({"tax_code": "CH"}, SCHEMA, "tax_code", "CH, standard"),
    "of another category": ({"tax_category": "book"}, SCHEMA, "tax_code", "US, book"),
    "without a rate": ({"rate_ppm": None}, SCHEMA, "rate_ppm", None),
    "below nothing": ({"rate_ppm": -1}, SCHEMA, "rate_ppm", "-1"),
    "without a name": ({"tax_name": None}, SCHEMA, "tax_name", None),
    "without a column": ({}, NAMELESS, "tax_name", None),
    "in floating point": ({}, FLOAT, "rate_ppm", None),
}


def said(row: dict, schema: dict, monkeypatch) -> list[dict]:
    """What is made of an answer of one row to the question for the United States."""
    values = {name: row[name] for name in schema}
    answer = ibis.memtable(pa.Table.from_pylist([values], ibis.schema(schema).to_pyarrow()))
    provider = SimpleNamespace(VERSION="1", taxes=lambda asked, stated: answer)
    monkeypatch.setattr(taxes, "providers", lambda: {"odd": provider})
    return taxes.said(SAID_TAX.empty(), {"US": "odd"}, [("US", "standard")]).to_pylist()


@pytest.mark.parametrize(
    ("changes", "schema", "field", "value"), UNUSABLE.values(), ids=list(UNUSABLE)
)
def test_unusable_answer_is_refused(changes, schema, field, value, monkeypatch):
    (sound,) = said(ANSWER, SCHEMA, monkeypatch)
    assert (sound["rate_ppm"], sound["said_by"]) == (36_000, "odd 1")
    with pytest.raises(taxes.TaxAnswerUnusable) as caught:
        said(ANSWER | changes, schema, monkeypatch)
    refusal = caught.value
    assert (refusal.file, refusal.field, refusal.value) == ("odd", field, value)
    assert refusal.cure


def test_answers_that_are_no_rates_are_told(snapshot, monkeypatch):
    """A provider's answer is met by the checks that a stated rate is met by."""

    def of(asked, stated):
        rows = [
            ANSWER | {"tax_code": code, "tax_category": "telecom", "tax_name": name, "rate_ppm": n}
            for code, name, n in [
                ("US-IL-CHI", "usf", 1), ("US-IL-CHI", "usf", 2), ("US-IL", "usf", 10**8),
                *(("US-IL-SPI", name, 10_000) for name in ("a", "b", "c")),
            ]
        ]  # fmt: skip
        return ibis.memtable(pa.Table.from_pylist(rows, ibis.schema(SCHEMA).to_pyarrow()))

    odd, table = SimpleNamespace(VERSION="1", taxes=of), taxes.providers()["table"]
    monkeypatch.setattr(taxes, "providers", lambda: {"levels": odd, "table": table})
    bills, told = taxed(snapshot)
    assert told == {
        "chicago": "TAX_RATE_DOUBLED",
        "illinois": "TAX_RATE_OUT_OF_RANGE",
        "peoria": "TAX_RATE_MISSING",
    }
    assert set(bills) == {"springfield", "toronto"}


FILES = {
    "without the distribution": ("US,levels", "provider", "levels"),
    "chosen twice": ("US,table\nUS,table", "jurisdiction", "US"),
}


@pytest.mark.parametrize(("rows", "field", "value"), FILES.values(), ids=list(FILES))
def test_table_of_providers_is_refused_with_its_place(snapshot, rows, field, value):
    (snapshot / "catalogue.yaml").unlink()
    (snapshot / "price.csv").write_text(
        "offering_code,price_version,valid_from,currency,amount\nline,1,2026-01-01,USD,50\n"
    )
    (snapshot / "tax_provider.csv").write_text(f"jurisdiction,provider\n{rows}\n")
    with connect() as backend, pytest.raises(Refusal) as caught:
        read_snapshot(backend, snapshot)
    refusal = caught.value
    assert (refusal.file, refusal.field, refusal.value) == ("tax_provider.csv", field, value)
    assert "table" in refusal.cure or "keep one" in refusal.cure


def test_a_provider_of_a_name_that_we_have_is_refused(tmp_path, monkeypatch):
    point = "[crossbill.tax_providers]\ntable = tax_levels\n"
    installed(monkeypatch, tmp_path, point, {"tax_levels": LEVELS})
    with pytest.raises(PluginDoubled):
        taxes.providers()
    sys.modules.pop("tax_levels", None)


def test_a_change_over_asks_for_its_accounts(levels):
    catalogue = read_product_catalogue(EXAMPLE / "snapshot" / "catalogue.yaml")
    codes = pa.table({"tax_code": ["US-IL-CHI", "CA-ON", "US-IL-CHI", None]})
    account = ibis.memtable(codes)
    with connect() as backend:
        rates = Workspace.priced(SimpleNamespace(catalogue=catalogue), backend, account)["tax_rate"]
    said = {(row["tax_code"], row["tax_name"]) for row in rates.to_pylist()}
    ours = {("US-IL-CHI", name) for name in ("federal-usf", "state", "city")}
    assert said == ours | {("CA-ON", "HST")}
