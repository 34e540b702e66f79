"""What ``crossbill reconcile infer-policy`` prints of the order in which allowances were used."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SHOWN = 6  # all orders of three allowances
NO_EXAMPLE = "no usage that was tried costs something else"


def order_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The document of the orders, for a person."""
    counts, usage = document["charges"], document["usage"]
    yield (
        f"{counts['read']:,} charges of usage read: {counts['compared']:,} compared, "
        f"{counts['set_aside']:,} set aside; {counts['reproduced']:,} reproduced"
    )
    mode, *others = document["rounding_modes"]
    alike = f"; as well by {', '.join(others)}" if others else ""
    yield f"compared rounded to the currency's decimals by {mode}{alike}"
    if counts["charged_without_a_row"]:
        yield "charged by the catalogue, and not by the old system: " + (
            f"{counts['charged_without_a_row']:,}"
        )
    yield from _usage(usage)
    yield from _left(document)
    for family in document["families"]:
        yield from _family(family)
    yield ""
    yield "the priorities that make the order found:"
    yield "  allowances:"
    for code, terms in document["allowances"].items():
        yield f"    {code}: {{priority: {terms['priority']}}}"


def _usage(usage: Mapping[str, Any]) -> Iterator[str]:
    """What became of the events."""
    words = {
        "duplicate": "duplicate", "unreadable": "unreadable", "without_service": "of no service",
        "later": "after the last month of old charges",
    }  # fmt: skip
    suspended = sum(usage["suspended"].values())
    left = [f"{usage[name]:,} {said}" for name, said in words.items() if usage[name]]
    rated = f"{usage['rated'] - suspended:,} rated"
    yield f"{usage['read']:,} events read: " + ", ".join([rated, *left])
    for code, count in usage["suspended"].items():
        yield f"suspended, so that their charges may not fit: {count:,} {code}"


def _left(document: Mapping[str, Any]) -> Iterator[str]:
    """What was set aside, and what does not fit."""
    for code, count in document["set_aside_by_code"].items():
        first = next((row for row in document["set_aside"] if row["code"] == code), None)
        yield f"set aside: {count:,} {code}" + (f", as {_reason(first)}" if first else "")
    for row in document["unexplained"][:SHOWN]:
        place = f"{row['file']}:{row['line']}" if row["file"] else "no old charge"
        named = " ".join(name for name in (row["product_key"], row["charge_code"]) if name)
        yield f"does not fit: {place} {named}, {row['period_from']}: " + (
            f"old {row['old']}, computed {row['computed']}"
        )


def _reason(row: Mapping[str, Any]) -> str:
    place = f"{row['file']}:{row['line']}, {row['field']} {row['value']!r}"
    return f"{place}: {row['what']}; {row['cure']}"


def _family(family: Mapping[str, Any]) -> Iterator[str]:
    """How much of the charges of some plans an order reproduces, and what is alike."""
    counts, value = family["charges"], family["charges"]["value"]
    yield ""
    yield (
        f"plans {', '.join(family['plans'])}: {counts['reproduced']:,} of "
        f"{counts['compared']:,} charges, {value['reproduced']} of {value['compared']} "
        f"{value['currency']}"
    )
    if not family["competing"]:
        yield "  no two allowances compete: there is no order to find"
        return
    yield from _first(
        [f"  {order['reproduced']:,} by {_order(order)}" for order in family["orders"]]
    )
    yield from _first(
        [
            f"  not told apart from {_order(other)}:\n    {other['example'] or NO_EXAMPLE}"
            for other in family["not_told_apart"]
        ]
    )


def _first(told: Sequence[str]) -> Iterator[str]:
    """The first of many things that are told."""
    for each in told[:SHOWN]:
        yield from each.splitlines()
    if len(told) > SHOWN:
        yield f"  and {len(told) - SHOWN:,} more (all by --json or --out)"


def _order(order: Mapping[str, Any]) -> str:
    """The allowances in their order, and the rules that come to it."""
    rules = f" ({', '.join(order['rules'])})" if order["rules"] else ""
    return ", ".join(order["allowances"]) + rules
