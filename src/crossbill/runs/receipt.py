"""What one part of a run did: counts, sums and files, added up and proved."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

STATES = ("in", "accepted", "duplicate", "suspended")
REFUSED = "refused"
Sums = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Receipt:
    """Counts and sums of one chunk or stage.

    ``sums`` maps a named amount (``PRODUCT.price_nanos``) to its total per state of ``STATES``.
    ``files`` maps a stored path to its SHA-256. ``notes`` holds further figures for people; under
    ``REFUSED``, what the stage was there for and did not come about, in words.
    """

    records_in: int = 0
    accepted: int = 0
    duplicate: int = 0
    suspended: int = 0
    sums: Sums = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing vanishes: refuse to exist when the parts do not add up."""
        ended = self.accepted + self.duplicate + self.suspended
        assert self.records_in == ended, f"{self.records_in} came in, {ended} ended in a state"
        for name, sums in self.sums.items():
            parts = sums["accepted"] + sums["duplicate"] + sums["suspended"]
            assert sums["in"] == parts, f"{name}: {sums}"

    def as_json(self) -> dict[str, Any]:
        """As stored in the database."""
        return asdict(self)


def total(receipts: Iterable[Mapping[str, Any]]) -> Receipt:
    """Add up stored receipts; sums are Python integers, so they cannot overflow."""
    counts = dict.fromkeys(("records_in", "accepted", "duplicate", "suspended"), 0)
    sums: Sums = {}
    files: dict[str, str] = {}
    notes: dict[str, Any] = {}
    for receipt in receipts:
        for name in counts:
            counts[name] += receipt[name]
        for name, parts in receipt["sums"].items():
            into = sums.setdefault(name, dict.fromkeys(STATES, 0))
            for state in STATES:
                into[state] += parts[state]
        files |= receipt["files"]
        _add_notes(notes, receipt["notes"])
    return Receipt(**counts, sums=sums, files=files, notes=notes)


def _add_notes(into: dict[str, Any], notes: Mapping[str, Any]) -> None:
    """Numbers add up, everything else: the last one stands."""
    for name, value in notes.items():
        adds = isinstance(value, int) and not isinstance(value, bool)
        into[name] = into.get(name, 0) + value if adds else value
