"""The console's server, and the worker beside it."""

import contextlib
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import ClassVar

import waitress
from django.core.wsgi import get_wsgi_application
from waitress.server import MultiSocketServer, TcpWSGIServer

from crossbill.core.refusal import Refusal

THREADS = 8
STOP_SECONDS = 10
PAUSE_SECONDS = 5

_log = logging.getLogger(__name__)
Server = TcpWSGIServer | MultiSocketServer


class CannotListen(Refusal):
    """The address or port cannot be listened on. Choose another with --host and --port."""

    code: ClassVar[str] = "CANNOT_LISTEN"


def bind(*, host: str, port: int, behind_proxy: bool) -> Server:
    """A server that listens already, so that the address it prints works."""
    try:
        return waitress.create_server(
            get_wsgi_application(),
            host=host,
            port=port,
            threads=THREADS,
            ident=None,
            clear_untrusted_proxy_headers=not behind_proxy,
        )
    except OSError as error:
        raise CannotListen(
            f"Cannot listen: {error.strerror or error}",
            value=f"{host}:{port}",
            cure="choose another port with --port, or stop what listens there",
        ) from error


def address(server: Server) -> str:
    """What to type into a browser."""
    if isinstance(server, MultiSocketServer):
        host, port = server.effective_listen[0]
    else:
        host, port = server.effective_host, server.effective_port
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(server: Server) -> None:
    """Serve until Ctrl-C or SIGTERM, with a worker beside."""
    signal.signal(signal.SIGTERM, _end)
    with worker_beside():
        server.run()


def _end(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C, so that what is registered for the end happens."""
    raise SystemExit(0)


@contextlib.contextmanager
def worker_beside() -> Iterator[None]:
    """Keep a worker running in a process of its own; started again should it end before us."""
    stopping = threading.Event()
    keeper = threading.Thread(target=_keep_worker, args=(stopping,), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        keeper.join(STOP_SECONDS + PAUSE_SECONDS)


def _keep_worker(stopping: threading.Event) -> None:
    while not stopping.is_set():
        _one_worker(stopping)
        if not stopping.is_set():
            _log.warning("The worker ended; another is started in %s seconds", PAUSE_SECONDS)
            stopping.wait(PAUSE_SECONDS)


def _one_worker(stopping: threading.Event) -> None:
    """One worker until it ends or we do. A run that it does may be killed: it can be resumed."""
    command = [sys.executable, "-m", "crossbill.console.worker"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - our own module
    assert process.stdin is not None
    with process.stdin:
        while process.poll() is None and not stopping.wait(0.2):
            pass
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
