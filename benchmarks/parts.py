"""A part of a benchmark in a process of its own, and the peak of its memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.memory import watch

ROOT = Path(__file__).parents[1]


def measure_part(
    module: str, part: str, folder: Path, python: str | Path = sys.executable
) -> dict[str, Any]:
    """What one part printed, with the kilobytes that it had at most."""
    command = [str(python), "-m", module, part, str(folder)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child,
        watch(child.pid, folder) as peaks,
    ):
        said, _ = child.communicate()
    if child.returncode != 0:
        raise SystemExit(f"The part {part} failed, see above")
    found: dict[str, Any] = json.loads(said)
    memory = {who: size for seen in peaks.by_phase.values() for who, size in seen.items()}
    return found | {"memory_kb": memory.get("python", 0)}
