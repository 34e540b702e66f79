"""The policy behind old bills: the one that reproduces most of their lines to the cent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.core.policy import Policy
from crossbill.platform.billing.bills import TAX_TERMS, currency_table
from crossbill.platform.billing.due import boundaries
from crossbill.replacement.reconciliation.inference import amounts, space, taxes
from crossbill.replacement.reconciliation.inference.calculation import (
    INPUTS,
    OUTCOME,
    Shape,
    search,
)
from crossbill.replacement.reconciliation.inference.candidates import candidate_tables
from crossbill.replacement.reconciliation.inference.space import Choice, Outcome

SOME_DAY = date(2000, 1, 1)  # where there is no line, nothing is counted
NET_KINDS = ((amounts.LINE, amounts.EXTRA),)
TAX_KINDS = ((taxes.BILL,), (taxes.TAXED_LINE,))


@dataclass(frozen=True)
class FamilyFit:
    """What explains one family best: the choice of each stage, and what it was chosen from."""

    family: str
    net: Choice
    tax: Choice
    outcomes: tuple[Outcome, ...]

    @property
    def rules(self) -> dict[str, Any]:
        """All fields of the policy but its name."""
        return {**self.net.best, **self.tax.best}

    def policy(self, code: str) -> Policy:
        """The policy as the engine takes it."""
        return Policy.from_mapping({"policy_code": code, **self.rules})


@dataclass(frozen=True)
class Inference:
    """The fits by family, and the tables of the search, which live as long as the engine."""

    fits: tuple[FamilyFit, ...]
    tables: Mapping[str, ir.Table]
    backend: Backend


def infer(backend: Backend, tables: Mapping[str, ir.Table]) -> Inference:
    """Search the space of policies on the tables of ``INPUTS``.

    Only ``old_line``, ``product`` and ``account`` have to be there.
    """
    held = _complete(backend, tables)
    done = search(_shape(backend, held)).run(backend, held)
    rows = done["outcome"].order_by(*OUTCOME)
    outcomes = [
        Outcome(**row | {"mask": amounts.mask_of(row["mask"])})
        for row in backend.to_pyarrow(rows).to_pylist()
    ]
    families = sorted({outcome.family for outcome in outcomes if outcome.kind == amounts.LINE})
    fits = [_fit(name, [o for o in outcomes if o.family == name]) for name in families]
    return Inference(tuple(_agreed(fits)), done, backend)


def _fit(family: str, outcomes: Sequence[Outcome]) -> FamilyFit:
    kinds = {kind for group in NET_KINDS for kind in group}
    of_net = [outcome for outcome in outcomes if outcome.kind in kinds]
    of_tax = [outcome for outcome in outcomes if outcome.kind not in kinds]
    net = space.chosen(space.NET, of_net, NET_KINDS, {})
    like = {"tax_rounding_mode": net.best["rounding_mode"]}
    tax = space.chosen(space.TAX, of_tax, TAX_KINDS, like)
    return FamilyFit(family, net, tax, tuple(outcomes))


def _agreed(fits: Sequence[FamilyFit]) -> list[FamilyFit]:
    """The fits with one policy for all families, as far as the data allows it."""
    if not fits:
        return []
    nets = space.agreed([fit.net for fit in fits], {})
    like = {"tax_rounding_mode": nets[0].best["rounding_mode"]}
    taxes_ = space.agreed([fit.tax for fit in fits], like)
    return [
        replace(fit, net=net, tax=tax) for fit, net, tax in zip(fits, nets, taxes_, strict=True)
    ]


def _complete(backend: Backend, tables: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    """The same tables with the candidates, and those that follow from them or are empty."""
    held = dict(tables)
    candidates = {name: ibis.memtable(rows) for name, rows in candidate_tables().items()}
    held |= {"currency": currency_table(), **candidates}
    for name, dataset in INPUTS.items():
        if name not in held and name != "boundary":
            held[name] = ibis.memtable(dataset.empty())
    held["boundary"] = ibis.memtable(boundaries(_days(backend, held)))
    terms = {name: ibis.literal(value) for name, value in TAX_TERMS.items()}
    rates = held["tax_rate"]
    held["tax_rate"] = rates.mutate(**{n: v for n, v in terms.items() if n not in rates.columns})
    return held


def _days(backend: Backend, held: Mapping[str, ir.Table]) -> list[date]:
    """The days between which intervals are counted."""
    lines, charged = held["old_line"], held["charged"]
    asked = lines.aggregate(a=lines.period_from.min(), b=lines.period_to.max()).cross_join(
        charged.aggregate(c=charged.charged_through.min(), d=charged.charged_through.max())
    )
    (row,) = backend.to_pyarrow(asked).to_pylist()
    return [day for day in row.values() if day is not None] or [SOME_DAY]


def _shape(backend: Backend, held: Mapping[str, ir.Table]) -> Shape:
    """The parts of the key that every line states, and how many taxes a line may have."""
    lines, rates = held["old_line"], held["tax_rate"]
    names = rates.group_by("tax_code", "tax_category").aggregate(n=rates.tax_name.nunique())
    asked = lines.aggregate(
        **{name: lines[name].isnull().cast("int64").sum() for name in amounts.FURTHER}
    )
    asked = asked.cross_join(names.aggregate(taxes=names.n.max()))
    asked = asked.cross_join(held["payer"].aggregate(payers=held["payer"].count()))
    (row,) = backend.to_pyarrow(asked).to_pylist()
    further = tuple(name for name in amounts.FURTHER if row[name] == 0)
    return Shape(further, max(row["taxes"] or 0, 1), payers=row["payers"] > 0)
