"""What commands and pages ask about carriers."""

from typing import ClassVar

from crossbill.core.refusal import Refusal
from crossbill.platform.customer.models import Carrier


class NoSuchCarrier(Refusal):
    """There is no carrier of this code. Use one of those that the message names."""

    code: ClassVar[str] = "NO_SUCH_CARRIER"


def carriers() -> list[Carrier]:
    """Every carrier, by code."""
    return list(Carrier.objects.order_by("code"))


def carrier_id(code: str) -> int:
    """The database identity of a carrier."""
    known = {carrier.code: carrier.id for carrier in carriers()}
    if code not in known:
        there = ", ".join(known)
        cure = f"use one of {there}" if known else "run `crossbill replace` first: it makes one"
        raise NoSuchCarrier("There is no such carrier", field="--carrier", value=code, cure=cure)
    return int(known[code])
