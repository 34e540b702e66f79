"""What was measured on, and with which versions: without it a number says nothing."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from crossbill.config.cluster import VERSION as POSTGRESQL

PACKAGES = ("duckdb", "ibis-framework", "pyarrow", "django")


def machine() -> dict[str, str]:
    """Cores, memory and processor of this machine, and how busy it is with other things."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{_memory_kb() // 1024 // 1024 + 1} GB",
        "processor": _from(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "load average before": f"{os.getloadavg()[0]:.1f}",
    }


def versions() -> dict[str, str]:
    """The parts that the time goes into."""
    packages = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "postgresql": str(POSTGRESQL)} | packages


def _memory_kb() -> int:
    return int(_from(Path("/proc/meminfo"), "MemTotal").split()[0])


def _from(path: Path, name: str) -> str:
    """A value of one of the kernel's tables of ``name: value``."""
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")
