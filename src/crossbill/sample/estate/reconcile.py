"""Reconciles an estate by the product's own verbs, and finds what its differences share."""

from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.engine.calculation import Calculation, Tables
from crossbill.engine.concession_datasets import EXEMPTION
from crossbill.engine.datasets import CANONICAL
from crossbill.platform.billing.bills import TAX_TERMS
from crossbill.replacement.reconciliation.calculation import Mapped, reconciliation

from .generate import COMPARED, RECORDS
from .score import Described

KNOWN = ("wave", "agent", "source_file")
NO_LINE = ibis.literal(0, "int64")


def mapped() -> Mapped:
    """Every canonical table with all its columns: nothing of an estate is left out."""
    return tuple((name, tuple(c.name for c in CANONICAL[name].columns)) for name in COMPARED)


def chain() -> Calculation:
    """The product's reconciliation of all that an estate has."""
    return reconciliation(mapped(), KNOWN)


def reconcile(backend: Backend, folder: Path) -> Tables:
    """Compare both sides of the estate below the folder, class what differs, and find causes."""
    return chain().run(backend, sources(backend, folder))


def sources(backend: Backend, folder: Path) -> dict[str, ir.Table]:
    """What ``reconciliation`` reads: both sides, and the facts behind the new bills."""
    found: dict[str, ir.Table] = {}
    for name in COMPARED:
        old = backend.read_parquet(folder / "old" / f"{name}.parquet")
        found[f"valid_{name}"] = old.mutate(source_file=ibis.literal(name), source_line=NO_LINE)
        new = f"{name}.parquet" if name in RECORDS else f"{name}-*.parquet"
        found[f"new_{name}"] = backend.read_parquet(folder / "new" / new)
    found["charge"] = backend.read_parquet(folder / "new" / "charge-*.parquet")
    found["product"] = found["new_product"]
    found["exemption"] = ibis.memtable(EXEMPTION.empty())
    for name in ("price", "tax_rate", "tariff"):
        found[name] = backend.read_parquet(folder / "catalogue" / f"{name}.parquet")
    terms = {name: ibis.literal(value) for name, value in TAX_TERMS.items()}
    found["tax_rate"] = found["tax_rate"].mutate(**terms)
    found["known"] = backend.read_parquet(folder / "catalogue" / "known.parquet")
    return found


def account_classes(backend: Backend, done: Tables) -> list[tuple[str, str]]:
    """Which classes were reported of each account."""
    rows = backend.to_pyarrow(done["marked"].select("account_key", "class_code").distinct())
    keys = rows["account_key"].to_pylist()
    return list(zip(keys, rows["class_code"].to_pylist(), strict=True))


def described(backend: Backend, done: Tables) -> list[Described]:
    """The class and the attributes of each finding."""
    rows = backend.to_pyarrow(done["cause"]).to_pylist()
    return [(row["class_code"], _shared(row)) for row in rows]


def _shared(row: dict[str, str]) -> frozenset[tuple[str, str]]:
    pairs = ((row["attribute"], row["value"]), (row["attribute_2"], row["value_2"]))
    return frozenset(pair for pair in pairs if pair[0])
