"""The object store: files by path, and tables as Parquet whose bytes follow from their rows."""

import errno
import fcntl
import glob
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar, cast

import fsspec  # type: ignore[import-untyped]
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from ibis.backends.duckdb import Backend

from crossbill.core.refusal import Refusal
from crossbill.engine.dataset import Dataset
from crossbill.engine.duckdb import read_parquet

GROUP_ROWS = 131_072
BLOCK_BYTES = 1 << 20
MONEY_SUFFIXES = ("_minor", "_nanos")
LOW_BITS = 32
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Receipt:
    """What was written: enough to prove later that it is still the same and what it amounts to."""

    rows: int
    bytes: int
    sha256: str
    sums: dict[str, int] = field(default_factory=dict)


class StoreFull(Refusal):
    """The disk or the quota of the store is full. Make room, and run the command again."""

    code: ClassVar[str] = "STORE_FULL"
    exit_code: ClassVar[int] = 3


class Store:
    """A folder of files behind any fsspec URL: a local folder, memory, an object store."""

    def __init__(self, url: str) -> None:
        self.filesystem, self.root = fsspec.core.url_to_fs(url)

    @property
    def is_local(self) -> bool:
        """Whether paths are paths of this machine's file system."""
        return isinstance(self.filesystem, LocalFileSystem)

    def path(self, *parts: str) -> str:
        """The full path of a file or folder in the store."""
        assert ".." not in "/".join(parts).split("/"), f"path leaves the store: {parts}"
        return "/".join([self.root.rstrip("/"), *parts])

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return bool(self.filesystem.exists(path))

    @contextmanager
    def open(self, path: str, mode: str = "rb") -> Iterator[IO[Any]]:
        """A file to read, or to write anew: it appears whole at the end or not at all."""
        if "r" in mode:
            with self.filesystem.open(path, mode) as file:
                yield file
            return
        with (
            full_disk_told(path),
            self._draft(path) as draft,
            self.filesystem.open(draft, mode) as file,
        ):
            if self.is_local:
                fcntl.flock(file.fileno(), fcntl.LOCK_SH)
            yield file
            file.flush()
            if self.is_local:
                os.fsync(file.fileno())

    def find(self, pattern: str) -> list[str]:
        """The files whose full path fits a pattern with ``*``, in order."""
        return sorted(str(path) for path in self.filesystem.glob(pattern))

    def hash(self, path: str) -> str:
        """The SHA-256 of a file's bytes."""
        digest = hashlib.sha256()
        with self.open(path) as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()

    def write_table(
        self,
        path: str,
        rows: pa.Table | pa.RecordBatchReader,
        dataset: Dataset,
        *,
        in_order: bool = True,
    ) -> Receipt:
        """Write rows as Parquet; the same rows, the same bytes, in whatever batches.

        Without an order the least and greatest text of a group say nothing, so they are left out.
        """
        sums = {name: 0 for name in dataset.arrow.names if name.endswith(MONEY_SUFFIXES)}
        count = 0
        with self.open(path, "wb") as file:
            sink = _Hashing(file)
            with _parquet_writer(sink, dataset, in_order) as writer:
                for group in _groups(rows, dataset):
                    writer.write_table(group, row_group_size=GROUP_ROWS)
                    count += group.num_rows
                    for name in sums:
                        sums[name] += exact_sum(group[name])
        return Receipt(count, sink.written, sink.digest.hexdigest(), sums)

    def read(self, path: str, only: pc.Expression | None = None) -> pa.Table:
        """A table in memory, or ``only`` some rows of it."""
        with self.open(path) as file:
            return pq.read_table(file, filters=only)

    def scan(self, backend: Backend, *paths: str) -> ir.Table:
        """The tables at these paths, one after the other, as an expression that reads late."""
        if self.is_local:
            return read_parquet(backend, paths)
        backend.con.register_filesystem(self.filesystem)
        return read_parquet(backend, [self.filesystem.unstrip_protocol(path) for path in paths])

    @contextmanager
    def _draft(self, path: str) -> Iterator[str]:
        """A path to write to that takes its final name when all went well."""
        folder, _, name = path.rpartition("/")
        self.filesystem.makedirs(folder, exist_ok=True)
        if self.is_local:
            _clear_drafts(Path(folder), name)
        draft = f"{folder}/.{name}.{uuid.uuid4().hex}"
        try:
            yield draft
        except BaseException:
            if self.filesystem.exists(draft):
                self.filesystem.rm(draft)
            raise
        self._rename(draft, path)

    def _rename(self, draft: str, path: str) -> None:
        if self.is_local:
            Path(draft).replace(path)
        else:
            self.filesystem.mv(draft, path)


@contextmanager
def full_disk_told(path: str) -> Iterator[None]:
    """Tell in a sentence that there is no room; other failures are not ours to explain."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise StoreFull(
            f"The file cannot be stored: {error.strerror}",
            file=path,
            cure="make room on that disk, then run the same command again to go on",
        ) from error


def _clear_drafts(folder: Path, name: str) -> None:
    """Take away the drafts of one file that killed writers left: a living one holds its lock."""
    for draft in folder.glob(f".{glob.escape(name)}.{'[0-9a-f]' * 32}"):
        with suppress(FileNotFoundError), draft.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            draft.unlink()


def exact_sum(column: "pa.ChunkedArray[Any]") -> int:
    """The sum of an int64 column as a Python integer, which no total can overflow."""
    # Arrow wraps on overflow; the halves of up to 2^31 values do not.
    low = pc.sum(pc.bit_wise_and(column, (1 << LOW_BITS) - 1)).as_py() or 0
    high = pc.sum(pc.shift_right(column, LOW_BITS)).as_py() or 0
    return (int(high) << LOW_BITS) + int(low)


class _Hashing:
    """A file to write to that keeps count and hash of what passes."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest, self.written = file, hashlib.sha256(), 0
        self.closed = False

    def write(self, data: Any) -> int:
        block = memoryview(data)
        self.digest.update(block)
        self.written += block.nbytes
        self.file.write(block)
        return block.nbytes

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.closed = True

    def tell(self) -> int:
        return self.written

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def _parquet_writer(sink: _Hashing, dataset: Dataset, in_order: bool) -> pq.ParquetWriter:
    """A writer whose every choice is fixed here, so that a new default changes no bytes.

    Texts come again and again, but the first of a key: with a dictionary what hardly ever does
    takes longer to write and more room.
    """
    names = dataset.arrow.names
    texts = [name for name in names if pa.types.is_string(dataset.arrow.field(name).type)]
    again = [name for name in texts if name != dataset.key[0]]
    return pq.ParquetWriter(
        cast(IO[bytes], sink),
        dataset.arrow,
        version="2.6",
        compression="zstd",
        compression_level=1,
        use_dictionary=names if in_order else again,  # type: ignore[arg-type] # the stubs know less
        write_statistics=names if in_order else [name for name in names if name not in texts],
        store_schema=False,
        data_page_version="1.0",
    )


def _groups(rows: pa.Table | pa.RecordBatchReader, dataset: Dataset) -> Iterator[pa.Table]:
    """The rows in the dataset's schema, in tables of exactly one chunk and `GROUP_ROWS` rows."""
    batches = rows.to_batches() if isinstance(rows, pa.Table) else rows
    _require_columns(rows.schema, dataset)
    waiting: list[pa.Table] = []
    count = 0
    for batch in batches:
        waiting.append(conform(pa.Table.from_batches([batch]), dataset))
        count += batch.num_rows
        if count >= GROUP_ROWS:
            whole = pa.concat_tables(waiting)
            cut = count - count % GROUP_ROWS
            for start in range(0, cut, GROUP_ROWS):
                yield whole.slice(start, GROUP_ROWS).combine_chunks()
            waiting, count = [whole.slice(cut)], count - cut
    if count:
        yield pa.concat_tables(waiting).combine_chunks()


def _require_columns(schema: pa.Schema, dataset: Dataset) -> None:
    missing = set(dataset.arrow.names) - set(schema.names)
    extra = set(schema.names) - set(dataset.arrow.names)
    assert not missing and not extra, f"{dataset.name}: missing {missing}, extra {extra}"


def conform(rows: pa.Table, dataset: Dataset) -> pa.Table:
    """The rows with the dataset's columns and types; what would lose a value is a bug and stops."""
    columns = [_conform_column(rows[f.name], f, dataset.name) for f in dataset.arrow]
    return pa.table(columns, schema=dataset.arrow)


def _conform_column(
    column: "pa.ChunkedArray[Any]", wanted: "pa.Field[Any]", dataset: str
) -> "pa.ChunkedArray[Any]":
    place = f"{dataset}.{wanted.name}"
    assert wanted.nullable or column.null_count == 0, f"{place}: empty where a value must be"
    if column.type == wanted.type:
        return column
    assert _keeps_value(column.type, wanted.type), f"{place}: {column.type} is no {wanted.type}"
    try:
        return column.cast(wanted.type, safe=True)
    except pa.ArrowInvalid as error:
        raise AssertionError(f"{place}: {error}") from error


def _keeps_value(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a checked cast is exact. From a float none is: it may have lost a cent before."""
    if pa.types.is_null(given):
        return True
    if pa.types.is_integer(wanted):
        return pa.types.is_integer(given) or (pa.types.is_decimal(given) and given.scale == 0)
    if pa.types.is_string(wanted):
        return _is_text(given) or (pa.types.is_dictionary(given) and _is_text(given.value_type))
    if pa.types.is_timestamp(wanted):
        return pa.types.is_timestamp(given) and given.tz is None
    return pa.types.is_binary(wanted) and _is_bytes(given)


def _is_text(given: pa.DataType) -> bool:
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(check(given) for check in checks)


def _is_bytes(given: pa.DataType) -> bool:
    return bool(pa.types.is_large_binary(given) or pa.types.is_binary_view(given))
