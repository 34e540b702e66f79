"""Writes an estate as files: the old side, the new side with its bills, and the truth apart."""

from pathlib import Path

import ibis
from ibis.backends.duckdb import Backend

from crossbill.engine.billing_datasets import PERIODS
from crossbill.engine.datasets import BILL, BILL_LINE, CHARGE, USAGE_TOTAL
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.billing.bills import bill_population

from .fault import BILLS, FACTS, LINES
from .inject import choose, strike

RECORDS = ("customer", "account", "product", "open_item", "balance")
COMPARED = (*RECORDS, "bill", "bill_line")
CATALOGUE = ("price", "tax_rate", "tariff", "policy", "periods", "known")
MADE = (CHARGE, BILL_LINE, BILL)
ACCOUNTS_PER_PART = 50_000
RATE_PPM = 1_000
BILLED = ("account", "customer", "product", "price", "tax_rate", "policy", "periods", "usage_total")


def generate(folder: Path, *, accounts: int, seed: int, rate_ppm: int = RATE_PPM) -> None:
    """Write the estate below the folder, which has to be new.

    ``old``, ``new`` and ``catalogue`` are what is reconciled; ``truth`` is for the score alone. Of
    each kind of fault there are ``rate_ppm`` accounts in a million, one at least unless it is 0.
    """
    for name in ("old", "new", "catalogue", "truth"):
        (folder / name).mkdir(parents=True)
    with connect() as backend:
        _tell(backend, accounts, seed)
        _both_sides(backend, rate_ppm)
        _write(backend, folder)
    _bill(folder)


def _tell(backend: Backend, accounts: int, seed: int) -> None:
    for name, value in (("accounts", accounts), ("seed", seed)):
        backend.con.execute(f"SET VARIABLE {name} = ?", [value])


def _both_sides(backend: Backend, rate_ppm: int) -> None:
    """The facts as they should be; then the faults, each at its moment of the old billing."""
    _run(backend, "population")
    _run(backend, "old_biller")
    for name in (*RECORDS, "used"):
        source = name if name == "used" else f"old_{name}"
        backend.raw_sql(f"CREATE TEMP TABLE new_{name} AS FROM {source}")
    _run(backend, "views")
    if rate_ppm:
        choose(backend, rate_ppm)
    strike(backend, FACTS)
    _run(backend, "old_lines")
    strike(backend, LINES)
    _run(backend, "old_bills")
    strike(backend, BILLS)


def _run(backend: Backend, name: str) -> None:
    backend.raw_sql(Path(__file__).with_name(f"{name}.sql").read_text("utf-8"))


def _write(backend: Backend, folder: Path) -> None:
    for name in COMPARED:
        _copy(backend, f"old_{name}", folder / "old" / name)
    for name in (*RECORDS, "used"):
        _copy(backend, f"new_{name}", folder / "new" / name)
    for name in CATALOGUE:
        _copy(backend, name, folder / "catalogue" / name)
    for name in ("struck", "cause"):
        _copy(backend, name, folder / "truth" / name)


def _copy(backend: Backend, table: str, path: Path) -> None:
    backend.raw_sql(f"COPY (FROM {table} ORDER BY ALL) TO '{path}.parquet' (FORMAT parquet)")


def _bill(folder: Path) -> None:
    """The new side's bills, part by part, by the one calculation."""
    with connect() as backend, refusing_overflow():
        keys = backend.read_parquet(folder / "new" / "account.parquet").account_key
        last = int(backend.to_pyarrow(keys.max()).as_py()[1:])
        for part, first in enumerate(range(0, last + 1, ACCOUNTS_PER_PART)):
            bounds = f"A{first:09}", f"A{first + ACCOUNTS_PER_PART:09}"
            done = bill_population(backend, _population(backend, folder, bounds))
            assert backend.to_pyarrow(done["unresolved"].count()).as_py() == 0
            for dataset in MADE:
                rows = done[dataset.name].select(*dataset.ibis)
                rows.to_parquet(folder / "new" / f"{dataset.name}-{part:04}.parquet")


def _population(backend: Backend, folder: Path, bounds: tuple[str, str]) -> dict[str, ibis.Table]:
    tables = {
        name: backend.read_parquet(folder / place / f"{name}.parquet")
        for place, names in (("new", RECORDS), ("catalogue", CATALOGUE))
        for name in names
    }
    used = backend.read_parquet(folder / "new" / "used.parquet")
    tables["usage_total"] = used.mutate(currency=ibis.literal("USD")).select(*USAGE_TOTAL.ibis)
    for name in ("account", "product", "usage_total"):
        key = tables[name].account_key
        tables[name] = tables[name].filter(key >= bounds[0], key < bounds[1])
    tables["account"] = tables["account"].mutate(policy_code=ibis.literal("old rules"))
    tables["periods"] = tables["periods"].select(*PERIODS.ibis)
    return {name: tables[name] for name in BILLED}
