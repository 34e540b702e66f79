"""What a gate finds and says: one calculation for its decision and for a preview of it."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import pyarrow as pa
from django.db import transaction

from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.platform.ledger.queries import unbalanced_entries
from crossbill.replacement.migration.models import Wave
from crossbill.replacement.migration.operations import fall_back
from crossbill.replacement.migration.spec import GateSpec
from crossbill.replacement.reconciliation import (
    control_deciding_queries,
    deciding_queries,
    gate,
    gate_controls,
    trend,
)
from crossbill.replacement.reconciliation.control_runs import refuse_not_compared
from crossbill.replacement.reconciliation.models import Gate


class GateDecided(Refusal):
    """The gate was decided already. Look at what it said."""

    code: ClassVar[str] = "GATE_DECIDED"


@dataclass(frozen=True)
class Decision:
    """Who stays and why (``account_key class_code reason``), the facts, and each rule's result."""

    staying: pa.Table
    facts: dict[str, Any]
    rules: list[dict[str, Any]]

    @property
    def passes(self) -> bool:
        """Whether every rule holds."""
        return all(rule["holds"] for rule in self.rules)

    @property
    def staying_by_class(self) -> dict[str, int]:
        """How many accounts the comparison holds back, by the class that holds them."""
        return dict(sorted(Counter(self.staying["class_code"].to_pylist()).items()))


def decide(*, spec: GateSpec, wave: Wave, store: Store, day: date | None) -> Decision:
    """Let blocked accounts fall out, run the controls that are asked, and hold the rules to it.

    What people accepted has to hold on the ``day``; there is none where they do not decide.
    """
    replacement = wave.replacement
    decided = deciding_queries.decisions_on(wave, day) if day else []
    of_controls = control_deciding_queries.decisions_on(wave, day) if day else []
    staying = gate.blocking_reasons(wave, deciding_queries.counted(decided))
    fall_back(replacement=replacement, reasons=staying, day=replacement.as_of_date)
    facts = gate.facts(wave, unbalanced_entries(replacement.carrier_id), decided)
    if spec.trend is not None:
        facts["trend"] = trend.before_this_wave(wave, spec.trend.mocks)
    facts["control_decisions"] = of_controls
    facts["controls"] = gate_controls.ask(wave, store, spec, of_controls)
    return Decision(staying, facts, gate.evaluate(spec, facts))


def preview(*, wave: Wave, store: Store, today: date) -> Decision:
    """What the gate would say today, by what is accepted now; nothing is changed."""
    refuse_not_compared(wave)
    if Gate.objects.filter(wave=wave).exists():
        cure = "look at the wave's page, or pack its evidence"
        raise GateDecided("There is a gate already", field="wave", value=wave.name, cure=cure)
    spec = GateSpec.model_validate(wave.replacement.spec["replacement"]["gate"])
    with transaction.atomic():
        found = decide(spec=spec, wave=wave, store=store, day=today)
        transaction.set_rollback(True)
    return found
