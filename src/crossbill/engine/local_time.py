"""Local time as UTC, exactly: a time that the clocks skip or repeat is told, never guessed."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY_S = 86_400
FIRST_YEAR, YEAR_AFTER_LAST = 1970, 2070
_S = 1_000_000  # microseconds


class Regime(NamedTuple):
    """A time in which a zone keeps one distance from UTC, in seconds since 1970 in UTC."""

    from_s: int
    to_s: int
    offset_s: int


@ibis.udf.scalar.builtin(name="epoch_us")  # type: ignore[untyped-decorator]
def _epoch_us(time: dt.timestamp) -> int:  # type: ignore[empty-body]
    """Microseconds since 1970."""


@ibis.udf.scalar.builtin(name="make_timestamp")  # type: ignore[untyped-decorator]
def _from_epoch_us(microseconds: int) -> dt.timestamp:
    """The time so many microseconds after 1970."""


def regime_of(local: ir.TimestampValue, zone: str) -> ir.IntegerValue:
    """The first regime of a zone that has not ended when its clocks show a time.

    Store it in a column: it is a long expression, of which ``readings`` makes short ones.
    """
    shown = _epoch_us(local)
    ends = [(shown < (r.to_s + r.offset_s) * _S, n) for n, r in enumerate(regimes(zone))]
    return ibis.cases(*ends, else_=ibis.null("int64")).cast("int64")


def readings(
    local: ir.TimestampValue, regime: ir.IntegerValue, zone: str
) -> tuple[ir.TimestampValue, ir.TimestampValue]:
    """The first and the last instant, in UTC, at which the clocks of a zone show a time.

    ``regime`` is that of ``regime_of``. Both instants are empty where the clocks skip the time, and
    before 1970 and after 2069; they differ where it comes twice.
    """
    known, shown = regimes(zone), _epoch_us(local)
    starts = ibis.literal([(r.from_s + r.offset_s) * _S for r in known], "array<int64>")
    offsets = ibis.literal([r.offset_s * _S for r in known], "array<int64>")
    begun = starts[regime] <= shown
    next_begun = (starts[regime + 1] <= shown).fill_null(False)
    last = ibis.ifelse(next_begun, regime + 1, regime)
    none = ibis.null("int64")
    return (
        _from_epoch_us(ibis.ifelse(begun, shown - offsets[regime], none)),
        _from_epoch_us(ibis.ifelse(begun, shown - offsets[last], none)),
    )


@cache
def regimes(zone: str) -> tuple[Regime, ...]:
    """Every change of a zone's clocks, from the same tables as all other local time here."""
    clock = ZoneInfo(zone)
    end = _seconds(datetime(YEAR_AFTER_LAST, 1, 1, tzinfo=UTC))
    days = [(second, _offset(clock, second)) for second in range(0, end + DAY_S, DAY_S)]
    changes = [
        _change(clock, one, other)
        for (one, offset), (other, next_offset) in pairwise(days)
        if offset != next_offset
    ]
    edges = [0, *changes, end]
    return tuple(Regime(a, b, _offset(clock, a) // SECOND) for a, b in pairwise(edges))


def _change(clock: ZoneInfo, before: int, after: int) -> int:
    """The first second of the new offset."""
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(clock, middle) == _offset(clock, before):
            before = middle
        else:
            after = middle
    return after


def _offset(clock: ZoneInfo, second: int) -> timedelta:
    offset = datetime.fromtimestamp(second, clock).utcoffset()
    assert offset is not None, "an aware time has an offset"
    return offset


def _seconds(instant: datetime) -> int:
    return (instant - EPOCH) // SECOND
