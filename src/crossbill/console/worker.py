"""The worker: does the jobs that pages handed over, until it is told to stop."""

import asyncio
import signal
import sys
import threading
from types import FrameType

from procrastinate import App

from crossbill.config import setup

QUEUE = "runs"


def work(*, wait: bool = True) -> None:
    """Do jobs as they come, one at a time; without ``wait``, those that are there."""
    from procrastinate.contrib.django import app

    with app.replace_connector(app.connector.get_worker_connector()) as working:
        asyncio.run(_work(working, wait))


async def _work(app: App, wait: bool) -> None:
    async with app.open_async():
        await app.run_worker_async(queues=[QUEUE], wait=wait, concurrency=1)


def _stop_with_parent() -> None:
    """The parent's end of our input closes when it stops, however it stops."""
    sys.stdin.buffer.read()
    signal.raise_signal(signal.SIGTERM)


def _end(number: int, frame: FrameType | None) -> None:
    """End in order also before the first job, so that what is registered for the end happens."""
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    setup()
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    work()
