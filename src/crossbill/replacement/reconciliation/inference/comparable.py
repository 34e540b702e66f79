"""Which lines of the old bills can be compared, and why the others cannot: each has one reason."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from crossbill.core.policy import PriceBy
from crossbill.engine import integers
from crossbill.platform.billing.look_up import looked_up

Fault = tuple[str, str, ir.BooleanValue]  # its code, the field that shows it, whether it is there
USAGE = "usage"
CATEGORIES = ("recurring", "discount", USAGE, "one_time")
ALL_PRODUCTS = "all"

# What each reason means and what to do.
REASONS: dict[str, tuple[str, str]] = {
    "PRODUCT_NOT_STATED": (
        "the line names no product",
        "only lines of products are compared; name it where there is one",
    ),
    "PERIOD_NOT_STATED": (
        "neither the line nor its bill states the period",
        "add period_from and period_to, or the bill's row with its bill_key",
    ),
    "FACTS_MISSING": (
        "no facts are there for this product",
        "add its row, or mend the one set aside",
    ),
    "FACTS_DOUBLED": ("the product has several rows that differ", "keep the one that was billed"),
    "ACCOUNT_UNKNOWN": ("the account has no row", "add it to the accounts"),
    "ACCOUNT_DOUBLED": ("the account has several rows that differ", "keep one of them"),
    "ACCOUNT_DIFFERS": (
        "the product belongs to another account, for which this one does not pay",
        "mend the line or the product, or say in payer who pays",
    ),
    "PART_DIFFERS": (
        "not the part of the line that this account pays",
        "mend who pays which share, or add the lines of the others who pay",
    ),
    "CURRENCY_UNKNOWN": ("not an active ISO 4217 currency", "write it as in EUR"),
    "CURRENCY_MISMATCH": (
        "the account is billed in another currency",
        "mend the line or the account",
    ),
    "CATEGORY_UNKNOWN": (
        "the kind of line is not known",
        "map it with codes to " + ", ".join(CATEGORIES),
    ),
    "USAGE_MISSING": (
        "what was used is not in the table usage",
        "add what it cost before it was rounded",
    ),
    "FINER_THAN_CURRENCY": (
        "more decimals than the currency has",
        "bills are compared in whole minor units: round it at source",
    ),
    "PERIOD_BACKWARDS": (
        "the period does not end after it starts",
        "is last_day missing in the spec?",
    ),
    "SUM_INCOMPLETE": (
        "a line that is compared together with this one is set aside",
        "mend that line",
    ),
    "PERIOD_DOUBLED": (
        "other bills from this day end on another day",
        "compare one kind of period at a time",
    ),
}


def with_cycles(account: ir.Table, old_line: ir.Table, holder: ir.Table) -> ir.Table:
    """Reads those tables; writes ``account`` with the bill cycle that its bills tell.

    It is the latest day on which a period begins or ends: a shorter month pulls it forward. An
    account without bills, for which others pay, has the cycle of those who do.
    """
    rows = old_line.left_join(holder, "product_key")
    rows = rows.mutate(day=ibis.greatest(rows.period_from.day(), rows.period_to.day()))
    billed = rows.mutate(billed=rows.account_key.coalesce(rows.holder))
    own = billed.group_by("billed").aggregate(cycle=billed.day.max())
    paid = rows.group_by("holder").aggregate(paid_cycle=rows.day.max())
    joined = account.left_join(own, account.account_key == own.billed)
    joined = joined.left_join(paid, joined.account_key == paid.holder)
    cycle = ibis.coalesce(joined.cycle, joined.paid_cycle, 1).cast("int64")
    return joined.mutate(bill_cycle_day=cycle).drop("cycle", "billed", "paid_cycle", "holder")


def holders(product: ir.Table, family: ir.Table, product_family: ir.Table) -> ir.Table:
    """Reads those tables; writes each product once: what it is, whose, and how often it stands.

    A family stated for the product goes before that of its offering; without one it is ``all``.
    """
    rows = product.group_by("product_key").aggregate(
        account_key=product.account_key.min(),
        offering_code=product.offering_code.min(),
        products=product.count(),
    )
    by_offering = family.rename(of_offering="family")
    by_product = product_family.rename(of_product="family")
    rows = looked_up(rows, by_offering, ("offering_code",), ("of_offering",), "offerings")
    rows = looked_up(rows, by_product, ("product_key",), ("of_product",), "families")
    return rows.select(
        "product_key",
        "products",
        "offering_code",
        holder="account_key",
        family=ibis.coalesce(rows.of_product, rows.of_offering, ALL_PRODUCTS),
    )


def judged_lines(  # noqa: PLR0913 - the facts behind a line
    old_line: ir.Table,
    holder: ir.Table,
    account: ir.Table,
    currency: ir.Table,
    usage_total: ir.Table,
    payer: ir.Table,
) -> ir.Table:
    """Reads those tables; adds to each line its account, cycle, family and minor units.

    ``code``, ``field`` and ``value`` say why a line cannot be compared; empty where it can.
    """
    rows = old_line.rename(stated_account="account_key", stated_currency="currency")
    rows = rows.left_join(holder, "product_key").drop("product_key_right")
    rows = rows.rename(account_key="holder")
    rows = rows.mutate(
        line_id=ibis.row_number().over(order_by=[rows.file, rows.line]).cast("int64"),
        billed_account=rows.stated_account.coalesce(rows.account_key),
    )
    rows = looked_up(
        rows, account, ("account_key",), ("currency", "tax_code", "bill_cycle_day"), "accounts"
    )
    rows = looked_up(rows, currency, ("currency",), ("minor_digits",), "currencies")
    rows = _with_payers(_with_uses(rows, usage_total), payer)
    scale = integers.nanos_per_minor(rows.minor_digits.fill_null(0))
    same_start = ibis.window(group_by=[rows.bill_cycle_day, rows.period_from])
    rows = rows.mutate(
        net_minor=integers.quotient(rows.net_nanos, scale),
        tax_minor=integers.quotient(rows.tax_nanos, scale),
        net_rest=rows.net_nanos % scale,
        tax_rest=rows.tax_nanos.fill_null(0) % scale,
        ends=rows.period_to.max().over(same_start),
    )
    return with_first_fault(rows, _faults(rows))


def _with_uses(rows: ir.Table, usage_total: ir.Table) -> ir.Table:
    """Adds how many facts of usage end in a line's period; empty where there are none."""
    used = usage_total.select(used_key="product_key", used_to="period_to")
    on = [
        rows.product_key == used.used_key,
        rows.period_from < used.used_to,
        rows.period_to >= used.used_to,
    ]
    uses = rows.inner_join(used, on).group_by("line_id").aggregate(uses=ibis._.count())
    return rows.left_join(uses, "line_id").drop("line_id_right")


def _with_payers(rows: ir.Table, payer: ir.Table) -> ir.Table:
    """Adds whether the account that is stated may pay for the one that holds the product."""
    known = payer.select(used_by="account_key", paid_by="payer_key").distinct()
    on = [rows.account_key == known.used_by, rows.stated_account == known.paid_by]
    joined = rows.left_join(known, on)
    return joined.mutate(pays=joined.paid_by.notnull()).drop("used_by", "paid_by")


def with_first_fault(rows: ir.Table, faults: Sequence[Fault]) -> ir.Table:
    """Adds ``code``, ``field`` and ``value`` of the first reason that is there; else empty ones."""
    none = ibis.null("string")
    shown = ((there, rows[field].cast("string")) for _, field, there in faults)
    return rows.mutate(
        code=ibis.cases(*((there, code) for code, _, there in faults), else_=none),
        field=ibis.cases(*((there, field) for _, field, there in faults), else_=none),
        value=ibis.cases(*shown, else_=none),
    )


def _faults(rows: ir.Table) -> list[Fault]:
    """The reasons in order: code, field, and whether it is there."""
    other_account = (rows.stated_account != rows.account_key).fill_null(False) & ~rows.pays
    other_currency = (rows.stated_currency != rows.currency).fill_null(False)
    unknown_category = rows.category.notnull() & ~rows.category.isin(CATEGORIES)
    return [
        ("PRODUCT_NOT_STATED", "product_key", rows.product_key.fill_null("") == ""),
        ("PERIOD_NOT_STATED", "period_from", rows.period_from.isnull() | rows.period_to.isnull()),
        ("FACTS_MISSING", "product_key", rows.products.isnull()),
        ("FACTS_DOUBLED", "product_key", rows.products > 1),
        ("ACCOUNT_UNKNOWN", "account_key", rows.accounts.isnull()),
        ("ACCOUNT_DOUBLED", "account_key", rows.accounts > 1),
        ("ACCOUNT_DIFFERS", "stated_account", other_account),
        ("CURRENCY_UNKNOWN", "currency", rows.minor_digits.isnull()),
        ("CURRENCY_MISMATCH", "stated_currency", other_currency),
        ("CATEGORY_UNKNOWN", "category", unknown_category),
        ("USAGE_MISSING", "category", (rows.category == USAGE) & rows.uses.isnull()),
        ("FINER_THAN_CURRENCY", "net_nanos", rows.net_rest != 0),
        ("FINER_THAN_CURRENCY", "tax_nanos", rows.tax_rest != 0),
        ("PERIOD_BACKWARDS", "period_to", rows.period_to <= rows.period_from),
        ("PERIOD_DOUBLED", "period_to", rows.period_to != rows.ends),
    ]


def periods_of(judged: ir.Table) -> ir.Table:
    """Reads lines that can be compared; writes ``periods`` of their bill cycles."""
    sound = judged.filter(judged.code.isnull())
    return sound.select(
        "period_from", "period_to", "bill_cycle_day", anchor_day="bill_cycle_day"
    ).distinct()


def with_engine_faults(judged: ir.Table, faults: ir.Table) -> ir.Table:
    """Adds the engine's own reason to lines of what it cannot charge by any choice of price."""
    never = faults.group_by("product_key", "period_from").aggregate(
        choices=faults.count(),
        fault=faults.fault.min(),
        fault_field=faults.fault_field.min(),
        fault_value=faults.fault_value.min(),
    )
    bad = never.filter(never.choices == len(PriceBy)).drop("choices")
    rows = judged.left_join(bad, ["product_key", "period_from"])
    rows = rows.drop("product_key_right", "period_from_right")
    told = rows.code.notnull()
    return rows.mutate(
        code=rows.code.coalesce(rows.fault),
        field=ibis.ifelse(told, rows.field, rows.fault_field),
        value=ibis.ifelse(told, rows.value, rows.fault_value),
    ).drop("fault", "fault_field", "fault_value")


def with_sums(judged: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """Sets lines aside, too, that are compared as one sum with a line that is set aside."""
    aside = judged.code.notnull().cast("int64")
    others = aside.max().over(ibis.window(group_by=[judged[name] for name in key]))
    broken = judged.code.isnull() & (others > 0)
    return judged.mutate(
        code=ibis.ifelse(broken, "SUM_INCOMPLETE", judged.code),
        field=ibis.ifelse(broken, "product_key", judged.field),
        value=ibis.ifelse(broken, judged.product_key, judged.value),
    )
