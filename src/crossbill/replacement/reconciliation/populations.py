"""How many records hold a value that differs: without it, nobody tells a code from a slip."""

from collections.abc import Mapping

import ibis

from crossbill.replacement.reconciliation.compare import (
    DIFFERENCES,
    ComparedField,
    Comparison,
    text_column,
)

OFTEN = 20  # so many times a value must differ in one way


def with_populations(
    differences: ibis.Table, left: ibis.Table, right: ibis.Table, comparison: Comparison
) -> ibis.Table:
    """Fill ``left_rows``: how many paired rows hold the left value of each code that differs.

    Counts only values that differ in one way at least ``OFTEN`` times, so that names and numbers
    cost nothing. Give it stored differences: it reads them once per text field.
    """
    texts = [f for f in comparison.fields if f.type == "text"]
    if not texts:
        return differences
    counted = ibis.union(*(_population(differences, left, right, comparison, f) for f in texts))
    joined = differences.drop("left_rows").left_join(counted, ["field", "left_value"])
    return joined.select(**{n: joined[n].cast(t) for n, t in DIFFERENCES.items()})


def often_differing(differences: ibis.Table) -> ibis.Table:
    """``field``, ``left_value``: what differs in one way at least ``OFTEN`` times."""
    d = differences.filter((differences.kind == "different") & differences.left_value.notnull())
    often = d.group_by("field", "left_value", "right_value").aggregate(times=d.count())
    return often.filter(often.times >= OFTEN).select("field", "left_value").distinct()


def with_more(differences: ibis.Table, more: Mapping[tuple[str, str], int]) -> ibis.Table:
    """Add to ``left_rows`` the rows that hold a field's left value elsewhere."""
    if not more:
        return differences
    d = differences
    added = ibis.cases(
        *(
            ((d.field == field) & (d.left_value == value), number)
            for (field, value), number in more.items()
        ),
        else_=0,
    )
    return d.mutate(left_rows=(d.left_rows + added).cast(DIFFERENCES["left_rows"]))


def _population(
    differences: ibis.Table,
    left: ibis.Table,
    right: ibis.Table,
    comparison: Comparison,
    compared: ComparedField,
) -> ibis.Table:
    """Field, left value and the number of paired rows that hold it."""
    column = text_column(compared)
    every = often_differing(differences)
    often = every.filter(every.field == compared.name).select("left_value")
    held = left.select(*comparison.key, held=left[column].cast("string"))
    held = held.semi_join(often, held.held == often.left_value)
    other = right.select(*comparison.key)
    same_key = [held[k].identical_to(other[k]) for k in comparison.key]
    paired = held.semi_join(other, same_key)
    counted = paired.group_by(left_value="held").aggregate(left_rows=paired.count())
    return counted.select(ibis.literal(compared.name).name("field"), "left_value", "left_rows")
