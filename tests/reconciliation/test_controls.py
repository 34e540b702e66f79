"""What each control finds, case by case; and what a run of controls puts on record."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest
import yaml
from ledger.books import make_books

from crossbill.cli_controls import show_runs
from crossbill.core.plugins import PluginUnknown
from crossbill.engine.datasets import ACCOUNT, CANONICAL, CHARGE, MOVE, SUSPENDED, USAGE_TOTAL
from crossbill.engine.rating_datasets import RATED_USAGE
from crossbill.engine.store import Store
from crossbill.replacement.migration.models import AccountMove
from crossbill.replacement.reconciliation import printed_bills, sides
from crossbill.replacement.reconciliation.control import (
    CONTROL_ROW,
    BadControl,
    Control,
    catalogue,
    judged,
    standing,
    totals,
)
from crossbill.replacement.reconciliation.control_queries import (
    ControlNotRun,
    kept_rows,
    last_run,
    open_count,
    standings,
)
from crossbill.replacement.reconciliation.control_runs import NotReconciled, run_controls
from crossbill.replacement.reconciliation.models import ControlRow, ControlRun
from crossbill.runs.models import Chunk, Stage
from crossbill.runs.receipt import Receipt

CASES = Path(__file__).parent / "controls"
SCHEMAS = {
    "terms": pa.schema([("as_of_date", pa.date32())]),
    "dunning_days": pa.schema([("past_due_days", pa.int64())]),
    "printed_bill": printed_bills.PRINTED_BILL,
    "stored_file": sides.STORED_FILE,
    "difference": sides.DIFFERENCE,
    "book_open_item": sides.ITEMS,
    "book_posting": sides.POSTINGS,
    "rated_usage": RATED_USAGE.arrow,
    "suspended_usage": SUSPENDED.arrow,
    "usage_total": USAGE_TOTAL.arrow,
    "charge": CHARGE.arrow,
    "later_move": MOVE.arrow,
}


def schema_of(name: str) -> pa.Schema:
    return SCHEMAS.get(name) or CANONICAL[name.partition("_")[2].removeprefix("next_")].arrow


def anything(field: pa.Field) -> Any:
    """What a column holds of which a case says nothing."""
    if field.nullable:
        return None
    if field.name == "currency":
        return "USD"
    values = {"string": "-", "int64": 0, "bool": False, "date32[day]": date(2024, 1, 1)}
    return values.get(str(field.type), datetime(2024, 1, 1))


def filled(name: str, rows: list[dict[str, Any]]) -> ibis.Table:
    schema = schema_of(name)
    nothing_else = {key for row in rows for key in row} - set(schema.names)
    assert not nothing_else, f"{name} has no {nothing_else}"
    whole = [{field.name: anything(field) for field in schema} | row for row in rows]
    return ibis.memtable(pa.Table.from_pylist(whole, schema))


def cases() -> list[Any]:
    return [
        pytest.param(path.stem, case, id=f"{path.stem}: {case['case']}")
        for path in sorted(CASES.glob("*.yaml"))
        for case in yaml.safe_load(path.read_text("utf-8"))
    ]


def said(row: dict[str, Any]) -> str:
    values = ["-" if row[n] is None else str(row[n]) for n in ("left_value", "right_value")]
    return " ".join([row["key"], row["unit"], *values, row["verdict"]])


@pytest.mark.parametrize(("control", "case"), cases())
def test_what_a_control_finds(engine, control, case):
    terms = catalogue()[control].terms
    tables = {name: filled(name, rows) for name, rows in case["tables"].items()}
    assert set(terms.needs) <= set(tables) <= {*terms.needs, *terms.uses}
    measured = catalogue()[control].verb.measure(tables)
    rows = engine.to_pyarrow(judged(measured, terms.tolerance)).to_pylist()
    found = sorted(said(row) for row in rows if row["verdict"] != "equal")
    assert found == sorted(case.get("differs", []))
    assert len(rows) - len(found) == case.get("equal", 0)


# Declarations


def test_every_control_declares_itself():
    assert len(catalogue()) > 12
    for control in catalogue().values():
        assert control.terms.title
        assert control.verb.__doc__


@pytest.mark.parametrize(
    "terms",
    ["title: x", "[", "", "title: {}", None],
    ids=["short", "no yaml", "empty", "odd", "none"],
)
def test_a_control_that_declares_nothing_useful_is_refused(terms):
    module = type(pytest)("a_control")
    if terms is not None:
        module.TERMS = terms
    with pytest.raises(BadControl, match="a_control"):
        _ = Control("a_control", module).terms


# Tolerance and sums

ROW = CONTROL_ROW.arrow


@pytest.mark.parametrize(
    ("left", "right", "tolerance", "verdict"),
    [
        (5, 5, 0, "equal"),
        (5, 6, 0, "over"),
        (5, 4, 0, "under"),
        (5, 6, 1, "within"),
        (5, 3, 1, "under"),
        (None, None, 0, "equal"),
        (None, 0, 9, "extra"),
        (0, None, 9, "missing"),
        (-(2**62), 2**61, 0, "over"),
    ],
)
def test_a_figure_is_judged(engine, left, right, tolerance, verdict):
    rows = pa.table([["k"], ["u"], [left], [right]], schema=ROW)
    found = engine.to_pyarrow(judged(ibis.memtable(rows), tolerance)).to_pylist()[0]
    assert found["verdict"] == verdict
    assert found["difference"] == (None if None in (left, right) else right - left)


def test_over_and_under_are_never_netted_and_sums_cannot_overflow(engine):
    huge = 2**62
    figures = [("a", huge, huge + 3), ("b", huge, huge - 3), ("c", huge, huge), ("d", huge, None)]
    columns = [list(column) for column in zip(*figures, strict=True)]
    rows = pa.table([columns[0], ["u"] * 4, *columns[1:]], schema=ROW)
    sums = engine.to_pyarrow(totals(judged(ibis.memtable(rows), 0))).to_pylist()
    (unit,) = standing(sums)
    assert (unit["over_by"], unit["under_by"]) == (3, 3)
    assert (unit["left"], unit["right"]) == (4 * huge, 3 * huge)
    assert [unit[v] for v in ("rows", "equal", "over", "under", "missing")] == [4, 1, 1, 1, 1]


# Runs


@pytest.fixture
def wave(db):
    """A wave of one account that is in the books, compared, and without any stored table."""
    wave = make_books()
    AccountMove.objects.create(
        replacement=wave.replacement, wave=wave, account_key="C1", state="loaded"
    )
    for position, name in enumerate(("load-1", "reconcile-1"), 1):
        stage = Stage.objects.create(
            run=wave.replacement.run, name=name, title=name, position=position,
            finished_at=wave.replacement.created_at, notes={"open items": 1},
        )  # fmt: skip
    receipt = Receipt(files={"valid/account.parquet": "ab" * 32})
    Chunk.objects.create(stage=stage, key="all", receipt=receipt.as_json())
    return wave


def outcomes(runs: list[ControlRun]) -> dict[str, str]:
    return {run.control: run.outcome for run in runs}


def test_a_control_without_data_says_so_and_has_not_passed(wave, tmp_path, monkeypatch, capsys):
    runs = run_controls(wave=wave, store=Store(f"file://{tmp_path}"))
    found = outcomes(runs)
    assert set(found) == set(catalogue())
    assert {name for name, outcome in found.items() if outcome == "passed"} == {"gl_tie_out"}
    assert found.pop("extract_integrity") == "failed"
    reasons = {run.control: run.reason for run in runs}
    assert reasons["balances"] == "There is no old balance, no new open item"
    assert reasons["usage_counts"] == "There is no new usage, no rated usage"
    assert reasons["after_catch_up"] == "No later extract was read"
    monkeypatch.setenv("COLUMNS", "80")
    show_runs(runs, times=True)
    told = capsys.readouterr().out
    assert "extract_integrity" in [line.split()[0] for line in told.splitlines() if line.strip()]
    assert "No data: after_catch_up on wave 1: No later extract was read\n" in told


def test_a_run_is_put_on_record_with_its_terms_sums_and_figures(wave, tmp_path):
    store = Store(f"file://{tmp_path}")
    (run,) = run_controls(wave=wave, store=store, only="extract_integrity")
    assert (run.outcome, open_count(run), run.terms["owner"]) == ("failed", 1, "migration")
    row = kept_rows(run).get()
    assert (row.key, row.left_value, row.right_value) == ("valid/account.parquet", 1, 0)
    assert (row.difference, row.verdict) == (-1, "under")
    (again,) = run_controls(wave=wave, store=store, only="extract_integrity")
    assert ControlRun.objects.count() == ControlRow.objects.count() == 2
    assert last_run(wave, "extract_integrity") == again
    assert {s.control.id for s in standings(wave) if s.last} == {"extract_integrity"}


def test_of_accounts_only_what_differs_is_kept_and_of_groups_every_figure(wave, tmp_path):
    store = Store(f"file://{tmp_path}")
    (tied,) = run_controls(wave=wave, store=store, only="gl_tie_out")
    assert tied.totals[0]["rows"] == tied.totals[0]["equal"] == 1
    assert list(kept_rows(tied, everything=True)) == []
    account = filled("new_account", [{"account_key": "C1"}]).to_pyarrow()
    store.write_table(store.path("opticom", "wave-1", "account.parquet"), account, ACCOUNT)
    (fields,) = run_controls(wave=wave, store=store, only="fields")
    assert [unit["equal"] for unit in fields.totals] == [1, 1]
    assert kept_rows(fields, everything=True).count() == 2


def test_an_account_that_fell_back_is_not_in_the_books_any_more(wave, tmp_path):
    AccountMove.objects.update(state="fallout", reason="blocked")
    (run,) = run_controls(wave=wave, store=Store(f"file://{tmp_path}"), only="gl_tie_out")
    assert (run.outcome, run.reason) == ("no data", "There is nothing of the kind on either side")


@pytest.mark.parametrize(
    ("only", "refused", "words"),
    [
        ("unheard_of", PluginUnknown, "--control"),
        (None, NotReconciled, "until the wave is compared"),
    ],
)
def test_what_cannot_be_run(wave, tmp_path, only, refused, words):
    if refused is NotReconciled:
        Stage.objects.filter(name="reconcile-1").update(finished_at=None)
    with pytest.raises(refused, match=words):
        run_controls(wave=wave, store=Store(f"file://{tmp_path}"), only=only)
    with pytest.raises(ControlNotRun, match="reconcile run opticom 1"):
        last_run(wave, "tax")
    assert not ControlRun.objects.exists()
