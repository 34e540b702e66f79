"""What an event costs: pieces of a band and a step, priced exactly, added up, rounded once."""

import ibis
import ibis.expr.types as ir

from crossbill.core.policy import RoundingScope
from crossbill.engine import integers

PPM = 1_000_000


def charged_pieces(piece: ir.Table) -> ir.Table:
    """Reads pieces: part ``[piece_from, piece_to)`` of an event's elapsed quantity, with its terms.

    Adds ``billed`` (whole minimum and increments) and their exact price as ``whole`` nanos and
    ``part`` of ``parts``. By policy it is that of so many increments, each rounded by itself.
    """
    minimum_to = piece.from_quantity + piece.minimum
    begun = (piece.piece_from < minimum_to) & (piece.piece_from < piece.piece_to)
    rest = ibis.greatest(piece.piece_to - ibis.greatest(piece.piece_from, minimum_to), 0)
    counted = piece.mutate(begun=begun, increments=integers.ceil_div(rest, piece.increment))
    minimum = ibis.ifelse(counted.begun, counted.minimum, 0)
    sized = counted.mutate(billed=minimum + counted.increments * counted.increment)
    rows = sized.mutate(units=integers.quotient(sized.billed, sized.unit))
    below = rows.mutate(below=(rows.billed - rows.units * rows.unit) * rows.price_nanos)
    return _priced(below.mutate(nanos=integers.quotient(below.below, below.unit)))


def _priced(piece: ir.Table) -> ir.Table:
    each = piece.rounding_scope == RoundingScope.INCREMENT.value
    first = ibis.ifelse(piece.begun, piece.minimum_nanos, 0)
    stepped = first + piece.increments * piece.increment_nanos
    exact = piece.units * piece.price_nanos + piece.nanos
    part = (piece.below - piece.nanos * piece.unit) * piece.unit_parts
    return piece.mutate(whole=ibis.ifelse(each, stepped, exact), part=ibis.ifelse(each, 0, part))


def event_amount(event: ir.Table) -> ir.Table:
    """Reads events with the sum of their pieces (whole, part) and the terms of their first band.

    Adds ``amount_nanos``: connect fee and pieces, or the event's own price, capped, rounded once.
    """
    carried = _with_carried(event)
    over = integers.quotient(carried.part, carried.parts)
    summed = carried.mutate(
        whole=carried.whole + over + _connect_fee(carried),
        part=carried.part - over * carried.parts,
    )
    capped = (summed.whole >= summed.max_cost_nanos).fill_null(False)
    cut = summed.mutate(
        whole=ibis.ifelse(capped, summed.max_cost_nanos, summed.whole),
        part=ibis.ifelse(capped, 0, summed.part),
    )
    amount = integers.round_parts(
        cut.whole, cut.part, cut.parts, cut.rounding_scale, cut.rounding_mode
    )
    return cut.mutate(amount_nanos=amount)


def _with_carried(event: ir.Table) -> ir.Table:
    """The share of the event's own price beside the pieces, where the rate of its band says so."""
    carries = (event.carried_ppm > 0) & (event.quantity > 0)
    price = event.carried_nanos.fill_null(0)
    below = (price % PPM) * event.carried_ppm
    whole = integers.quotient(price, PPM) * event.carried_ppm + integers.quotient(below, PPM)
    part = event.part * PPM + (below % PPM) * event.parts
    return event.mutate(
        whole=ibis.ifelse(carries, event.whole + whole, event.whole),
        part=ibis.ifelse(carries, part, event.part),
        parts=ibis.ifelse(carries, event.parts * PPM, event.parts),
    )


def _connect_fee(event: ir.Table) -> ir.IntegerValue:
    """Due once where something was used, unless allowances paid for all of it."""
    ratable = event.quantity - event.free_quantity
    due = (event.quantity > 0) & ((ratable == 0) | (event.covered_quantity < ratable))
    return ibis.ifelse(due, event.connect_fee_nanos, 0)


def surcharges(rated: ir.Table, surcharge: ir.Table) -> ir.Table:
    """Reads rated events and ``surcharge``; writes ``rated_surcharge``, each rounded by itself."""
    keys = ["plan_code", "charge_code", "epoch_id"]
    events = rated.select("event_id", "usage_key", "leg", "amount_nanos", *keys)
    rows = events.inner_join(surcharge, keys)
    scaled = rows.mutate(
        scale=ibis.cases(
            *((rows.rounding_digits == d, 10 ** (9 - d)) for d in range(-9, 10)), else_=1
        )
    )
    below = (scaled.amount_nanos % PPM) * scaled.rate_ppm
    whole = integers.quotient(scaled.amount_nanos, PPM) * scaled.rate_ppm
    amount = integers.round_parts(
        whole + integers.quotient(below, PPM),
        below % PPM,
        ibis.literal(PPM, "int64"),
        scaled.scale,
        scaled.rounding_mode,
    )
    return scaled.select("event_id", "usage_key", "leg", "surcharge_code", amount_nanos=amount)
