"""What the rating of one shard gave: its files, and a receipt that proves that nothing is lost."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from typing import Any, ClassVar
from uuid import uuid4

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend

from crossbill.core.refusal import Refusal
from crossbill.engine import integers
from crossbill.engine.dataset import Dataset
from crossbill.engine.rating_datasets import (
    BUCKET_USE,
    RATED_SURCHARGE,
    RATED_USAGE,
    SUSPENDED_USAGE,
    USAGE_CHARGE,
)
from crossbill.engine.store import GROUP_ROWS, Receipt, Store, exact_sum
from crossbill.platform.usage import guide

RECEIPT = "receipt.json"
SMALL = {
    "usage_charge": USAGE_CHARGE,
    "suspended_usage": SUSPENDED_USAGE,
    "bucket_use": BUCKET_USE,
}
LARGE = {"rated_usage": RATED_USAGE, "rated_surcharge": RATED_SURCHARGE}  # in no order
LEGS = (guide.RETAIL, guide.WHOLESALE)

Sums = dict[str, int]


class OutputOfAnotherRating(Refusal):
    """The output folder holds the results of another rating. Choose another folder."""

    code: ClassVar[str] = "OUTPUT_OF_ANOTHER_RATING"


@dataclass(frozen=True)
class ShardResult:
    """Events and quantity that came in, and where they ended; what they cost; which files say so.

    ``states`` has, by leg, what was rated and suspended, and under ``in`` what came; only the
    retail leg adds up to it, for a second leg is a second rating of the same usage.
    """

    shard: str
    fingerprint: str
    states: dict[str, dict[str, Sums]]
    amounts: dict[str, dict[str, Sums]]  # by leg and currency, in nanos
    files: dict[str, Receipt]
    made_now: bool = True

    def document(self) -> dict[str, Any]:
        """The receipt as it is stored."""
        found = asdict(self)
        del found["made_now"]
        return found


def digest_of(tables: Mapping[str, pa.Table]) -> bytes:
    """What a compiled catalogue is, in few bytes: the same for the same names, types and rows."""
    digest = hashlib.sha256()
    for name in sorted(tables):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, tables[name].schema) as stream:
            stream.write_table(tables[name].combine_chunks())
        digest.update(memoryview(sink.getvalue()))
    return digest.digest()


def fingerprint(terms: bytes, files: Iterable[Path], events: bool) -> str:
    """What a result is made of: the same program, compiled catalogue, services and usage."""
    digest = hashlib.sha256(f"{version('crossbill')} {events}".encode() + terms)
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def stored(folder: Path, made_of: str) -> ShardResult | None:
    """The result that is there already, or none; one that is made of other things is refused."""
    if not folder.exists():
        return None
    found = _read(folder)
    if found is None or found.fingerprint != made_of:
        raise OutputOfAnotherRating(
            "the results are of other usage, services, terms or options",
            file=str(folder),
            cure="choose an empty folder, or take the results away",
        )
    return found


def _read(folder: Path) -> ShardResult | None:
    """The result as its receipt says, where all of its files are whole."""
    try:
        document = json.loads((folder / RECEIPT).read_text("utf-8"))
        files = {name: Receipt(**said) for name, said in document.pop("files").items()}
        sizes = {name: (folder / name).stat().st_size for name in files}
        found = ShardResult(**document, files=files, made_now=False)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if sizes == {name: said.bytes for name, said in files.items()} else None


def write_result(
    backend: Backend,
    rated: Mapping[str, ir.Table],
    folder: Path,
    *,
    events: bool,
    made_of: str,
) -> ShardResult:
    """Write what was rated as a folder that appears whole or not at all."""
    draft = folder.with_name(f".{folder.name}.{uuid4().hex}")
    try:
        result = _write(backend, rated, draft, events, folder.name, made_of)
        draft.rename(folder)
    except BaseException:
        rmtree(draft, ignore_errors=True)
        raise
    return result


def _write(  # noqa: PLR0913 - what is written, where, and what its receipt says
    backend: Backend,
    rated: Mapping[str, ir.Table],
    draft: Path,
    events: bool,
    name: str,
    made_of: str,
) -> ShardResult:
    store, files = Store(str(draft)), dict[str, Receipt]()
    tables = {name: _in_order(backend, rated[name], dataset) for name, dataset in SMALL.items()}
    for table, dataset in SMALL.items():
        files |= _file(store, table, tables[table], dataset)
    for stream in (name for name in LARGE if events and name in rated):
        selected = rated[stream].select(*LARGE[stream].ibis)
        rows = backend.to_pyarrow_batches(selected, chunk_size=GROUP_ROWS)
        files |= _file(store, stream, rows, LARGE[stream], in_order=False)
    charges = tables["usage_charge"]
    if events:
        written = files["rated_usage.parquet"].rows
        assert written == exact_sum(charges["events"]), "the events are not those of the charges"
    states = _proved(_came(backend, rated["usage"]), charges, tables["suspended_usage"])
    result = ShardResult(name, made_of, states, _amounts(charges), files)
    with store.open(store.path(RECEIPT), "wb") as file:
        file.write(json.dumps(result.document(), indent=1, sort_keys=True).encode())
    return result


def _file(
    store: Store,
    name: str,
    rows: pa.Table | pa.RecordBatchReader,
    dataset: Dataset,
    *,
    in_order: bool = True,
) -> dict[str, Receipt]:
    file = f"{name}.parquet"
    return {file: store.write_table(store.path(file), rows, dataset, in_order=in_order)}


def _in_order(backend: Backend, rows: ir.Table, dataset: Dataset) -> pa.Table:
    ordered: pa.Table = backend.to_pyarrow(rows.select(*dataset.ibis).order_by(*dataset.key))
    return ordered


def _came(backend: Backend, usage: ir.Table) -> Sums:
    quantity = integers.total(usage.quantity).fill_null(0)
    row = backend.to_pyarrow(usage.aggregate(events=usage.count(), quantity=quantity))
    return {name: int(row[name][0].as_py()) for name in ("events", "quantity")}


def _proved(came: Sums, charges: pa.Table, suspended: pa.Table) -> dict[str, dict[str, Sums]]:
    """Where the events of each leg ended; of the retail leg none is lost and none is new."""
    states: dict[str, dict[str, Sums]] = {}
    for leg in LEGS:
        lines, rest = (rows.filter(pc.field("leg") == leg) for rows in (charges, suspended))
        rated = {name: exact_sum(lines[name]) for name in ("events", "quantity")}
        unrated = {"events": rest.num_rows, "quantity": exact_sum(rest["quantity"])}
        states[leg] = {"rated": rated, "suspended": unrated}
    states[guide.RETAIL] = {"in": came} | states[guide.RETAIL]
    return checked(states)


def checked(states: dict[str, dict[str, Sums]]) -> dict[str, dict[str, Sums]]:
    """The same states; what came in is what was rated and what was suspended, or it is a bug."""
    retail = states[guide.RETAIL]
    for name, came in retail["in"].items():
        ended = retail["rated"][name] + retail["suspended"][name]
        assert came == ended, f"{name} that came in {came}, that ended somewhere {ended}"
    return states


def _amounts(charges: pa.Table) -> dict[str, dict[str, Sums]]:
    found: dict[str, dict[str, Sums]] = {}
    columns = ("amount_nanos", "surcharge_nanos")
    for row in charges.group_by(["leg", "currency"], use_threads=False).aggregate([]).to_pylist():
        alike = (pc.field("leg") == row["leg"]) & (pc.field("currency") == row["currency"])
        lines = charges.filter(alike)
        sums = {name: exact_sum(lines[name]) for name in columns}
        found.setdefault(row["leg"], {})[row["currency"]] = sums
    return found


def totals(results: Iterable[ShardResult]) -> dict[str, Any]:
    """The sums of all shards, proved once more."""
    states: dict[str, dict[str, Sums]] = {}
    amounts: dict[str, dict[str, Sums]] = {}
    for result in results:
        _add(states, result.states)
        _add(amounts, result.amounts)
    return {"states": checked(states), "amounts": amounts}


def _add(
    sums: dict[str, dict[str, Sums]], more: Mapping[str, Mapping[str, Mapping[str, int]]]
) -> None:
    for outer, inner in more.items():
        for key, figures in inner.items():
            held = sums.setdefault(outer, {}).setdefault(key, {})
            for name, figure in figures.items():
                held[name] = held.get(name, 0) + figure
