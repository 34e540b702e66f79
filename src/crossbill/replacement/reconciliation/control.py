"""What a control is: declared terms, and one verb that measures the same thing on two sides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import Any, ClassVar, Literal, Protocol

import ibis
import ibis.expr.types as ir
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crossbill.core import plugins
from crossbill.core.money import format_minor, minor_digits
from crossbill.core.refusal import Refusal
from crossbill.engine.dataset import described
from crossbill.engine.integers import total
from crossbill.replacement.reconciliation.compare import record_key

CONTROLS = "crossbill.replacement.reconciliation.controls"
GROUP = "crossbill.controls"
Tables = Mapping[str, ir.Table]

CONTROL_ROW = described(
    "control_row",
    "key unit",
    """
    key          text      what is measured, parts joined by |
    unit         text      what the figures count: records, minor USD, seconds, days ...
    left_value   integer?  on the old side, or what has to be; empty where it has none
    right_value  integer?  on the new side, or what is; empty where it has none
    """,
)
VERDICTS = ("equal", "within", "over", "under", "missing", "extra")
OPEN = ("over", "under", "missing", "extra")
MINOR = "minor "  # how the unit of an amount begins; its currency follows


def minor(currency: ir.StringValue) -> ir.StringValue:
    """The unit of amounts of a currency."""
    return ibis.literal(MINOR) + currency


def unit_words(unit: str) -> str:
    """What a unit is called where amounts are written out: ``USD`` for minor USD."""
    return unit.removeprefix(MINOR)


def figure_words(value: int | None, unit: str) -> str:
    """A figure without its unit: ``12.30`` of minor USD, ``1,204`` of records."""
    if value is None:
        return ""
    if unit.startswith(MINOR):
        return format_minor(value, minor_digits(unit_words(unit)))
    return f"{value:,}"


class BadControl(Refusal):
    """A control does not declare what it has to. Mend the plug-in that the message names."""

    code: ClassVar[str] = "BAD_CONTROL"


class Terms(BaseModel):
    """What a control declares about itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1, max_length=80)
    compares: str = Field(min_length=1, max_length=300)
    entity: str
    level: Literal["group", "account", "record"]
    needs: tuple[str, ...] = Field(min_length=1)
    uses: tuple[str, ...] = ()
    tolerance: int = Field(ge=0, strict=True)
    owner: str = Field(min_length=1, max_length=60)
    blocking: bool


class Verb(Protocol):
    """A plug-in: its terms as YAML, and what it measures."""

    TERMS: str

    def measure(self, t: Tables) -> ir.Table:
        """The rows of CONTROL_ROW for the tables that the terms name."""
        ...


@dataclass(frozen=True)
class Control:
    """A control of the catalogue: ``id`` is the name of its file."""

    id: str
    verb: ModuleType

    @cached_property
    def terms(self) -> Terms:
        """Its declaration, checked."""
        try:
            return Terms.model_validate(yaml.safe_load(self.verb.TERMS))
        except (yaml.YAMLError, ValidationError, AttributeError) as error:
            raise BadControl(
                " ".join(str(error).split()), file=self.verb.__name__, field="TERMS"
            ) from error


@cache
def catalogue() -> dict[str, Control]:
    """Every control by its id, ours and those that other distributions register."""
    found = plugins.load(CONTROLS, group=GROUP)
    controls = {name: Control(name, module) for name, module in found.items()}
    for control in controls.values():
        _ = control.terms
    return controls


def figures(
    rows: ir.Table, key: Sequence[ir.Value], unit: ir.Value | str, amount: ir.Value | int = 1
) -> ir.Table:
    """One side's figures: ``key``, ``unit`` and ``amount``, a row for each row."""
    parts = {str(place): part for place, part in enumerate(key)}
    return rows.select(
        key=record_key(parts.__getitem__, tuple(parts)),
        unit=unit if isinstance(unit, ir.Value) else ibis.literal(unit),
        amount=amount.cast("int64")
        if isinstance(amount, ir.Value)
        else ibis.literal(amount, "int64"),
    )


def compared(left: Sequence[ir.Table], right: Sequence[ir.Table]) -> ir.Table:
    """The figures of both sides, added up by key and unit; a side without any has nothing, 0."""
    nothing = ibis.literal(0, "int64")
    sides = [r.select("key", "unit", left=r.amount, right=nothing) for r in left]
    sides += [r.select("key", "unit", left=nothing, right=r.amount) for r in right]
    rows = ibis.union(*sides) if len(sides) > 1 else sides[0]
    return rows.group_by("key", "unit").aggregate(
        left_value=total(rows.left).cast("int64"), right_value=total(rows.right).cast("int64")
    )


def judged(rows: ir.Table, tolerance: int) -> ir.Table:
    """Rows of CONTROL_ROW with ``difference`` (right less left) and ``verdict``."""
    both = rows.left_value.notnull() & rows.right_value.notnull()
    less = rows.right_value - rows.left_value
    verdict = ibis.cases(
        (rows.left_value.identical_to(rows.right_value), "equal"),
        (rows.right_value.isnull(), "missing"),
        (rows.left_value.isnull(), "extra"),
        (less.abs() <= tolerance, "within"),
        (less > 0, "over"),
        else_="under",
    )
    difference = ibis.ifelse(both, less, ibis.null("int64"))
    return rows.mutate(difference=difference, verdict=verdict)


def totals(rows: ir.Table) -> ir.Table:
    """Judged rows by unit and verdict: how many, and what they add up to; never netted."""
    sums = {name: total(rows[name]) for name in ("left_value", "right_value", "difference")}
    return rows.group_by("unit", "verdict").aggregate(rows=rows.count(), **sums)


def standing(sums: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The totals of a run by unit as plain integers: rows by verdict, both sides, over, under."""
    units: dict[str, dict[str, Any]] = {}
    for row in sums:
        found = units.setdefault(
            row["unit"],
            {"unit": row["unit"], "rows": 0, **dict.fromkeys(VERDICTS, 0), "left": 0, "right": 0,
             "over_by": 0, "under_by": 0},
        )  # fmt: skip
        found["rows"] += int(row["rows"])
        found[row["verdict"]] += int(row["rows"])
        for side in ("left", "right"):
            found[side] += int(row[f"{side}_value"] or 0)
        if row["verdict"] in ("over", "under"):
            found[f"{row['verdict']}_by"] += abs(int(row["difference"] or 0))
    return [units[unit] for unit in sorted(units)]
