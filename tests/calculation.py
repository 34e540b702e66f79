"""The whole calculation over small tables, as the shadow run does it, with its proof."""

from functools import cache

import ibis
from oracle.tables import ENGINE, SCHEMAS, stated, table

from crossbill.engine.billing_datasets import BILLED_ACCOUNT, CHARGED, COMPONENT, CYCLE_PERIODS
from crossbill.engine.calculation import Calculation, Step
from crossbill.engine.datasets import CHARGE_INPUT, PRODUCT, UNRESOLVED
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.platform.billing.bills import bill_population
from crossbill.platform.billing.resolve import resolution_proof

PROVING = DuckDBBackend().connect()
PROVED = {
    dataset.name: dataset
    for dataset in (
        PRODUCT,
        BILLED_ACCOUNT,
        CYCLE_PERIODS,
        CHARGE_INPUT,
        UNRESOLVED,
        COMPONENT,
        CHARGED,
    )
}
_stated: dict[str, list[dict]] = {}
_results: dict[str, list[dict]] = {}


def load(rows: dict[str, list[dict]]) -> None:
    """The rows that the next results are calculated from."""
    _stated.clear()
    _stated.update(rows)
    _results.clear()


def result(name: str) -> list[dict]:
    """The rows of one result: charge_input, unresolved, proof, charge, bill_line, bill ..."""
    if not _results:
        _results.update(_calculate())
    return _results[name]


def _calculate() -> dict[str, list[dict]]:
    sources = {name: table(name, _stated[name]) for name in SCHEMAS if name in _stated}
    done = bill_population(ENGINE, sources)
    found = {name: ENGINE.to_pyarrow(done[name]) for name in done}
    held = {name: ibis.memtable(found[name]) for name in PROVED}
    found["proof"] = PROVING.to_pyarrow(_proof().run(PROVING, held)["proof"])
    return {name: rows.to_pylist() for name, rows in found.items()}


def calculated(name: str, **changed) -> list[dict]:
    """One result for the carrier of one account, with the tables that a test states instead."""
    load(stated(**changed))
    return result(name)


@cache
def _proof() -> Calculation:
    inputs = {name: dataset.ibis for name, dataset in PROVED.items()}
    return Calculation(inputs, [Step("proof", lambda t: resolution_proof(*(t[n] for n in PROVED)))])
