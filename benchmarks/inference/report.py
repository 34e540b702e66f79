"""The section on the rules behind old bills of the page of results."""

from typing import Any

from benchmarks.tables import facts, table

Run = dict[str, Any]
SECTION = """\
## The rules behind old bills

`crossbill reconcile infer-policy` on CSV files: four months of bills of products that start, end,
have several units, prices of their own and discounts, billed by rules that it is not told (the
price of a day kept to four decimals, discounts of the charge before it is rounded, tax of each
product). It reads the files, tries 15,552 policies, finds these rules alone and reproduces every
line. *CPU s* is the time of the processor on all cores; the seconds beside it are an upper bound
where other work ran (see the load).

{machine}

{sizes}

"""


def section(measured: Run) -> str:
    """The section in Markdown."""
    return SECTION.format(machine=facts(measured), sizes=sizes_table(measured))


def sizes_table(measured: Run) -> str:
    """One row a size."""
    heads = ("lines", "reproduced", "seconds", "CPU s", "lines/s", "MB")
    return table(heads, [_row(run) for run in measured["runs"]])


def _row(run: Run) -> list[str]:
    lines = run["lines"]
    return [
        f"{lines['read']:,}",
        f"{lines['reproduced']:,}",
        f"{run['seconds']:,.1f}",
        f"{run['cpu_seconds']:,.1f}",
        f"{lines['read'] / run['seconds']:,.0f}",
        f"{run['memory_kb'] / 1000:,.0f}",
    ]
