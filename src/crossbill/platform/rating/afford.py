"""How long a money balance lasts: what it can pay of one event, at the price at which it starts."""

from typing import ClassVar

import ibis
import pyarrow as pa

from crossbill.core.money import format_nanos
from crossbill.core.refusal import Refusal
from crossbill.engine.prepaid_datasets import PREPAID_SESSION
from crossbill.platform.rating.event_state import FAULTY, SEVERAL
from crossbill.platform.rating.explain import EventUnknown, Row, row_of
from crossbill.platform.rating.prepaid import debit
from crossbill.platform.rating.rate_files import Rated


class PriceNotUniform(Refusal):
    """The event has no one price per increment. Ask for one of a single band and step."""

    code: ClassVar[str] = "PRICE_NOT_UNIFORM"


def afforded(rated: Rated, usage_key: str, balance_nanos: int) -> Row:
    """What the balance pays of a retail event that was rated in detail, after its allowances.

    The event is asked for as a session that has not begun, in whole increments of one price.
    """
    event = row_of(rated, "located", usage_key=usage_key, retail=True)
    if event is None or event["state"] >= FAULTY:
        cure = "explain the event: it is unknown or suspended"
        raise EventUnknown("no such rated event", field="usage_key", value=usage_key, cure=cure)
    term = row_of(rated, "terms", term_id=event["term_id"])
    given = row_of(rated, "rated_usage", usage_key=usage_key, leg="retail")
    assert term is not None and given is not None, "a rated event has terms"
    if (
        event["state"] == SEVERAL
        or term["minimum"] not in (0, term["increment"])
        or term["carried_ppm"]
    ):
        raise PriceNotUniform(
            "the price changes within the event", field="usage_key", value=usage_key,
            cure="explain the event to see its pieces",
        )  # fmt: skip
    free = min(term["included"], event["quantity"]) + given["covered_quantity"]
    session = {
        "session_key": usage_key,
        "quantity": event["quantity"] - free,
        **{name: term[name] for name in ("increment", "unit", "price_nanos", "connect_fee_nanos")},
        "balance_nanos": balance_nanos,
    }
    row = ibis.memtable(pa.Table.from_pylist([session], PREPAID_SESSION.arrow))
    paid = rated.backend.to_pyarrow(debit(row)).to_pylist()[0]
    return {
        "usage_key": usage_key,
        "free_quantity": free,
        "paid_quantity": paid["paid_quantity"],
        "unpaid_quantity": paid["unpaid_quantity"],
        "cost": format_nanos(paid["debit_nanos"], 2),
        "balance": format_nanos(paid["balance_nanos"], 2),
        "currency": given["currency"],
    }
