"""A place has the taxes that are stated for it, and those of every place that it lies in.

In the United States a line may bear a federal, a state and a city tax. A table has to state all of
them anew for every city; here each is stated once, at its own level: US, US-IL, US-IL-CHI.
"""

import ibis
import ibis.expr.types as ir

VERSION = "2026.7"


def taxes(asked: ir.Table, stated: ir.Table) -> ir.Table:
    """Reads ``tax_asked`` and ``tax_rate``; writes ``tax_rate``: each tax of each level.

    Of a place of which nothing is stated nothing is known, however much is of what it lies in.
    """
    known = asked.semi_join(stated, "tax_code")
    depth = ibis.range(1, known.tax_code.split("-").length() + 1).unnest()
    places = known.mutate(depth=depth)
    level = places.tax_code.split("-")[: places.depth].join("-")
    named = stated.view().rename(level="tax_code")
    found = places.mutate(level=level).inner_join(named, ["level", "tax_category"])
    return found.select(
        "tax_code", "tax_category", "tax_name", "valid_from", "valid_to", "rate_ppm"
    )
