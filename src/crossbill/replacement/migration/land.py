"""Lands a file of the old system: copied byte for byte, hashed twice, never written to again."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.runs.receipt import Receipt

BLOCK_BYTES = 1 << 20
LIMIT_BYTES = 64 << 30
READ_ONLY = 0o444


class SourceMissing(Refusal):
    """The file to land is not there. Check its name and the data folder."""

    code = "SOURCE_MISSING"


class SourceOutside(Refusal):
    """The file leads out of the data folder. Copy it into the folder; links are not followed."""

    code = "SOURCE_OUTSIDE"


class SourceTooLarge(Refusal):
    """The file is larger than the limit. Raise the limit, or have it exported in parts."""

    code = "SOURCE_TOO_LARGE"


class SourceChanged(Refusal):
    """The file changed between two reads. Wait until its export has ended, and start again."""

    code = "SOURCE_CHANGED"


class LandedDiffers(Refusal):
    """A file of this name was landed with other bytes. Start a new run for the new file."""

    code = "LANDED_DIFFERS"


@dataclass(frozen=True)
class Landed:
    """A landed file: where it came from, what it is, where it is kept."""

    name: str
    bytes: int
    sha256: str
    modified_at: datetime
    path: str


def land(
    source: Path, store: Store, folder: str, *, root: Path, limit_bytes: int = LIMIT_BYTES
) -> Landed:
    """Copy a file below ``root`` into the store's folder; the same file landed again is no change.

    The copy appears whole or not at all, and is read-only where the store is a local folder.
    """
    name = below(source, root)
    source = root / name
    path = store.path(folder, *name.split("/"))
    with _opened(source, name) as file:
        facts = os.fstat(file.fileno())
        _refuse_large(name, facts.st_size, limit_bytes)
        known = store.hash(path) if store.exists(path) else None
        sha256, size = _hash(file) if known else _copy(file, store, path, name, limit_bytes)
    _refuse_other(known, sha256, name)
    if store.is_local:
        Path(path).chmod(READ_ONLY)
    modified_at = datetime.fromtimestamp(facts.st_mtime_ns // 10**9, UTC)
    return Landed(name, size, sha256, modified_at, path)


def below(source: Path, root: Path) -> str:
    """The file's name below the data folder; a way out of it, or a link below it, is refused."""
    given = (source if source.is_absolute() else root / source).absolute()
    for base in (root.absolute(), root.resolve()):
        if given.is_relative_to(base) and ".." not in given.relative_to(base).parts:
            below = given.relative_to(base)
            on_the_way = [base / part for part in (below, *below.parents[:-1])]
            if not any(path.is_symlink() for path in on_the_way):
                return below.as_posix()
    raise SourceOutside(
        "the file is a link or leads out of the data folder",
        file=str(source),
        cure=f"copy the file itself into {root}",
    )


@contextmanager
def _opened(source: Path, name: str) -> Iterator[IO[bytes]]:
    """The file open for reading; a link put in its place meanwhile is not followed."""
    if not source.is_file():
        raise SourceMissing("there is no such file", file=name, cure=f"put it at {source}")
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise SourceMissing(
            "the file cannot be opened", file=name, value=error.strerror, cure="check its rights"
        ) from error
    with os.fdopen(handle, "rb") as file:
        yield file


def _refuse_large(name: str, size: int, limit_bytes: int) -> None:
    if size > limit_bytes:
        raise SourceTooLarge(
            f"the file has more than {limit_bytes} bytes",
            file=name,
            value=str(size),
            cure="raise the limit, or have it exported in parts",
        )


def _copy(file: IO[bytes], store: Store, path: str, name: str, limit_bytes: int) -> tuple[str, int]:
    """Copy and hash, then hash the source once more; no copy stays of a file that changes."""
    digest, size = hashlib.sha256(), 0
    with store.open(path, "wb") as target:
        while block := file.read(BLOCK_BYTES):
            size += len(block)
            _refuse_large(name, size, limit_bytes)
            digest.update(block)
            target.write(block)
        file.seek(0)
        again, _ = _hash(file)
        if again != digest.hexdigest():
            raise SourceChanged(
                f"the file changed while it was read: {digest.hexdigest()} became {again}",
                file=name,
                cure="wait until its export has ended, and start again",
            )
    return digest.hexdigest(), size


def _hash(file: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def _refuse_other(known: str | None, sha256: str, name: str) -> None:
    if known is not None and known != sha256:
        raise LandedDiffers(
            f"it was landed as {known} and is now {sha256}",
            file=name,
            cure="start a new run for the new file",
        )


@dataclass(frozen=True)
class ManifestRow:
    """What the old system says that a file holds: records and, where it adds one up, a field."""

    file: str
    records: int
    field: str | None = None
    sum: int | None = None


@dataclass(frozen=True)
class ManifestDifference:
    """A control total that the file does not bear out."""

    file: str
    what: str
    stated: int | None
    found: int | None


def check_manifest(
    rows: Sequence[ManifestRow], receipts: Mapping[str, Receipt]
) -> list[ManifestDifference]:
    """Compare stated with found records and sums, file by file; nothing is left uncompared.

    ``receipts`` are those of the staged files, by the label of the file. Sums are in the unit of
    the receipt's field (nanos for money).
    """
    found = [difference for row in rows for difference in _check_row(row, receipts)]
    unnamed = sorted(set(receipts) - {row.file for row in rows})
    return found + [
        ManifestDifference(file, "not in the manifest", None, receipts[file].records_in)
        for file in unnamed
    ]


def _check_row(row: ManifestRow, receipts: Mapping[str, Receipt]) -> list[ManifestDifference]:
    receipt = receipts.get(row.file)
    if receipt is None:
        return [ManifestDifference(row.file, "file not staged", row.records, None)]
    compared: list[tuple[str, int, int | None]] = [("records", row.records, receipt.records_in)]
    if row.field is not None and row.sum is not None:
        sums = receipt.sums.get(f"{row.file}.{row.field}", {})
        compared.append((f"sum of {row.field}", row.sum, sums.get("in")))
    return [
        ManifestDifference(row.file, what, stated, value)
        for what, stated, value in compared
        if stated != value
    ]
