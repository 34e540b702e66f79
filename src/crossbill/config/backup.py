"""A backup: one file with the database and the store's files, each with its hash."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, ClassVar

import fsspec  # type: ignore[import-untyped]

from crossbill.config.client import command, connect, run_client, show
from crossbill.config.cluster import binary
from crossbill.core.refusal import Refusal

DUMP = "database.dump"
MANIFEST = "manifest.json"
STORE = "store/"
FORMAT = 1
BLOCK_BYTES = 1 << 20
LARGEST_MANIFEST_BYTES = 1 << 28
LOCK_TIMEOUT = "SET lock_timeout = '10s'"
EMPTY_SCHEMA = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


class BackupFailed(Refusal):
    """The backup was not written, and no part of it is left. Mend what the message names."""

    code: ClassVar[str] = "BACKUP_FAILED"


class BadBackup(Refusal):
    """The file is not a whole, unchanged Crossbill backup. Take another copy of it."""

    code: ClassVar[str] = "BAD_BACKUP"


class RestoreRefused(Refusal):
    """The backup was not restored, and the database is as it was. See the cure."""

    code: ClassVar[str] = "RESTORE_REFUSED"


@dataclass(frozen=True)
class Manifest:
    """What a backup holds: its last member, so that its presence proves that nothing is cut off."""

    format: int = FORMAT
    crossbill: str = ""
    postgresql: str = ""
    database_bytes: int = 0
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def store_files(self) -> int:
        """How many files of the store it holds."""
        return sum(name.startswith(STORE) for name in self.hashes)


def write_backup(*, url: str, store_url: str | None, file: Path) -> Manifest:
    """Write the database, then the store's files (none where ``store_url`` is absent), to one file.

    The database comes first: the store only grows, so it has every file that the database names.
    """
    _refuse_to_overwrite(file)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    dump = file.with_name(f".{file.name}.{os.getpid()}.dump")
    try:
        server = _dump(url, dump)
        hashes: dict[str, str] = {}
        with _private(draft) as target, tarfile.open(fileobj=target, mode="w") as archive:
            with dump.open("rb") as source:
                hashes[DUMP] = _add(archive, DUMP, source, dump.stat().st_size)
            for name, source, size in _store_files(store_url):
                hashes[name] = _add(archive, name, source, size)
            manifest = Manifest(FORMAT, version("crossbill"), server, dump.stat().st_size, hashes)
            text = json.dumps(asdict(manifest), indent=1).encode()
            _add(archive, MANIFEST, io.BytesIO(text), len(text))
        draft.replace(file)
    except OSError as error:
        raise _failed(file, str(error.strerror or error)) from error
    finally:
        draft.unlink(missing_ok=True)
        dump.unlink(missing_ok=True)
    return manifest


def verify_backup(file: Path) -> Manifest:
    """Read the whole file and compare every hash; refuse where anything is missing or changed."""
    hashes: dict[str, str] = {}
    text = b""
    for name, source in _members(file):
        if name == MANIFEST:
            text = source.read(LARGEST_MANIFEST_BYTES)
        else:
            hashes[name] = _digest(source)
    manifest = _manifest(file, text)
    for name in sorted(hashes.keys() ^ manifest.hashes.keys()):
        raise _bad(file, f"Part {name!r} is missing or was added")
    for name, digest in manifest.hashes.items():
        if hashes[name] != digest:
            raise _bad(file, f"Part {name!r} has changed since the backup was written")
    return manifest


def restore_backup(*, url: str, store_url: str, file: Path, replace: bool) -> Manifest:
    """Put a verified backup back, in one transaction, into an empty database or instead of it."""
    manifest = verify_backup(file)
    if not replace and (found := _tables(url)):
        raise RestoreRefused(
            f"The database is not empty: it holds {found} tables",
            file=str(file),
            cure="Restore into an empty database (another CROSSBILL_HOME or DATABASE_URL), "
            "or add --replace to discard what is there.",
        )
    _restore_store(file, store_url, replace=replace)
    _restore_database(url, file)
    return manifest


def _refuse_to_overwrite(file: Path) -> None:
    if file.exists():
        raise BackupFailed(
            "The file exists already", file=str(file), cure="Choose a name that is not taken."
        )
    if not file.parent.is_dir():
        raise BackupFailed(
            "The folder does not exist", file=str(file), cure="Make the folder, then try again."
        )


def _dump(url: str, dump: Path) -> str:
    """Dump the database to a file; the server's version."""
    with _private(dump):
        done = run_client("pg_dump", url, "--format=custom", "--no-owner", f"--file={dump}")
    if done.returncode != 0:
        raise _failed(dump, show(done.stderr.splitlines()))
    with connect(url) as connection:
        return connection.info.parameter_status("server_version") or ""


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner can read: it holds customers' data. On disk when it closes."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(descriptor)


class _Hashed(io.RawIOBase):
    """A file to read that keeps the hash of what was read."""

    def __init__(self, file: Any) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block: bytes = self.file.read(size)
        self.digest.update(block)
        return block


def _add(archive: tarfile.TarFile, name: str, source: Any, size: int) -> str:
    """Add a part; its hash."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    hashed = _Hashed(source)
    archive.addfile(info, hashed)
    return hashed.digest.hexdigest()


def _store_files(store_url: str | None) -> Iterator[tuple[str, Any, int]]:
    """The finished files of the store in order; drafts begin with a dot."""
    if store_url is None:
        return
    filesystem, root = fsspec.core.url_to_fs(store_url)
    found = filesystem.find(root, detail=True) if filesystem.exists(root) else {}
    for path in sorted(found):
        relative = path.removeprefix(root).lstrip("/")
        if not relative.rpartition("/")[2].startswith("."):
            with filesystem.open(path, "rb") as source:
                yield STORE + relative, source, found[path]["size"]


def _members(file: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The parts of a backup in their order."""
    try:
        with tarfile.open(file, mode="r:") as archive:
            for member in archive:
                source = archive.extractfile(member)
                parts = member.name.split("/")
                if source is None or ".." in parts or member.name.startswith("/"):
                    raise _bad(file, f"Part {member.name!r} does not belong into a backup")
                yield member.name, source
    except FileNotFoundError:
        raise BadBackup("There is no such file", file=str(file), cure="Check the path.") from None
    except (tarfile.TarError, OSError) as error:
        raise _bad(file, f"The file cannot be read as a backup: {error}") from None


def _manifest(file: Path, text: bytes) -> Manifest:
    try:
        manifest = Manifest(**json.loads(text))
    except (ValueError, TypeError):
        raise _bad(file, "The end of the file is missing") from None
    if manifest.format != FORMAT or DUMP not in manifest.hashes:
        raise _bad(file, f"The backup has format {manifest.format}, this release reads {FORMAT}")
    return manifest


def _tables(url: str) -> int:
    """How many tables the database holds."""
    question = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    with connect(url) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return int(row[0])


def _restore_store(file: Path, store_url: str, *, replace: bool) -> None:
    """Bring the store's files back; those already there are compared before any is written."""
    filesystem, root = fsspec.core.url_to_fs(store_url)
    if not replace:
        _refuse_other_files(file, filesystem, root)
    for name, source in _members(file):
        if name.startswith(STORE):
            path = f"{root.rstrip('/')}/{name.removeprefix(STORE)}"
            folder, _, last = path.rpartition("/")
            filesystem.makedirs(folder, exist_ok=True)
            draft = f"{folder}/.{last}.restoring"
            with filesystem.open(draft, "wb") as target:
                while block := source.read(BLOCK_BYTES):
                    target.write(block)
            filesystem.mv(draft, path)


def _refuse_other_files(file: Path, filesystem: Any, root: str) -> None:
    for name, source in _members(file):
        path = f"{root.rstrip('/')}/{name.removeprefix(STORE)}"
        if not name.startswith(STORE) or not filesystem.exists(path):
            continue
        with filesystem.open(path, "rb") as there:
            same = _digest(there) == _digest(source)
        if not same:
            raise RestoreRefused(
                "The store holds another file of the same name",
                file=path,
                cure="Point CROSSBILL_STORE to an empty store, or add --replace.",
            )


def _digest(source: Any) -> str:
    digest = hashlib.sha256()
    while block := source.read(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def _restore_database(url: str, file: Path) -> None:
    """Replace the tables by those of the backup in one transaction: all of it or nothing."""
    words, environment = command("psql", url, "--no-psqlrc", "--quiet", "--single-transaction")
    words += ["--set=ON_ERROR_STOP=1", f"--command={LOCK_TIMEOUT}", f"--command={EMPTY_SCHEMA}"]
    script = [str(binary("pg_restore")), "--no-owner", "--no-acl", "--file=-"]
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    with (
        subprocess.Popen(script, stdin=pipe, stdout=pipe, stderr=quiet) as reader,  # noqa: S603 - our own wheel
        subprocess.Popen(  # noqa: S603 - our own wheel
            [*words, "--file=-"],
            env=environment,
            stdin=reader.stdout,
            stdout=quiet,
            stderr=pipe,
            text=True,
        ) as writer,
    ):
        assert reader.stdin is not None and reader.stdout is not None
        reader.stdout.close()  # so that the reader notices when the writer stops
        _feed(file, reader.stdin)
        _, said = writer.communicate()
    if writer.returncode or reader.returncode:
        raise RestoreRefused(
            f"PostgreSQL refused the backup: {show(said.splitlines())}",
            file=str(file),
            cure="End other Crossbill commands that use the database, then try again.",
        )


def _feed(file: Path, target: IO[bytes]) -> None:
    """Give the dump to the program that reads it, which stops early where the restore fails."""
    with target, suppress(BrokenPipeError):
        for name, source in _members(file):
            if name == DUMP:
                shutil.copyfileobj(source, target, BLOCK_BYTES)


def _failed(file: Path, reason: str) -> BackupFailed:
    return BackupFailed(
        f"The backup could not be written: {reason}",
        file=str(file),
        cure="Free space or choose another folder, and see that the database runs.",
    )


def _bad(file: Path, reason: str) -> BadBackup:
    return BadBackup(reason, file=str(file), cure="Restore from another copy of the backup.")
