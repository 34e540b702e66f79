"""Both sides of a small reconciliation: what is billed here, and what the old system says."""

from collections import Counter
from collections.abc import Iterable
from functools import cache

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from oracle.tables import ENGINE, SCHEMAS, table

from crossbill.core.money import MINOR_DIGITS
from crossbill.engine import concession_datasets, datasets
from crossbill.engine.billing_datasets import COMMITMENT, DISCOUNT, TAX
from crossbill.engine.calculation import Calculation
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.platform.billing.bills import TAX_TERMS, bill_population
from crossbill.replacement.reconciliation.calculation import reconciliation
from crossbill.replacement.reconciliation.shadow_bills import by_price

Rows = list[dict]
COMPARING = DuckDBBackend().connect()  # an engine of its own, as each stage of a wave has
MONEY = ("net_minor", "tax_minor", "total_minor")
MAPPED = (
    ("bill", ("account_key", "period_from", *MONEY)),
    (
        "bill_line",
        ("account_key", "offering_code", "charge_to", "net_minor", "tax_minor", "events"),
    ),
)
LINE = ("account_key", "period_from", "product_key", "category", "price_code", "charge_from")
NEW = ("charge", "bill_line", "bill")


@cache
def chain(mapped: tuple = MAPPED, passes: int = 0, *, promises: bool = False) -> Calculation:
    """The compiled reconciliation of bills and their lines."""
    return reconciliation(mapped, passes=passes, promises=promises)


def billed(stated: dict[str, Rows]) -> dict[str, Rows]:
    """What a carrier's accounts are billed: charge, bill_line, bill."""
    tables = {n: table(n, stated[n]) for n in SCHEMAS if n in stated}
    done = bill_population(ENGINE, tables)
    assert ENGINE.to_pyarrow(done["unresolved"]).to_pylist() == []
    done["bill_line"] = by_price(done["bill_line"])
    return {name: ENGINE.to_pyarrow(done[name]).to_pylist() for name in NEW}


def bills_of(lines: Iterable[dict]) -> Rows:
    """Old bills whose headers are the sums of their lines."""
    bills: dict[tuple, dict] = {}
    for line in lines:
        key = (line["account_key"], line["period_from"])
        names = ("account_key", "period_from", "period_to", "currency")
        head = {name: line[name] for name in names} | dict.fromkeys(MONEY, 0)
        bill = bills.setdefault(key, head | {"bill_key": f"{key[0]}/{key[1]}"})
        bill["net_minor"] += line["net_minor"]
        bill["tax_minor"] += line["tax_minor"]
        bill["total_minor"] = bill["net_minor"] + bill["tax_minor"]
    return list(bills.values())


def reconciled(stated: dict[str, Rows], new: dict[str, Rows], old: dict[str, Rows]) -> "Found":
    """The differences between what is billed here and the old bills, with their classes."""
    facts = {name: stated[name] for name in ("product", "price")}
    facts["exemption"] = stated.get("exemption", [])
    facts["tax_rate"] = [TAX_TERMS | row for row in stated["tax_rate"]]
    sources = {name: _rows(datasets_by_name()[name], rows) for name, rows in facts.items()}
    sources["charge"] = _rows(datasets.CHARGE, new["charge"])
    sources["tariff"] = _rows(datasets.TARIFF, old.get("tariff", []))
    sources["new_account"] = _rows(datasets.ACCOUNT, stated["account"])
    for name in ("bill", "bill_line"):
        dataset = datasets_by_name()[name]
        sources[f"new_{name}"] = _rows(dataset, new[name])
        lineage = dataset.extended(name, datasets.LINEAGE)
        sources[f"valid_{name}"] = _rows(lineage, old[name])
    given = stated.get("discount", [])
    most = Counter(row["account_key"] for row in given)
    sources |= {"discount": _rows(DISCOUNT, given)} if given else {}
    promised = stated.get("commitment", [])
    sources |= {"commitment": _rows(COMMITMENT, promised)} if promised else {}
    passes = max(most.values(), default=0)
    return Found(chain(passes=passes, promises=bool(promised)).run(COMPARING, sources))


class Found:
    """What a reconciliation finds, as rows."""

    def __init__(self, done: dict[str, ir.Table]) -> None:
        self.differences = COMPARING.to_pyarrow(done["difference"]).to_pylist()
        verdicts = COMPARING.to_pyarrow(done["verdict"]).to_pylist()
        self.verdicts = {(v["account_key"], v["period_from"]): v["verdict"] for v in verdicts}
        self.verdict_rows = len(verdicts)

    def of(self, entity: str, field: str | None = None) -> Rows:
        """The differences of one table, of one field where it is named."""
        found = [d for d in self.differences if d["entity"] == entity]
        return [d for d in found if field in (None, d["field"])]

    def classes(self, entity: str = "bill_line") -> dict[str, set[str]]:
        """Which classes the differences of each account have."""
        found: dict[str, set[str]] = {}
        for d in self.of(entity):
            found.setdefault(d["account_key"], set()).add(d["class_code"])
        return found


@cache
def datasets_by_name() -> dict[str, datasets.Dataset]:
    """The datasets that stand on a side."""
    known = (
        datasets.PRODUCT,
        datasets.PRICE,
        concession_datasets.EXEMPTION,
        TAX,
        datasets.BILL,
        datasets.BILL_LINE,
    )
    return {dataset.name: dataset for dataset in known}


def _rows(dataset: datasets.Dataset, rows: Rows) -> ir.Table:
    """The rows as stored tables show them to the engine: any column may be empty."""
    schema = pa.schema([field.with_nullable(True) for field in dataset.arrow])
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema))


def currencies() -> Rows:
    """Every currency with its digits."""
    return [{"currency": code, "minor_digits": digits} for code, digits in MINOR_DIGITS.items()]
