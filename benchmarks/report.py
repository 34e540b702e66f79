"""The page with the measured table: medians of the runs, and how they scale."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from benchmarks.billing.report import section as billing_section
from benchmarks.comparison.report import section as comparison_section
from benchmarks.inference.report import section as inference_section
from benchmarks.rating.report import section as rating_section
from benchmarks.search.report import section as search_section
from benchmarks.tables import facts, table
from benchmarks.two_databases_report import section as databases_section

Run = dict[str, Any]
STEPS = {
    "land": "land: copy the extract",
    "stage": "stage: type the records",
    "manifest": "hold them to the manifest",
    "map": "map to the canonical tables",
    "validate": "validate at entry",
    "catalogue": "publish the catalogue",
    "plan": "plan the moves",
    "load": "load (all waves)",
    "snapshot": "snapshot",
    "bill": "shadow bill",
    "reconcile": "reconcile",
    "gate": "gate",
    "sign": "sign and go live",
}
PAGE = """\
# Benchmarks

`make bench` measures and writes this page. Its numbers are from one machine and one run of the
command; what counts is how they relate: to each other as the sizes grow, and to the anchor beside
them.

{pipeline}{rating}{billing}{comparison}{databases}{inference}{search}## Do it yourself

```
make bench
.venv/bin/python -m benchmarks --only pipeline --sizes 10000,100000 --repeat 5
.venv/bin/python -m benchmarks --only rating --rating-sizes 2000000
.venv/bin/python -m benchmarks --only billing --billing-sizes 10000,100000
.venv/bin/python -m benchmarks --only comparison --comparison-sizes 1000000
.venv/bin/python -m benchmarks --only databases --databases-sizes 1000000
.venv/bin/python -m benchmarks --only inference --inference-sizes 100000
.venv/bin/python -m benchmarks --only search --search-sizes 100000
```

The raw numbers of the last runs are in `benchmarks/results*.json`. A million accounts need {disk}
of disk below `TMPDIR`, a hundred million events 15 GB, and every size needs an otherwise idle
machine.
"""
PIPELINE = """\
## The main job

{machine}

The sample carrier's change-over as `crossbill demo` does it: generate the extract, then land,
stage, map, validate, plan, and for each of four waves load, snapshot, shadow bill, reconcile, gate
and signatures. Each run has a process and a data folder of its own, so it pays for a new PostgreSQL
too (*start-up*). Wall time in seconds, median of the runs. Memory is the highest sum over all
processes at one moment of the pipeline, what they share counted once, file pages not at all.

{sizes}

*Pipeline* is everything from landing to the last signature. *Per account, next to the smaller size*
is the time that each further account took, as a multiple of the same for the step before it: 1.0 is
linear. *Load / COPY* is the time of all waves' loads over a bare COPY of the same rows into the
same tables, all constraints and triggers on, in the same PostgreSQL right after the run; the aim is
under 1.5 at a million accounts. At the smallest size what a wave costs whatever its size (building
and compiling its queries) is most of the time, which is why a further account is so cheap there.

### Where the time goes

{steps}

"""
DISK = "20 GB"


def page(**measured: Run | None) -> str:
    """The page in Markdown, of the jobs that have been measured."""
    sections = {
        name: section(found) if (found := measured.get(name)) else ""
        for name, section in SECTIONS.items()
    }
    return PAGE.format(**sections, disk=DISK)


def _pipeline(measured: Run) -> str:
    groups = _by_size(measured["runs"])
    return PIPELINE.format(
        machine=facts(measured), sizes=_sizes_table(groups), steps=_steps_table(groups)
    )


def sizes_as_text(measured: dict[str, Any]) -> str:
    """The main table, for the terminal."""
    return _sizes_table(_by_size(measured["runs"]))


def _by_size(runs: Sequence[Run]) -> dict[int, list[Run]]:
    sizes = sorted({run["accounts"] for run in runs})
    return {size: [run for run in runs if run["accounts"] == size] for size in sizes}


def _sizes_table(groups: dict[int, list[Run]]) -> str:
    head = ["accounts", "runs", "start-up", "generate", "pipeline", "accounts/s"]
    head += ["per account, next to the smaller size", "Python MB", "PostgreSQL MB", "load / COPY"]
    slopes = _slopes({size: _seconds(runs, "replace") for size, runs in groups.items()})
    rows = [[*_size_row(size, runs), *_weight(runs, slopes[size])] for size, runs in groups.items()]
    return table(head, rows)


def _size_row(size: int, runs: Sequence[Run]) -> list[str]:
    seconds = {part: _seconds(runs, part) for part in ("start", "generate", "replace")}
    parts = [f"{value:.1f}" for value in seconds.values()]
    return [f"{size:,}", str(len(runs)), *parts, f"{size / seconds['replace']:,.0f}"]


def _weight(runs: Sequence[Run], slope: str) -> list[str]:
    memory = [_megabytes(runs, who) for who in ("python", "postgres")]
    ratio = median(run["stages"]["load"] / run["bare_copy_seconds"] for run in runs)
    return [slope, *memory, f"{ratio:.2f}"]


def _slopes(seconds: dict[int, float]) -> dict[int, str]:
    """Each further account's time as a multiple of what one took in the step before."""
    found: dict[int, str] = {}
    before_size, before_seconds, before_slope = 0, 0.0, 0.0
    for size, value in seconds.items():
        slope = (value - before_seconds) / (size - before_size)
        found[size] = f"{slope / before_slope:.2f}" if before_slope > 0 else ""
        before_size, before_seconds, before_slope = size, value, slope
    return found


def _steps_table(groups: dict[int, list[Run]]) -> str:
    head = ["step", *(f"{size:,} accounts" for size in groups)]
    rows = [
        [words, *(f"{_stage(runs, step):.1f}" for runs in groups.values())]
        for step, words in STEPS.items()
    ]
    return table(head, rows)


def _stage(runs: Sequence[Run], step: str) -> float:
    return median(run["stages"].get(step, 0.0) for run in runs)


def _seconds(runs: Sequence[Run], part: str) -> float:
    return median(run["seconds"][part] for run in runs)


def _megabytes(runs: Sequence[Run], who: str) -> str:
    return f"{median(run['memory_kb']['replace'][who] for run in runs) / 1024:,.0f}"


SECTIONS: dict[str, Callable[[Run], str]] = {
    "pipeline": _pipeline,
    "rating": lambda measured: f"{rating_section(measured)}\n",
    "billing": billing_section,
    "comparison": comparison_section,
    "databases": databases_section,
    "inference": inference_section,
    "search": search_section,
}
