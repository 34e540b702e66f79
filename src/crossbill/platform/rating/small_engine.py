"""Engines of this process for small questions of people, asked one after the other.

Opening an engine takes longer than such a question, and the tables of a question are small.
Questions of each kind have their own, so that what they left there is still there for the next.
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
def small_engine(kind: str) -> Iterator[Backend]:
    """The engine for a kind of question, for this caller alone as long as the block lasts."""
    with _turn, refusing_overflow():
        yield _opened(kind)


@cache
def _opened(kind: str) -> Backend:
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(connect(memory=MEMORY, threads=1))
