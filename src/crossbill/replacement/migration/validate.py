"""Entry checks: which mapped rows may be taken over, and which are suspended with a reason."""

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from crossbill.engine.datasets import CANONICAL
from crossbill.replacement.migration.map import REMAINDER, Mapped, amounts

Tables = Mapping[str, ir.Table]
HIGHEST_MONTHLY_PRICE_NANOS = 100_000 * 10**9


@dataclass(frozen=True)
class Check:
    """One thing that must not be: where ``fails`` holds, the row is suspended."""

    code: str
    class_code: str
    field: str
    message: str
    fails: ir.BooleanValue


def with_own_prices(product: ir.Table, price: ir.Table, on: ir.DateValue) -> ir.Table:
    """Give each product that carries an account's total (``remainder_nanos``) its own price.

    The own price is the total less the list prices of the account's other products; where that is
    the list price, the product has no price of its own.
    """
    valid = price.filter(
        price.valid_from <= on, price.valid_to.isnull() | (price.valid_to > on)
    ).select("offering_code", list_nanos="amount_nanos")
    listed = product.left_join(valid, "offering_code").drop("offering_code_right")
    carries = listed[REMAINDER].notnull()
    others = carries.ifelse(0, listed.list_nanos * listed.quantity)
    listed = listed.mutate(others_nanos=others)
    window = ibis.window(group_by="account_key")
    spent = listed.others_nanos.sum().over(window).cast("decimal(38,0)").cast("int64")
    own = (listed[REMAINDER] - spent).nullif(listed.list_nanos)
    price_column = carries.ifelse(own, listed.price_override_nanos)
    return listed.mutate(price_override_nanos=price_column).drop("others_nanos", "list_nanos")


def check_rows(entity: str, tables: Tables, offerings: ir.Table, tax_codes: ir.Table) -> Mapped:
    """Apply the entry checks of one entity; the first that fails is the reason."""
    table = tables[entity].mutate(
        twins=tables[entity].count().over(ibis.window(group_by=KEYS[entity]))
    )
    checks = [*_common(table, entity), *CHECKS[entity](table, tables, offerings, tax_codes)]
    codes = [(check.fails.fill_null(True), check.code) for check in checks]
    marked = table.mutate(fault=ibis.cases(*codes, else_=ibis.null("string")))
    good = marked.filter(marked.fault.isnull()).drop("fault", "twins", REMAINDER)
    bad = marked.filter(marked.fault.notnull())
    return Mapped(
        rows=good,
        suspended=_suspended(bad, entity, checks),
        amounts=amounts(marked, CANONICAL[entity]),
    )


KEYS: dict[str, list[str]] = {
    "customer": ["customer_key"],
    "account": ["account_key"],
    "product": ["product_key"],
    "open_item": ["open_item_key"],
    "balance": ["account_key"],
    "bill": ["bill_key"],
    "bill_line": ["bill_key", "product_key", "category", "charge_from"],
    "tariff": ["source_code", "valid_from"],
}


def _common(table: ir.Table, entity: str) -> list[Check]:
    """What holds for every entity."""
    key = KEYS[entity][0]
    return [
        Check(
            "KEY_BLANK",
            "SENTINEL",
            key,
            "The key is blank; give the record its key",
            table[key] == "",
        ),
        Check(
            "KEY_REUSED",
            "DUPLICATE",
            key,
            "Several records have this key; keep the right one",
            table.twins > 1,
        ),
    ]


def _is_not_in(column: ir.Value, other: ir.Column) -> ir.BooleanValue:
    return ~column.isin(other)


def _orphan(table: ir.Table, tables: Tables) -> Check:
    return Check(
        "ACCOUNT_MISSING",
        "SOURCE_DEFECT",
        "account_key",
        "The record's account is not in the extract or was suspended; mend the account first",
        _is_not_in(table.account_key, tables["account"].account_key),
    )


def _nothing(table: ir.Table, tables: Tables, offerings: ir.Table, tax: ir.Table) -> list[Check]:
    return []


def _account(table: ir.Table, tables: Tables, offerings: ir.Table, tax: ir.Table) -> list[Check]:
    parent = table.parent_account_key
    return [
        Check(
            "CUSTOMER_MISSING",
            "SOURCE_DEFECT",
            "customer_key",
            "The account's customer is not in the extract",
            _is_not_in(table.customer_key, tables["customer"].customer_key),
        ),
        Check(
            "PARENT_MISSING",
            "SOURCE_DEFECT",
            "parent_account_key",
            "The paying account is not in the extract",
            parent.notnull() & _is_not_in(parent, tables["account"].account_key),
        ),
        Check(
            "PARENT_IS_ITSELF",
            "SOURCE_DEFECT",
            "parent_account_key",
            "The account is its own paying account",
            (parent == table.account_key).fill_null(False),
        ),
        Check(
            "TAX_CODE_UNKNOWN",
            "MAPPING",
            "tax_code",
            "The catalogue has no tax rate for this jurisdiction; add it or correct the record",
            _is_not_in(table.tax_code, tax.tax_code),
        ),
        Check(
            "STATUS_UNKNOWN",
            "MAPPING",
            "status",
            "The status is none of active, suspended, closed; map the old code",
            ~table.status.isin(["active", "suspended", "closed"]),
        ),
        Check(
            "CYCLE_DAY_INVALID",
            "FORMAT",
            "bill_cycle_day",
            "The bill cycle day is not a day from 1 to 31",
            ~table.bill_cycle_day.between(1, 31),
        ),
    ]


def _product(table: ir.Table, tables: Tables, offerings: ir.Table, tax: ir.Table) -> list[Check]:
    own = table.price_override_nanos.fill_null(0)
    discount = table.discount_ppm.fill_null(0)
    return [
        _orphan(table, tables),
        Check(
            "OFFERING_UNKNOWN",
            "MAPPING",
            "offering_code",
            "The catalogue has no such offering; add it or correct the mapping",
            _is_not_in(table.offering_code, offerings.offering_code),
        ),
        Check(
            "PRICE_NEGATIVE",
            "SENTINEL",
            "price_override_nanos",
            "The customer's own price is negative; if it means 'not set', say so in the mapping",
            own < 0,
        ),
        Check(
            "PRICE_ABSURD",
            "SENTINEL",
            "price_override_nanos",
            "The customer's own price is over 100,000 a month; if it means 'not set', say so",
            own > HIGHEST_MONTHLY_PRICE_NANOS,
        ),
        Check(
            "QUANTITY_INVALID",
            "SENTINEL",
            "quantity",
            "The quantity is not at least one",
            table.quantity < 1,
        ),
        Check(
            "DISCOUNT_INVALID",
            "SENTINEL",
            "discount_ppm",
            "The discount is not between 0 and 100 percent",
            ~discount.between(0, 1_000_000),
        ),
        Check(
            "ENDS_BEFORE_START",
            "SOURCE_DEFECT",
            "end_date",
            "The product ends before it starts",
            (table.end_date < table.start_date).fill_null(False),
        ),
    ]


def _open_item(table: ir.Table, tables: Tables, offerings: ir.Table, tax: ir.Table) -> list[Check]:
    accounts = table.mutate(left=table.original_minor - table.paid_minor).group_by("account_key")
    sums = accounts.aggregate(left=lambda t: t.left.sum(), open=lambda t: t.open_minor.sum())
    tying = sums.filter(sums.left == sums.open).account_key
    off = table.open_minor != table.original_minor - table.paid_minor
    return [
        _orphan(table, tables),
        Check(
            "ITEM_MISALLOCATED",
            "ALLOCATION",
            "open_minor",
            "Open is not original less paid, though the account's items tie in sum: "
            "payments are allocated to the wrong items",
            off & table.account_key.isin(tying),
        ),
        Check(
            "ITEM_DOES_NOT_ADD_UP",
            "CARRY_FORWARD",
            "open_minor",
            "Open is not original less paid, and the account's items do not tie in sum",
            off,
        ),
    ]


def _balance(table: ir.Table, tables: Tables, offerings: ir.Table, tax: ir.Table) -> list[Check]:
    checks = [_orphan(table, tables)]
    if "open_item" in tables:
        items = tables["open_item"]
        sums = items.group_by("account_key").aggregate(open=items.open_minor.sum())
        wanted = table.select("account_key", "balance_minor").left_join(sums, "account_key")
        off = wanted.filter(wanted.open.fill_null(0) != wanted.balance_minor).account_key
        checks.append(
            Check(
                "BALANCE_IS_NOT_ITS_ITEMS",
                "CARRY_FORWARD",
                "balance_minor",
                "The carried balance is not the sum of the account's open items",
                table.account_key.isin(off),
            )
        )
    return checks


def _bill(table: ir.Table, tables: Tables, offerings: ir.Table, tax: ir.Table) -> list[Check]:
    return [
        _orphan(table, tables),
        Check(
            "BILL_PERIOD_REVERSED",
            "SOURCE_DEFECT",
            "period_to",
            "The bill's period ends before it begins",
            table.period_to <= table.period_from,
        ),
    ]


def _bill_line(table: ir.Table, tables: Tables, offerings: ir.Table, tax: ir.Table) -> list[Check]:
    return [
        _orphan(table, tables),
        Check(
            "BILL_MISSING",
            "SOURCE_DEFECT",
            "bill_key",
            "The line's bill is not in the extract",
            _is_not_in(table.bill_key, tables["bill"].bill_key),
        ),
    ]


CHECKS = {
    "customer": _nothing,
    "account": _account,
    "product": _product,
    "open_item": _open_item,
    "balance": _balance,
    "bill": _bill,
    "bill_line": _bill_line,
    "tariff": _nothing,
}


def _suspended(bad: ir.Table, entity: str, checks: list[Check]) -> ir.Table:
    """The failing rows in the shape of SUSPENDED, still without their raw bytes."""
    account = next((n for n in ("account_key", "customer_key") if n in bad.columns), None)
    values = [(check.code, bad[check.field].cast("string")) for check in checks]
    return bad.select(
        file=bad.source_file,
        line=bad.source_line,
        record_key=bad[KEYS[entity][0]].cast("string"),
        account_key=bad[account] if account else ibis.null("string"),
        stage=ibis.literal("validate"),
        code=bad.fault,
        class_code=_by_code(bad, checks, "class_code"),
        field=_by_code(bad, checks, "field"),
        value=bad.fault.cases(*values, else_=ibis.null("string")),
        message=_by_code(bad, checks, "message"),
    )


def _by_code(bad: ir.Table, checks: list[Check], part: str) -> ir.StringValue:
    pairs = [(check.code, str(getattr(check, part))) for check in checks]
    return bad.fault.cases(*pairs, else_=ibis.null("string"))
