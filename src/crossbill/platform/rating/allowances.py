"""Allowances: granted for a period, used up in the order of the events, carried over when left.

An event asks the buckets of its product one after the other, in order of rank. Each rank is one
pass over the population: what an event takes from a bucket follows from what all earlier events
asked of it, so a running sum says it without any loop. Buckets that no event could ask one after
the other, such as minutes and data, need no order between them: they are asked in one pass.
"""

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.engine.rating_datasets import BUCKET
from crossbill.platform.usage import guide

SPAN_S = 3 * 86_400  # long enough that few spans have to be added up, short enough to order few


def grant(service: ir.Table, allowance: ir.Table, period: ir.Table) -> ir.Table:
    """Reads ``service``, ``allowance`` and ``period``; writes ``bucket``.

    Each holder of a plan in a period is granted what the plan has at the period's first second. A
    product that starts within the period gets the share of its days, cut to whole units.
    """
    rows = _granted(service, allowance, period)
    last = _last_seconds(period, allowance)
    keyed = rows.inner_join(last, ["period_from", "rollover_periods"])
    merged = keyed.group_by("bucket_key", "allowance_code", "share", "holder_key", "period_from")
    terms = ("scope", "family", "block", "charged", "priority", "position", "rollover_periods")
    buckets = merged.aggregate(
        quantity=keyed.quantity.max(),
        valid_from_s=keyed.period_from_s.min(),
        valid_to_s=keyed.last_s.max(),
        **{name: keyed[name].max() for name in terms},
    )
    kept = ibis.ifelse(buckets.rollover_periods > 0, buckets.period_from, None)
    order = [buckets.priority, kept.fill_null(ibis.date("1970-01-01")), buckets.position]
    in_family = ibis.window(group_by=buckets.family, order_by=order)
    ranked = buckets.mutate(rank=ibis.dense_rank().over(in_family).cast("int64"))
    return ranked.select(*BUCKET.ibis)


def _granted(service: ir.Table, allowance: ir.Table, period: ir.Table) -> ir.Table:
    """One row a service, allowance and period."""
    ends = service.valid_to
    mine = service.filter(service.leg == guide.RETAIL).mutate(
        from_s=integers.epoch_seconds(service.valid_from),
        to_s=ibis.ifelse(ends.isnull(), guide.FOREVER_S, integers.epoch_seconds(ends)),
    )
    allowed = mine.inner_join(allowance, "plan_code")
    rows = allowed.inner_join(
        period,
        [
            allowed.epoch_id == period.epoch_id,
            allowed.from_s < period.period_to_s,
            allowed.to_s > period.period_from_s,
        ],
    )
    held = rows.mutate(holder_key=_holder_key(rows))
    key = held.allowance_code + ":" + held.period_from.cast("string") + ":" + held.holder_key
    return held.mutate(bucket_key=key, quantity=_prorated(held))


def _holder_key(rows: ir.Table) -> ir.StringValue:
    """Who shares the bucket; what belongs to no group is a group of its own."""
    group = rows.share_key.fill_null("").nullif("").coalesce(rows.product_key)
    return rows.share.cases(("account", rows.account_key), ("group", group), else_=rows.product_key)


def _prorated(rows: ir.Table) -> ir.IntegerValue:
    """The quantity, or the days' share of it for a product that starts within the period."""
    starts = rows.start_date.fill_null(rows.period_from)
    within = (starts > rows.period_from) & (starts < rows.period_to)
    due = rows.prorated & (rows.share == "product") & within
    days = rows.period_to.delta(starts, unit="day").cast("int64")
    of_days = rows.period_to.delta(rows.period_from, unit="day").cast("int64")
    return ibis.ifelse(due, integers.mul_div(rows.quantity, days, of_days), rows.quantity)


def _last_seconds(period: ir.Table, allowance: ir.Table) -> ir.Table:
    """Until when a bucket of a period can be used, for each number of periods it is kept."""
    numbered = period.mutate(number=ibis.row_number().over(order_by=[period.period_from]))
    later = numbered.select(later_number="number", later_to_s="period_to_s")
    pairs = numbered.select("period_from", "number").cross_join(later)
    kept = allowance.select("rollover_periods").distinct()
    reached = pairs.cross_join(kept)
    within = (reached.later_number - reached.number).between(0, reached.rollover_periods)
    usable = reached.filter(within)
    return usable.group_by("period_from", "rollover_periods").aggregate(
        last_s=usable.later_to_s.max()
    )


def held_buckets(party: ir.Table, allowance: ir.Table, bucket: ir.Table) -> ir.Table:
    """Reads ``party``, ``allowance`` and ``bucket``; writes which party may take from which bucket.

    ``bucket_id`` stands for bucket_key; ``capacity`` is what the bucket holds in whole blocks.
    """
    whole_blocks = integers.div_trunc(bucket.quantity, bucket.block) * bucket.block
    known = bucket.mutate(
        bucket_id=ibis.row_number().over(order_by=[bucket.bucket_key]).cast("int64"),
        capacity=whole_blocks,
    )
    plans = allowance.select("plan_code", "allowance_code", "share").distinct()
    mine = party.filter(party.leg == guide.RETAIL, ~party.doubled)
    mine = mine.select("party_id", "plan_code", "account_key", "product_key", "share_key")
    rows = mine.inner_join(plans, "plan_code")
    keyed = rows.mutate(holder_key=_holder_key(rows))
    held = keyed.inner_join(known, ["allowance_code", "share", "holder_key"])
    return held.select(
        "party_id", "bucket_id", "bucket_key", "rank", "scope", "block", "capacity", "charged",
        "valid_from_s", "valid_to_s",
    )  # fmt: skip


def asking(sound: ir.Table, held: ir.Table) -> ir.Table:
    """Reads sound events with scope_mask and need; writes those whose party holds buckets.

    Keeps event_id, party_id, scope_mask, started_s and need.
    """
    rows = sound.filter((sound.scope_mask != 0) & (sound.need > 0))
    return rows.semi_join(held, "party_id").select(*_ASKING)


_ASKING = ("event_id", "party_id", "scope_mask", "started_s", "need")


def giving(asking: ir.Table, held: ir.Table, event: ir.Table, rank: int) -> ir.Table:
    """Reads who asks, ``held`` and the events' keys; writes who gets what from buckets of the rank.

    For event_id and bucket_id it is ``taken`` in whole blocks, ``given`` of what is needed, and
    ``freed``: given, and not charged all the same.

    A bucket that serves all who ask needs no order; only where one runs out does it matter who came
    first. Events are in order of their start, at one instant in order of their key.
    """
    wanted = _wanted(asking, held, rank)
    totals = wanted.group_by("bucket_id").aggregate(total=integers.sum_int64(wanted.wanted))
    rows = wanted.inner_join(totals, "bucket_id")
    ample = rows.total <= rows.capacity
    served = rows.filter(ample).mutate(taken=rows.wanted).select(*_SERVED)
    given = served.union(_first_come(rows.filter(~ample), event).select(*_SERVED))
    taken = given.filter(given.taken > 0).mutate(given=ibis.least(given.need, given.taken))
    freed = ibis.ifelse(taken.charged, 0, taken.given)
    return taken.mutate(freed=freed).select("event_id", "bucket_id", "taken", "given", "freed")


_SERVED = ("event_id", "bucket_id", "need", "charged", "taken")


def _wanted(asking: ir.Table, held: ir.Table, rank: int) -> ir.Table:
    """Who asks which bucket of the rank for how many whole blocks."""
    mine = held.filter(held["rank"] == rank).select(
        "bucket_id", "scope", "block", "capacity", "charged", "valid_from_s", "valid_to_s",
        holder_id="party_id",
    )  # fmt: skip
    rows = asking.inner_join(
        mine,
        [
            asking.party_id == mine.holder_id,
            asking.started_s >= mine.valid_from_s,
            asking.started_s < mine.valid_to_s,
        ],
    )
    rows = rows.filter(((rows.scope_mask >> rows.scope) & 1) == 1)
    wanted = integers.ceil_div(rows.need, rows.block) * rows.block
    return rows.select(
        "event_id", "started_s", "need", "bucket_id", "capacity", "charged", wanted=wanted
    )


def _first_come(rows: ir.Table, event: ir.Table) -> ir.Table:
    """What each takes from a bucket that runs out: what is left after all who came before.

    Before the few days in which it runs out everybody gets all, and after them nobody gets
    anything: only within them the events have to be put in order.
    """
    dated = rows.mutate(days=integers.quotient(rows.started_s, SPAN_S))
    spans = _spans(dated).rename(span_bucket="bucket_id", span_days="days")
    open_then = dated.inner_join(
        spans, [dated.bucket_id == spans.span_bucket, dated.days == spans.span_days]
    )
    enough = open_then.left >= open_then.asked
    early = open_then.filter(enough).mutate(taken=open_then.wanted)
    keyed = open_then.filter(~enough).inner_join(event.select("event_id", "usage_key"), "event_id")
    order = [keyed.started_s, keyed.usage_key]
    so_far = ibis.window(group_by=keyed.bucket_id, order_by=order, preceding=None, following=0)
    asked_by_then = integers.sum_int64(keyed.wanted, over=so_far)
    left = ibis.greatest(keyed.left - (asked_by_then - keyed.wanted), 0)
    late = keyed.mutate(taken=ibis.least(left, keyed.wanted))
    return early.select(*_SERVED).union(late.select(*_SERVED))


def _spans(dated: ir.Table) -> ir.Table:
    """For each bucket and days what is ``asked`` then and was ``left`` at their begin, if any."""
    asked = dated.group_by("bucket_id", "days").aggregate(
        asked=integers.sum_int64(dated.wanted), capacity=dated.capacity.max()
    )
    so_far = ibis.window(group_by=asked.bucket_id, order_by=asked.days, preceding=None, following=0)
    asked_by_then = integers.sum_int64(asked.asked, over=so_far)
    spans = asked.mutate(left=asked.capacity - (asked_by_then - asked.asked))
    return spans.filter(spans.left > 0).select("bucket_id", "days", "asked", "left")


def still_asking(asking: ir.Table, given: ir.Table, held: ir.Table, rank: int) -> ir.Table:
    """Reads who asked and what was given; writes who may ask buckets of the ranks that follow."""
    freed = given.select("event_id", "freed")
    joined = asking.left_join(freed, "event_id")
    left = joined.mutate(need=joined.need - joined.freed.fill_null(0)).select(*_ASKING)
    later = held.filter(held["rank"] > rank)
    return left.filter(left.need > 0).semi_join(later, "party_id")
