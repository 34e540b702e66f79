"""One run at a time writes into a folder; another one is told, and does nothing."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from crossbill.core.refusal import Refusal

LOCK = ".lock"


class OutputInUse(Refusal):
    """Another run writes into the output folder. Wait for its end, or choose another folder."""

    code: ClassVar[str] = "OUTPUT_IN_USE"


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the folder for one run; the lock ends with the process, however that ends."""
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputInUse("another run writes into this folder", file=str(folder)) from error
        yield
        (folder / LOCK).unlink()
