"""Why usage is suspended: each code with the field that shows it, and what to do."""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from crossbill.engine.rating_datasets import SUSPENDED_USAGE


@dataclass(frozen=True)
class Reason:
    """A code's field of ``usage``, what is wrong, and the cure."""

    field: str
    what: str
    cure: str


READING = {
    "KEY_MISSING": Reason("usage_key", "the record has no key", "deliver it with its identity"),
    "SERVICE_MISSING": Reason("service_key", "nobody says which service", "deliver it again"),
    "USAGE_TYPE_MISSING": Reason("usage_type", "nobody says what was used", "deliver it again"),
    "START_UNREADABLE": Reason(
        "started_at",
        "not an instant with its offset, such as 2024-03-31T01:30:00+01:00",
        "write the offset, or Z for UTC",
    ),
    "QUANTITY_UNREADABLE": Reason("quantity", "not a whole number", "deliver whole base units"),
    "PRICE_UNREADABLE": Reason("amount_nanos", "not a whole number of nanos", "deliver it again"),
    "RECEIPT_UNREADABLE": Reason(
        "received_at", "not an instant with its offset", "write the offset, or Z for UTC"
    ),
    "DESTINATION_UNREADABLE": Reason(
        "destination", "not a number of 1 to 15 digits", "normalise numbers before they come in"
    ),
    "NETWORK_UNREADABLE": Reason(
        "network", "not a code of 1 to 15 digits", "deliver country and network code as digits"
    ),
}
REASONS = {
    "QUANTITY_NEGATIVE": Reason(
        "quantity", "less than nothing was used", "ask the switch for the record again"
    ),
    "QUANTITY_TOO_LARGE": Reason(
        "quantity", "more than a million million units", "look for a wrong unit or a counter reset"
    ),
    "CALL_OVERLONG": Reason(
        "quantity", "a call of more than seven days", "look for a missing hang-up at the switch"
    ),
    "START_TOO_EARLY": Reason(
        "started_at", "a start before the year 2000", "mend the switch's clock, deliver again"
    ),
    "START_OUT_OF_RANGE": Reason(
        "started_at", "a start outside of the time that is rated", "state another time to rate"
    ),
    "SERVICE_UNKNOWN": Reason(
        "service_key", "no product holds this service then", "assign the service, then rate again"
    ),
    "SERVICE_DOUBLED": Reason(
        "service_key", "two products hold this service at one time", "end one of them"
    ),
    "POLICY_UNKNOWN": Reason(
        "service_key", "the service's policy is not in the catalogue", "add it, or name another"
    ),
    "CURRENCY_MISMATCH": Reason(
        "currency", "the event's price is in another currency than the account", "convert it first"
    ),
    "AMOUNT_NEGATIVE": Reason(
        "amount_nanos", "the event carries a price below zero", "send a credit note instead"
    ),
    "USAGE_TYPE_UNKNOWN": Reason(
        "usage_type", "the plan has no charge for this usage type", "add a charge to the plan"
    ),
    "DESTINATION_UNKNOWN": Reason(
        "destination", "no prefix of the deck fits", "add the prefix to the deck"
    ),
    "RATE_MISSING": Reason(
        "destination", "the tariff has no rate for this zone, band and time", "add the rate"
    ),
    "BAND_MISSING": Reason(
        "started_at", "no band of the calendar holds at this time", "close the calendar's gap"
    ),
    "TIME_ZONE_UNKNOWN": Reason(
        "time_zone", "no time zone of this name", "use an IANA name such as Europe/Zurich"
    ),
    "PRICE_MISSING": Reason(
        "amount_nanos", "the rate charges the event's own price and it has none", "deliver it"
    ),
    "AMOUNT_TOO_LARGE": Reason(
        "quantity", "the event would cost over a billion", "check the price and the quantity"
    ),
}


NUMBERS = tuple(REASONS)


def reason(code: str) -> Reason:
    """The reason of a code, of reading or of rating."""
    return READING[code] if code in READING else REASONS[code]


def first_fault(
    *checks: tuple[ir.BooleanValue, str], unless: ir.BooleanValue | None = None
) -> ir.IntegerValue:
    """The number of the first code whose check holds: a number costs a row less than a text.

    Where ``unless`` holds, none of them does: most rows are then asked nothing further.
    """
    numbered = [(wrong, ibis.literal(NUMBERS.index(code), "int8")) for wrong, code in checks]
    sound = [] if unless is None else [(unless, ibis.null("int8"))]
    return ibis.cases(*sound, *numbered, else_=ibis.null("int8"))


def suspended(faulty: ir.Table, usage: ir.Table) -> ir.Table:
    """Reads usage_key, leg and fault; writes ``suspended_usage`` with the record's own values."""
    codes = [(number, code) for number, code in enumerate(NUMBERS)]
    coded = faulty.mutate(code=faulty.fault.cases(*codes))
    rows = usage.inner_join(coded, "usage_key")
    fields = {reason.field for reason in REASONS.values()}
    named = rows.mutate(
        field=rows.code.cases(*((code, reason.field) for code, reason in REASONS.items()))
    )
    values = [(name, named[name].cast("string")) for name in sorted(fields)]
    return named.mutate(value=named.field.cases(*values)).select(*SUSPENDED_USAGE.ibis)
