"""A small made-up estate: every seeded fault is found and explained, and nothing else is reported.

The benchmark ``benchmarks/faults.py`` asks the same of 50,000 accounts and of a million.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from crossbill.engine.duckdb import connect
from crossbill.replacement.reconciliation.reconcile import FOLLOWS
from crossbill.sample.estate.generate import COMPARED, generate
from crossbill.sample.estate.inject import FAULTS
from crossbill.sample.estate.reconcile import account_classes, described, reconcile
from crossbill.sample.estate.score import NOTHING, score_differences, score_findings

ACCOUNTS = 8_000
CLASSES = {
    "FORMAT", "MAPPING", "ROUNDING", "PRORATION", "TAX", "PRICE_VERSION", "DISCOUNT",
    "MISSING_PRODUCT", "MISSING_USAGE", "DUPLICATE", "TIMING", "STALE_EXTRACT", "CARRY_FORWARD",
    "ALLOCATION", "SENTINEL", "ENCODING", "SOURCE_DEFECT", "UNEXPLAINED",
}  # fmt: skip


class Estate:
    """An estate that is reconciled, with its score."""

    def __init__(self, folder: Path, backend, done) -> None:
        self.folder, self.backend, self.done = folder, backend, done
        truth = folder / "truth"
        self.kinds = score_differences(truth, account_classes(backend, done))
        self.score = score_findings(truth, described(backend, done))

    def rows(self) -> list[dict]:
        return self.backend.to_pyarrow(self.done["finding"].order_by("number")).to_pylist()


@contextmanager
def reconciled(folder: Path, **what: int) -> Iterator[Estate]:
    generate(folder, **what)
    with connect() as backend:
        yield Estate(folder, backend, reconcile(backend, folder))


@pytest.fixture(scope="module")
def estate(tmp_path_factory) -> Iterator[Estate]:
    folder = tmp_path_factory.mktemp("estate")
    with reconciled(folder, accounts=ACCOUNTS, seed=20_261, rate_ppm=1_000) as made:
        yield made


def test_every_class_is_seeded_alone_together_and_almost():
    assert {code for fault in FAULTS for code in fault.classes} == CLASSES
    assert len({fault.kind for fault in FAULTS}) == len(FAULTS) > 70
    assert sum(len(fault.classes) > 1 for fault in FAULTS) >= 4


def test_every_fault_is_found_with_its_class_and_nothing_else_is(estate):
    wrong = {
        kind: figures
        for kind, figures in estate.kinds.items()
        if kind != NOTHING
        and (figures["found"], figures["right_class"], figures["false"])
        != (figures["seeded"], figures["seeded"], 0)
    }
    assert not wrong
    assert NOTHING not in estate.kinds
    assert sum(figures["seeded"] for figures in estate.kinds.values()) > 500


def test_findings_name_the_causes_that_accounts_share_and_no_others(estate):
    assert estate.score["true_causes"] >= 15
    assert estate.score["named"] >= estate.score["true_causes"] - 1
    assert estate.score["false"] == 0


def test_each_differing_account_of_a_class_stands_in_one_finding_and_no_amount_is_netted(estate):
    for row in estate.rows():
        assert row["over_minor"] >= 0 >= row["under_minor"]
        assert row["matching"] is None or row["matching"] >= row["accounts"]
        assert row["description"].startswith(f"{row['accounts']} account")
        assert row["owner"]
        assert row["fix"]
    numbers = [row["number"] for row in estate.rows()]
    assert numbers == list(range(1, len(numbers) + 1))
    members = estate.backend.to_pyarrow(estate.done["finding_member"]).to_pylist()
    assert len(members) == sum(row["accounts"] for row in estate.rows())
    assert len(members) == len({(m["number"], m["account_key"]) for m in members})


def test_each_difference_has_its_finding_and_each_account_its_share_of_the_worth(estate):
    asked = estate.backend.to_pyarrow
    differences = asked(estate.done["difference"]).to_pylist()
    placed = asked(estate.done["sorted_out"]).to_pylist()
    assert [d | {"finding_number": 0} for d in sorted(differences, key=repr)] == [
        d | {"finding_number": 0} for d in sorted(placed, key=repr)
    ]
    rows = {row["number"]: row for row in estate.rows()}
    for d in placed:  # what only follows stands beside what it follows from
        assert rows[d["finding_number"]]["class_code"] == d["class_code"]
    told = Counter(d["finding_number"] for d in placed if not d["evidence"].startswith(FOLLOWS))
    assert told == {number: row["differences"] for number, row in rows.items()}
    members = asked(estate.done["finding_member"]).to_pylist()
    for number, row in rows.items():
        own = [m for m in members if m["number"] == number]
        assert row["over_minor"] == sum(m["over_minor"] for m in own)
        assert row["under_minor"] == sum(m["under_minor"] for m in own)
        assert row["largest_minor"] == max(m["over_minor"] - m["under_minor"] for m in own)


def test_a_fix_mends_what_shares_its_cause_and_tells_whom_it_would_spoil(estate):
    prices = [row for row in estate.rows() if row["class_code"] == "PRICE_VERSION"]
    assert any(row["shared"] for row in prices)
    for row in prices:
        assert row["mended_accounts"] == row["accounts"]
        assert row["left_accounts"] <= (row["matching"] or row["accounts"]) - row["accounts"]
    untold = [row for row in estate.rows() if row["class_code"] == "MISSING_PRODUCT"]
    assert {row["left_accounts"] for row in untold} == {None}


def test_an_estate_without_faults_has_no_difference(tmp_path):
    """The plain old biller and the product's calculation agree to the cent, on every line."""
    with reconciled(tmp_path, accounts=2_000, seed=5, rate_ppm=0) as whole:
        assert whole.kinds == {}
        assert whole.rows() == []


def test_the_same_seed_gives_the_same_estate_and_another_one_another(tmp_path):
    made = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        folder = tmp_path / name
        generate(folder, accounts=300, seed=seed)
        made.append(
            {table: pq.read_table(folder / "old" / f"{table}.parquet") for table in COMPARED}
        )
    assert made[0] == made[1]
    assert made[0]["bill"] != made[2]["bill"]
