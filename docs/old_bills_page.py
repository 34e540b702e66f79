"""The reference page of the folder that `infer-policy` reads, from its fields and reasons."""

from crossbill.replacement.reconciliation.inference import (
    comparable,
    fields,
    fit_orders,
    taxes,
)

HEAD = """\
<!-- Written by `make docs` from reconciliation/inference/fields.py: change it there. -->
# Old bills and their facts

What [`crossbill reconcile infer-policy FOLDER`](../how-to/infer-policy.md) reads: CSV files of one
folder. Each table is the file `TABLE.csv` with the names of its fields as header, in UTF-8,
separated by commas, with days as `2024-03-31` and decimals as `-49.90`; or what a
[specification](infer-policy-spec.md) says. A folder with the usual names is also a snapshot for
`crossbill bill compute`, where it has the columns that a [snapshot](billing-tables.md) needs.

*Required* fields have to be there and to be filled. For others that are missing or blank the
value under *else* is taken, if there is one.

## The tables
"""

REASONS = """\
## What is set aside
A row that cannot be read is set aside with the
[code of its fault](source-formats.md#codes-of-suspended-records); a line or bill that cannot be
compared with one of these, or with the code of the engine (`PRICE_MISSING` ...) where no policy
could charge it. Read = compared + set aside.

| code | of | what is wrong | cure |
|---|---|---|---|"""


def page() -> str:
    """The whole page."""
    reasons = [
        f"| `{code}` | {of} | {what} | {cure} |"
        for of, told in (
            ("line", comparable.REASONS),
            ("bill", taxes.REASONS),
            ("charge of usage", fit_orders.REASONS),
        )
        for code, (what, cure) in told.items()
    ]
    parts = [HEAD, *map(_table, fields.TABLES.values()), REASONS, *reasons]
    return "\n".join([*parts, ""])


def _table(table: fields.TableTerms) -> str:
    needed = " It has to be there." if table.needed else ""
    lines = [
        f"### {table.name}",
        f"{table.meaning}{needed}\n",
        "| field | type | | else | meaning |",
    ]
    lines.append("|---|---|---|---|---|")
    for field in table.fields:
        required = "required" if field.required else ""
        assumed = f"`{field.assumed}`" if field.assumed is not None else ""
        row = (f"`{field.name}`", field.kind, required, assumed, field.meaning)
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join([*lines, ""])
