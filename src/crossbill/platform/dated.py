"""Rows that hold from a day up to another one, or for good where no last day is known."""

from collections.abc import Mapping
from datetime import date

from django.db.models import F, Q


def open_after(day: date | F, field: str = "valid_to") -> Q:
    """Rows that are not over on the day; ``field`` has the first day on which they are."""
    return Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gt": day})


def exactly(values: Mapping[str, object]) -> Q:
    """Rows that have these values, of which some may be empty."""
    empty = {f"{name}__isnull": True for name, value in values.items() if value is None}
    return Q(**empty, **{name: value for name, value in values.items() if value is not None})
