"""The pipeline at several sizes: each run in a process of its own, with a fresh home."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from benchmarks.memory import watch

SEED = 42


def measure(accounts: int) -> dict[str, Any]:
    """One run: its result with the seconds of each part and the peak of memory of each phase."""
    home = Path(mkdtemp(prefix="crossbill-bench-"))
    try:
        return _measure_in(home, accounts)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _measure_in(home: Path, accounts: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.change_over", str(accounts), str(SEED)]
    result: dict[str, Any] = {}
    with (
        subprocess.Popen(
            command, env=_environment(home), stdout=subprocess.PIPE, text=True
        ) as child,
        watch(child.pid, home) as peaks,
    ):
        for line in child.stdout or ():
            message = json.loads(line)
            peaks.phase = message.get("phase", peaks.phase)
            result |= message.get("result", {})
    if child.returncode != 0:
        raise SystemExit(f"The run of {accounts:,} accounts failed, see above")
    return result | {"memory_kb": peaks.by_phase}


def _environment(home: Path) -> dict[str, str]:
    """The surroundings without settings of the user's: the product as it comes."""
    ours = ("CROSSBILL_", "DJANGO_", "DATABASE_URL")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # an installation is compiled once
    return kept | {"CROSSBILL_HOME": str(home)}
