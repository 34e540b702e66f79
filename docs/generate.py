"""Writes the reference pages that follow from the code: run `make docs` after changing it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import catalogue_page
import old_bills_page

from crossbill.core import period, policy, rounding
from crossbill.engine import (
    billing_datasets,
    datasets,
    metered_datasets,
    prepaid_datasets,
    rating_datasets,
)
from crossbill.engine.dataset import Dataset
from crossbill.engine.datasets import CANONICAL
from crossbill.platform.usage import reasons

REFERENCE = Path(__file__).parent / "reference"
SOURCE = Path(__file__).parents[1] / "src" / "crossbill"

TABLES_HEAD = """\
<!-- Written by `make docs` from src/crossbill/engine/datasets.py: change it there. -->
# Tables of the data plane

The canonical tables are where old and new meet: the old system's files become them by a
[mapping](mapping.md), the new system exports them, and one comparison serves both.

- Money is in whole numbers: `_nanos` is 1e-9 of the currency's major unit, `_minor` its minor unit.
- `_ppm` is millionths. `_date` is a day, `_at` an instant in UTC.
- Periods are half-open: `_from` is the first day within, `_to` the first day after.
- A key is an identity in the old system, as text. Rows are stored in key order.
- *Optional* columns may be empty. An empty text is not the same as no value.
"""

RATING_HEAD = """\
<!-- Written by `make docs` from src/crossbill/engine/*_datasets.py: change it there. -->
# Tables of rating

What [rating](../how-to/rating.md) reads and writes. Files of usage and of rated usage have these
columns; the tables of a compiled catalogue can be read by those who check it.

- Quantities are whole base units of a usage type: seconds, bytes, messages.
- Money is in nanos, 1e-9 of the currency's major unit; `_ppm` is millionths.
- `_at` is an instant in UTC, `_s` is seconds since 1970 in UTC; a span is half-open.
- A compiled catalogue refers to itself by small integers (`_id`), which mean nothing outside of it.
- *Optional* columns may be empty.
"""

# What people give and get; every other table is between the two.
GIVEN_AND_MADE = {
    "What is given": ("usage", "service"),
    "What is made of it": (
        "rated_usage", "rated_surcharge", "suspended_usage", "usage_charge", "bucket_use",
        "consumption", "usage_adjustment",
    ),
}  # fmt: skip

ERRORS_HEAD = """\
<!-- Written by `make docs` from the code that raises them: change it there. -->
# Error codes

Every message that Crossbill gives ends its first line with a code in square brackets. The message
itself names file, line, field and value, and what to do.
"""

REFUSALS_HEAD = """\
## Refusals

The command did not do what was asked; nothing is half done.

| code | what is wrong, and the cure |
|---|---|"""

ROWS_HEAD = """
## Entry checks of a migration

The record was suspended: it keeps its raw bytes, and its account stays on the old system.

| code | class | what is wrong, and the cure |
|---|---|---|"""


FAULTS_HEAD = """
## Rows that cannot be read, typed or mapped

| code | what is wrong, and the cure |
|---|---|"""

USAGE_HEAD = """
## Usage that cannot be rated

The event is suspended: it is not priced, it is counted, and its file and line are kept.

| code | field | what is wrong | cure |
|---|---|---|---|"""

CODE = re.compile(r"[A-Z]{2,}(?:_[A-Z0-9]+)+")


def tables_page() -> str:
    """The canonical tables, and the tables that are made of them."""
    others = {name: each for name, each in _datasets(datasets).items() if name not in CANONICAL}
    parts = [TABLES_HEAD, "## The canonical tables\n"]
    parts += [_section(dataset) for dataset in CANONICAL.values()]
    parts += ["## What is made of them\n", *map(_section, others.values())]
    return "\n".join(parts)


def rating_page() -> str:
    """The tables of rating: usage, compiled catalogues, results, metered charges, prepaid."""
    held = _datasets(rating_datasets)
    named = [name for names in GIVEN_AND_MADE.values() for name in names]
    parts = [RATING_HEAD]
    for heading, names in GIVEN_AND_MADE.items():
        parts += [f"## {heading}\n", *(_section(held[name]) for name in names)]
    between = [dataset for name, dataset in held.items() if name not in named]
    parts += ["## Between the two\n", *map(_section, between)]
    parts += ["## Metered charges\n", *map(_section, _datasets(metered_datasets).values())]
    parts += ["## Prepaid sessions\n", *map(_section, _datasets(prepaid_datasets).values())]
    return "\n".join(parts)


def _datasets(module: ModuleType) -> dict[str, Dataset]:
    """The tables that a module describes; of one name the last."""
    return {value.name: value for value in vars(module).values() if isinstance(value, Dataset)}


def _section(dataset: Dataset) -> str:
    key = ", ".join(f"`{name}`" for name in dataset.key)
    lines = [f"### {dataset.name}\n", f"Key: {key}\n", "| column | type | | meaning |"]
    lines.append("|---|---|---|---|")
    for column in dataset.columns:
        optional = "optional" if column.nullable else ""
        lines.append(_row(f"`{column.name}`", column.type, optional, column.meaning))
    return "\n".join([*lines, ""])


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def errors_page() -> str:
    """Every code that a person can meet."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}
    refusals = sorted({found for tree in trees.values() for found in _refusals(tree)})
    checks = sorted({found for tree in trees.values() for found in _checks(tree)})
    parts = [ERRORS_HEAD, REFUSALS_HEAD]
    parts += [_row(f"`{code}`", meaning) for code, meaning in refusals]
    parts += [ROWS_HEAD, *(_row(f"`{code}`", *rest) for code, *rest in checks)]
    migration = [tree for path, tree in trees.items() if "migration" in path.parts]
    faults = sorted({found for tree in migration for found in _messages(tree)})
    parts += [FAULTS_HEAD, *(_row(f"`{code}`", meaning) for code, meaning in faults)]
    unrated = sorted((reasons.READING | reasons.REASONS).items())
    parts += [
        USAGE_HEAD,
        *(_row(f"`{code}`", f"`{r.field}`", r.what, r.cure) for code, r in unrated),
    ]
    return "\n".join([*parts, ""])


def _refusals(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Code and docstring of the exceptions for people: their docstring is message and cure."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for part in node.body:
            if isinstance(part, ast.Assign | ast.AnnAssign) and isinstance(
                part.value, ast.Constant
            ):
                target = part.targets[0] if isinstance(part, ast.Assign) else part.target
                if isinstance(target, ast.Name) and target.id == "code":
                    yield str(part.value.value), _one_line(ast.get_docstring(node) or "")


def _checks(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Code, class and message of the checks that suspend a row."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Name(id="Check"),
                args=[
                    ast.Constant(value=str(code)),
                    ast.Constant(value=str(class_code)),
                    _,
                    ast.Constant(value=str(message)),
                    *_,
                ],
            ):
                yield code, class_code, _one_line(message)


def _messages(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The entries of tables from a code to what it says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                match key, value:
                    case ast.Constant(value=str(code)), ast.Constant(value=str(message)):
                        if CODE.fullmatch(code) and " " in message:
                            yield code, _one_line(message)


def _one_line(text: str) -> str:
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


BILLING_HEAD = """\
<!-- Written by `make docs` from src/crossbill/engine/billing_datasets.py: change it there. -->
# Tables of billing

What [a bill](../how-to/billing.md) is made of, and what is made of it; `product`, `price`,
`customer` and `policy` stand with the [canonical tables](canonical-tables.md). A snapshot's folder
has them as CSV or Parquet files of these names.

- `_minor` is the currency's minor unit, `_nanos` 1e-9 of its major unit, `_ppm` millionths.
- Periods are half-open: `_from` is the first day within, `_to` the first day after.
- *Optional* columns may be empty or missing.
"""

POLICY_HEAD = """\
<!-- Written by `make docs` from src/crossbill/core/policy.py: change it there. -->
# Policies

The rules of a billing system as data: a YAML file with these keys, none of which has a default. A
snapshot may hold several as the table `policy`, and name one for each account.

| key | value | means |
|---|---|---|
| `policy_code` | text | name and version |"""

POLICY_KEYS = {
    "day_count": (period.DayCount, "how the days of a part of an interval are counted"),
    "end_day_counts": (None, "`true`: the last day of a part is charged; `false`: it is not"),
    "rounding_mode": (rounding.RoundingMode, "how amounts become minor units"),
    "rounding_scope": (
        policy.ChargeRounding,
        "what is rounded first; `bill`: the sum of its charges, of which each line is a part",
    ),
    "rounding_digits": (policy.FURTHER_DIGITS, "how many digits beyond the currency's it keeps"),
    "discount_base": (policy.DiscountBase, "of which charge a product's discount is a share"),
    "price_by": (policy.PriceBy, "which day chooses the version of a price"),
    "tax_scope": (policy.TaxScope, "what tax is computed and rounded on"),
    "tax_rounding_mode": (rounding.RoundingMode, "how tax becomes minor units"),
}


def billing_page() -> str:
    """The tables of billing: what a snapshot holds, and what is made of it."""
    return "\n".join([BILLING_HEAD, *map(_section, _datasets(billing_datasets).values())])


def policy_page() -> str:
    """Every rule of a policy with its values."""
    rows = [
        _row(
            f"`{key}`",
            "flag" if kind is None else ", ".join(f"`{value}`" for value in kind),
            meaning,
        )
        for key, (kind, meaning) in POLICY_KEYS.items()
    ]
    return "\n".join([POLICY_HEAD, *rows, ""])


PAGES = {
    "billing-tables.md": billing_page,
    "old-bills.md": old_bills_page.page,
    "policy.md": policy_page,
    "product-catalogue.md": catalogue_page.product_page,
    "canonical-tables.md": tables_page,
    "rating-catalogue.md": catalogue_page.page,
    "rating-tables.md": rating_page,
    "errors.md": errors_page,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
