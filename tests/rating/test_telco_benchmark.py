"""The telco benchmark: the engine's sums against a plain loop in decimals."""

import json
import subprocess
import sys
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from pathlib import Path
from random import Random

import pytest

RUN = Path(__file__).parents[2] / "examples" / "telco_benchmark" / "run.py"
CENT = Decimal("0.01")


def plain(durations: list[int]) -> dict[str, str]:
    price = basic = distance = Decimal("0.00")
    for seconds in durations:
        far = seconds % 2 == 1
        rate = Decimal("0.00894") if far else Decimal("0.0013")
        call = (seconds * rate).quantize(CENT, ROUND_HALF_EVEN)
        price += call
        basic += (call * Decimal("0.0675")).quantize(CENT, ROUND_DOWN)
        if far:
            distance += (call * Decimal("0.0341")).quantize(CENT, ROUND_DOWN)
    sums = {"price": price, "basic_tax": basic, "distance_tax": distance}
    return {name: str(s) for name, s in {**sums, "total": price + basic + distance}.items()}


def run(path: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(RUN), str(path), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.shared_data
def test_the_benchmarks_own_file(shared_data):
    path = shared_data / "telco_benchmark" / "telco-bench.b"
    data = path.read_bytes()
    durations = [int.from_bytes(data[i : i + 8], "big") for i in range(0, len(data), 8)]
    assert len(durations) == 20_000
    assert json.loads(run(path).stdout) == plain(durations)


def test_any_other_file_with_ties_and_nothing(tmp_path):
    """0.0013 x 50 = 0.065 and 0.00894 x 2500 / 2 ... : halves of a cent go to the even one."""
    ties = [0, 50, 150, 250, 350, 1, 125, 375, 604_800]
    durations = ties + [Random(7).randrange(20_000) for _ in range(500)]
    path = tmp_path / "calls.b"
    path.write_bytes(b"".join(n.to_bytes(8, "big") for n in durations))
    assert json.loads(run(path).stdout) == plain(durations)


@pytest.mark.parametrize("data", [b"\x00" * 7, (2**64 - 1).to_bytes(8, "big")])
def test_a_file_that_is_none_is_refused_without_a_traceback(tmp_path, data):
    path = tmp_path / "calls.b"
    path.write_bytes(data)
    done = run(path)
    assert done.returncode == 2
    assert done.stderr.startswith("Refused: ")
    assert "Traceback" not in done.stderr
