"""The peak of memory of a process and all below it, and of the database server beside it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
INTERVAL_SECONDS = 0.5


@dataclass
class Peaks:
    """Kilobytes at the worst moment of each phase: Python, PostgreSQL, and both at once."""

    phase: str = "start"
    by_phase: dict[str, dict[str, int]] = field(default_factory=dict)

    def note(self, python_kb: int, postgres_kb: int) -> None:
        """Take one look into account."""
        seen = {"python": python_kb, "postgres": postgres_kb, "both": python_kb + postgres_kb}
        worst = self.by_phase.setdefault(self.phase, dict.fromkeys(seen, 0))
        worst.update({who: max(worst[who], size) for who, size in seen.items()})


@contextmanager
def watch(pid: int, home: Path) -> Iterator[Peaks]:
    """Look again and again at the process and at the home's database server."""
    peaks, ended = Peaks(), threading.Event()

    def look() -> None:
        while not ended.wait(INTERVAL_SECONDS):
            parents = _parents()
            server = _server(home)
            ours = _below(pid, parents)
            theirs = _below(server, parents) if server else set()
            peaks.note(_size(ours - theirs), _size(theirs))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _server(home: Path) -> int | None:
    """The embedded server's process, once it has written it down."""
    try:
        return int((home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _parents() -> dict[int, int]:
    """Each process' parent."""
    found = {}
    for path in PROC.glob("[0-9]*/stat"):
        try:
            # The name in brackets may hold anything, also brackets and blanks.
            found[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has just ended
    return found


def _below(root: int, parents: dict[int, int]) -> set[int]:
    tree, size = {root}, 0
    while size != len(tree):
        size = len(tree)
        tree |= {process for process, parent in parents.items() if parent in tree}
    return tree


def _size(processes: set[int]) -> int:
    """Kilobytes: what each has of its own, and what the server's processes share once."""
    tables = [_status(process) for process in processes]
    own = sum(_kilobytes(table, "RssAnon") for table in tables)
    return own + max((_kilobytes(table, "RssShmem") for table in tables), default=0)


def _status(process: int) -> dict[str, str]:
    try:
        lines = (PROC / str(process) / "status").read_text().splitlines()
    except OSError:
        return {}  # it has just ended
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _kilobytes(table: dict[str, str], name: str) -> int:
    return int(table.get(name, "0").split()[0])
