"""What the chain of rating is built for: what a catalogue does not use costs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.core.money import NANO_DIGITS
from crossbill.core.policy import LocalTime, RoundingScope
from crossbill.engine import integers
from crossbill.platform.usage import guide


@dataclass(frozen=True)
class Shape:
    """What the chain is built for; what a catalogue does not use costs nothing."""

    ranks: int = 0  # passes over the allowances
    wholesale: bool = False  # events with a network have a second leg
    surcharges: bool = False  # some charge has surcharges
    carried: bool = False  # some rate charges a share of the event's own price
    capped: bool = False  # some rate has a maximum
    switched: bool = False  # some policy goes by the local time of the switch
    networks: bool = True  # some charge goes by the network
    free: bool = True  # some rate has a quantity that is free at the start of each event
    increments: bool = True  # some policy rounds each increment by itself
    parts: bool = True  # some policy rounds by parts of a nano
    exactly: bool = True  # some policy rounds by what lies beyond the digit that decides
    detail: bool = False  # who took what from which allowance is kept
    named: bool = True  # events are asked for by their key, not only what they add up to


def shape_of(
    backend: Backend,
    tables: Mapping[str, ir.Table],
    *,
    detail: bool = False,
    named: bool = True,
) -> Shape:
    """The smallest shape that fits these tables; reads only the small ones.

    An event with a second leg or surcharges needs its name, whether or not it is asked for.
    """
    names = ("bucket", "service", "surcharge", "rate", "rating_policy", "plan_charge")
    bucket, service, surcharge, rate, policy, charge = (tables[name] for name in names)
    asked = (
        bucket.aggregate(ranks=bucket["rank"].max().fill_null(-1) + 1),
        service.aggregate(wholesale=(service.leg == guide.WHOLESALE).any().fill_null(False)),
        surcharge.aggregate(surcharges=surcharge.count() > 0),
        rate.aggregate(
            carried=(rate.carried_ppm > 0).any().fill_null(False),
            capped=rate.max_cost_nanos.count() > 0,
            free=(rate.included > 0).any().fill_null(False),
        ),
        policy.aggregate(
            switched=(policy.local_time == LocalTime.SWITCH.value).any().fill_null(False),
            increments=_by_increment(policy).any().fill_null(False),
            parts=(_exactly(policy) | _finely(policy)).any().fill_null(False),
            exactly=_exactly(policy).any().fill_null(False),
        ),
        charge.aggregate(networks=(charge.zone_by == "network").any().fill_null(False)),
    )
    figures = backend.to_pyarrow(reduce(ir.Table.cross_join, asked)).to_pylist()[0]
    named = named or detail or figures["wholesale"] or figures["surcharges"]
    for saving in ("free", "increments", "parts"):
        figures[saving] |= named  # they save little beside writing events
    figures["parts"] |= figures["carried"]
    return Shape(**figures, detail=detail, named=named)


def _by_increment(policy: ir.Table) -> ir.BooleanValue:
    return policy.rounding_scope == RoundingScope.INCREMENT.value


def _exactly(policy: ir.Table) -> ir.BooleanValue:
    return policy.rounding_mode.isin(integers.EXACTLY)


def _finely(policy: ir.Table) -> ir.BooleanValue:
    """Whether what a policy keeps of an event is a multiple of one nano."""
    by_event = policy.rounding_scope == RoundingScope.EVENT.value
    return ~by_event | (policy.rounding_digits >= NANO_DIGITS)
