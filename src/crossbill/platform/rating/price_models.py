"""The price models and adjustments that can be used, their terms as tables and as a form."""

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from math import gcd
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from crossbill.core import plugins
from crossbill.core.money import INT64_MAX, format_nanos
from crossbill.engine.yaml_file import fault

Row = dict[str, Any]

# What a model's tiers leave out.
TIER_DEFAULTS: Row = {
    "from_quantity": 0, "to_quantity": INT64_MAX, "flat_nanos": 0, "price_nanos": 0, "unit": 1,
    "block": 1, "whole_quantity": False, "free_quantity": 0, "free_events": 0, "event_nanos": 0,
    "event_minimum_nanos": 0, "event_maximum_nanos": INT64_MAX,
}  # fmt: skip
ADJUSTMENT_DEFAULTS: Row = {"amount_nanos": 0, "numerator": 1, "denominator": 1}
LARGEST_PARTIAL_NANOS = 2**62  # below it, the price of a part of a unit is exact in 64 bits


def price_models() -> dict[str, ModuleType]:
    """Ours, and those that other distributions register as ``crossbill.prices``."""
    return plugins.load("crossbill.platform.rating.prices", group="crossbill.prices")


def adjustments() -> dict[str, ModuleType]:
    """Ours, and those that other distributions register as ``crossbill.adjustments``."""
    return plugins.load("crossbill.platform.rating.adjustments", group="crossbill.adjustments")


def price_terms(model: ModuleType, written: object) -> BaseModel:
    """The terms of a price model; raises pydantic's error where they do not fit it."""
    return _checked(model, partial(_tiers, model), written)


def adjustment_terms(adjustment: ModuleType, written: object) -> BaseModel:
    """The terms of an adjustment; raises pydantic's error where they do not fit it."""
    return _checked(adjustment, adjustment.row, written)


def tier_rows(terms_key: str, name: str, model: ModuleType, terms: BaseModel) -> list[Row]:
    """The rows of ``price_tier`` for the terms of a charge."""
    own = {"terms_key": terms_key, "price_model": name}
    return [{**own, "tier": n, **row} for n, row in enumerate(_tiers(model, terms))]


def adjustment_rows(
    terms_key: str, declared: Sequence[tuple[str, ModuleType, BaseModel]]
) -> list[Row]:
    """The rows of ``price_adjustment`` for a charge: name, plug-in and terms in their order."""
    return [
        {"terms_key": terms_key, "position": position, "adjustment": name}
        | _lowest(ADJUSTMENT_DEFAULTS | plugin.row(terms))
        for position, (name, plugin, terms) in enumerate(declared)
    ]


def form(plugin: ModuleType) -> Row:
    """What a page needs to ask for the terms: what the plug-in does, and its fields."""
    about = inspect.cleandoc(plugin.__doc__ or "").split("\n\n", maxsplit=1)[0]
    return {"about": about, "schema": plugin.Terms.model_json_schema()}


def _checked(plugin: ModuleType, makes_rows: Any, written: object) -> BaseModel:
    """The terms, which must be well formed and have rows."""

    terms: BaseModel = plugin.Terms.model_validate(written)
    try:
        makes_rows(terms)
    except PydanticCustomError as error:
        found = InitErrorDetails(type=error, loc=(), input=written)
        raise ValidationError.from_exception_data("terms", [found]) from error
    return terms


def _tiers(model: ModuleType, terms: BaseModel) -> list[Row]:
    """The tiers with every column, their prices stated for the smallest quantity.

    A price for 10**9 bytes is mostly also a whole price for fewer. The smaller the unit, the larger
    the quantities and prices that 64 bits hold.
    """
    rows = [TIER_DEFAULTS | row for row in model.tiers(terms)]
    assert {row["unit"] for row in rows} == {rows[0]["unit"]}, "one unit for all tiers of the terms"
    common = gcd(rows[0]["unit"], *(row["price_nanos"] for row in rows))
    per_unit = [
        row | {"unit": row["unit"] // common, "price_nanos": row["price_nanos"] // common}
        for row in rows
    ]
    for row in per_unit:
        if (row["unit"] - 1) * row["price_nanos"] >= LARGEST_PARTIAL_NANOS:
            raise fault(
                "Price times quantity is too large to be exact", within=["unit"],
                value=f"{format_nanos(row['price_nanos'])} per {row['unit']:,}",
                cure="state the price for a smaller unit",
            )  # fmt: skip
    return per_unit


def _lowest(row: Mapping[str, Any]) -> Row:
    """The row with its share in lowest terms."""
    common = gcd(row["numerator"], row["denominator"])
    lowest = {name: row[name] // common for name in ("numerator", "denominator")}
    return {**row, **lowest}
