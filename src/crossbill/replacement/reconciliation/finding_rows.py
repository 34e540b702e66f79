"""Findings as rows for people: in words, with their money, owner and fix."""

import ibis
import ibis.expr.types as ir

from crossbill.engine.datasets import FINDING, FINDING_MEMBER
from crossbill.engine.integers import sum_int64
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
    "bill_line": ("net_minor", "tax_minor", "*"),
    "bill": ("total_minor", "*"),
    "open_item": ("open_minor", "*"),
    "balance": ("balance_minor",),
}


def rows(found: Found, left: ir.Table) -> ir.Table:
    """FINDING rows; ``left`` has number, ``mended_accounts`` and ``left_accounts``."""
    named = found.finding.mutate(shared=_shared(found.finding))
    valued = named.left_join(_worth(found), "number").drop("number_right")
    told = valued.left_join(left, "number").drop("number_right")
    owners = [(code, remedy.owner) for code, remedy in REMEDIES.items()]
    fixes = [(code, remedy.fix) for code, remedy in REMEDIES.items()]
    full = told.mutate(
        over_minor=told.over_minor.fill_null(0),
        under_minor=told.under_minor.fill_null(0),
        owner=told.class_code.cases(*owners, else_="migration"),
        fix=told.class_code.cases(*fixes, else_="decide by hand"),
        description=_sentence(told),
    )
    return full.select(*FINDING.ibis)


def members(found: Found) -> ir.Table:
    """FINDING_MEMBER rows."""
    return _numbered(found).select(*FINDING_MEMBER.ibis)


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


def _worth(found: Found) -> ir.Table:
    """Per finding: differences, an example, and what the new side has more and less."""
    numbered = _numbered(found).select("number", *SUBJECT, "account_key")
    mine = found.marked.inner_join(numbered, [*SUBJECT, "account_key"])
    worth = [(mine.entity == entity) & mine.field.isin(fields) for entity, fields in WORTH.items()]
    counted = mine.mutate(
        worth=ibis.ifelse(ibis.or_(*worth), mine.amount_minor, 0).fill_null(0),
        record=ibis.ifelse(mine.entity == "bill_line", bill_of(mine.record_key), mine.record_key),
    )
    records = counted.group_by("number", "entity", "account_key", "record").aggregate(
        differences=counted.count(),
        net=sum_int64(counted.worth),
        example=counted.evidence.argmax(
            counted.amount_minor.fill_null(0).abs().cast("string").lpad(20, "0") + counted.evidence
        ),
    )
    return records.group_by("number").aggregate(
        differences=sum_int64(records.differences),
        over_minor=sum_int64(ibis.greatest(records.net, 0)),
        under_minor=sum_int64(ibis.least(records.net, 0)),
        example_account=records.account_key.min(),
        example=records.example.argmin(records.account_key + "|" + records.example),
    )
