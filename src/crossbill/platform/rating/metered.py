"""What metered lines cost: each by its price model, adjusted, and rounded once.

A price model sees a whole period up to the end of a line. A line that is not the first of its
period costs what the period costs by then, less what it cost before: so the lines of a period
always add up, whatever the model.
"""

from collections.abc import Callable, Mapping
from types import ModuleType

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.engine.calculation import Calculation, Step, Tables
from crossbill.engine.metered_datasets import (
    AMOUNT,
    METERED,
    METERED_AMOUNT,
    METERED_EVENT,
    METERED_STEP,
    PRICE_ADJUSTMENT,
    PRICE_TIER,
)
from crossbill.platform.rating import exact
from crossbill.platform.rating.price_models import ADJUSTMENT_DEFAULTS

INPUTS = (METERED, METERED_EVENT, PRICE_TIER, PRICE_ADJUSTMENT)
Plugins = Mapping[str, ModuleType]
MakesTable = Callable[[Tables], ir.Table]

# What a line is priced for: all of the period by its end, and what came before it.
BY_NOW, BEFORE = "1", "0"


def metered_pricing(models: Plugins, adjustments: Plugins, *, positions: int) -> Calculation:
    """The calculation for these price models and adjustments, of which a line has so many at most.

    Inputs: the tables of ``INPUTS`` by name. Results: ``metered_amount`` with one row a line,
    ``metered_step`` with what each model and adjustment added, and ``metered_proof``.
    """
    priced = [Step(f"amount_{name}", _by_model(name, module)) for name, module in models.items()]
    adjusted = [
        step
        for n in range(positions)
        for step in (
            Step(f"declared_{n}", _declared(n, adjustments)),
            Step(_state(n + 1), _adjusted(n, adjustments)),
        )
    ]
    steps = [
        Step("period_line", lambda t: _period_lines(t["metered"], t["price_tier"])),
        Step("period_event", lambda t: _period_events(t["metered"], t["metered_event"])),
        *priced,
        Step("amount", lambda t: _amounts(t, [step.name for step in priced])),
        Step(_state(0), _priced),
        *adjusted,
        Step("metered_step", lambda t: _steps(t, positions)),
        Step("metered_amount", lambda t: _metered_amounts(t, positions)),
        Step("metered_proof", lambda t: metered_proof(t["metered"], t["metered_amount"])),
    ]
    return Calculation({dataset.name: dataset.ibis for dataset in INPUTS}, steps)


def metered_proof(metered: ir.Table, metered_amount: ir.Table) -> ir.Table:
    """One row that proves that every line was priced once: ``balanced``."""
    lines = metered.aggregate(lines_in=metered.count(), keys=metered.line_key.nunique())
    amounts = metered_amount.aggregate(
        lines_out=metered_amount.count(), keys_out=metered_amount.line_key.nunique()
    )
    proof = lines.cross_join(amounts)
    once = (proof.lines_in == proof.lines_out) & (proof.keys == proof.keys_out)
    return proof.mutate(balanced=once & (proof.lines_in == proof.keys))


# The period by the end of each line, and before it


def _period_lines(metered: ir.Table, price_tier: ir.Table) -> ir.Table:
    """Each line with the quantities of its period; a later line a second time, without itself."""
    models = price_tier.select("terms_key", "price_model").distinct()
    rows = metered.left_join(models, "terms_key").drop("terms_key_right")
    earlier = rows.earlier_quantity.fill_null(0)
    by_now = rows.select(
        "terms_key",
        "price_model",
        line_key=_period_key(BY_NOW, rows),
        quantity=earlier + rows.quantity,
        selecting_quantity=earlier + rows.selecting_quantity,
        events=rows.earlier_events + rows.events,
    )
    later = rows.filter(rows.earlier_quantity.notnull())
    before = later.select(
        "terms_key",
        "price_model",
        line_key=_period_key(BEFORE, later),
        quantity=later.earlier_quantity,
        selecting_quantity=later.earlier_quantity,
        events=later.earlier_events,
    )
    return by_now.union(before)


def _period_events(metered: ir.Table, event: ir.Table) -> ir.Table:
    """The events of each line, and those of them that earlier lines have billed."""
    joined = event.inner_join(metered.select("line_key", "earlier_events"), "line_key")
    billed = joined.filter(joined.position < joined.earlier_events)
    by_now, before = (
        rows.mutate(line_key=_period_key(when, rows)).drop("earlier_events")
        for when, rows in ((BY_NOW, joined), (BEFORE, billed))
    )
    return by_now.union(before)


def _period_key(when: str, rows: ir.Table) -> ir.StringValue:
    return ibis.literal(when) + rows.line_key


def _by_model(name: str, module: ModuleType) -> MakesTable:
    """The exact amounts of the lines that one price model prices."""

    def amounts(t: Tables) -> ir.Table:
        line, event, tier = t["period_line"], t["period_event"], t["price_tier"]
        ours = line.filter(line.price_model == name).drop("price_model")
        priced: ir.Table = module.amounts(
            ours, event.semi_join(ours, "line_key"), tier.filter(tier.price_model == name)
        )
        return priced.select(*AMOUNT.ibis)

    return amounts


def _amounts(t: Tables, priced: list[str]) -> ir.Table:
    """What each line costs itself; that no model has priced a line can only be a bug."""
    amount = ibis.union(*(t[name] for name in priced))
    by_now, before = (
        amount.filter(amount.line_key[0] == when).mutate(line_key=amount.line_key[1:])
        for when in (BY_NOW, BEFORE)
    )
    before = before.rename({f"before_{name}": name for name in exact.COLUMNS})
    lines = t["metered"].select("line_key", "earlier_quantity")
    rows = lines.left_join(by_now, "line_key").drop("line_key_right")
    rows = rows.left_join(before, "line_key").drop("line_key_right")
    lost = rows.whole_nanos.isnull() | (
        rows.earlier_quantity.notnull() & rows.before_whole_nanos.isnull()
    )
    unpriced = integers.stop(ibis.literal("no price model has priced the line ") + rows.line_key)
    whole = ibis.ifelse(lost, unpriced, rows.whole_nanos)
    filled = {"before_whole_nanos": 0, "before_part": 0, "before_parts": 1}
    rows = rows.mutate(
        whole_nanos=whole, **{name: rows[name].fill_null(value) for name, value in filled.items()}
    )
    return exact.less(rows, "before").select(*AMOUNT.ibis)


# Adjusting and rounding


def _state(position: int) -> str:
    """The name of the table of lines after so many adjustments."""
    return f"adjusted_{position}"


def _priced(t: Tables) -> ir.Table:
    """The lines as their price models price them."""
    models = t["price_tier"].select("terms_key", step="price_model").distinct()
    rows = t["amount"].inner_join(_rules(t["metered"]), "line_key")
    rows = rows.left_join(models, "terms_key").drop("terms_key_right")
    return _with_state(rows.mutate(before_nanos=ibis.literal(0, "int64")))


def _declared(position: int, adjustments: Plugins) -> MakesTable:
    """The lines with the terms of the adjustment at a position, if they have one there."""

    def declared(t: Tables) -> ir.Table:
        adjustment = t["price_adjustment"]
        ours = adjustment.filter(adjustment.position == position).drop("position")
        state = t[_state(position)].drop("step", "added_nanos")
        rows = state.rename(before_nanos="rounded_nanos")
        rows = rows.left_join(ours.rename(step="adjustment"), "terms_key").drop("terms_key_right")
        unknown = integers.stop(ibis.literal("no such adjustment: ") + rows.step).cast("string")
        known = rows.step.isnull() | rows.step.isin(list(adjustments))
        filled = {n: rows[n].fill_null(value) for n, value in ADJUSTMENT_DEFAULTS.items()}
        return rows.mutate(step=ibis.ifelse(known, rows.step, unknown), **filled)

    return declared


def _adjusted(position: int, adjustments: Plugins) -> MakesTable:
    """The lines after the adjustment of a position; those that have none there stay as they are."""

    def adjusted(t: Tables) -> ir.Table:
        rows = t[f"declared_{position}"]
        parts = [rows.filter(rows.step.isnull())]
        for name, module in adjustments.items():
            changed: ir.Table = module.adjusted(rows.filter(rows.step == name))
            parts.append(changed.select(*rows.columns))
        return _with_state(ibis.union(*parts) if len(parts) > 1 else parts[0])

    return adjusted


RULES = ("terms_key", "earlier_nanos", "last_line", "rounding_mode", "rounding_digits")


def _rules(metered: ir.Table) -> ir.Table:
    """What adjustments and rounding need to know of each line."""
    return metered.select("line_key", *RULES)


STATE = (*AMOUNT.ibis, *RULES, "step", "rounded_nanos", "added_nanos")


def _with_state(rows: ir.Table) -> ir.Table:
    """The lines with their amount rounded, and what that adds to the rounded amount before."""
    known = exact.with_rounded(rows, rows.rounding_mode, rows.rounding_digits)
    return known.mutate(added_nanos=known.rounded_nanos - known.before_nanos).select(*STATE)


def _metered_amounts(t: Tables, positions: int) -> ir.Table:
    last = t[_state(positions)]
    return last.mutate(amount_nanos=last.rounded_nanos).select(*METERED_AMOUNT.ibis)


def _steps(t: Tables, positions: int) -> ir.Table:
    """What each step added, from the price model to the last adjustment."""
    states = (t[_state(n)].mutate(position=ibis.literal(n, "int64")) for n in range(positions + 1))
    steps = ibis.union(*(state.filter(state.step.notnull()) for state in states))
    return steps.mutate(amount_nanos=steps.added_nanos).select(*METERED_STEP.ibis)
