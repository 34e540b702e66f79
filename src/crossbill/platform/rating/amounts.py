"""What an event costs: pieces of a band and a step, priced exactly, added up, rounded once."""

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers

PPM = 1_000_000


def charged_pieces(piece: ir.Table, *, parts: bool = True, increments: bool = True) -> ir.Table:
    """Reads pieces: part ``[piece_from, piece_to)`` of an event's elapsed quantity, with its terms.

    Adds ``billed`` (whole minimum and increments) and their exact price as ``whole`` nanos and
    ``part`` of ``parts``. By policy it is that of so many increments, each rounded by itself;
    ``increments`` unless no policy says so. Where nobody asks for ``parts``, they are left out.
    """
    minimum_to = piece.from_quantity + piece.minimum
    begun = (piece.piece_from < minimum_to) & (piece.piece_from < piece.piece_to)
    past = piece.mutate(begun=begun, past=integers.larger(piece.piece_from, minimum_to))
    rest = integers.where(past.piece_to > past.past, past.piece_to - past.past)
    counted = past.mutate(increments=integers.ceil_div(rest, past.increment))
    minimum = integers.where(counted.begun, counted.minimum)
    sized = counted.mutate(billed=minimum + counted.increments * counted.increment)
    rows = sized.mutate(units=integers.quotient(sized.billed, sized.unit))
    below = rows.mutate(below=(rows.billed - rows.units * rows.unit) * rows.price_nanos)
    exact = _exact(below.mutate(nanos=integers.quotient(below.below, below.unit)), parts=parts)
    return _by_increment(exact) if increments else exact


def _exact(piece: ir.Table, *, parts: bool) -> ir.Table:
    """The price of what is billed, however many increments it is."""
    whole = piece.units * piece.price_nanos + piece.nanos
    part = (piece.below - piece.nanos * piece.unit) * piece.unit_parts if parts else integers.ZERO
    return piece.mutate(whole=whole, part=part)


def _by_increment(piece: ir.Table) -> ir.Table:
    """The price of so many increments instead, where the policy says so: a whole one."""
    first = integers.where(piece.begun, piece.minimum_nanos)
    stepped = first + piece.increments * piece.increment_nanos
    each = piece.by_increment
    return piece.mutate(
        whole=ibis.ifelse(each, stepped, piece.whole), part=ibis.ifelse(each, 0, piece.part)
    )


def event_amount(  # noqa: PLR0913 - what events are asked for
    event: ir.Table, *, carried: bool, capped: bool, free: bool, parts: bool, exactly: bool
) -> ir.Table:
    """Reads events with the sum of their pieces (whole, part) and the terms of their first band.

    Adds ``amount_nanos``: connect fee and pieces, or the event's own price, capped, rounded once.
    Where no rate carries such a price, none has a cap or a ``free`` quantity, or no policy rounds
    by ``parts`` of a nano or ``exactly``, by what lies beyond the digit that decides, it need not
    be asked of each event.
    """
    summed = _with_carried(event) if carried else event
    charged = summed.mutate(whole=summed.whole + _connect_fee(summed, free=free))
    cut = _capped(charged) if capped else charged
    how = integers.Rounding(*(cut[f"rounding_{name}"] for name in integers.Rounding._fields))
    amount = integers.rounded(cut.whole, cut.part, how, parts=parts, exactly=exactly)
    return cut.mutate(amount_nanos=amount)


def _with_carried(event: ir.Table) -> ir.Table:
    """The share of the event's own price beside the pieces, where the rate of its band says so."""
    carries = (event.carried_ppm > 0) & (event.quantity > 0)
    price = event.carried_nanos.fill_null(0)
    below = (price % PPM) * event.carried_ppm
    whole = integers.quotient(price, PPM) * event.carried_ppm + integers.quotient(below, PPM)
    part = (below % PPM) * integers.quotient(event.parts, PPM)
    return with_whole_parts(
        event.mutate(
            whole=ibis.ifelse(carries, event.whole + whole, event.whole),
            part=ibis.ifelse(carries, event.part + part, event.part),
        )
    )


def with_whole_parts(event: ir.Table) -> ir.Table:
    """What several parts of a nano make up together, made whole."""
    over = integers.quotient(event.part, event.parts)
    return event.mutate(whole=event.whole + over, part=event.part - over * event.parts)


def _capped(event: ir.Table) -> ir.Table:
    capped = (event.whole >= event.max_cost_nanos).fill_null(False)
    return event.mutate(
        whole=ibis.ifelse(capped, event.max_cost_nanos, event.whole),
        part=ibis.ifelse(capped, 0, event.part),
    )


def _connect_fee(event: ir.Table, *, free: bool) -> ir.IntegerValue:
    """Due once where something was used, unless allowances paid for all of it.

    Of what is free altogether, allowances pay nothing, and it is due.
    """
    most = event.quantity
    if free:
        most = ibis.least(ibis.greatest(event.quantity - event.free_quantity, 1), event.quantity)
    due = event.covered_quantity < most
    return integers.where(due, event.connect_fee_nanos)


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
