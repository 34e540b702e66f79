"""The old system billed the last days of a period one bill later."""

import ibis
import ibis.expr.types as ir

from crossbill.platform.billing.resolve import USAGE
from crossbill.replacement.reconciliation.lines import OF_DISCOUNT, RECORD, Case, money

CODE = "TIMING"
RANK = 22

WINDOW_DAYS = 7


def candidates(case: Case) -> ir.Table:
    """Lines, and usage, that came with the next bill."""
    return _lines(case).union(_usage(case))


def _lines(case: Case) -> ir.Table:
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
            new.price_code == old.price_code,
            new.charge_from == old.charge_from,
            *(new[name] == old[name] for name in OF_DISCOUNT),
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
    return _both(pairs.mutate(evidence=evidence), "new", "old")


def _usage(case: Case) -> ir.Table:
    """Usage of a product of which the old bill has less than the new one, and the next old bill as
    much more.
    """
    used = case.records.filter(case.records.category == USAGE)
    used = used.mutate(net=used.old_net - used.new_net, records=used.old_events - used.new_events)
    names = (*RECORD, "period_to", "net", "records", "digits")
    first = used.filter(used.records < 0).select(**{f"first_{n}": used[n] for n in names})
    later = used.filter(used.records > 0).select(**{f"next_{n}": used[n] for n in names})
    pairs = first.inner_join(
        later,
        [
            first.first_account_key == later.next_account_key,
            first.first_product_key == later.next_product_key,
            first.first_period_to == later.next_period_from,
            first.first_records == -later.next_records,
            first.first_net == -later.next_net,
        ],
    )
    evidence = (
        pairs.next_records.cast("string")
        + " usage records with "
        + money(pairs.next_net, pairs.first_digits)
        + " of the period from "
        + pairs.first_period_from.cast("string")
        + " were billed by the old system with the period from "
        + pairs.next_period_from.cast("string")
    )
    return _both(pairs.mutate(evidence=evidence), "first", "next")


def _both(pairs: ir.Table, one: str, other: str) -> ir.Table:
    """The two lines of each pair, with the pair's evidence."""
    sides = [
        pairs.select(
            **{name: pairs[f"{side}_{name}"] for name in RECORD},
            variant=ibis.literal("next bill"),
            evidence=pairs.evidence,
        )
        for side in (one, other)
    ]
    return ibis.union(*sides)
