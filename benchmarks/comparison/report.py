"""The section on the comparison of two extracts of the page of results."""

from typing import Any

from benchmarks.tables import facts, table

Run = dict[str, Any]
SECTION = """\
## Two extracts compared

Two systems in Parquet with the same records in another order, a key and twenty fields (eight
amounts, four numbers, four days, four texts); one record in a thousand differs, two in ten thousand
are on one side only. `crossbill reconcile` pairs, compares and classifies them, looks for doubled
keys, adds up every number and proves the totals. Beside it stands DuckDB's bare full outer join of
the same files with the question which rows differ in any field: the least that can be done. Both
take turns, each in a process of its own; medians. *Limit* is what the engine may use.

{machine}

{sizes}

"""


def section(measured: Run) -> str:
    """The section in Markdown."""
    return SECTION.format(machine=facts(measured), sizes=sizes_table(measured))


def sizes_table(measured: Run) -> str:
    """One row a size and limit."""
    heads = (
        "records", "limit", "bare join s", "crossbill s", "ratio", "bare join processor s",
        "crossbill processor s", "ratio", "bare MB", "crossbill MB", "datacompy s",
    )  # fmt: skip
    return table(heads, [_row(run) for run in measured["runs"]])


def _row(run: Run) -> list[str]:
    bare, ours, peer = run["bare"], run["crossbill"], run.get("datacompy")
    return [
        f"{run['records']:,}",
        run["limit"],
        f"{bare['seconds']:,.1f}",
        f"{ours['seconds']:,.1f}",
        f"{ours['seconds'] / bare['seconds']:.2f}",
        f"{bare['cpu_seconds']:,.1f}",
        f"{ours['cpu_seconds']:,.1f}",
        f"{ours['cpu_seconds'] / bare['cpu_seconds']:.2f}",
        f"{bare['memory_kb'] / 1000:,.0f}",
        f"{ours['memory_kb'] / 1000:,.0f}",
        f"{peer['seconds']:,.1f}" if peer else "",
    ]
