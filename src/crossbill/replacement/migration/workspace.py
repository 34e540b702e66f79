"""What every stage of a change-over works with: specification, data, place in the store."""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path, PurePosixPath

import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.core.ids import fingerprint
from crossbill.core.policy import Policy
from crossbill.engine import duckdb
from crossbill.engine.dataset import Dataset
from crossbill.engine.store import Receipt as Written
from crossbill.engine.store import Store
from crossbill.platform.product.catalogue_file import ProductCatalogue, read_product_catalogue
from crossbill.platform.product.taxes import answered
from crossbill.platform.rating.catalogue import read_catalogue
from crossbill.platform.rating.catalogue_model import RatingCatalogue
from crossbill.replacement.migration import spec as specs
from crossbill.replacement.migration.agreement import check_agreement
from crossbill.replacement.migration.land import below
from crossbill.replacement.migration.sources import fetch_source, is_elsewhere, open_source
from crossbill.replacement.migration.spec import (
    BadSpec,
    CarrierSpec,
    Entity,
    Mapping,
    ReplacementSpec,
    SourceSpec,
)


@dataclass(frozen=True)
class Workspace:
    """One change-over's specification, its folder of old files, and its part of the store."""

    spec_path: Path
    data: Path
    spec: ReplacementSpec
    mapping: Mapping
    catalogue: ProductCatalogue
    store: Store
    rating: RatingCatalogue | None = None
    apart: str = ""  # below the carrier's folder, where another extract than the loaded one is kept

    @property
    def carrier(self) -> str:
        """The carrier's code."""
        return self.spec.carrier.code

    @property
    def folder(self) -> str:
        """Its part of the store: the carrier's, or what lies apart in it."""
        return f"{self.carrier}/{self.apart}" if self.apart else self.carrier

    @property
    def run_key(self) -> str:
        """The key of the run that reads this extract."""
        return f"later extract:{self.folder}" if self.apart else f"replace:{self.carrier}"

    @property
    def old_policy(self) -> Policy:
        """The rules by which the old system bills."""
        return Policy.from_mapping(dict(self.spec.old_policy), file=self.spec_path.name)

    @property
    def new_policy(self) -> Policy | None:
        """The rules by which bills are to be made after; none where that is not said yet."""
        stated = self.spec.new_policy
        return Policy.from_mapping(dict(stated), file=self.spec_path.name) if stated else None

    @property
    def periods(self) -> list[tuple[date, date]]:
        """The billed periods, half-open."""
        return [(period.period_from, period.period_to) for period in self.spec.periods]

    @property
    def entities(self) -> list[str]:
        """The canonical tables that the mapping fills."""
        return list(self.mapping.entities)

    @property
    def catalogue_text(self) -> str:
        """The catalogue as it is written."""
        return (self.spec_path.parent / self.spec.catalogue).read_text(encoding="utf-8")

    def path(self, *parts: str) -> str:
        """A path in this change-over's part of the store."""
        return self.store.path(self.folder, *parts)

    def source_file(self, source: SourceSpec) -> Path:
        """The one file of the data folder that a source names; refuses none and several."""
        found = sorted(path for path in self._named(source.file) if path.is_file())
        if len(found) != 1:
            names = ", ".join(path.name for path in found) or "none"
            raise BadSpec(
                f"One file is wanted, found: {names}",
                file=str(self.data),
                field="file",
                value=source.file,
                cure="give the folder that holds the extract, or correct the name in the mapping",
            )
        return found[0]

    def _named(self, pattern: str) -> list[Path]:
        """What a name or glob finds; it never leads out of the data folder."""
        parts = PurePosixPath(pattern)
        if not parts.parts or parts.is_absolute() or ".." in parts.parts:
            raise BadSpec(
                "A source's file is named within the data folder", file=self.spec.mapping,
                field="sources.file", value=pattern, cure="write its name, or a glob such as *.CSV",
            )  # fmt: skip
        return list(self.data.glob(pattern))

    def fetch_missing(self) -> None:
        """Fetch what is in a database server into the data folder, once, under its source's name.

        What was fetched stays, so that a run goes on with what it began with.
        """
        for source in self.mapping.sources.values():
            if is_elsewhere(source) and not any(self._named(source.file)):
                fetch_source(source, self.data / source.file)

    def refuse_unreadable_sources(self) -> None:
        """Look at each file's place, head and columns before a run takes its name.

        A run keeps to the files that it began with, so what can be seen now is not left for later.
        """
        for source in self.mapping.sources.values():
            path = self.source_file(source)
            label = source.called(below(path, self.data))
            head = open_source(path, source, label=label)
            head.require(field.source_column for field in source.fields)

    @cached_property
    def inputs(self) -> dict[str, str]:
        """The SHA-256 of each specification and each file of the extract, by name."""
        names = [self.spec.catalogue, self.spec.mapping, self.spec.programme]
        names += [self.spec.rating.catalogue] if self.spec.rating else []
        beside = [self.spec_path.parent / name for name in names if name]
        beside += rating_files(self.rating) if self.rating else []
        files = [self.source_file(source) for source in self.mapping.sources.values()]
        files += [self.data / self.spec.manifest.file] if self.spec.manifest else []
        hashes = {f"spec/{path.name}": file_hash(path) for path in beside if path.is_file()}
        hashes["spec/replacement"] = fingerprint({"spec": self.spec.model_dump_json()})
        return hashes | {
            f"data/{path.relative_to(self.data)}": file_hash(path)
            for path in files
            if path.is_file()
        }

    @contextmanager
    def engine(self, *, as_written: bool = False) -> Iterator[Backend]:
        """An engine that reads only this store; ``as_written`` where it tries expressions."""
        sealed = [Path(self.store.root)] if self.store.is_local else None
        with duckdb.connect(sealed_to=sealed, as_written=as_written) as backend:
            yield backend

    def scan(self, backend: Backend, *parts: str) -> ir.Table:
        """A stored table as an expression."""
        return self.store.scan(backend, self.path(*parts) + ".parquet")

    def has(self, *parts: str) -> bool:
        """Whether a table is stored."""
        return self.store.exists(self.path(*parts) + ".parquet")

    def priced(self, backend: Backend, account: ir.Table) -> dict[str, pa.Table]:
        """What the catalogue says as tables, its taxes as those say who are to for the accounts."""
        codes = backend.to_pyarrow(account.select("tax_code").distinct().drop_null())
        return answered(self.catalogue.tables(), codes["tax_code"].to_pylist())

    def save(self, rows: ir.Table, dataset: Dataset, *parts: str) -> Written:
        """Store the rows of an expression over an engine's tables: same rows, same bytes."""
        reader = in_order(rows, dataset).to_pyarrow_batches(chunk_size=131_072)
        return self.store.write_table(self.path(*parts) + ".parquet", reader, dataset)

    def save_rows(
        self, rows: pa.Table | pa.RecordBatchReader, dataset: Dataset, *parts: str
    ) -> Written:
        """Store Arrow rows as they come."""
        return self.store.write_table(self.path(*parts) + ".parquet", rows, dataset)


def in_order(rows: ir.Table, dataset: Dataset) -> ir.Table:
    """The rows by their key; what an old system has twice under one key, as it came in."""
    came = [name for name in ("source_file", "source_line") if name in dataset.arrow.names]
    order = dict.fromkeys([*dataset.key, *came])
    return rows.order_by(list(order)).select(*dataset.arrow.names)


def open_workspace(
    *,
    spec_path: Path,
    data: Path,
    store: Store,
    carrier_code: str | None = None,
    only: Collection[Entity] | None = None,
) -> Workspace:
    """Read and check all specifications; ``carrier_code`` replaces the one in the file.

    Where ``only`` some tables are wanted, the files of the others may be missing.
    """
    spec = specs.read(spec_path, ReplacementSpec)
    if carrier_code is not None:
        values = {"code": carrier_code, "name": spec.carrier.name}
        carrier = specs.check(values, CarrierSpec, "--carrier")
        spec = spec.model_copy(update={"carrier": carrier})
    if not data.is_dir():
        raise BadSpec(
            "The data folder does not exist", file=str(data), cure="give the extract's folder"
        )
    mapping = specs.read(spec_path.parent / spec.mapping, Mapping)
    catalogue = read_product_catalogue(spec_path.parent / spec.catalogue)
    check_agreement(spec, mapping, file=spec_path.name)
    mapping = mapping if only is None else mapping.only(only)
    rating = read_catalogue(spec_path.parent / spec.rating.catalogue) if spec.rating else None
    workspace = Workspace(spec_path, data, spec, mapping, catalogue, store, rating)
    workspace.fetch_missing()
    workspace.refuse_unreadable_sources()
    return workspace


def rating_files(rating: RatingCatalogue) -> list[Path]:
    """The files that stand beside a catalogue of rating: its decks."""
    decks = [version for versions in rating.spec.decks.values() for version in versions]
    return [rating.path.parent / deck.file for deck in decks if deck.file]


def file_hash(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
