"""The section on two databases compared by buckets of the page of results."""

from typing import Any

from benchmarks.tables import facts, table

Run = dict[str, Any]
SECTION = """\
## Two databases compared

Two PostgreSQL databases with the same rows, a key and twenty fields, amounts in another scale and
rows in another order; one row in a thousand differs by a cent. Both databases are on one server,
and the processor's cores are shared by both and by other work (see the load). *Allowed* is a
hundred times the rows that differ; *travelled* is every byte of questions and answers, of both.

{machine}

{sizes}

"""


def section(measured: Run) -> str:
    """The section in Markdown."""
    return SECTION.format(machine=facts(measured), sizes=sizes_table(measured))


def sizes_table(measured: Run) -> str:
    """One row a size."""
    heads = (
        "rows on each side", "bytes of a row", "differ", "travelled MB", "allowed MB",
        "of what is allowed", "both tables MB", "s",
    )  # fmt: skip
    return table(heads, [_row(run) for run in measured["runs"]])


def _row(run: Run) -> list[str]:
    travelled, allowed, whole = (
        run[f"{name}_bytes"] for name in ("travelled", "allowed", "both_tables")
    )
    return [
        f"{run['rows']:,}",
        str(run["row_bytes"]),
        f"{run['differing']:,}",
        f"{travelled / 10**6:,.1f}",
        f"{allowed / 10**6:,.1f}",
        f"{100 * travelled // max(allowed, 1)} %",
        f"{whole / 10**6:,.0f}",
        f"{run['seconds']:,.1f}",
    ]
