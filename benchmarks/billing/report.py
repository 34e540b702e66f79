"""The section on billing of the page of results."""

from typing import Any

from benchmarks.tables import facts, table

Run = dict[str, Any]
SECTION = """\
## Bills

A made-up population is billed for a month by `crossbill bill compute`: eight products an account of
four kinds (in advance, in arrears, not prorated, with a price that changes), one in twenty started
within the month, one in forty ends, one in ten has a discount, one tax a bill. Tables come from
Parquet; bills, lines, taxes and the charges behind them are written as Parquet, in parts of fifty
thousand accounts, with one worker a core, each an engine with one thread, and 8 GB for all of them.

{machine}

{sizes}

Seconds run from reading the catalogue to the receipt, with the proof that every product is charged,
waits or is told, and that bills are the sums of their lines and taxes. Memory is the peak of all
processes, file pages not counted.

### Where the time of bills goes

{stage_lines} lines on one thread, in seconds of the processor per million lines, without reading
and writing files.

{stages}

### One account

In a process that has billed before, one account's bill takes {warm_ms} milliseconds (median); the
first, which builds the chain, {first_s} seconds.

"""


def section(measured: Run) -> str:
    """The section in Markdown."""
    return SECTION.format(
        machine=facts(measured),
        sizes=sizes_table(measured),
        stages=_stages(measured["stages"]),
        stage_lines=f"{measured['stages']['lines']:,}",
        warm_ms=f"{measured['preview']['warm_ms']:,.0f}",
        first_s=f"{measured['preview']['first_ms'] / 1000:,.1f}",
    )


def sizes_table(measured: Run) -> str:
    """One row a size."""
    heads = ("accounts", "lines", "seconds", "processor seconds", "accounts/s", "MB", "MB written")
    rows = [
        (
            f"{run['accounts']:,}",
            f"{run['lines']:,}",
            f"{run['seconds']:,.1f}",
            f"{run['cpu_seconds']:,.1f}",
            f"{run['accounts'] / run['seconds']:,.0f}",
            f"{run['memory_kb'] / 1000:,.0f}",
            f"{run['bytes'] / 1e6:,.0f}",
        )
        for run in measured["runs"]
    ]
    return table(heads, rows)


def _stages(measured: Run) -> str:
    millions = measured["lines"] / 1e6
    laps = {name: spent / millions for name, spent in measured["cpu_seconds"].items()}
    shown = [(name, f"{spent:.2f}") for name, spent in laps.items() if spent >= 0.01]
    return table(("statement", "seconds"), [*shown, ("all", f"{sum(laps.values()):.2f}")])
