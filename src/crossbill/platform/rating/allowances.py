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

NOBODY = -1  # the bucket of an event that asks none
NO_SPAN = -1  # of a bucket that runs out in none, or with nothing left for those who ask then
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
    return _ranked(buckets).select(*BUCKET.ibis)


def _ranked(buckets: ir.Table) -> ir.Table:
    """Adds ``rank``: when a bucket is asked. It is found once for all that are alike."""
    kept = ibis.ifelse(buckets.rollover_periods > 0, buckets.period_from, None)
    kept_from = kept.fill_null(ibis.date("1970-01-01"))
    rows = buckets.mutate(kept_from=kept_from)
    alike = rows.select(*_ASKED_IN_TURN).distinct()
    order = [alike[name] for name in _ASKED_IN_TURN[1:]]
    in_family = ibis.window(group_by=alike.family, order_by=order)
    ranks = alike.mutate(rank=ibis.dense_rank().over(in_family).cast("int64"))
    return rows.inner_join(ranks, _ASKED_IN_TURN)


_ASKED_IN_TURN = ("family", "priority", "kept_from", "position")


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


def numbered_buckets(bucket: ir.Table) -> ir.Table:
    """Reads ``bucket``; adds ``bucket_id``, and ``capacity``: what it holds in whole blocks."""
    whole_blocks = integers.div_trunc(bucket.quantity, bucket.block) * bucket.block
    return bucket.mutate(
        bucket_id=ibis.row_number().over(order_by=[bucket.bucket_key]).cast("int64"),
        capacity=whole_blocks,
    )


def held_buckets(
    party: ir.Table, allowance: ir.Table, numbered: ir.Table, terms: ir.Table
) -> ir.Table:
    """Reads ``party``, ``allowance``, numbered buckets and ``terms``; writes who may take where.

    One row a party, bucket and scope_mask of a rate that the bucket pays for, so that an event
    finds its bucket by equalities.
    """
    plans = allowance.select("plan_code", "allowance_code", "share").distinct()
    mine = party.filter(party.leg == guide.RETAIL, ~party.doubled)
    mine = mine.select("party_id", "plan_code", "account_key", "product_key", "share_key")
    rows = mine.inner_join(plans, "plan_code")
    keyed = rows.mutate(holder_key=_holder_key(rows))
    held = keyed.inner_join(numbered, ["allowance_code", "share", "holder_key"])
    paid_for = held.inner_join(_masks(numbered, terms), "scope")
    return paid_for.select(
        "party_id", "scope_mask", "rank", "bucket_id", "valid_from_s", "valid_to_s"
    )


def _masks(numbered: ir.Table, terms: ir.Table) -> ir.Table:
    """Each scope that a bucket pays for with the masks of rates in which it is set."""
    scopes = numbered.select("scope").distinct()
    pairs = scopes.cross_join(terms.select("scope_mask").distinct())
    return pairs.filter(((pairs.scope_mask >> pairs.scope) & 1) == 1)


def asking_terms(terms: ir.Table, numbered: ir.Table) -> ir.Table:
    """Reads ``terms`` and numbered buckets; writes of each term what allowances ask of it.

    ``last_rank`` is the last that may pay for its events, less than 0 where none does.
    """
    ranks = numbered.group_by("scope").aggregate(rank=numbered["rank"].max())
    pairs = _masks(numbered, terms).inner_join(ranks, "scope")
    last = pairs.group_by("scope_mask").aggregate(last_rank=pairs["rank"].max())
    rows = terms.select("term_id", "scope_mask").left_join(last, "scope_mask")
    known = rows.mutate(last_rank=rows.last_rank.fill_null(-1))
    return known.select("term_id", "scope_mask", "last_rank")


def asking(rows: ir.Table, held: ir.Table, rank: int) -> ir.Table:
    """Adds ``bucket_id`` to events: whom of the rank they ask, or ``NOBODY``.

    Reads party_id, started_s and ``asks``, the scope_mask of their rate, empty where they need
    nothing.
    """
    mine = held.filter(held["rank"] == rank).select(
        "bucket_id", "valid_from_s", "valid_to_s", holder_id="party_id", paid_mask="scope_mask"
    )
    joined = rows.left_join(
        mine,
        [
            rows.party_id == mine.holder_id,
            rows.asks == mine.paid_mask,
            rows.started_s >= mine.valid_from_s,
            rows.started_s < mine.valid_to_s,
        ],
    )
    return joined.select(*rows.columns, bucket_id=joined.bucket_id.fill_null(NOBODY))


def spans(asking: ir.Table, numbered: ir.Table) -> ir.Table:
    """Reads who asks whom, and numbered buckets; writes what is ``asked`` of each in some days."""
    rows = asking.inner_join(numbered.select("bucket_id", "block"), "bucket_id")
    wanted = rows.mutate(wanted=_blocks(rows), days=_span(rows))
    return wanted.group_by("bucket_id", "days").aggregate(asked=integers.sum_int64(wanted.wanted))


def running_out(span: ir.Table, numbered: ir.Table) -> ir.Table:
    """Reads ``span`` and numbered buckets; writes of each bucket, and of nobody, when it is short.

    Before ``short_from_s`` everybody gets all, after the days of ``short_span`` nobody gets
    anything: only in them, where there is something ``left``, it matters who came first. ``used``
    is what is taken from the bucket in all.
    """
    sums = span.group_by("bucket_id").aggregate(asked=integers.sum_int64(span.asked))
    known = numbered.select("bucket_id", "block", "charged", "capacity")
    asked = known.left_join(sums, "bucket_id").drop("bucket_id_right")
    short = _short_spans(span, asked.filter(asked.asked > asked.capacity))
    rows = asked.left_join(short, "bucket_id").drop("bucket_id_right")
    buckets = rows.select(
        "bucket_id", "block", "charged", "left",
        short_from_s=(rows.days * SPAN_S).fill_null(guide.FOREVER_S),
        short_span=ibis.ifelse(rows.left > 0, rows.days, NO_SPAN),
        used=ibis.least(rows.asked.fill_null(0), rows.capacity),
    )  # fmt: skip
    return buckets.union(_of_nobody(numbered, buckets))


def _short_spans(span: ir.Table, over: ir.Table) -> ir.Table:
    """Of each bucket of which more is asked than it has, the days of it that are the first to fail.

    ``left`` is what was there at their begin.
    """
    asked = span.inner_join(over.select("bucket_id", "capacity"), "bucket_id")
    so_far = ibis.window(group_by=asked.bucket_id, order_by=asked.days, preceding=None, following=0)
    asked_by_then = integers.sum_int64(asked.asked, over=so_far)
    begun = asked.mutate(left=asked.capacity - (asked_by_then - asked.asked))
    first = begun.filter((begun.left >= 0) & (begun.left < begun.asked))
    return first.select("bucket_id", "days", "left")


def _of_nobody(numbered: ir.Table, buckets: ir.Table) -> ir.Table:
    """The bucket of those who ask nobody: there is one more row, and nothing in it."""
    values = {"bucket_id": NOBODY, "block": 1, "short_span": NO_SPAN} | dict.fromkeys(_NOTHING, 0)
    one = numbered.aggregate(buckets=numbered.count())
    numbers = {name: ibis.literal(value, "int64") for name, value in values.items()}
    return one.mutate(**numbers, charged=ibis.literal(False)).select(*buckets.columns)


_NOTHING = ("left", "short_from_s", "used")


def first_come(asking: ir.Table, short: ir.Table, keys: ir.Table) -> ir.Table:
    """Reads who asks whom, when buckets are ``short``, and events' keys; adds what is ``taken``.

    It is what is left after all who came before, for those who come when their bucket is short.
    Events are in order of their start, at one instant in order of their key.
    """
    rows = asking.inner_join(short, "bucket_id")
    late = rows.filter(_comes_late(rows)).mutate(wanted=_blocks(rows))
    keyed = late.left_join(_tied(late, keys), "event_id").drop("event_id_right")
    order = [keyed.started_s, keyed.tied]
    so_far = ibis.window(group_by=keyed.bucket_id, order_by=order, preceding=None, following=0)
    asked_by_then = integers.sum_int64(keyed.wanted, over=so_far)
    left = ibis.greatest(keyed.left - (asked_by_then - keyed.wanted), 0)
    taken = keyed.mutate(taken=ibis.least(left, keyed.wanted))
    given = taken.mutate(given=ibis.least(taken.need, taken.taken))
    freed = ibis.ifelse(given.charged, 0, given.given)
    return given.mutate(freed=freed).select(*asking.columns, *_TAKEN)


def _tied(late: ir.Table, keys: ir.Table) -> ir.Table:
    """The keys of those who ask a bucket at the instant at which it fails several of them.

    Nobody else's is looked up: to read them takes longer than all else here, and hardly any bucket
    runs out so. Before, all of an instant get what they want; after, none gets anything.
    """
    tied = late.semi_join(_failing_instants(late), ["bucket_id", "started_s"]).select("event_id")
    rows = keys.inner_join(tied, "event_id")
    # A number in place of the key: nearly all have none, and all are put in order by it.
    return rows.select("event_id", tied=ibis.row_number().over(order_by=rows.usage_key))


def _failing_instants(late: ir.Table) -> ir.Table:
    """The instants at which several ask one bucket that has something, but not enough for all."""
    instant = late.group_by("bucket_id", "started_s").aggregate(events=late.count())
    several = instant.filter(instant.events > 1).select("bucket_id", instant_s="started_s")
    rows = late.inner_join(several, "bucket_id")
    asked = rows.filter(rows.started_s <= rows.instant_s)
    at_once = ibis.ifelse(asked.started_s == asked.instant_s, asked.wanted, 0)
    sums = asked.group_by("bucket_id", started_s="instant_s").aggregate(
        left=asked.left.min(),
        by_then=integers.sum_int64(asked.wanted),
        at_once=integers.sum_int64(at_once),
    )
    fails = (sums.by_then - sums.at_once < sums.left) & (sums.left < sums.by_then)
    return sums.filter(fails).select("bucket_id", "started_s")


def taking(asking: ir.Table, short: ir.Table, late: ir.Table) -> ir.Table:
    """Reads events, when buckets are ``short`` and who came then; adds what each event takes.

    ``taken`` is in whole blocks, ``given`` what of it is needed, and ``freed`` what of that is not
    charged all the same. Who asks nobody, or a bucket that is empty, takes nothing.
    """
    rows = asking.inner_join(short, "bucket_id")
    sure = rows.filter(~_comes_late(rows))
    served = sure.started_s < sure.short_from_s
    early = sure.mutate(
        taken=integers.where(served, _blocks(sure)),
        given=integers.where(served, sure.need),
        freed=integers.where(served & ~sure.charged, sure.need),
    )
    return early.select(*asking.columns, *_TAKEN).union(late)


_TAKEN = ("taken", "given", "freed")


def _comes_late(rows: ir.Table) -> ir.BooleanValue:
    return _span(rows) == rows.short_span


def _span(rows: ir.Table) -> ir.IntegerValue:
    return integers.quotient(rows.started_s, SPAN_S)


def _blocks(rows: ir.Table) -> ir.IntegerValue:
    """What is needed in whole blocks."""
    return integers.ceil_div(rows.need, rows.block) * rows.block
