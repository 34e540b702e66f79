"""Why an event costs what it costs: the steps of its rating in words and numbers.

The numbers are those that the engine gave on the way. From them the amount is worked out once more,
in whole numbers and by ``core``'s rounding, and the explanation says whether it still agrees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

from crossbill.core.money import format_nanos
from crossbill.core.policy import RoundingScope
from crossbill.core.refusal import Refusal
from crossbill.core.rounding import RoundingMode, divide_rounded
from crossbill.platform.rating.compile_rates import is_metered
from crossbill.platform.rating.event_state import reason_in
from crossbill.platform.usage import guide
from crossbill.platform.usage.reasons import REASONS

Row = dict[str, Any]
PPM = 1_000_000
MODES = {
    RoundingMode.HALF_UP: "to the nearest, a half up",
    RoundingMode.HALF_EVEN: "to the nearest, a half to the even digit",
    RoundingMode.DOWN: "cut off",
    RoundingMode.UP: "rounded up",
}


class EventUnknown(Refusal):
    """The usage has no event of this key. Look the key up in the usage file."""

    code: ClassVar[str] = "EVENT_UNKNOWN"


class RatedInDetail(Protocol):
    """What an explanation is read from: the tables of a chain that kept all of its detail."""

    def holds(self, name: str, /) -> bool:
        """Whether the chain had such a table."""

    def rows(self, name: str, /, **wanted: object) -> list[Row]:
        """The rows of a table that have these values."""


@dataclass(frozen=True)
class Explanation:
    """The steps in order, each a heading and a sentence; the amount, and what it was before."""

    usage_key: str
    leg: str
    steps: tuple[tuple[str, str], ...]
    amount_nanos: int | None
    derived_nanos: int | None
    currency: str

    @property
    def agrees(self) -> bool:
        """Whether working it out again gives what the engine gave."""
        return self.amount_nanos == self.derived_nanos


def explain(rated: RatedInDetail, usage_key: str, leg: str = guide.RETAIL) -> Explanation:
    """Explain one event of usage that was rated in detail."""
    usage = row_of(rated, "accepted_usage", usage_key=usage_key)
    if usage is None:
        raise EventUnknown(
            "no such event that can be read", field="usage_key", value=usage_key,
            cure="list the keys of the usage file; unreadable and doubled rows are not rated",
        )  # fmt: skip
    event = row_of(rated, "located", usage_key=usage_key, retail=leg == guide.RETAIL)
    if event is None:
        raise EventUnknown(
            f"the event has no {leg} leg", field="leg", value=leg, cure="ask for its other leg"
        )
    reason = reason_in(event["state"])
    if reason is not None:
        return _suspended(usage, leg, reason)
    return _Steps(rated, usage, event, leg).explanation()


def _suspended(usage: Row, leg: str, code: str) -> Explanation:
    reason = REASONS[code]
    value = usage[reason.field]
    steps = (
        ("Usage", _usage_in_words(usage, None)),
        ("Suspended", f"{reason.what} ({reason.field} {value!r}) [{code}]"),
        ("What to do", reason.cure),
    )
    return Explanation(usage["usage_key"], leg, steps, None, None, "")


def row_of(rated: RatedInDetail, table: str, **wanted: object) -> Row | None:
    """The one row of a stored table with these values, or none."""
    rows = rated.rows(table, **wanted)
    return rows[0] if rows else None


def _usage_in_words(usage: Row, zone: str | None) -> str:
    started = usage["started_at"].strftime("%Y-%m-%d %H:%M:%S UTC")
    local = f" ({_local(usage['started_at'], zone)})" if zone else ""
    target = "".join(
        f", {name} {usage[name]}" for name in ("destination", "network") if usage[name]
    )
    kind = f"{usage['usage_type']} of {usage['quantity']:,}"
    return f"{kind} at {started}{local}, service {usage['service_key']}{target}"


def _local(instant: datetime, zone: str) -> str:
    moment = instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
    return moment.strftime(f"%a %H:%M:%S {zone}, UTC%z")


class _Steps:
    """What the chain holds about one event, turned into sentences."""

    def __init__(self, rated: RatedInDetail, usage: Row, event: Row, leg: str) -> None:
        self.rated, self.usage, self.event, self.leg = rated, usage, event, leg
        self.route = self._of("resolved", route_id=event["route_id"])
        self.term = self._of("terms", term_id=event["term_id"])
        self.free = min(self.term["included"], event["quantity"])
        self.party = self._of("party", party_id=event["party_id"])
        self.policy = self._of("rules", policy_id=self.party["policy_id"])
        self.given = self._of("rated_usage", usage_key=usage["usage_key"], leg=leg)
        self.bands = {r["band_id"]: r["band"] for r in rated.rows("band")}
        pieces = rated.rows("piece", event_id=event["event_id"])
        self.pieces = sorted(pieces, key=lambda p: (p["piece_from"], p["piece_to"]))

    def _of(self, table: str, **wanted: object) -> Row:
        row = row_of(self.rated, table, **wanted)
        assert row is not None, f"{table} lacks {wanted}"
        return row

    def explanation(self) -> Explanation:
        """All steps."""
        if is_metered(self.route["tariff_code"]):
            return self._metered()
        exact, exact_steps = self._exact()
        derived, rounded = self._rounded(*exact)
        steps = (
            ("Usage", _usage_in_words(self.usage, self._zone())),
            ("Who", self._who()),
            ("Where to", self._where()),
            ("Band", self._band()),
            *self._allowances(),
            *exact_steps,
            ("Rounding", rounded),
            *self._surcharges(),
        )
        return Explanation(
            self.usage["usage_key"], self.leg, steps, self.given["amount_nanos"], derived,
            self.party["currency"],
        )  # fmt: skip

    def _metered(self) -> Explanation:
        """An event that costs nothing by itself: its period is priced together."""
        steps = (
            ("Usage", _usage_in_words(self.usage, self._zone())),
            ("Who", self._who()),
            *self._allowances(),
            ("Price", "a price model prices all that the period uses of this charge together"),
        )
        amount = self.given["amount_nanos"]
        return Explanation(
            self.usage["usage_key"], self.leg, steps, amount, 0, self.party["currency"]
        )

    def _zone(self) -> str:
        return str(self.route["local_zone"])

    def _who(self) -> str:
        who = self.party
        return (
            f"{self.leg}: product {who['product_key']} of account {who['account_key']} on plan "
            f"{who['plan_code']}, charge {self.route['charge_code']}"
        )

    def _where(self) -> str:
        if self.route["zone_by"] == "none":
            return "the charge knows no zones"
        digits = self.usage[self.route["zone_by"]]
        return (
            f"{digits} begins with {self.route['prefix']}, the longest prefix of deck "
            f"{self.route['deck_code']} that fits: zone {self.route['zone']}"
        )

    def _band(self) -> str:
        return (
            f"it starts in band {self.bands[self.term['band_id']]}; prices of version "
            f"{self.route['price_version']} of tariff {self.route['tariff_code']}"
        )

    def _allowances(self) -> list[tuple[str, str]]:
        steps = []
        if self.free:
            free = f"the first {self.free:,} are free in each event"
            steps.append(("Included", free))
        taken = (
            self.rated.rows("consumption", usage_key=self.usage["usage_key"])
            if self.leg == guide.RETAIL and self.rated.holds("consumption")
            else []
        )
        for row in taken:
            words = f"{row['bucket_key']} gives {row['taken']:,}, which pays for {row['covered']:,}"
            steps.append(("Allowance", words))
        return steps

    def _exact(self) -> tuple[tuple[int, int, int], list[tuple[str, str]]]:
        """Whole nanos, parts and how many parts a nano has; and the sentences."""
        carries = self.term["carried_ppm"] and self.event["quantity"]
        told = [p for p in self.pieces if p["price_nanos"] or not carries]
        steps = [("Price", self._piece(piece)) for piece in told]
        whole = sum(piece["whole"] for piece in self.pieces)
        part = sum(piece["part"] for piece in self.pieces)
        parts = self.term["parts"]
        if carries:
            share = self.event["carried_nanos"] * self.term["carried_ppm"]
            whole, part = whole + share // PPM, part + share % PPM * (parts // PPM)
            words = f"the event's own price {format_nanos(self.event['carried_nanos'])}"
            steps.insert(0, ("Price", f"{words} x {self.term['carried_ppm']:,} millionths"))
        fee = self._connect_fee()
        if fee:
            steps.append(("Connect fee", format_nanos(fee, 2)))
        whole, part = whole + fee + part // parts, part % parts
        limit = self.term["max_cost_nanos"]
        if limit is not None and whole >= limit:
            steps.append(("Maximum", f"an event costs no more than {format_nanos(limit, 2)}"))
            whole, part = limit, 0
        if not steps:
            steps.append(("Price", "nothing is left to charge"))
        return (whole, part, parts), steps

    def _connect_fee(self) -> int:
        ratable = self.event["quantity"] - self.free
        covered = self.given["covered_quantity"]
        due = self.event["quantity"] > 0 and (ratable == 0 or covered < ratable)
        return int(self.term["connect_fee_nanos"]) if due else 0

    def _piece(self, piece: Row) -> str:
        billed = f"{piece['increments']:,} x {piece['increment']:,}"
        if piece["begun"] and piece["minimum"]:
            billed = f"minimum {piece['minimum']:,} + {billed}"
        amount = format_nanos(piece["whole"]) + (" and a part of a nano" if piece["part"] else "")
        return (
            f"from {piece['piece_from']:,} to {piece['piece_to']:,} in band "
            f"{self.bands[piece['band_id']]}: {billed} = {piece['billed']:,} charged at "
            f"{format_nanos(piece['price_nanos'], 2)} per {piece['unit']:,}: {amount}"
        )

    def _rounded(self, whole: int, part: int, parts: int) -> tuple[int, str]:
        """The amount worked out again, and how it was rounded."""
        mode = RoundingMode(self.policy["rounding_mode"])
        scope = self.policy["rounding_scope"]
        scale = self.policy["rounding_scale"] if scope == RoundingScope.EVENT else 1
        amount = divide_rounded(whole * parts + part, parts * scale, mode) * scale
        exact = format_nanos(whole) + (f" and {part:,}/{parts:,} of a nano" if part else "")
        what = {
            RoundingScope.EVENT: f"to a multiple of {format_nanos(scale)}",
            RoundingScope.INCREMENT: "each increment was rounded; the event is kept to the nano",
            RoundingScope.LINE: "kept to the nano; the bill line is rounded",
        }[RoundingScope(scope)]
        return amount, (
            f"policy {self.policy['policy_code']}, {MODES[mode]}, {what}: {exact} becomes "
            f"{format_nanos(amount, 2)} {self.party['currency']}"
        )

    def _surcharges(self) -> Sequence[tuple[str, str]]:
        if not self.rated.holds("rated_surcharge"):
            return []
        key = self.usage["usage_key"]
        found = self.rated.rows("rated_surcharge", usage_key=key, leg=self.leg)
        return [
            ("Surcharge", f"{row['surcharge_code']}: {format_nanos(row['amount_nanos'], 2)}")
            for row in found
        ]
