"""Findings as rows for people: in words, with their money, owner and fix."""

import ibis
import ibis.expr.types as ir

from crossbill.engine.datasets import DIFFERENCE, FINDING, FINDING_MEMBER
from crossbill.engine.integers import sum_int64
from crossbill.replacement.reconciliation.compare import WHOLE_RECORD
from crossbill.replacement.reconciliation.findings import PAIR, SUBJECT, Found
from crossbill.replacement.reconciliation.reconcile import bill_of
from crossbill.replacement.reconciliation.remedies import REMEDIES

# How attributes are called where people read; others go by their names.
LABELS = {
    "offering_code": "product",
    "source_code": "old code",
    "part_of_period": "charged for",
    "source_file": "file",
    "tax_code": "tax code",
}
# The amounts that say what a difference is worth, each cent once.
WORTH = {
    "bill_line": ("net_minor", "tax_minor", WHOLE_RECORD),
    "bill": ("total_minor", WHOLE_RECORD),
    "open_item": ("open_minor", WHOLE_RECORD),
    "balance": ("balance_minor",),
}


def rows(found: Found, worth: ir.Table, left: ir.Table) -> ir.Table:
    """FINDING rows; ``left`` has number, ``mended_accounts`` and ``left_accounts``."""
    named = found.finding.mutate(shared=_shared(found.finding))
    valued = named.left_join(_summed(worth), "number").drop("number_right")
    told = valued.left_join(left, "number").drop("number_right")
    owners = [(code, remedy.owner) for code, remedy in REMEDIES.items()]
    fixes = [(code, remedy.fix) for code, remedy in REMEDIES.items()]
    full = told.mutate(
        over_minor=told.over_minor.fill_null(0),
        under_minor=told.under_minor.fill_null(0),
        largest_minor=told.largest_minor.fill_null(0),
        owner=told.class_code.cases(*owners, else_="migration"),
        fix=told.class_code.cases(*fixes, else_="decide by hand"),
        description=_sentence(told),
    )
    return full.select(*FINDING.ibis)


def members(worth: ir.Table) -> ir.Table:
    """FINDING_MEMBER rows."""
    return worth.select(*FINDING_MEMBER.ibis)


def sorted_out(found: Found, placed: ir.Table) -> ir.Table:
    """DIFFERENCE rows with ``finding_number``; what only follows is with what it follows from."""
    numbers = _numbered(found).select(*SUBJECT, "account_key", finding_number="number")
    joined = placed.left_join(numbers, [*SUBJECT, "account_key"])
    own = {"account_key": joined.told_account, "currency": joined.told_currency}
    return joined.select(
        *(own.get(name, joined[name]).name(name) for name in DIFFERENCE.ibis), "finding_number"
    )


def _numbered(found: Found) -> ir.Table:
    numbers = found.finding.select("number", *SUBJECT, *PAIR)
    return found.member.inner_join(numbers, [*SUBJECT, *PAIR])


def _shared(finding: ir.Table) -> ir.StringValue:
    """``product FIB100, agent A7``; empty where nothing is shared."""
    one, other = (
        _label(finding[name]) + " " + finding[value]
        for name, value in (("attribute", "value"), ("attribute_2", "value_2"))
    )
    return ibis.cases(
        (finding.attribute == "", ibis.literal("")),
        (finding.attribute_2 == "", one),
        else_=ibis.literal(", ").join([one, other]),
    )


def _label(name: ir.StringValue) -> ir.StringValue:
    return name.cases(*LABELS.items(), else_=name.replace("_", " "))


def _sentence(told: ir.Table) -> ir.StringValue:
    """``412 accounts: product FIB100, agent A7; as in A12: old 49.00 ...``."""
    counted = told.accounts.cast("string") + (told.accounts == 1).ifelse(" account", " accounts")
    alone = (told.accounts == 1).ifelse("", " that nothing sets apart")
    what = (told.subject == "").ifelse("", ibis.literal(", ") + told.subject)
    shared = (told.shared == "").ifelse(alone, ibis.literal(": ") + told.shared)
    example = ibis.literal("; as in ") + told.example_account + ": " + told.example
    return counted + what + shared + example.fill_null("")


def worth(found: Found, lines: ir.Table) -> ir.Table:
    """Per finding and account: ``differences``, an example, what the new side has more and less.

    Amounts bear their tax. ``lines``: the differing bill lines with ``old_tax`` and ``new_tax``.
    """
    numbered = _numbered(found).select("number", *SUBJECT, "account_key")
    mine = found.marked.inner_join(numbered, [*SUBJECT, "account_key"])
    mine = _with_tax_of_whole_lines(mine, lines)
    worth = [(mine.entity == entity) & mine.field.isin(fields) for entity, fields in WORTH.items()]
    counted = mine.mutate(
        worth=ibis.ifelse(ibis.or_(*worth), mine.amount_minor, 0).fill_null(0) + mine.tax_minor,
        record=ibis.ifelse(mine.entity == "bill_line", bill_of(mine.record_key), mine.record_key),
    )
    records = counted.group_by("number", "entity", "account_key", "record").aggregate(
        differences=counted.count(),
        net=sum_int64(counted.worth),
        example=counted.evidence.argmax(
            counted.amount_minor.fill_null(0).abs().cast("string").lpad(20, "0") + counted.evidence
        ),
    )
    return records.group_by("number", "account_key").aggregate(
        differences=sum_int64(records.differences),
        over_minor=sum_int64(ibis.greatest(records.net, 0)),
        under_minor=sum_int64(ibis.least(records.net, 0)),
        example=records.example.min(),
    )


def _with_tax_of_whole_lines(differences: ir.Table, lines: ir.Table) -> ir.Table:
    """Adds ``tax_minor``: of a line on one side only, whose amount is without it; else nothing."""
    taxes = lines.select(line_key="record_key", tax=lines.new_tax - lines.old_tax)
    whole = (differences.entity == "bill_line") & (differences.field == WHOLE_RECORD)
    # Which lines are asked for is part of the key: beside it, every pair would be tried.
    asked = differences.mutate(asked_key=ibis.ifelse(whole, differences.record_key, None))
    joined = asked.left_join(taxes, asked.asked_key == taxes.line_key).drop("asked_key")
    return joined.mutate(tax_minor=joined.tax.fill_null(0)).drop("line_key", "tax")


def _summed(worth: ir.Table) -> ir.Table:
    """Per finding: the sums, the account that differs most, and an example."""
    return worth.group_by("number").aggregate(
        differences=sum_int64(worth.differences),
        over_minor=sum_int64(worth.over_minor),
        under_minor=sum_int64(worth.under_minor),
        largest_minor=(worth.over_minor - worth.under_minor).max(),
        example_account=worth.account_key.min(),
        example=worth.example.argmin(worth.account_key + "|" + worth.example),
    )
