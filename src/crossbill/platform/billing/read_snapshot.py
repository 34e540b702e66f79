"""A snapshot for billing as files: CSV or Parquet tables, and perhaps a catalogue of products.

Each table is named after its dataset. In a CSV file a column may be written for people: ``amount``
stands for ``amount_nanos`` and is decimal, ``rate_percent`` for ``rate_ppm``. A file that is wrong
in one value is refused as a whole, with the place of that value.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend
from pyarrow import csv, parquet

from crossbill.core.money import parse_nanos, parse_scaled
from crossbill.core.refusal import Refusal
from crossbill.core.versions import read_day
from crossbill.engine.billing_datasets import SAID_TAX, TAX, TAX_PROVIDER
from crossbill.engine.dataset import TYPES, Column, Dataset
from crossbill.engine.rating_datasets import USAGE_CHARGE
from crossbill.platform.billing.bills import INPUTS, TAX_TERMS
from crossbill.platform.billing.snapshot_checks import first_fault
from crossbill.platform.billing.usage import charges_as_totals
from crossbill.platform.customer.payer_rules import faults
from crossbill.platform.product.catalogue_file import read_product_catalogue
from crossbill.platform.product.taxes import NO_PROVIDER, answered, cure_if_unknown

CATALOGUE = "catalogue.yaml"
READ = INPUTS | {TAX.name: SAID_TAX, TAX_PROVIDER.name: TAX_PROVIDER}
OF_THE_CATALOGUE = ("price", "component", "tax_rate", "tax_provider")
NEEDED = ("account", "product", "price", "tax_rate")
MADE_HERE = ("periods", "currency", "boundary", "usage_total")
SUFFIXES = (".parquet", ".csv")
ASSUMED: dict[str, Any] = TAX_TERMS | {
    "status": "active", "disputed": False, "bill_cycle_day": 1, "quantity": 1, "prorated": True,
    "tax_inclusive": False, "months": 1, "alignment": "cycle", "policy_code": "",
    "customer_key": "", "kind": "person", "segment": "", "tax_code": "",
}  # fmt: skip
PERCENT_DIGITS = 4
LARGEST_CSV_BYTES = 512 * 1024 * 1024


class BadBillingSnapshot(Refusal):
    """The snapshot cannot be billed. Mend the file and the value that are named."""

    code: ClassVar[str] = "BAD_BILLING_SNAPSHOT"


def read_snapshot(
    backend: Backend, folder: Path, *, catalogue: Path | None = None
) -> dict[str, ir.Table]:
    """The tables of a snapshot's folder, typed, by the name of their dataset.

    Another ``catalogue`` may stand for its own, or for the tables that say the same. The taxes are
    as their providers say, who are told the rates of the catalogue and of the folder.
    """
    if not folder.is_dir():
        raise BadBillingSnapshot("there is no such folder", file=str(folder), cure="check its name")
    tables = _catalogue(catalogue or folder / CATALOGUE)
    for name, dataset in READ.items():
        path = _file(folder, name)
        if path is not None and name not in MADE_HERE:
            rows = _table(backend, path, dataset)
            if name not in tables:
                tables[name] = rows
            elif name == TAX.name and _has_providers(backend, tables):
                tables[name] = tables[name].cast(SAID_TAX.ibis).union(rows.cast(SAID_TAX.ibis))
            elif catalogue is None:
                cure = f"keep one of {CATALOGUE} and {path.name}"
                raise BadBillingSnapshot("prices are stated twice", file=path.name, cure=cure)
    if TAX_PROVIDER.name in tables:
        tables.setdefault(TAX.name, ibis.memtable(SAID_TAX.empty()))
    for name in (name for name in NEEDED if name not in tables):
        cure = f"write {name}.csv or {name}.parquet" + (
            f", or {CATALOGUE}" if name in OF_THE_CATALOGUE else ""
        )
        raise BadBillingSnapshot("a table is missing", file=str(folder), field=name, cure=cure)
    _check_payers(backend, folder, tables)
    _check_providers(backend, folder, tables)
    used = _file(folder, "usage_charge")
    if used is not None:
        tables["usage_total"] = charges_as_totals(_table(backend, used, USAGE_CHARGE))
    return _with_answers(backend, tables)


def _with_answers(backend: Backend, tables: dict[str, ir.Table]) -> dict[str, ir.Table]:
    """The tables without ``tax_provider``, with the rates that the providers in it say."""
    rest = {name: rows for name, rows in tables.items() if name != TAX_PROVIDER.name}
    if not _has_providers(backend, tables):
        return rest
    chosen = {name: backend.to_pyarrow(tables[name]) for name in (TAX.name, TAX_PROVIDER.name)}
    codes = _values(backend, tables, "tax_code", "account")
    categories = _values(backend, tables, "tax_category", "component", "commitment")
    return rest | {TAX.name: ibis.memtable(answered(chosen, codes, categories)[TAX.name])}


def _has_providers(backend: Backend, tables: dict[str, ir.Table]) -> bool:
    chosen = tables.get(TAX_PROVIDER.name)
    return chosen is not None and bool(backend.to_pyarrow(chosen.count()).as_py())


def _values(backend: Backend, tables: dict[str, ir.Table], column: str, *names: str) -> set[str]:
    """The values of a column in those of these tables that there are."""
    columns = [tables[name].select(column).distinct() for name in names if name in tables]
    found = [backend.to_pyarrow(each)[column].drop_null().to_pylist() for each in columns]
    return set(chain.from_iterable(found))


def _check_providers(backend: Backend, folder: Path, tables: dict[str, ir.Table]) -> None:
    """Refuse a jurisdiction that is given to two providers, and a provider that is not there."""
    path = _file(folder, TAX_PROVIDER.name)
    if path is None:
        return
    seen: set[str] = set()
    for row in backend.to_pyarrow(tables[TAX_PROVIDER.name]).to_pylist():
        jurisdiction, name = row["jurisdiction"], row["provider"]
        cure = cure_if_unknown(name)
        if cure:
            raise BadBillingSnapshot(
                NO_PROVIDER, file=path.name, field="provider", value=name, cure=cure
            )
        if jurisdiction in seen:
            raise BadBillingSnapshot(
                "the jurisdiction has two providers", file=path.name, field="jurisdiction",
                value=jurisdiction, cure="keep one of them",
            )  # fmt: skip
        seen.add(jurisdiction)


def refuse_faults(backend: Backend, folder: Path, tables: Mapping[str, ir.Table]) -> None:
    """Refuse what no table of a snapshot may say; read once, and not by each that bills a part."""
    used = _file(folder, "usage_charge")
    charges = {"usage_charge": _table(backend, used, USAGE_CHARGE)} if used else {}
    fault = first_fault(backend, {**tables, **charges})
    if fault is not None:
        path = _file(folder, fault.table) or folder / CATALOGUE
        raise BadBillingSnapshot(
            fault.what, file=path.name, field=fault.field, value=fault.value, cure=fault.cure
        )


def _check_payers(backend: Backend, folder: Path, tables: dict[str, ir.Table]) -> None:
    """Refuse rules of who pays that are not sound, with the first that is not."""
    if "payer" not in tables:
        return
    rules = backend.to_pyarrow(tables["payer"]).to_pylist()
    known = tables["account"].select("account_key", "currency", "bill_cycle_day")
    accounts = {row["account_key"]: row for row in backend.to_pyarrow(known).to_pylist()}
    for rule, field, what, cure in faults(rules, accounts):
        path = _file(folder, "payer")
        assert path is not None, "the rules were read from a file"
        raise BadBillingSnapshot(
            f"{rule['account_key']} paid by {rule['payer_key']}: {what}", file=path.name,
            field=field, value=str(rule[field]), cure=cure,
        )  # fmt: skip


def _catalogue(path: Path) -> dict[str, ir.Table]:
    if not path.exists():
        return {}
    made = read_product_catalogue(path).tables()
    return {name: ibis.memtable(rows) for name, rows in made.items()}


def _file(folder: Path, name: str) -> Path | None:
    found = [folder / f"{name}{suffix}" for suffix in SUFFIXES]
    there = [path for path in found if path.exists()]
    if len(there) > 1:
        cure = "take one of the two files away"
        raise BadBillingSnapshot("a table stands in two files", file=str(there[1]), cure=cure)
    return there[0] if there else None


def _table(backend: Backend, path: Path, dataset: Dataset) -> ir.Table:
    if path.suffix == ".csv":
        return ibis.memtable(_typed(path, dataset))
    given = _parquet_schema(path)
    missing = {column.name: _filler(column, path) for column in dataset.columns
               if column.name not in given.names}  # fmt: skip
    rows = backend.read_parquet(str(path))
    filled = rows.mutate(
        **{name: ibis.literal(value, dataset.ibis[name]) for name, value in missing.items()}
    )
    _check_types(given, dataset, path)
    return filled.select(*dataset.ibis)


def _parquet_schema(path: Path) -> pa.Schema:
    try:
        return parquet.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadBillingSnapshot(
            "not a readable Parquet file", file=path.name, cure="write it anew"
        ) from error


def _check_types(given: pa.Schema, dataset: Dataset, path: Path) -> None:
    for wanted in dataset.arrow:
        if wanted.name in given.names and given.field(wanted.name).type != wanted.type:
            raise BadBillingSnapshot(
                f"the column is {given.field(wanted.name).type}", file=path.name,
                field=wanted.name, cure=f"write it as {wanted.type}",
            )  # fmt: skip


def _filler(column: Column, path: Path) -> Any:
    """What a column that is not there stands for: nothing, or what is assumed of all rows."""
    if column.nullable:
        return None
    if column.name not in ASSUMED:
        raise BadBillingSnapshot(
            "a column is missing", file=path.name, field=column.name, cure=column.meaning
        )
    return ASSUMED[column.name]


# CSV


def _typed(path: Path, dataset: Dataset) -> pa.Table:
    rows = _read_csv(path)
    written = {column.name: _written(rows, column, path) for column in dataset.columns}
    unknown = set(rows.column_names) - {name for name in written.values() if name}
    if unknown:
        known = ", ".join(column.name for column in dataset.columns)
        raise BadBillingSnapshot(
            "the column is not known", file=path.name, line=1, field=min(unknown),
            cure=f"the columns are {known}",
        )  # fmt: skip
    columns = [_column(rows, column, written[column.name], path) for column in dataset.columns]
    return pa.Table.from_arrays(columns, schema=dataset.arrow)


def _read_csv(path: Path) -> pa.Table:
    if path.stat().st_size > LARGEST_CSV_BYTES:
        cure = "write large tables as Parquet"
        raise BadBillingSnapshot("the CSV file is too large", file=path.name, cure=cure)
    try:
        with path.open(encoding="utf-8-sig") as file:
            names = file.readline().rstrip("\r\n").split(",")
        texts = csv.ConvertOptions(
            column_types={name.strip('"'): pa.string() for name in names},
            strings_can_be_null=True, null_values=[""],
        )  # fmt: skip
        return csv.read_csv(path, convert_options=texts)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise BadBillingSnapshot(
            f"not comma-separated text: {str(error).splitlines()[0]}", file=path.name,
            cure="each line has as many values as the header; texts with a comma stand in quotes",
        ) from error  # fmt: skip


def _written(rows: pa.Table, column: Column, path: Path) -> str | None:
    """The name under which a column is written: its own, or the one for people."""
    names = [column.name]
    if column.name.endswith("_nanos"):
        names.append(column.name.removesuffix("_nanos"))
    if column.name.endswith("_ppm"):
        names.append(column.name.removesuffix("_ppm") + "_percent")
    found = [name for name in names if name in rows.column_names]
    if len(found) > 1:
        cure = f"keep {found[0]} or {found[1]}"
        raise BadBillingSnapshot(
            "a column is written twice", file=path.name, line=1, field=found[1], cure=cure
        )
    return found[0] if found else None


def _column(rows: pa.Table, column: Column, written: str | None, path: Path) -> "pa.Array[Any]":
    kind = TYPES[column.type]
    if written is None:
        return pa.array([_filler(column, path)] * rows.num_rows, kind)
    read = _reader(column, written)
    values = []
    for line, text in enumerate(rows[written].to_pylist(), start=2):
        try:
            values.append(_value(text, column, read))
        except (ValueError, Refusal) as error:
            cure = getattr(error, "cure", None) or _CURES[column.type]
            raise BadBillingSnapshot(
                "the value cannot be read" if text else "a value is missing", file=path.name,
                line=line, field=written, value=text, cure=cure,
            ) from error  # fmt: skip
    return pa.array(values, kind)


def _value(text: str | None, column: Column, read: Callable[[str], Any]) -> Any:
    if text is None or not text.strip():
        if not column.nullable and column.name not in ASSUMED:
            raise ValueError("missing")
        return None if column.nullable else ASSUMED[column.name]
    return read(text.strip())


def _reader(column: Column, written: str) -> Callable[[str], Any]:
    if written != column.name:
        if column.name.endswith("_ppm"):
            return lambda text: parse_scaled(text, digits=PERCENT_DIGITS)
        return parse_nanos
    return _READERS[column.type]


def _whole(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError("beyond 64 bits")
    return number


def _flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise ValueError(text)
    return _FLAGS[text.lower()]


_FLAGS = {"true": True, "yes": True, "false": False, "no": False}
_READERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "integer": _whole,
    "date": read_day,
    "boolean": _flag,
    "instant": datetime.fromisoformat,
}
_CURES = {
    "text": "write a text",
    "integer": "write a whole number of at most 64 bits",
    "date": "write it as 2026-03-31",
    "boolean": "write true or false",
    "instant": "write it as 2026-03-31T12:00:00",
}
