"""The old system billed the last days of a period one bill later."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.lines import RECORD, Case

CODE = "TIMING"
RANK = 30


WINDOW_DAYS = 7


def candidates(case: Case) -> ir.Table:
    """A line that starts in the last days of a period and stands, equal, on the next old bill."""
    new = case.records.filter(case.records.kind == "extra")
    old = case.records.filter(case.records.kind == "missing").view()
    late = new.charge_from >= new.period_to - ibis.interval(days=WINDOW_DAYS)
    pairs = new.inner_join(
        old,
        [
            new.account_key == old.account_key,
            new.product_key == old.product_key,
            new.category == old.category,
            new.charge_from == old.charge_from,
            new.new_net == old.old_net,
            new.new_tax == old.old_tax,
            new.period_to == old.period_from,
            late,
        ],
        lname="new_{name}",
        rname="old_{name}",
    )
    evidence = (
        ibis.literal("starts on ")
        + pairs.new_charge_from.cast("string")
        + f", within {WINDOW_DAYS} days of the period's end; the old system billed it with the "
        + "period from "
        + pairs.old_period_from.cast("string")
    )
    shown = pairs.mutate(evidence=evidence)
    sides = [
        shown.select(
            **{name: shown[f"{side}_{name}"] for name in RECORD},
            variant=ibis.literal("next bill"),
            evidence=shown.evidence,
        )
        for side in ("new", "old")
    ]
    return ibis.union(*sides)
