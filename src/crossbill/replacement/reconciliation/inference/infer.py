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
from crossbill.platform.billing.discounts import most_of_an_account
from crossbill.platform.billing.due import boundaries
from crossbill.replacement.reconciliation.inference import (
    amounts,
    bill_discounts,
    space,
    taxes,
)
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
DISCOUNT_KINDS = ((bill_discounts.OFF, bill_discounts.NOT_OFF),)
TAX_KINDS = ((taxes.BILL,), (taxes.TAXED_LINE,))


@dataclass(frozen=True)
class FamilyFit:
    """What explains one family best: the choice of each stage, and what it was chosen from."""

    family: str
    net: Choice
    tax: Choice
    discount: Choice  # of the terms of discounts of whole bills
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
    shape: Shape
    tables: Mapping[str, ir.Table]
    backend: Backend


def infer(backend: Backend, tables: Mapping[str, ir.Table]) -> Inference:
    """Search the space of policies on the tables of ``INPUTS``.

    Only ``old_line``, ``product`` and ``account`` have to be there.
    """
    held = _complete(backend, tables)
    shape = _shape(backend, held)
    done = search(shape).run(backend, held)
    rows = done["outcome"].order_by(*OUTCOME)
    outcomes = [
        Outcome(**row | {"mask": amounts.mask_of(row["mask"])})
        for row in backend.to_pyarrow(rows).to_pylist()
    ]
    families = sorted({outcome.family for outcome in outcomes if outcome.kind == amounts.LINE})
    fits = [_fit(name, [o for o in outcomes if o.family == name], shape) for name in families]
    return Inference(tuple(_agreed(fits)), shape, done, backend)


def _fit(family: str, outcomes: Sequence[Outcome], shape: Shape) -> FamilyFit:
    of_net, of_tax, of_discounts = (
        [outcome for outcome in outcomes if any(outcome.kind in group for group in kinds)]
        for kinds in (NET_KINDS, TAX_KINDS, DISCOUNT_KINDS)
    )
    net = space.chosen(space.NET, of_net, NET_KINDS, {})
    discount = _discount(of_discounts, net, shape)
    net = space.narrowed(net, _of_modes(space.NET, discount), {})
    like = {"tax_rounding_mode": net.best["rounding_mode"]}
    tax = space.chosen(space.TAX, of_tax, TAX_KINDS, like)
    return FamilyFit(family, net, tax, discount, tuple(outcomes))


def _discount(outcomes: Sequence[Outcome], net: Choice, shape: Shape) -> Choice:
    """The terms that reproduce most discounts of whole bills, by a rounding that explains most
    lines; what need not be searched is the first.
    """
    within = _of_modes(space.DISCOUNT, net)
    for name in space.TERMS:
        if name in shape.stated:
            within &= space.having(space.DISCOUNT, name, space.values_of(name)[:1])
    like = {"rounding_mode": net.best["rounding_mode"]}
    return space.chosen(space.DISCOUNT, outcomes, DISCOUNT_KINDS, like, within=within)


def _of_modes(names: tuple[str, ...], choice: Choice) -> int:
    """The candidates that round as some candidate does that cannot be told from the chosen one."""
    return space.having(names, "rounding_mode", choice.alternatives("rounding_mode"))


def _agreed(fits: Sequence[FamilyFit]) -> list[FamilyFit]:
    """The fits with one policy for all families, as far as the data allows it."""
    if not fits:
        return []
    nets = space.agreed([fit.net for fit in fits], {})
    like = {"tax_rounding_mode": nets[0].best["rounding_mode"]}
    taxes_ = space.agreed([fit.tax for fit in fits], like)
    discounts = space.agreed(
        [
            space.narrowed(
                fit.discount,
                space.having(space.DISCOUNT, "rounding_mode", [net.best["rounding_mode"]]),
                {},
            )
            for fit, net in zip(fits, nets, strict=True)
        ],
        {},
    )
    return [
        replace(fit, net=net, tax=tax, discount=discount)
        for fit, net, tax, discount in zip(fits, nets, taxes_, discounts, strict=True)
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
    shape = Shape(further, max(row["taxes"] or 0, 1), payers=row["payers"] > 0)
    passes = most_of_an_account(backend, held["discount"])
    return _with_discounts(backend, held, shape, passes) if passes else shape


def _with_discounts(
    backend: Backend, held: Mapping[str, ir.Table], shape: Shape, passes: int
) -> Shape:
    """What is stated of discounts of whole bills, and by their lines."""
    rows, lines = held["discount"], held["old_line"]
    offs = lines.filter(bill_discounts.is_off(lines))
    kinds = rows.group_by("account_key").aggregate(kinds=rows.kind.nunique())
    only = ibis.coalesce(rows.product_key, rows.offering_code)
    asked = rows.aggregate(
        categories=rows.category.count(), positions=rows.position.count(), narrow=only.count()
    ).cross_join(
        kinds.aggregate(most_kinds=kinds.kinds.max()),
        offs.aggregate(
            unnamed=offs.count() - offs.discount_key.count(),
            whole=offs.count(where=offs.product_key.fill_null("") == ""),
        ),
    )
    (row,) = backend.to_pyarrow(asked).to_pylist()
    return replace(
        shape,
        discounts=passes,
        stated=bill_discounts.stated_terms(row | {"both_kinds": row["most_kinds"] > 1}),
        named=row["unnamed"] == 0,
        narrow=row["narrow"] > 0,
        parted=row["whole"] == 0,
    )
