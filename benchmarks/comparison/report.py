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
take turns, each in a process of its own; medians. *Limit* is what the engine may use. Where others
used the cores, too, the processor's seconds say more than those of the clock, and the ratios more
than either. About two seconds of ours do not grow with the data, to start and to plan statements;
they are spent on one core, so that they weigh more on the clock where the cores are idle. Where the
bare join does not fit into memory it carries all columns to disk; ours only keys and prints.

{machine}

{sizes}

{peers}

"""
PEERS = """\
### Beside other tools

datacompy on Polars keeps both sides in memory. reladiff compares two tables of databases; here both
are in one DuckDB file, and to load them is told apart. Both only find what differs: they do not say
why, and prove no totals. `make peers` installs them. They run once, right after our runs. How much
faster we are is told by the clock with and without loading, and by the processor without.

"""


def section(measured: Run) -> str:
    """The section in Markdown."""
    return SECTION.format(
        machine=facts(measured), sizes=sizes_table(measured), peers=peers_section(measured)
    )


def peers_section(measured: Run) -> str:
    """What other tools need for the same, where they were there."""
    heads = (
        "records", "tool", "version", "loading s", "s", "processor s", "MB",
        "crossbill is faster", "with loading", "by the processor",
    )  # fmt: skip
    rows = [
        _peer(run, name)
        for run in measured["runs"]
        for name in ("datacompy", "reladiff")
        if "version" in run.get(name, {})
    ]
    return PEERS + table(heads, rows) if rows else ""


def _peer(run: Run, name: str) -> list[str]:
    peer, ours = run[name], run["crossbill"]
    loading = peer.get("loading_seconds", 0)
    return [
        f"{run['records']:,}",
        name,
        peer["version"],
        f"{loading:,.1f}" if loading else "",
        f"{peer['seconds']:,.1f}",
        f"{peer['cpu_seconds']:,.1f}",
        f"{peer['memory_kb'] / 1000:,.0f}",
        f"{peer['seconds'] / ours['seconds']:.1f} times",
        f"{(peer['seconds'] + loading) / ours['seconds']:.1f} times",
        f"{peer['cpu_seconds'] / ours['cpu_seconds']:.1f} times",
    ]


def sizes_table(measured: Run) -> str:
    """One row a size and limit."""
    heads = (
        "records", "limit", "bare join s", "crossbill s", "ratio", "bare join processor s",
        "crossbill processor s", "ratio", "bare MB", "crossbill MB",
    )  # fmt: skip
    return table(heads, [_row(run) for run in measured["runs"]])


def _row(run: Run) -> list[str]:
    bare, ours = run["bare"], run["crossbill"]
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
    ]
