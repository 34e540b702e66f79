"""The old bill rounded another way."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.lines import (
    EXPLAINED,
    LOST_BY_CUTS,
    RECORD,
    Case,
    behind,
    what_if,
)

CODE = "ROUNDING"
RANK = 80


MODES = ("down", "half_up", "half_even", "up")


def candidates(case: Case) -> ir.Table:
    """Lines that agree under other rounding modes, by a minor unit in net and in each tax."""
    records = case.records
    by_one = ((records.old_net - records.new_net).abs() <= 1) & (
        (records.old_tax - records.new_tax).abs() <= LOST_BY_CUTS
    )
    small = records.filter(by_one)
    rows = behind(case.behind, small)
    parts = [
        rows.filter((rows.rounding_mode != net) | (rows.tax_rounding_mode != tax)).mutate(
            policy_code=ibis.literal(f"{net} {tax}"),
            rounding_mode=ibis.literal(net),
            tax_rounding_mode=ibis.literal(tax),
            words=ibis.literal(f"net rounded {_words(net)}, tax rounded {_words(tax)}"),
            base_words=ibis.literal("net rounded ")
            + rows.rounding_mode.replace("_", " ")
            + ", tax rounded "
            + rows.tax_rounding_mode.replace("_", " "),
        )
        for net in MODES
        for tax in MODES
    ]
    found = what_if(case, ibis.union(*parts))
    return found.semi_join(small, list(RECORD)).select(*EXPLAINED)


def _words(mode: str) -> str:
    return mode.replace("_", " ")
