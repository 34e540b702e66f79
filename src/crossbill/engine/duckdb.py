"""The default engine: Ibis on DuckDB in memory, with bounded memory and without extensions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import ibis
from ibis.backends.duckdb import Backend

from crossbill.config.environment import read_environment


@contextmanager
def connect(
    *,
    memory: str | None = None,
    threads: int | None = None,
    temp_dir: Path | None = None,
    sealed_to: Sequence[Path] | None = None,
) -> Iterator[Backend]:
    """An engine of its own for the `with` block; what exceeds its memory spills to a folder.

    ``sealed_to`` is for work that evaluates SQL expressions which a person wrote (a mapping): the
    engine then reads and writes only below these folders, and its settings cannot be changed, so
    an expression that names another file, the network or an extension fails. It can still do all
    that SQL can with the tables it is given; that it is one expression and no statement is for the
    caller to check. Object stores other than folders are read before sealing, with `Store.read`.
    """
    environment = read_environment()
    parent = temp_dir or environment.folder("tmp")
    with TemporaryDirectory(prefix="engine-", dir=parent) as spill:
        backend = ibis.duckdb.connect(
            memory_limit=memory or environment.engine_memory,
            threads=threads or environment.engine_threads,
            temp_directory=spill,
            preserve_insertion_order=True,
            autoinstall_known_extensions=False,
            autoload_known_extensions=False,
        )
        try:
            if sealed_to is not None:
                _seal(backend, sealed_to)
            yield backend
        finally:
            backend.disconnect()


def _seal(backend: Backend, folders: Sequence[Path]) -> None:
    """Shut the engine in: these folders and nothing else, for good."""
    settings = backend.settings
    settings["allowed_directories"] = [str(folder.absolute()) for folder in folders]
    settings["enable_external_access"] = False
    settings["lock_configuration"] = True
