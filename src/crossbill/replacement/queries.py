"""The summary of a change-over: what moved, what was billed, what was found, what the gates say."""

from typing import Any

from django.db.models import Count

from crossbill.replacement.migration.models import AccountMove, Replacement, SuspendedRecord
from crossbill.replacement.reconciliation.models import Difference, Gate

BILL_COUNTS = ("compared", "equal", "explained", "unexplained")


def summary(replacement: Replacement) -> dict[str, Any]:
    """The whole standing as plain values; ``states`` adds up to ``accounts``."""
    states = _states(replacement)
    gates = {gate.wave_id: gate for gate in Gate.objects.filter(wave__replacement=replacement)}
    return {
        "carrier": replacement.carrier.code,
        "accounts": sum(states.values()),
        "states": states,
        "waves": [_wave(wave, gates.get(wave.id)) for wave in replacement.waves.all()],
        "bills": {
            name: sum(gate.facts["bills"][name] for gate in gates.values()) for name in BILL_COUNTS
        },
        "classes": _classes(replacement),
        "control_totals": _control_totals(replacement),
        "gate": _overall(replacement, list(gates.values())),
    }


def reported(replacement: Replacement) -> set[tuple[str, str]]:
    """Every account with every class found for it, in a difference or a suspended record."""
    found = Difference.objects.filter(replacement=replacement)
    apart = SuspendedRecord.objects.filter(replacement=replacement, account_key__isnull=False)
    pairs = [*found.values_list("account_key", "class_code").distinct()]
    return {
        *pairs,
        *((str(key), code) for key, code in apart.values_list("account_key", "class_code")),
    }


def _states(replacement: Replacement) -> dict[str, int]:
    moves = AccountMove.objects.filter(replacement=replacement)
    return dict(moves.values_list("state").annotate(Count("id")).order_by("state"))


def _wave(wave: Any, gate: Gate | None) -> dict[str, Any]:
    return {
        "name": wave.name,
        "planned": wave.moves.count(),
        "moved": wave.moves.filter(state=AccountMove.State.LIVE).count(),
        "fallout": wave.moves.filter(state=AccountMove.State.FALLOUT).count(),
        "gate": gate.result if gate else "open",
        "signatures": gate.signatures.count() if gate else 0,
    }


def _classes(replacement: Replacement) -> dict[str, int]:
    """Accounts per class, of differences and of records set apart."""
    found: dict[str, int] = {}
    for _, code in reported(replacement):
        found[code] = found.get(code, 0) + 1
    return dict(sorted(found.items()))


def _control_totals(replacement: Replacement) -> list[dict[str, Any]]:
    """Per stage of the run: in = accepted + duplicate + suspended, in count and in value."""
    stages = replacement.run.stages.filter(records_in__gt=0).order_by("position")
    return [
        {
            "stage": stage.name,
            "in": stage.records_in,
            "accepted": stage.accepted,
            "duplicate": stage.duplicate,
            "suspended": stage.suspended,
            "sums": stage.sums,
        }
        for stage in stages
    ]


def _overall(replacement: Replacement, gates: list[Gate]) -> str:
    """Passed when every wave's gate is, refused when one is, open when one is undecided."""
    if any(gate.result == Gate.Result.REFUSED for gate in gates):
        return "refused"
    return "passed" if len(gates) == replacement.waves.count() else "open"
