"""The summary of a change-over: what moved, what was billed, what was found, what the gates say."""

from collections import Counter
from dataclasses import asdict, fields
from typing import Any

from django.db.models import Count

from crossbill.core.money import NANO_DIGITS, format_minor, format_nanos, minor_digits
from crossbill.core.policy import Policy
from crossbill.platform.product.catalogue_queries import catalogue_of, versions
from crossbill.platform.product.models import Product
from crossbill.replacement.migration.models import AccountMove, Replacement, SuspendedRecord
from crossbill.replacement.reconciliation.control import OPEN
from crossbill.replacement.reconciliation.models import ControlRow, Difference, Finding, Gate
from crossbill.replacement.reconciliation.queries import bill_match, findings
from crossbill.runs.models import Run

RULE = ("rule", "was", "becomes", "currency")


def summary(replacement: Replacement) -> dict[str, Any]:
    """The whole standing as plain values; ``states`` adds up to ``accounts``."""
    states = _states(replacement)
    gates = {gate.wave_id: gate for gate in Gate.objects.filter(wave__replacement=replacement)}
    return {
        "carrier": replacement.carrier.code,
        "accounts": sum(states.values()),
        "states": states,
        "waves": [_wave(wave, gates.get(wave.id)) for wave in replacement.waves.all()],
        "bills": asdict(bill_match(replacement.id)),
        "classes": _classes(replacement),
        "rule_changes": _rule_changes(replacement),
        "findings": [_finding(finding) for finding in findings(replacement.id)],
        "own_prices": Product.objects.filter(
            carrier=replacement.carrier_id, price_override_nanos__isnull=False
        ).count(),
        "control_totals": _control_totals(replacement),
        "gate": _overall(replacement, list(gates.values())),
        "waits_for": _waits_for(replacement),
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


def broken(replacement: Replacement) -> set[tuple[str, str]]:
    """Each control that measures account by account, with each account of which a figure differs.

    The figures of such a control name the account first.
    """
    rows = ControlRow.objects.filter(
        run__wave__replacement=replacement, run__terms__level="account", verdict__in=OPEN
    )
    pairs = rows.values_list("run__control", "key").distinct()
    return {(control, key.split("|")[0]) for control, key in pairs}


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
        "broken": [_in_words(r) for r in gate.rules if not r["holds"]] if gate else [],
    }


def _in_words(rule: dict[str, Any]) -> str:
    return f"{rule['rule']}: {rule['found']:,} found, limit {rule['limit']:,}"


def _classes(replacement: Replacement) -> dict[str, int]:
    """Accounts per class, of differences and of records set apart."""
    found: dict[str, int] = {}
    for _, code in reported(replacement):
        found[code] = found.get(code, 0) + 1
    return dict(sorted(found.items()))


def _rule_changes(replacement: Replacement) -> list[dict[str, Any]]:
    """What each rule of the new policy changes of the shadow bills of all waves."""
    stages = replacement.run.stages.filter(name__startswith="rules-").order_by("position")
    found: dict[tuple[str, ...], Counter[str]] = {}
    for row in (row for stage in stages for row in stage.notes.get("rules", [])):
        key = tuple(row[name] for name in RULE)
        figures = {name: row[name] for name in ("bills", "more_minor", "less_minor")}
        found.setdefault(key, Counter()).update(figures)
    order = [rule.name for rule in fields(Policy)]
    return [
        dict(zip(RULE, key, strict=True))
        | {
            "bills": figures["bills"],
            "more": format_minor(figures["more_minor"], minor_digits(key[-1])),
            "less": format_minor(figures["less_minor"], minor_digits(key[-1])),
        }
        for key, figures in sorted(found.items(), key=lambda item: order.index(item[0][0]))
    ]


def _finding(finding: Finding) -> dict[str, Any]:
    """A cause with what it is worth, who has to act, and what a fix would leave."""
    digits = minor_digits(finding.currency) if finding.currency else None
    over, under = (
        format_minor(amount, digits) if digits is not None else None
        for amount in (finding.over_minor, finding.under_minor)
    )
    return {
        "wave": finding.wave.name,
        "class": finding.class_code,
        "accounts": finding.accounts,
        "description": finding.description,
        "currency": finding.currency,
        "over": over,
        "under": under,
        "owner": finding.owner,
        "fix": finding.fix,
        "left_accounts": finding.left_accounts,
    }


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
            "currency": _currency(replacement),
            "sums": {name: _decimals(replacement, name, sums) for name, sums in stage.sums.items()},
        }
        for stage in stages
    ]


def _decimals(replacement: Replacement, name: str, sums: dict[str, int]) -> dict[str, str]:
    """The sums of a field as text, money as decimals, to be compared with a spreadsheet."""
    if not name.endswith(("_nanos", "_minor")):
        return {state: str(amount) for state, amount in sums.items()}
    currency = _currency(replacement)
    digits = NANO_DIGITS if name.endswith("_nanos") else minor_digits(currency)
    shown = minor_digits(currency)
    return {
        state: format_nanos(amount, shown)
        if digits == NANO_DIGITS
        else format_minor(amount, digits)
        for state, amount in sums.items()
    }


def _currency(replacement: Replacement) -> str:
    """The currency of the catalogue."""
    (taken_over,) = versions(replacement.carrier_id).filter(drafted_by__isnull=True)
    return catalogue_of(taken_over).spec.currency


def _waits_for(replacement: Replacement) -> str | None:
    """What the run waits for, in words, where it was left for people to decide."""
    if replacement.run.status != Run.Status.WAITING:
        return None
    line = replacement.run.log_lines.last()
    return line.text if line else None


def _overall(replacement: Replacement, gates: list[Gate]) -> str:
    """Passed when every wave's gate is, refused when one is, open when one is undecided."""
    if any(gate.result == Gate.Result.REFUSED for gate in gates):
        return "refused"
    return "passed" if len(gates) == replacement.waves.count() else "open"
