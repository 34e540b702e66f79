"""What was found of the order of allowances as plain values, and as the YAML of the catalogue."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from crossbill.core.money import format_minor
from crossbill.replacement.reconciliation.inference.counts import by_code
from crossbill.replacement.reconciliation.inference.details import Row, in_words
from crossbill.replacement.reconciliation.inference.fit_orders import Pattern
from crossbill.replacement.reconciliation.inference.infer_orders import FamilyOrder, OrdersFound
from crossbill.replacement.reconciliation.inference.orders import Order

MOST_SHOWN = 20


def order_document(found: OrdersFound) -> dict[str, Any]:
    """All that is told of the orders, as JSON."""
    patterns = [each for family in found.families for each in family.patterns]
    fitting = [each for family in found.families for each in family.fitting()]
    compared, extra = _count(patterns), sum(each.extra for each in patterns)
    left = found.usage["unreadable"] + found.usage["without_service"]
    return {
        "complete": not (found.unfit or found.aside or found.suspended or left),
        "catalogue": found.catalogue.spec.name,
        "rounding_modes": _modes(found),
        "families": [_family(found, family) for family in found.families],
        "charges": {
            "read": found.read.records,
            "set_aside": len(found.aside),
            "compared": compared - extra,
            "reproduced": _count(fitting) - sum(each.extra for each in fitting),
            "charged_without_a_row": extra,
        },
        "usage": {**found.usage, "suspended": dict(found.suspended)},
        "set_aside": list(found.aside[:MOST_SHOWN]),
        "set_aside_by_code": by_code(found.aside),
        "unexplained": [unfit_in_words(found, row) for row in found.unfit[:MOST_SHOWN]],
        "allowances": priorities(found),
    }


def priorities(found: OrdersFound) -> dict[str, dict[str, int]]:
    """The priority of each allowance by the order that was found, as the catalogue takes it."""
    return {
        code: {"priority": family.best.order.priorities[code]}
        for family in found.families
        for code in family.best.order.allowances
    }


def _modes(found: OrdersFound) -> list[str]:
    """The rounding by which most charges are reproduced, and those that do it as well."""
    first, every = found.families[0].mode, [family.modes for family in found.families]
    alike = [mode for mode in every[0] if all(mode in modes for modes in every)]
    return [mode.value for mode in sorted(alike, key=lambda mode: mode != first)]


def told_order(order: Order) -> dict[str, list[str]]:
    """The allowances one after the other, and the rules that come to this order."""
    return {"allowances": order.allowances, "rules": list(order.rules)}


def priorities_yaml(found: OrdersFound) -> str:
    """The same as YAML."""
    text: str = yaml.safe_dump(
        {"allowances": priorities(found)}, sort_keys=False, allow_unicode=True
    )
    return text


def unfit_in_words(found: OrdersFound, row: Mapping[str, Any]) -> Row:
    """A row that does not fit, its money as text."""
    kept = ("file", "line", "product_key", "period_from", "charge_code", "rows", "old_minor")
    told = {name: row[name] for name in kept} | {"now_minor": row["now_minor"]}
    return in_words(told | {"currency": found.catalogue.spec.currency})


def _family(found: OrdersFound, family: FamilyOrder) -> dict[str, Any]:
    best, fitting = family.best, family.fitting()
    return {
        "plans": list(best.family.plans),
        "competing": [list(pair) for pair in best.family.pairs],
        "order": told_order(best.order),
        "charges": {
            "compared": _count(family.patterns),
            "reproduced": _count(fitting),
            "value": {
                "compared": _value(found, family.patterns),
                "reproduced": _value(found, fitting),
                "currency": found.catalogue.spec.currency,
            },
        },
        "orders": [
            {**told_order(each.order), "reproduced": family.reproduced(each)}
            for each in sorted(family.candidates, key=lambda c: (-family.reproduced(c), c.number))
        ],
        "not_told_apart": [
            {**told_order(each.order), "example": found.examples[each.number]}
            for each in family.alike
        ],
    }


def _count(patterns: Sequence[Pattern]) -> int:
    return sum(each.rows for each in patterns)


def _value(found: OrdersFound, patterns: Sequence[Pattern]) -> str:
    return format_minor(sum(each.size_minor for each in patterns), found.digits)
