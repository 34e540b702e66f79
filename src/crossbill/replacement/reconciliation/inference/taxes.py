"""The taxes of old lines and bills under every candidate at once, on the amounts that they print.

Taxing what the old bill prints, and not what a policy would charge, keeps a wrong price from
looking like a wrong tax.
"""

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.engine.billing_datasets import NET_LINE
from crossbill.platform.billing.resolve import with_usage_taxes
from crossbill.platform.billing.tax import bill_taxes, with_taxes
from crossbill.replacement.reconciliation.inference.amounts import keyed, one_bit
from crossbill.replacement.reconciliation.inference.comparable import Fault, with_first_fault

BILL, TAXED_LINE = "bill", "taxed_line"
OWN = ("line_id", "bill_id", "number", "family", "old_net", "old_tax")

# Why a bill's tax is not compared, and what to do.
REASONS: dict[str, tuple[str, str]] = {
    "BILL_DOUBLED": ("the account has several bills of this period", "keep the one that was sent"),
    "BILL_WITHOUT_LINES": ("no line of this bill is there", "add its lines"),
    "DISCOUNT_ON_BILL": (
        "it does not print which of its charges the discount of the whole bill lowers",
        "its tax tells nothing; its lines and its discounts are compared",
    ),
    "LINES_SET_ASIDE": ("a line of this bill is not compared", "mend what the line says"),
    "BILL_FINER_THAN_CURRENCY": ("more decimals than the currency has", "round it at source"),
    "TAX_NOT_STATED": ("neither tax nor total is stated", "add the column"),
    "LINES_DO_NOT_SUM": ("the lines do not add up to the bill's net", "look for a missing line"),
    "TOTAL_DOES_NOT_SUM": ("net and tax do not add up to the total", "mend the bill"),
}


def taxable(line: ir.Table, unit: ir.Table, component: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """Reads all lines, units and components; adds ``usable``: a line's tax can be worked out.

    It can where the line is compared and its charges are of one tax category. Of an inclusive price
    the line has to state its tax, for that is part of the amount. The tax of usage can be worked
    out from what its line says, even where what was used is not known.
    """
    terms = unit.select(*key, "tax_category", "tax_inclusive", "tax_categories", "all_inclusive")
    said = {"usage_category": "tax_category", "usage_inclusive": "tax_inclusive"}
    lines = with_usage_taxes(keyed(line, key), component).rename(**said)
    rows = lines.left_join(terms, list(key)).drop(*(f"{name}_right" for name in key))
    unknown = (rows.code == "USAGE_MISSING").fill_null(False)
    rows = rows.mutate(
        tax_category=ibis.ifelse(unknown, rows.usage_category, rows.tax_category),
        tax_inclusive=ibis.ifelse(unknown, rows.usage_inclusive, rows.tax_inclusive),
    )
    usage = unknown & (rows.usage_terms.fill_null(0) <= 1)
    one_kind = (rows.tax_categories == 1) & (rows.tax_inclusive == rows.all_inclusive)
    stated = ~rows.tax_inclusive | rows.tax_minor.notnull()
    compared = rows.code.isnull() & one_kind
    return rows.mutate(usable=((compared | usage) & stated).fill_null(False))


def judged_bills(old_bill: ir.Table, line: ir.Table) -> ir.Table:
    """Reads bills and ``taxable`` lines; adds the bill's tax and why it is not compared."""
    sums = line.group_by("billed_account", "period_from").aggregate(
        of_lines=line.count(),
        unusable=(~line.usable).cast("int64").sum(),
        lines_net=integers.sum_int64(ibis.ifelse(line.usable, line.net_minor, 0)),
        minor_digits=line.minor_digits.max(),
        currency=line.currency.max(),
    )
    rows = old_bill.left_join(
        sums, [old_bill.account_key == sums.billed_account, "period_from"]
    ).drop("period_from_right", "billed_account")
    same = ibis.window(group_by=["account_key", "period_from"])
    scale = integers.nanos_per_minor(rows.minor_digits.fill_null(0))
    rows = rows.mutate(
        bills=rows.count().over(same),
        net=integers.quotient(rows.net_nanos, scale),
        tax=integers.quotient(rows.tax_nanos, scale),
        total=integers.quotient(rows.total_nanos, scale),
        rest=sum(
            (rows[n].fill_null(0) % scale).abs() for n in ("net_nanos", "tax_nanos", "total_nanos")
        ),
    )
    rows = rows.mutate(
        bill_id=ibis.row_number().over(order_by=[rows.file, rows.line]).cast("int64"),
        old_tax=rows.tax.coalesce(rows.total - rows.net.coalesce(rows.lines_net)),
        old_net=rows.net.coalesce(rows.total - rows.tax, rows.lines_net),
    )
    return with_first_fault(rows, _faults(rows))


def _faults(rows: ir.Table) -> list[Fault]:
    """The reasons in order."""
    return [
        ("BILL_DOUBLED", "account_key", rows.bills > 1),
        ("BILL_WITHOUT_LINES", "account_key", rows.of_lines.isnull()),
        ("LINES_SET_ASIDE", "account_key", rows.unusable > 0),
        ("BILL_FINER_THAN_CURRENCY", "total_nanos", rows.rest != 0),
        ("TAX_NOT_STATED", "tax_nanos", rows.old_tax.isnull()),
        ("LINES_DO_NOT_SUM", "net_nanos", rows.old_net != rows.lines_net),
        (
            "TOTAL_DOES_NOT_SUM",
            "total_nanos",
            (rows.total != rows.old_net + rows.old_tax).fill_null(False),
        ),
    ]


def without(bills: ir.Table, off_line: ir.Table) -> ir.Table:
    """Sets bills aside, too, on which a discount of the whole bill stands."""
    off = off_line.select(account_key="billed_account", period_from="period_from").distinct()
    rows = bills.left_join(off.mutate(off=ibis.literal(True)), ["account_key", "period_from"])
    rows = rows.drop("account_key_right", "period_from_right")
    there = rows.off.notnull()
    return rows.mutate(
        code=ibis.ifelse(there, "DISCOUNT_ON_BILL", rows.code),
        field=ibis.ifelse(there, "account_key", rows.field),
        value=ibis.ifelse(there, rows.account_key, rows.value),
    ).drop("off")


def taxed(  # noqa: PLR0913 - what the verb reads
    line: ir.Table,
    bill: ir.Table,
    tax_candidate: ir.Table,
    tax_rate: ir.Table,
    exemption: ir.Table,
    periods: ir.Table,
    names: int,
) -> ir.Table:
    """Reads ``taxable`` lines, judged bills and candidates; writes the lines with their taxes."""
    sound = bill.filter(bill.code.isnull())
    usable = line.filter(line.usable)
    rows = usable.left_join(
        sound.select("bill_id", holder="account_key", since="period_from"),
        [usable.billed_account == sound.account_key, usable.period_from == sound.period_from],
    )
    rows = rows.cross_join(tax_candidate)
    gross = rows.net_minor + ibis.ifelse(rows.tax_inclusive, rows.tax_minor, 0)
    known = {
        "account_key": rows.billed_account,
        "amount_minor": gross,
        "old_net": rows.net_minor,
        "old_tax": rows.tax_minor,
    }
    made = rows.mutate(**known)
    nothing = {
        name: ibis.null(kind.copy(nullable=True))
        for name, kind in NET_LINE.ibis.items()
        if name not in made.columns
    }
    lines = made.mutate(**nothing).select(*NET_LINE.ibis, *OWN)
    key = lines.bill_id.cast("string") + ":" + lines.number.cast("string")
    days = periods.select("period_from").distinct()
    return with_taxes(lines.mutate(bill_key=key), tax_rate, exemption, days, names)


def line_computed(taxed: ir.Table) -> ir.Table:
    """Reads taxed lines; writes the tax of those that state one, and whether it fits."""
    rows = taxed.filter(taxed.old_tax.notnull())
    same_net = ~rows.tax_inclusive | (rows.net_minor == rows.old_net)
    return rows.select(
        "line_id",
        "number",
        now_minor=rows.tax_minor,
        fits=(rows.tax_minor == rows.old_tax) & same_net,
    )


def bill_computed(taxed: ir.Table, bill: ir.Table, tax_candidate: ir.Table, names: int) -> ir.Table:
    """Reads taxed lines and bills; writes a bill's tax under each candidate, and if it fits."""
    found = bill_taxes(taxed.filter(taxed.bill_id.notnull()), names, by_product=True)
    sums = found.group_by("bill_key").aggregate(now_minor=integers.sum_int64(found.tax_minor))
    asked = bill.filter(bill.code.isnull()).cross_join(tax_candidate.select("number"))
    asked = asked.mutate(bill_key=asked.bill_id.cast("string") + ":" + asked.number.cast("string"))
    rows = asked.left_join(sums, "bill_key").drop("bill_key_right")
    now = rows.now_minor.fill_null(0)
    return rows.select("bill_id", "number", now_minor=now, fits=now == rows.old_tax)


def masks(rows: ir.Table, key: str) -> ir.Table:
    """Reads rows with ``number`` and ``fits``; writes for each key the candidates that fit.

    They are text of one word, as ``amounts.masks`` writes it.
    """
    bits = ibis.ifelse(rows.fits, one_bit(rows.number), 0)
    sets = rows.group_by(key).aggregate(bits=bits.bit_or())
    return sets.select(key, mask=ibis.literal("0:") + sets.bits.cast("string"))
