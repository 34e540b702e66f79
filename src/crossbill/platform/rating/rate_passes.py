"""The passes of the chain over the allowances, one a rank: who asks, what is short, who gets it."""

from collections.abc import Callable, Sequence

import ibis
import ibis.expr.types as ir

from crossbill.core.money import INT64_MAX
from crossbill.engine import integers
from crossbill.engine.calculation import Step, Tables
from crossbill.platform.rating import allowances
from crossbill.platform.rating.event_state import FAULTY

Keys = Callable[[Tables], ir.Table]  # event_id and usage_key of the events


def first_asked(located: ir.Table, t: Tables, ranks: int, *, free: bool) -> ir.Table:
    """Adds what events ``need`` beyond what is ``free``, and whom they ask first."""
    if ranks == 0:
        return located
    rows = located
    if free:
        rows = located.mutate(need=rows.quantity - ibis.least(rows.included, rows.quantity))
    needs = rows.fault.isnull() & (_need(rows) > 0)
    asks = ibis.ifelse(needs, rows.scope_mask, ibis.null("int64"))
    return allowances.asking(rows.mutate(asks=asks), t["held"], rank=0)


def _need(located: ir.Table) -> ir.IntegerColumn:
    """What an event needs first: all of it, where nothing is free and no column says less."""
    return located.need if "need" in located.columns else located.quantity


def asked_columns(ranks: int, *, free: bool) -> list[str]:
    """What events keep of what they ask of allowances."""
    need = ["need"] if free else []
    return [*need, "bucket_id"] if ranks else []


def bucket_steps(ranks: int) -> list[Step]:
    """The buckets, who may take from which, and what allowances ask of each term."""
    if ranks == 0:
        return []
    numbered = "numbered_bucket"
    return [
        Step(numbered, lambda t: allowances.numbered_buckets(t["bucket"])),
        Step("held", lambda t: _held(t, t[numbered])),
        Step("asking_terms", lambda t: allowances.asking_terms(t["terms"], t[numbered])),
    ]


def _held(t: Tables, numbered: ir.Table) -> ir.Table:
    return allowances.held_buckets(t["party"], t["allowance"], numbered, t["terms"])


def passes(ranks: int, kept: Sequence[str], keys: Keys) -> list[Step]:
    """For each rank when buckets run out, who comes then, and who asks on.

    ``kept`` are the columns that events have in ``located``, beside what they ask.
    """
    return [step for rank in range(ranks) for step in _pass(rank, ranks, kept, keys)]


def _pass(rank: int, ranks: int, kept: Sequence[str], keys: Keys) -> list[Step]:
    steps = [
        Step(f"short_{rank}", lambda t: _short(t, rank), packed=True),
        Step(f"late_{rank}", lambda t: _late(t, rank, keys), packed=True),
    ]
    if rank + 1 < ranks:
        steps.append(Step(f"asking_{rank + 1}", lambda t: _asking_on(t, rank, kept), packed=True))
    return steps


def _come(t: Tables, rank: int) -> ir.Table:
    """The sound events that have come to a rank, with what they still need."""
    return t[f"asking_{rank}"] if rank else _unasked(t)


def _unasked(t: Tables) -> ir.Table:
    """The sound events, for which nothing has been paid yet."""
    located = t["located"]
    sound = located.filter(located.state < FAULTY)
    return sound.mutate(need=_need(sound), covered_quantity=integers.ZERO)


def _askers(t: Tables, rank: int) -> ir.Table:
    rows = _come(t, rank)
    return rows.filter(rows.bucket_id != allowances.NOBODY)


def _short(t: Tables, rank: int) -> ir.Table:
    span = allowances.spans(_askers(t, rank), t["numbered_bucket"])
    return allowances.running_out(span, t["numbered_bucket"])


def _late(t: Tables, rank: int, keys: Keys) -> ir.Table:
    return allowances.first_come(_askers(t, rank), t[f"short_{rank}"], keys(t))


def _taking(t: Tables, rank: int) -> ir.Table:
    """The events that have come to a rank, with what they take there and still need after it."""
    rows = allowances.taking(_come(t, rank), t[f"short_{rank}"], t[f"late_{rank}"])
    return rows.mutate(
        covered_quantity=rows.covered_quantity + rows.freed, need=rows.need - rows.freed
    )


def _asking_on(t: Tables, rank: int, kept: Sequence[str]) -> ir.Table:
    """Who still needs something after the first rank and may ask more, with whom they ask next.

    They stay together to the last rank, where most of them ask nobody: a chain of many ranks would
    be long if they left it one rank after the other.
    """
    rows = _taking(t, rank).inner_join(t["asking_terms"], "term_id")
    asks = ibis.ifelse(_asks_on(rows, rank), rows.scope_mask, ibis.null("int64"))
    further = rows.mutate(asks=asks).drop("bucket_id")
    few = further if rank else further.filter(_asks_on(further, rank))
    asking = allowances.asking(few, t["held"], rank + 1)
    return asking.select(*kept, "need", "bucket_id", "covered_quantity")


def _asks_on(rows: ir.Table, rank: int) -> ir.BooleanValue:
    return (rows.last_rank > rank) & (rows.need > 0)


def _has_asked(rows: ir.Table, rank: int) -> ir.BooleanValue:
    """The others. What may overflow the engine keeps out of a join, which can then look up by place
    instead of asking each event twice.
    """
    return rows.need - ibis.ifelse(rows.last_rank > rank, 0, INT64_MAX) <= 0


def covered(t: Tables, ranks: int, kept: Sequence[str]) -> ir.Table:
    """The sound events with how much of each allowances pay for."""
    if ranks == 0:
        return _unasked(t).select(*kept, "covered_quantity")
    first = _taking(t, 0)
    if ranks == 1:
        return first.select(*kept, "covered_quantity")
    asked = first.inner_join(t["asking_terms"], "term_id")
    parts = asked.filter(_has_asked(asked, 0)), _taking(t, ranks - 1)
    return together([rows.select(*kept, "covered_quantity") for rows in parts])


def given(t: Tables, ranks: int) -> ir.Table:
    """What events took, in all passes."""
    took = [rows.filter(rows.taken > 0) for rows in (_taking(t, rank) for rank in range(ranks))]
    return together([rows.select("event_id", "bucket_id", "taken", "given") for rows in took])


def together(parts: Sequence[ir.Table]) -> ir.Table:
    """All rows of one or several tables."""
    return ibis.union(*parts) if len(parts) > 1 else parts[0]
