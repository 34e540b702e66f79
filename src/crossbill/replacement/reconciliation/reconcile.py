"""The verbs that reconcile one wave: every difference found, then classed with its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import ibis
import ibis.expr.types as ir

from crossbill.core.money import MINOR_DIGITS
from crossbill.engine.datasets import BILL_LINE, CANONICAL, DIFFERENCE
from crossbill.engine.integers import sum_int64
from crossbill.replacement.reconciliation.classify import UNEXPLAINED, classify, field_causes
from crossbill.replacement.reconciliation.compare import (
    DIFFERENCES,
    Comparison,
    canonical,
    record_key,
)
from crossbill.replacement.reconciliation.lines import (
    OF_DISCOUNT,
    RECORD,
    amounts_in_words,
    money,
    of_discount,
)
from crossbill.replacement.reconciliation.populations import with_populations
from crossbill.replacement.reconciliation.records import OfRecords, record_causes

Tables = Mapping[str, ir.Table]
BILL_KEY = ("account_key", "period_from")
MONEY_ON_BILL = ("net_minor", "tax_minor", "total_minor")
# What the two sides number or stamp in their own way, so that it says nothing about the customer.
OWN_MATTERS = {
    "bill": {"bill_key", "period_to", "currency"},
    "bill_line": {"bill_key", "period_to", "currency", "source_changed_at"},
}
# The fields that hold one of few values, so that one of them may stand for another.
CODED = {
    "customer": ("kind", "segment"),
    "contact": ("role",),
    "account": (
        *("status", "currency", "tax_code", "city", "region"),
        *("bill_medium", "bill_language", "credit_class"),
    ),
    "product": ("offering_code", "source_code"),
    "open_item": ("kind",),
}
FOLLOWS = "follows from its lines: "
AT_STAKE = {"bill": "total_minor", "bill_line": "net_minor", "open_item": "open_minor"}


def comparison_of(entity: str, mapped: Sequence[str]) -> Comparison:
    """How a canonical table is compared; only columns that the old system's mapping fills count."""
    key = BILL_KEY if entity == "bill" else CANONICAL[entity].key
    left_out = OWN_MATTERS.get(entity, set()) | set(key)
    fields = [name for name in mapped if name not in left_out]
    stake = AT_STAKE.get(entity)
    optional = OF_DISCOUNT if entity == "bill_line" else ()
    return canonical(entity, key=key, fields=fields, at_stake=stake, optional=optional)


def with_code_counts(
    differences: ir.Table, entity: str, old: ir.Table, new: ir.Table, mapped: Sequence[str]
) -> ir.Table:
    """The differences with ``left_rows`` where a field of few values differs."""
    comparison = comparison_of(entity, mapped)
    coded = tuple(f for f in comparison.fields if f.name in CODED.get(entity, ()))
    return with_populations(differences, old, new, replace(comparison, fields=coded))


def line_records(differences: ir.Table, old: ir.Table, new: ir.Table) -> ir.Table:
    """The differing bill lines with the amounts of both sides: ``records`` of a Case."""
    lines = differences.filter(differences.entity == "bill_line")
    wanted = lines.filter(lines.kind != "duplicate_key").select("record_key", "kind").distinct()
    # By account first, so that keys are written for few lines.
    some = [_of_accounts(table, lines) for table in (old, new)]
    sides = [_keyed(table).semi_join(wanted, "record_key") for table in some]
    lefts, rights = sides[0].view(), sides[1].view()
    pairs = lefts.outer_join(rights, "record_key", lname="old_{name}", rname="new_{name}")
    named = pairs.select(
        **{
            name: pairs[f"old_{name}"].coalesce(pairs[f"new_{name}"])
            for name in (*RECORD, "period_to")
        },
        digits=minor_digits_of(pairs.new_currency.coalesce(pairs.old_currency)),
        record_key=pairs.old_record_key.coalesce(pairs.new_record_key),
        old_net=pairs.old_net_minor.fill_null(0),
        old_tax=pairs.old_tax_minor.fill_null(0),
        new_net=pairs.new_net_minor.fill_null(0),
        new_tax=pairs.new_tax_minor.fill_null(0),
        old_events=pairs.old_events.fill_null(0),
        new_events=pairs.new_events.fill_null(0),
        old_stamp=pairs.old_source_changed_at,
    )
    return of_discount(named).view().inner_join(wanted.view(), "record_key")


def _of_accounts(rows: ir.Table, differences: ir.Table) -> ir.Table:
    """The rows of accounts that have one of these differences."""
    return rows.semi_join(differences.select("account_key").distinct().view(), "account_key")


def _keyed(lines: ir.Table) -> ir.Table:
    return lines.mutate(record_key=record_key(lambda name: lines[name], BILL_LINE.key, OF_DISCOUNT))


def minor_digits_of(currency: ir.StringValue) -> ir.IntegerValue:
    """The digits of the currency's minor unit, as the catalogue of currencies has them."""
    codes: dict[int, list[str]] = {}
    for code, digits in MINOR_DIGITS.items():
        codes.setdefault(digits, []).append(code)
    cases = [(currency.isin(known), ibis.literal(d, "int64")) for d, known in codes.items()]
    return ibis.cases(*cases, else_=ibis.literal(2, "int64"))


def classified_lines(differences: ir.Table, records: ir.Table, explained: ir.Table) -> ir.Table:
    """The differences of bill lines with their class; a line has one class for all its fields."""
    wanted = (*RECORD, "record_key", "kind", "digits", "old_net", "old_tax", "new_net", "new_tax")
    records = records.select(*wanted)
    same = [records[name].identical_to(explained[name]) for name in RECORD]
    joined = records.left_join(explained, same)
    reasons = joined.select(
        "record_key",
        class_code=joined.class_code.fill_null(UNEXPLAINED),
        evidence=joined.evidence.fill_null(_unexplained_line(joined)),
    )
    lines = differences.filter(differences.entity == "bill_line")
    named = lines.left_join(reasons, "record_key")
    return named.mutate(
        class_code=named.class_code.fill_null("DUPLICATE"),
        evidence=named.evidence.fill_null(_stands_more_than_once(named, "line")),
    ).select(*_columns())


def _unexplained_line(rows: ir.Table) -> ir.StringValue:
    old = amounts_in_words("old", rows.old_net, rows.old_tax, rows.digits)
    new = amounts_in_words("new", rows.new_net, rows.new_tax, rows.digits)
    return ibis.cases(
        (rows.kind == "missing", old + ": no known rule tells why the new bill lacks this line"),
        (rows.kind == "extra", new + ": no known rule tells why the old bill lacks this line"),
        (
            (rows.old_net == rows.new_net) & (rows.old_tax == rows.new_tax),
            old + ", as new: the amounts agree, but not what the line says it is for",
        ),
        else_=old + "; " + new + ": no known rule leads from one to the other",
    )


def _stands_more_than_once(rows: ir.Table, what: str) -> ir.StringValue:
    return (
        ibis.literal(f"the {what} stands ")
        + rows.left_value.fill_null("0")
        + " times on the old side and "
        + rows.right_value.fill_null("0")
        + " times on the new one"
    )


def classified_bills(
    differences: ir.Table, lines: ir.Table, old_bill: ir.Table, old_line: ir.Table
) -> ir.Table:
    """The money on bill headers: it follows from the lines, or the old header is not their sum.

    Where both hold, the old header's own fault is told first: the lines tell their own.
    """
    bills = differences.filter(
        differences.entity == "bill", differences.field.isin([*MONEY_ON_BILL, "*"])
    )
    old = [_of_accounts(table, bills) for table in (old_bill, old_line)]
    joined = bills.left_join(_bill_facts(lines, *old), "record_key")
    doubled = joined.kind == "duplicate_key"
    off = _is_not_the_sum_of_its_lines(joined)
    unknown = joined.line_class == UNEXPLAINED
    follows = ibis.literal(FOLLOWS) + joined.line_evidence
    besides = (ibis.literal("; besides, ") + joined.line_evidence).fill_null("")
    reasons = [
        (doubled, "DUPLICATE", _stands_more_than_once(joined, "bill")),
        (off & ~unknown.fill_null(False), "SOURCE_DEFECT", _header_evidence(joined) + besides),
        (joined.line_class.notnull(), joined.line_class, follows),
    ]
    return joined.mutate(
        class_code=ibis.cases(*((case, code) for case, code, _ in reasons), else_=UNEXPLAINED),
        evidence=ibis.cases(
            *((case, words) for case, _, words in reasons),
            else_="its lines agree, so that they do not account for it",
        ),
    ).select(*_columns())


def _is_not_the_sum_of_its_lines(joined: ir.Table) -> ir.BooleanValue:
    """Whether the old header's amount in this field is another than its own lines add up to."""
    return ibis.cases(
        *[
            (joined.field == name, joined[f"header_{name}"] != joined[f"lines_{name}"])
            for name in MONEY_ON_BILL
        ],
        else_=ibis.literal(False),
    ).fill_null(False)


def _bill_facts(lines: ir.Table, old_bill: ir.Table, old_line: ir.Table) -> ir.Table:
    """One row a bill of either side: the old header, the sum of the old lines, the gravest line.

    A bill none of whose lines carries tax is taxed as a whole: its header alone says how much.
    """
    sums = old_line.group_by(*BILL_KEY).aggregate(
        lines_net_minor=sum_int64(old_line.net_minor),
        lines_tax=sum_int64(old_line.tax_minor),
        taxed_lines=(old_line.tax_minor != 0).any(),
    )
    headers = old_bill.group_by(*BILL_KEY).aggregate(
        **{f"header_{name}": sum_int64(old_bill[name]) for name in MONEY_ON_BILL}
    )
    both = headers.left_join(sums, list(BILL_KEY)).drop("account_key_right", "period_from_right")
    tax = both.taxed_lines.ifelse(both.lines_tax, both.header_tax_minor)
    both = both.mutate(
        record_key=_bill_key(both),
        lines_tax_minor=tax,
        lines_total_minor=both.lines_net_minor + tax,
    ).drop("lines_tax", "taxed_lines")
    gravest = _gravest_line(lines)
    joined = both.outer_join(gravest, "record_key")
    columns = [n for n in both.columns if n not in (*BILL_KEY, "record_key")]
    return joined.select(
        *columns,
        "line_class",
        "line_evidence",
        record_key=joined.record_key.coalesce(joined.record_key_right),
    )


def _gravest_line(lines: ir.Table) -> ir.Table:
    """Per bill the line difference with the largest amount; what nobody can explain goes first."""
    keyed = lines.mutate(bill=bill_of(lines.record_key), size=lines.amount_minor.fill_null(0).abs())
    order = [
        ibis.desc(keyed.class_code == UNEXPLAINED),
        ibis.desc(keyed.size),
        keyed.record_key,
        keyed.field,
    ]
    ranked = keyed.mutate(
        position=ibis.row_number().over(ibis.window(group_by="bill", order_by=order))
    )
    first = ranked.filter(ranked.position == 0)
    return first.select(record_key="bill", line_class="class_code", line_evidence="evidence")


def _bill_key(bills: ir.Table) -> ir.StringValue:
    return record_key(lambda name: bills[name], BILL_KEY)


def bill_of(key: ir.StringValue) -> ir.StringValue:
    """The record key of the bill in that of its line: account and period, the first two parts."""
    return key.re_extract(r"(?s)^((?:[^\\|]|\\.)*\|[^|]*)", 1)


def _header_evidence(joined: ir.Table) -> ir.StringValue:
    says, adds = (
        ibis.cases(
            *[
                (joined.field == name, money(joined[f"{side}_{name}"], joined.digits))
                for name in MONEY_ON_BILL
            ],
            else_=ibis.null("string"),
        )
        for side in ("header", "lines")
    )
    return ibis.literal("the old bill says ") + says + ", its own lines add up to " + adds


def unexplained_bills(differences: ir.Table) -> ir.Table:
    """The money on bill headers where the old system gives no lines that could explain it."""
    bills = differences.filter(
        differences.entity == "bill", differences.field.isin([*MONEY_ON_BILL, "*"])
    )
    return bills.mutate(
        class_code=ibis.literal(UNEXPLAINED),
        evidence=ibis.literal("the old system gives no lines that could explain it"),
    ).select(*_columns())


def rest(differences: ir.Table) -> ir.Table:
    """Everything that is neither a bill line nor money on a bill."""
    on_bill = (differences.entity == "bill") & differences.field.isin([*MONEY_ON_BILL, "*"])
    return differences.filter((differences.entity != "bill_line") & ~on_bill)


def classified_rest(differences: ir.Table, old: Tables, new: Tables) -> ir.Table:
    """The rest with their classes: by what lies around the records, then by their two values."""
    causes = [OfRecords(cause, old, new) for cause in record_causes(tuple(old))]
    return classify(differences, [*causes, *field_causes()]).select(*_columns())


def _columns() -> list[str]:
    return [*DIFFERENCES, "class_code", "evidence"]


def to_difference(classified: ir.Table) -> ir.Table:
    """The rows with exactly the columns of DIFFERENCE."""
    return classified.select(*DIFFERENCE.ibis)


def bill_verdicts(differences: ir.Table, old_bill: ir.Table, new_bill: ir.Table) -> ir.Table:
    """One row a bill: account_key, period_from, verdict (equal, explained or unexplained)."""
    all_bills = old_bill.select(*BILL_KEY).union(new_bill.select(*BILL_KEY), distinct=True)
    on_bills = differences.filter(differences.entity.isin(["bill", "bill_line"]))
    marked = on_bills.mutate(key=bill_of(on_bills.record_key))
    verdicts = marked.group_by("key").aggregate(
        unexplained=(marked.class_code == UNEXPLAINED).any()
    )
    keyed = all_bills.mutate(key=_bill_key(all_bills))
    joined = keyed.left_join(verdicts, "key")
    verdict = ibis.cases(
        (joined.unexplained.isnull(), "equal"),
        (joined.unexplained, "unexplained"),
        else_="explained",
    )
    return joined.select(*BILL_KEY, verdict=verdict)
