"""Work off a list by several threads, each with an engine of its own."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def work_off(
    items: Iterable[Item], workers: int, work: Callable[[Iterator[Item]], Result]
) -> list[Result]:
    """Call ``work`` in so many threads, each with the items that it takes from what is left.

    When one fails, the others end with what they are at, and its error is raised.
    """
    waiting = deque(items)

    def taken() -> Iterator[Item]:
        while True:
            try:
                yield waiting.popleft()
            except IndexError:
                return

    def guarded() -> Result:
        try:
            return work(taken())
        except BaseException:
            waiting.clear()
            raise

    with ThreadPoolExecutor(workers) as pool:
        parts = [pool.submit(guarded) for _ in range(workers)]
    return [part.result() for part in parts]
