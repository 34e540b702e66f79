"""The score of a reconciliation against the truth, and the carrier's specifications."""

from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from sample_extract import Estate, money

from crossbill.sample import carrier_folder
from crossbill.sample.old_system.faults import FAULTS
from crossbill.sample.score import score

TRUTH = """class_code,account_key,record,detail
ROUNDING,C1,B1/1,"7.49, cut"
ROUNDING,C2,B2/1,one cent
TAX,C3,B3,other place
TAX,C4,B4,other place
"""


@pytest.fixture
def truth_dir(tmp_path: Path) -> Path:
    (tmp_path / "defects.csv").write_text(TRUTH, "utf-8")
    return tmp_path


def test_scores_of_a_mixed_result(truth_dir: Path) -> None:
    reported = [
        ("C1", "ROUNDING"),  # right
        ("C1", "ROUNDING"),  # and said twice
        ("C2", "TAX"),  # found under a wrong class, which is false there
        ("C3", "TAX"),
        ("C3", "ROUNDING"),  # right and, besides, false
        ("C9", "SENTINEL"),  # nothing was seeded there
        ("C9", "TOLERANCE"),  # a class that is not seeded
    ]
    scores = score(truth_dir, iter(reported))
    assert scores["ROUNDING"] == {"seeded": 2, "found": 2, "right_class": 1, "false": 1}
    assert scores["TAX"] == {"seeded": 2, "found": 1, "right_class": 1, "false": 1}
    assert scores["SENTINEL"] == {"seeded": 0, "found": 0, "right_class": 0, "false": 1}
    assert scores["TOLERANCE"]["false"] == 1
    assert scores["FORMAT"] == {"seeded": 0, "found": 0, "right_class": 0, "false": 0}
    assert set(scores) == set(FAULTS) | {"TOLERANCE"}


def test_a_perfect_result(estate: Estate) -> None:
    reported = [(row["account_key"], row["class_code"]) for row in estate.truth]
    perfect = {"seeded": 6, "found": 6, "right_class": 6, "false": 0}
    assert score(estate.truth_dir, reported) == dict.fromkeys(sorted(FAULTS), perfect)


KINDS = {"R": "recurring", "O": "one_time", "X": "termination"}
USUAL = {"recurring": "advance", "one_time": "start", "termination": "end"}
GROUPS = {"S": "standard", "T": "telecom"}
TIMINGS = {"A": "advance", "E": "arrears", "S": "start", "X": "end"}

# The carrier's specifications must fit the old tables: a slip there would look like a defect.


@pytest.fixture(scope="module")
def catalogue() -> dict:
    return yaml.safe_load((carrier_folder() / "catalogue.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def mapping() -> dict:
    return yaml.safe_load((carrier_folder() / "mapping.yaml").read_text("utf-8"))


def since(version: dict) -> str:
    return str(version["from"]).replace("-", "")


def old_charges(estate: Estate) -> dict[str, set]:
    """What each old tariff charges: kind, months, timing, and the versions of its price."""
    versions: dict = {}
    for row in estate.tables["TARIFF"]:
        versions.setdefault(row["TRF"], set()).add((row["VFROM"], money(row["MRC"])))
    found: dict = {}
    for row in (row for row in estate.tables["TRFCHG"] if row["KND"] != "U"):
        terms = KINDS[row["KND"]], int(row["MON"] or 1), TIMINGS[row["TIM"]], GROUPS[row["TXG"]]
        found.setdefault(row["TRF"], set()).add((*terms, frozenset(versions[row["CHG"]])))
    return found


def new_charges(offering: dict) -> set:
    """The same of an offering of the catalogue."""
    found = set()
    for price in offering["prices"]:
        kind = price.get("charge", "recurring")
        timing = price.get("timing", USUAL[kind])
        versions = frozenset((since(v), Decimal(v["amount"])) for v in price["versions"])
        group = price.get("tax_category", offering.get("tax_category", "standard"))
        found.add((kind, price.get("months", 1), timing, group, versions))
    return found


def test_the_catalogue_prices_what_the_old_tariffs_did_but_for_the_promotion(
    estate: Estate, catalogue: dict, mapping: dict
) -> None:
    offerings = {o["code"]: new_charges(o) for o in catalogue["offerings"]}
    codes, old = mapping["codes"]["tariff"], old_charges(estate)
    assert set(codes) == set(old)
    assert {code for code, prices in old.items() if prices != offerings[codes[code]]} == {"F1P"}
    assert set(codes.values()) == set(offerings)


def test_the_catalogue_taxes_usage_as_the_old_tariffs_did(
    estate: Estate, catalogue: dict, mapping: dict
) -> None:
    codes = mapping["codes"]["tariff"]
    rows = [row for row in estate.tables["TRFCHG"] if row["KND"] == "U"]
    old = {(codes[row["TRF"]], GROUPS[row["TXG"]]) for row in rows}
    stated = [offering for offering in catalogue["offerings"] if "usage" in offering]
    assert old == {(each["code"], each["usage"]["tax_category"]) for each in stated}
    assert {group for _, group in old} == {"standard", "telecom"}


def test_the_catalogue_taxes_what_the_old_tax_table_did(estate: Estate, catalogue: dict) -> None:
    names = {"SAL": "sales", "USF": "federal", "CTX": "city"}
    old = {
        (r["TAXCD"], names[r["TAX"]], GROUPS[r["TXG"]], r["VFROM"], money(r["RATE_PCT"]))
        for r in estate.tables["TAXTAB"]
    }
    new = {
        (
            t["jurisdiction"],
            t["tax"],
            t.get("category", "standard"),
            since(t),
            Decimal(t["percent"]),
        )
        for t in catalogue["taxes"]
    }
    assert new == old


def test_the_mapping_reads_columns_that_the_files_have(estate: Estate, mapping: dict) -> None:
    for source in mapping["sources"].values():
        path = estate.folder / source["file"]
        if source.get("format") == "fixed_width":
            columns = [column["name"] for column in source["columns"]]
        else:
            columns = path.read_text("cp1252").splitlines()[0].split(";")
        assert {field["name"] for field in source["fields"]} <= set(columns), path.name
