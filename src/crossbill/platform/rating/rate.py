"""The rating of a population as one compiled chain: guide, route, band, allowances, price.

The same chain rates a hundred million events, one event, or an event that nobody has made yet.
"""

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.engine.calculation import Calculation, Step, Tables, compiled_once
from crossbill.engine.rating_datasets import (
    ALLOWANCE,
    BAND,
    BAND_CELL,
    BAND_SPAN,
    BUCKET,
    BUCKET_USE,
    CALENDAR_ZONE,
    CONSUMPTION,
    DECK_PREFIX,
    EPOCH_CELL,
    PERIOD,
    PLAN_CHARGE,
    RATE,
    RATE_SET,
    RATED_USAGE,
    RATING_POLICY,
    SERVICE,
    SURCHARGE,
    USAGE,
)
from crossbill.platform.rating import amounts, event_state, lines, rate_passes, rate_terms
from crossbill.platform.rating.routes import (
    charges,
    distinct_routes,
    resolve_routes,
    route_key,
)
from crossbill.platform.rating.shape import Shape
from crossbill.platform.usage import guide
from crossbill.platform.usage.reasons import first_fault, suspended

LONGEST_CALL_S = 7 * 86_400
LARGEST_CARRIED_NANOS = 10**15  # a million major units in one event, marked up
INPUTS = (
    USAGE, SERVICE, RATING_POLICY, EPOCH_CELL, PLAN_CHARGE, DECK_PREFIX, RATE_SET, RATE,
    CALENDAR_ZONE, PERIOD, BAND_SPAN, BAND_CELL, BAND, SURCHARGE, BUCKET, ALLOWANCE,
)  # fmt: skip


@compiled_once
def rating(shape: Shape) -> Calculation:
    """Inputs: the tables of ``INPUTS`` by name. Results: ``rated_usage``, ``suspended_usage``,
    ``rated_surcharge``, ``usage_charge``, ``bucket_use``; in detail ``piece`` and ``consumption``.
    """
    surcharges = Step("rated_surcharge", lambda t: _surcharges(t, shape))
    rated = Step("rated_usage", lambda t: _rated_usage(t, shape), stored=False)
    steps = [
        Step("rules", lambda t: rate_terms.rules(t["rating_policy"])),
        Step("terms", lambda t: rate_terms.terms(t["rate"], t["rules"])),
        Step("party", lambda t: guide.party(t["service"], t["rules"])),
        Step("charge", lambda t: charges(t["party"], t["plan_charge"], t["deck_prefix"])),
        *rate_passes.bucket_steps(shape.ranks),
        Step("event", lambda t: _guided(t, shape), stored=shape.named, packed=True),
        Step("route", lambda t: distinct_routes(t["event"], _route_key(shape)), shape.named),
        Step("resolved", _resolved, stored=shape.named),
        Step("located", lambda t: _located(t, shape), packed=True),
        *rate_passes.passes(shape.ranks, _located_columns(shape), lambda t: _keys(t, shape)),
        Step("cut", lambda t: _sound(t, shape, several=True)),
        Step("priced", lambda t: _priced(t, shape), stored=shape.named, packed=True),
        *([surcharges] if shape.surcharges else []),
        *([rated] if shape.named else []),
        Step("usage_charge", lambda t: _usage_charge(t, shape), stored=False),
        Step("suspended_usage", lambda t: _suspended_usage(t, shape)),
        Step("bucket_use", lambda t: _bucket_use(t, shape)),
    ]
    if shape.detail:
        steps.append(Step("piece", lambda t: _all_pieces(t, shape), stored=False))
    if shape.detail and shape.ranks:
        steps.append(Step("consumption", lambda t: _consumption(t, shape)))
    return Calculation({dataset.name: dataset.ibis for dataset in INPUTS}, steps)


def _guided(t: Tables, shape: Shape) -> ir.Table:
    return guide.guide(
        t["usage"], t["party"], t["epoch_cell"], t["charge"],
        wholesale=shape.wholesale, switched=shape.switched, carried=shape.carried,
        networks=shape.networks, named=shape.named,
    )  # fmt: skip


def _route_key(shape: Shape) -> list[str]:
    return route_key(switched=shape.switched)


def _resolved(t: Tables) -> ir.Table:
    return resolve_routes(
        t["route"], t["charge"], t["deck_prefix"], t["rate_set"], t["calendar_zone"]
    )


def _located(t: Tables, shape: Shape) -> ir.Table:
    """The events with their route and terms: of the band in which they start, the first step.

    Their ``state`` (`event_state`) says whether an event touches a second band or step, or why it
    cannot be rated. What follows from the terms alone is not kept here: joining them costs less.
    """
    routed = _with_route(t["event"], t["resolved"], _route_key(shape))
    banded = _with_band(routed, t["band_cell"])
    terms = t["terms"].filter(t["terms"].step == 0)
    first = terms.select(
        "term_id", "steps", "to_quantity", "carried_ppm", "splits", "largest_quantity",
        "included", "scope_mask", set_id="rate_set_id", first_band="band_id", rules_id="policy_id",
    )  # fmt: skip
    rows = banded.left_join(
        first,
        [
            banded.rate_set_id == first.set_id,
            banded.band_id == first.first_band,
            banded.policy_id == first.rules_id,
        ],
    )
    crosses = rows.timed & rows.splits & (rows.started_s + rows.quantity > rows.span_to_s)
    stepped = (rows.steps > 1) & (rows.quantity > rows.to_quantity)
    found = rows.mutate(fault=_fault(rows, shape), several=crosses | stepped)
    located = found.mutate(state=event_state.state_of(found.fault, found.several))
    asked = rate_passes.first_asked(located, t, shape.ranks, free=shape.free)
    asks = rate_passes.asked_columns(shape.ranks, free=shape.free)
    return asked.select(*_located_columns(shape), *asks)


def _located_columns(shape: Shape) -> list[str]:
    """What is kept of an event, beside what it asks of allowances."""
    carried = ["carried_nanos"] if shape.carried else []
    calendar = ["calendar_id"] if shape.switched else []
    return [*LOCATED, *_names(shape), *carried, *calendar]


LOCATED = (
    "event_id", "party_id", "charge_id", "term_id", "started_s", "quantity", "state",
)  # fmt: skip


def _with_route(event: ir.Table, resolved: ir.Table, key: list[str]) -> ir.Table:
    places = resolved.select(
        *key, "route_id", "policy_id", "rate_set_id", "calendar_id", "timed", "route_fault"
    )
    return event.left_join(places, key)


def _with_band(event: ir.Table, band_cell: ir.Table) -> ir.Table:
    cells = band_cell.rename(cell_calendar="calendar_id", span_from_s="from_s", span_to_s="to_s")
    rows = event.mutate(quarter=integers.div_trunc(event.started_s, guide.QUARTER_S))
    return rows.left_join(
        cells,
        [
            rows.calendar_id == cells.cell_calendar,
            rows.quarter == cells.cell,
            rows.started_s >= cells.span_from_s,
            rows.started_s < cells.span_to_s,
        ],
    )


def _fault(event: ir.Table, shape: Shape) -> ir.IntegerValue:
    """Why an event cannot be rated: what is known of it, its route, or its band and rate."""
    overlong = event.timed & (event.quantity > LONGEST_CALL_S)
    found = first_fault(
        (overlong, "CALL_OVERLONG"),
        (event.band_id.isnull(), "BAND_MISSING"),
        (event.term_id.isnull(), "RATE_MISSING"),
        (event.quantity > ibis.greatest(event.largest_quantity, 0), "AMOUNT_TOO_LARGE"),
        *(_carried_faults(event) if shape.carried else ()),
    )
    known = event.fault.coalesce(event.route_fault).coalesce(found)
    if shape.carried:
        return known
    fits = ~overlong & (event.quantity <= event.largest_quantity)
    sound = event.fault.isnull() & event.route_fault.isnull() & event.term_id.notnull() & fits
    return ibis.ifelse(sound, ibis.null("int8"), known)


def _carried_faults(event: ir.Table) -> tuple[tuple[ir.BooleanValue, str], ...]:
    """Why an event's own price cannot be charged, where its rate charges it."""
    carries = (event.carried_ppm > 0).fill_null(False)
    return (
        (carries & event.carried_nanos.isnull(), "PRICE_MISSING"),
        (carries & (event.carried_nanos > LARGEST_CARRIED_NANOS), "AMOUNT_TOO_LARGE"),
    )


def _priced(t: Tables, shape: Shape) -> ir.Table:
    """All sound events with their amounts.

    They are kept where events are written and added up as well, or they would be worked out twice.
    DuckDB 1.5.6 could also wait for ever as it streamed rows that two tables give in turn.

    An event within one band and one step is one piece, priced on its own row. The others are cut
    into pieces, priced by the same functions, and put together again.
    """
    whole = amounts.charged_pieces(
        _sound(t, shape, several=False), parts=shape.parts, increments=shape.increments
    ).select(*_summed(shape))
    pieces = amounts.charged_pieces(_pieces(t))
    events = whole.union(_put_together(t["cut"], pieces).select(*_summed(shape)))
    amount = amounts.event_amount(
        events,
        carried=shape.carried,
        capped=shape.capped,
        free=shape.free,
        parts=shape.parts,
        exactly=shape.exactly,
    )
    return amount.select(*PRICED, *_names(shape))


PRICED = (
    "event_id", "party_id", "charge_id", "band_id", "started_s", "quantity", "covered_quantity",
    "billed", "amount_nanos",
)  # fmt: skip


def _names(shape: Shape) -> list[str]:
    """What an event is called by, and which route says the rest of it."""
    return ["usage_key", "retail", "route_id"] if shape.named else []


def _all_pieces(t: Tables, shape: Shape) -> ir.Table:
    """Every piece of every event, also of those that are one: what an explanation is made of."""
    columns = (
        "event_id", "band_id", "piece_from", "piece_to", "from_quantity", "minimum",
        "begun", "increment", "increments", "billed", "unit", "price_nanos", "minimum_nanos",
        "increment_nanos", "whole", "part", "parts",
    )  # fmt: skip
    parts = [_sound(t, shape, several=False), _pieces(t)]
    filled = (rows.filter(rows.piece_from < rows.piece_to) for rows in parts)
    return ibis.union(*(amounts.charged_pieces(rows).select(*columns) for rows in filled))


def _keys(t: Tables, shape: Shape) -> ir.Table:
    """The key of each event; one that nobody asks for by its name is looked up by its number."""
    if shape.named:
        return t["located"].select("event_id", "usage_key")
    usage = t["usage"].select("usage_key")
    return usage.mutate(event_id=ibis.row_number())


def _sound(t: Tables, shape: Shape, *, several: bool) -> ir.Table:
    """The sound events that touch several bands or steps, or those that do not, with their terms.

    The former are few and read again and again, so they are kept; the latter cost less passed on.
    """
    covered = rate_passes.covered(t, shape.ranks, _located_columns(shape))
    state = event_state.SEVERAL if several else event_state.WHOLE
    return _with_terms(covered.filter(covered.state == state), t, free=shape.free)


def _with_terms(event: ir.Table, t: Tables, *, free: bool) -> ir.Table:
    """The events as pieces of their first terms: what is free and what is covered come first."""
    first = t["terms"].drop("step", "steps", "scope_mask", "to_quantity")
    rows = event.inner_join(first, "term_id")
    if not free:
        at_once = {"piece_from": rows.covered_quantity, "piece_to": rows.quantity}
        return rows.mutate(free_quantity=integers.ZERO, **at_once).drop("included")
    freed = rows.mutate(free_quantity=ibis.least(rows.included, rows.quantity)).drop("included")
    return freed.mutate(
        piece_from=freed.free_quantity + freed.covered_quantity, piece_to=freed.quantity
    )


def _pieces(t: Tables) -> ir.Table:
    """Cut events by band, where they cross one, and by the steps of each band's rate."""
    rows = _with_calendar(t["cut"], t["charge"], t["calendar_zone"])
    events = rows.mutate(by_band=rows.timed & rows.splits).select(
        "event_id", "started_s", "piece_from", "piece_to", "rate_set_id", "band_id", "policy_id",
        "calendar_id", "by_band",
    )  # fmt: skip
    within = events.filter(~events.by_band)
    segments = _segments(events.filter(events.by_band), t["band_span"]).union(within)
    steps = t["terms"].rename(set_id="rate_set_id", step_band="band_id", rules_id="policy_id")
    joined = segments.inner_join(
        steps,
        [
            segments.rate_set_id == steps.set_id,
            segments.band_id == steps.step_band,
            segments.policy_id == steps.rules_id,
            segments.piece_from < steps.to_quantity,
            segments.piece_to > steps.from_quantity,
        ],
    )
    return joined.mutate(
        piece_from=ibis.greatest(joined.piece_from, joined.from_quantity),
        piece_to=ibis.least(joined.piece_to, joined.to_quantity),
    )


def _with_calendar(cut: ir.Table, charge: ir.Table, calendar_zone: ir.Table) -> ir.Table:
    """Adds the calendar of each event: its charge says it, unless some go by the switch's time."""
    if "calendar_id" in cut.columns:
        return cut.inner_join(charge.select("charge_id", "timed"), "charge_id")
    calendars = charge.inner_join(calendar_zone, ["calendar_code", "time_zone"])
    return cut.inner_join(calendars.select("charge_id", "timed", "calendar_id"), "charge_id")


def _segments(crossing: ir.Table, band_span: ir.Table) -> ir.Table:
    """The events once for each band that what is charged of them touches."""
    spans = band_span.select("from_s", "to_s", span_calendar="calendar_id", span_band="band_id")
    joined = crossing.inner_join(
        spans,
        [
            crossing.calendar_id == spans.span_calendar,
            crossing.started_s + crossing.piece_to > spans.from_s,
            crossing.started_s + crossing.piece_from < spans.to_s,
        ],
    )
    return joined.mutate(
        piece_from=ibis.greatest(joined.piece_from, joined.from_s - joined.started_s),
        piece_to=ibis.least(joined.piece_to, joined.to_s - joined.started_s),
        band_id=joined.span_band,
    ).select(*crossing.columns)


def _put_together(cut: ir.Table, pieces: ir.Table) -> ir.Table:
    """The cut events with the sums of their pieces; one that is paid for in full has none."""
    sums = pieces.group_by("event_id").aggregate(
        billed=integers.sum_int64(pieces.billed),
        whole=integers.sum_int64(pieces.whole),
        part=integers.sum_int64(pieces.part),
    )
    joined = cut.left_join(sums, "event_id")
    nothing = {name: joined[name].fill_null(0) for name in ("billed", "whole", "part")}
    return amounts.with_whole_parts(joined.mutate(**nothing))


def _summed(shape: Shape) -> list[str]:
    """The columns of events with the sums of their pieces."""
    carried = ["carried_ppm", "carried_nanos"] if shape.carried else []
    capped = ["max_cost_nanos"] if shape.capped else []
    return [*SUMMED, *_names(shape), *carried, *capped]


SUMMED = (
    "event_id", "party_id", "charge_id", "band_id", "started_s", "quantity", "free_quantity",
    "covered_quantity", "billed", "whole", "part", "parts", "connect_fee_nanos",
    *(f"rounding_{name}" for name in integers.Rounding._fields),
)  # fmt: skip


def _surcharges(t: Tables, shape: Shape) -> ir.Table:
    """The surcharges of the rated events."""
    routes = t["resolved"].select("route_id", "plan_code", "charge_code", "epoch_id")
    rows = t["priced"].inner_join(routes, "route_id")
    return amounts.surcharges(rows.mutate(leg=_leg(rows)), t["surcharge"])


def _leg(rows: ir.Table) -> ir.StringValue:
    return ibis.ifelse(rows.retail, guide.RETAIL, guide.WHOLESALE)


def _rated_usage(t: Tables, shape: Shape) -> ir.Table:
    """The rated events in full, the names in place of the numbers."""
    routes = t["resolved"].select(
        "route_id", "plan_code", "charge_code", "usage_type", "zone", "prefix", "price_version"
    )
    parties = _parties(t)
    rows = t["priced"].inner_join(routes, "route_id").inner_join(parties, "party_id")
    named = rows.inner_join(t["band"], "band_id")
    charged = (
        _with_surcharges(named, t["rated_surcharge"])
        if shape.surcharges
        else named.mutate(surcharge_nanos=ibis.literal(0, "int64"))
    )
    return charged.mutate(
        started_at=integers.instant(charged.started_s), billed_quantity=charged.billed
    ).select(*RATED_USAGE.ibis)


def _usage_charge(t: Tables, shape: Shape) -> ir.Table:
    """What each product used of each charge in each period: added up first, then named."""
    priced = t["priced"]
    if shape.surcharges:
        priced = _with_surcharges(priced, t["rated_surcharge"])
    sums = lines.summed(priced, t["period"])
    routes = t["charge"].select("charge_id", "plan_code", "charge_code", "usage_type")
    rows = sums.inner_join(routes, "charge_id").inner_join(_parties(t), "party_id")
    return lines.usage_charges(rows, t["rules"])


def _parties(t: Tables) -> ir.Table:
    """Who pays, by party: the columns of a rated event."""
    rules = t["rules"].select("policy_id", "policy_code")
    parties = t["party"].inner_join(rules, "policy_id")
    return parties.select(
        "party_id", "leg", "account_key", "product_key", "currency", "policy_code"
    )


def _with_surcharges(rows: ir.Table, surcharge: ir.Table) -> ir.Table:
    sums = surcharge.group_by("event_id").aggregate(
        surcharge_nanos=integers.sum_int64(surcharge.amount_nanos)
    )
    joined = rows.left_join(sums, "event_id").drop("event_id_right")
    return joined.mutate(surcharge_nanos=joined.surcharge_nanos.fill_null(0))


def _suspended_usage(t: Tables, shape: Shape) -> ir.Table:
    """What could not be rated, with the field that shows why."""
    located = t["located"]
    fault = located.state - event_state.FAULTY
    faulty = located.mutate(fault=fault).filter(located.state >= event_state.FAULTY)
    if shape.named:
        return suspended(faulty.select("usage_key", "fault", leg=_leg(faulty)), t["usage"])
    named = _keys(t, shape).inner_join(faulty, "event_id")
    leg = ibis.literal(guide.RETAIL)
    return suspended(named.select("usage_key", "fault", leg=leg), t["usage"])


def _bucket_use(t: Tables, shape: Shape) -> ir.Table:
    """How much of each bucket is used up."""
    bucket = t["bucket"]
    if shape.ranks == 0:
        return bucket.mutate(taken=ibis.literal(0, "int64")).select(*BUCKET_USE.ibis)
    short = rate_passes.together([t[f"short_{rank}"] for rank in range(shape.ranks)])
    used = short.group_by("bucket_id").aggregate(taken=integers.sum_int64(short.used))
    return t["numbered_bucket"].inner_join(used, "bucket_id").select(*BUCKET_USE.ibis)


def _consumption(t: Tables, shape: Shape) -> ir.Table:
    """Who took what from which bucket."""
    keys = t["numbered_bucket"].select("bucket_id", "bucket_key")
    named = rate_passes.given(t, shape.ranks).inner_join(keys, "bucket_id")
    events = t["located"].select("event_id", "usage_key", "started_s")
    rows = events.inner_join(named, "event_id")
    return rows.mutate(started_at=integers.instant(rows.started_s), covered=rows.given).select(
        *CONSUMPTION.ibis
    )
