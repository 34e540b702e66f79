"""One engine of this process for small questions of people, asked one after the other.

Opening an engine takes longer than such a question, and the tables of a question are small.
"""

import atexit
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from ibis.backends.duckdb import Backend

from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow

MEMORY = "512MB"
_turn = threading.Lock()


@contextmanager
def small_engine() -> Iterator[Backend]:
    """The engine, for this caller alone as long as the block lasts."""
    with _turn, refusing_overflow():
        yield _opened()


@cache
def _opened() -> Backend:
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(connect(memory=MEMORY, threads=1))
