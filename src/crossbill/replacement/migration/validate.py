"""Entry checks: what no mapped row may be, for each canonical table."""

import ibis
import ibis.expr.types as ir

from crossbill.engine.datasets import CANONICAL, PRICE
from crossbill.engine.integers import sum_int64
from crossbill.platform.billing.due import RECURRING
from crossbill.replacement.migration.checks import (
    Check,
    Tables,
    is_not_in,
    orphan,
    other_currency,
    unknown,
)
from crossbill.replacement.migration.collection_checks import collection, deposit, mandate
from crossbill.replacement.migration.concession_checks import (
    commitment_checks,
    discount_checks,
    exemption_checks,
)
from crossbill.replacement.migration.contact_checks import contact_checks
from crossbill.replacement.migration.feature_checks import feature_checks
from crossbill.replacement.migration.map import REMAINDER
from crossbill.replacement.migration.payer_checks import payer_checks
from crossbill.replacement.migration.terms_checks import terms_checks
from crossbill.replacement.migration.usage_checks import (
    COPIES_COME,
    usage_checks,
    with_copies,
)

HIGHEST_MONTHLY_PRICE_NANOS = 100_000 * 10**9
HIGHEST_QUANTITY = 90_000  # so that quantity times the highest price stays within 64 bits
HIERARCHY_LEVELS = 10
FIRST_DATE, LAST_DATE = "1900-01-01", "9999-12-30"
# The longest texts that the books take, by canonical column.
LONGEST = {
    "customer_key": 40, "account_key": 40, "parent_account_key": 40, "payer_key": 40,
    "product_key": 60, "discount_key": 60, "tax_name": 40, "reason": 200, "open_item_key": 60,
    "document_number": 60, "source_code": 60, "name": 200, "segment": 40, "mandate_key": 60,
    "deposit_key": 60, "bank_code": 20, "account_digits": 4, "tax_code": 20, "street": 200,
    "city": 100, "region": 40, "postcode": 20, "price_override_code": 121, "feature_code": 40,
    "commitment_key": 60, "tax_category": 40,
    "credit_class": 20, "contact_key": 40, "email": 254, "phone": 40,
}  # fmt: skip


def recurring_prices(price: ir.Table, component: ir.Table) -> ir.Table:
    """Reads the tables of a catalogue; writes PRICE: what an offering costs everybody each time."""
    general = price.filter(price.segment.isnull(), price.region.isnull())
    parts = component.filter(component.kind == RECURRING).select("price_code", of="offering_code")
    rows = general.inner_join(parts, general.offering_code == parts.price_code)
    return rows.drop("offering_code").rename(offering_code="of").select(*PRICE.ibis)


def with_own_prices(product: ir.Table, price: ir.Table, on: ir.DateValue) -> ir.Table:
    """Give each product that carries an account's total (``remainder_nanos``) its own price.

    The own price is the total less the list prices of the account's other products; where that is
    the list price, the product has no price of its own.
    """
    held = price.filter(price.valid_from <= on, price.valid_to.isnull() | (price.valid_to > on))
    valid = held.group_by("offering_code").aggregate(list_nanos=sum_int64(held.amount_nanos))
    listed = product.left_join(valid, "offering_code").drop("offering_code_right")
    carries = listed[REMAINDER].notnull()
    # a quantity beyond the limits is suspended; here it must only not overflow
    quantity = ibis.greatest(0, ibis.least(listed.quantity, HIGHEST_QUANTITY))
    others = carries.ifelse(0, listed.list_nanos * quantity)
    listed = listed.mutate(others_nanos=others)
    window = ibis.window(group_by="account_key")
    spent = listed.others_nanos.sum().over(window).cast("decimal(38,0)")
    left = (listed[REMAINDER].cast("decimal(38,0)") - spent).try_cast("int64")
    own = left.fill_null(-1).nullif(listed.list_nanos)  # what no integer holds is far below zero
    price_column = carries.ifelse(own, listed.price_override_nanos)
    return listed.mutate(price_override_nanos=price_column).drop("others_nanos", "list_nanos")


def checks_of(entity: str, tables: Tables) -> list[Check]:
    """All checks of one entity, in the order in which they are made."""
    table = counted(entity, tables)
    return [*_common(table, entity), *CHECKS[entity](table, tables)]


def counted(entity: str, tables: Tables) -> ir.Table:
    """The records with ``twins``: how many have their key."""
    if entity in COPIES_COME:
        return with_copies(tables)
    window = ibis.window(group_by=KEYS[entity])
    return tables[entity].mutate(twins=tables[entity].count().over(window))


KEYS: dict[str, list[str]] = {
    "customer": ["customer_key"],
    "contact": ["customer_key", "contact_key"],
    "account": ["account_key"],
    "payer": ["account_key", "category", "payer_key", "valid_from"],
    "product": ["product_key"],
    "feature": ["product_key", "feature_code", "valid_from"],
    "discount": ["discount_key"],
    "exemption": ["account_key", "tax_name", "valid_from"],
    "commitment": ["commitment_key"],
    "open_item": ["open_item_key"],
    "balance": ["account_key"],
    "collection": ["account_key"],
    "mandate": ["mandate_key"],
    "deposit": ["deposit_key"],
    "bill": ["bill_key"],
    "bill_line": [
        "bill_key",
        "product_key",
        "category",
        "price_code",
        "charge_from",
        "discount_key",
        "discounted",
    ],
    "tariff": ["source_code", "valid_from"],
    "usage": ["usage_key"],
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
        *_texts_and_dates(table, entity),
    ]


def _texts_and_dates(table: ir.Table, entity: str) -> list[Check]:
    """What the books cannot take in: texts too long for their column, dates out of all reason."""
    checks = []
    for column in CANONICAL[entity].columns:
        value = table[column.name]
        if column.name in LONGEST:
            longest = LONGEST[column.name]
            message = f"The text is longer than {longest} characters; shorten it"
            fails = (value.length() > longest).fill_null(False)
            checks.append(Check("VALUE_TOO_LONG", "FORMAT", column.name, message, fails))
        if column.type == "date":
            within = value.between(ibis.date(FIRST_DATE), ibis.date(LAST_DATE))
            checks.append(
                Check(
                    "DATE_ABSURD",
                    "SENTINEL",
                    column.name,
                    "The date is before 1900 or after 9999; if it means 'none', say so in the "
                    "mapping with null_values",
                    ~within.fill_null(True),
                )
            )
    return checks


def _nothing(table: ir.Table, tables: Tables) -> list[Check]:
    return []


def _customer(table: ir.Table, tables: Tables) -> list[Check]:
    return [unknown("KIND_UNKNOWN", table.kind, ("person", "organisation"))]


def _account(table: ir.Table, tables: Tables) -> list[Check]:
    parent = table.parent_account_key
    return [
        Check(
            "CUSTOMER_MISSING",
            "SOURCE_DEFECT",
            "customer_key",
            "The account's customer is not in the extract",
            is_not_in(table.customer_key, tables["customer"].customer_key),
        ),
        Check(
            "PARENT_MISSING",
            "SOURCE_DEFECT",
            "parent_account_key",
            "The paying account is not in the extract",
            parent.notnull() & is_not_in(parent, tables["account"].account_key),
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
            is_not_in(table.tax_code, tables["tax_rate"].tax_code),
        ),
        Check(
            "PARENT_LOOP",
            "SOURCE_DEFECT",
            "parent_account_key",
            f"The chain of paying accounts has no end within {HIERARCHY_LEVELS} levels; "
            "see who pays for whom",
            table.account_key.isin(_without_end(tables["account"])),
        ),
        unknown("STATUS_UNKNOWN", table.status, ("active", "suspended", "closed")),
        Check(
            "CYCLE_DAY_INVALID",
            "FORMAT",
            "bill_cycle_day",
            "The bill cycle day is not a day from 1 to 31",
            ~table.bill_cycle_day.between(1, 31),
        ),
        *terms_checks(table, tables),
    ]


def _without_end(account: ir.Table) -> ir.Column:
    """The accounts above which there are more payers than a hierarchy may have levels."""
    pairs = account.select("account_key", payer="parent_account_key")
    above = pairs.filter(pairs.payer.notnull())
    for _ in range(HIERARCHY_LEVELS):
        payers = pairs.view()
        joined = above.join(payers, above.payer == payers.account_key, rname="{name}_above")
        above = joined.select("account_key", payer="payer_above").filter(
            lambda t: t.payer.notnull()
        )
    return above.account_key


def _product(table: ir.Table, tables: Tables) -> list[Check]:
    own = table.price_override_nanos.fill_null(0)
    discount = table.discount_ppm.fill_null(0)
    return [
        orphan(table, tables),
        Check(
            "OFFERING_UNKNOWN",
            "MAPPING",
            "offering_code",
            "The catalogue has no such offering; add it or correct the mapping",
            is_not_in(table.offering_code, tables["offering"].offering_code),
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
            "OWN_PRICE_MISSING",
            "MAPPING",
            "price_override_code",
            "It names the price that an own price is instead of, and has no own price",
            table.price_override_code.notnull() & table.price_override_nanos.isnull(),
        ),
        Check(
            "QUANTITY_INVALID",
            "SENTINEL",
            "quantity",
            "The quantity is not at least one",
            table.quantity < 1,
        ),
        Check(
            "QUANTITY_ABSURD",
            "SENTINEL",
            "quantity",
            f"The quantity is over {HIGHEST_QUANTITY:,}; check the figure",
            table.quantity > HIGHEST_QUANTITY,
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
        *_not_chargeable(table, tables["unresolved"]),
    ]


# Why a product that is sound in itself cannot be billed, by the code that `resolve` gives.
NOT_CHARGEABLE = {
    "CURRENCY_UNKNOWN": "The account's currency is not an ISO 4217 code; correct it",
    "PRICE_MISSING": "The catalogue has no price of this offering for a billed period; add it",
    "CURRENCY_MISMATCH": "The catalogue prices this offering in another currency; add a price",
    "TAX_RATE_MISSING": "The catalogue has no rate of this tax code for a billed period; add it",
    "AMOUNT_TOO_LARGE": "Price times quantity is over a billion a month; check both",
}


def _not_chargeable(table: ir.Table, unresolved: ir.Table) -> list[Check]:
    """Products that billing could not resolve stay here, where somebody can mend them."""
    fields = {"TAX_RATE_MISSING": "account_key", "CURRENCY_UNKNOWN": "account_key"}
    rows = unresolved.filter(unresolved.code != "ACCOUNT_UNKNOWN")
    checks = [
        Check(
            code,
            "MAPPING",
            fields.get(code, "offering_code"),
            message,
            table.product_key.isin(rows.filter(rows.code == code).product_key),
        )
        for code, message in NOT_CHARGEABLE.items()
    ]
    message = "The product cannot be billed by its account, price and tax rate; look at all three"
    others = table.product_key.isin(rows.product_key)
    return [*checks, Check("NOT_CHARGEABLE", "MAPPING", "offering_code", message, others)]


def _open_item(table: ir.Table, tables: Tables) -> list[Check]:
    accounts = table.mutate(left=table.original_minor - table.paid_minor).group_by("account_key")
    sums = accounts.aggregate(left=lambda t: t.left.sum(), open=lambda t: t.open_minor.sum())
    tying = sums.filter(sums.left == sums.open).account_key
    off = table.open_minor != table.original_minor - table.paid_minor
    return [
        orphan(table, tables),
        other_currency(table, tables),
        unknown("KIND_UNKNOWN", table.kind, ("invoice", "credit", "payment")),
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


def _balance(table: ir.Table, tables: Tables) -> list[Check]:
    checks = [orphan(table, tables), other_currency(table, tables)]
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


def _bill(table: ir.Table, tables: Tables) -> list[Check]:
    return [
        orphan(table, tables),
        other_currency(table, tables),
        Check(
            "BILL_PERIOD_REVERSED",
            "SOURCE_DEFECT",
            "period_to",
            "The bill's period ends before it begins",
            table.period_to <= table.period_from,
        ),
    ]


def _bill_line(table: ir.Table, tables: Tables) -> list[Check]:
    bill = tables["bill"]
    owned = bill.bill_key + "|" + bill.account_key
    return [
        orphan(table, tables),
        Check(
            "BILL_MISSING",
            "SOURCE_DEFECT",
            "bill_key",
            "The line's bill is not in the extract",
            is_not_in(table.bill_key, bill.bill_key),
        ),
        Check(
            "BILL_OF_ANOTHER",
            "SOURCE_DEFECT",
            "account_key",
            "The line's bill belongs to another account",
            is_not_in(table.bill_key + "|" + table.account_key, owned),
        ),
        unknown("CATEGORY_UNKNOWN", table.category, CATEGORIES),
    ]


CATEGORIES = ("recurring", "discount", "usage", "one_time", "commitment")


CHECKS = {
    "customer": _customer,
    "contact": contact_checks,
    "account": _account,
    "payer": payer_checks,
    "product": _product,
    "feature": feature_checks,
    "discount": discount_checks,
    "exemption": exemption_checks,
    "commitment": commitment_checks,
    "open_item": _open_item,
    "balance": _balance,
    "collection": collection,
    "mandate": mandate,
    "deposit": deposit,
    "bill": _bill,
    "bill_line": _bill_line,
    "tariff": _nothing,
    "usage": usage_checks,
}


# What the checks of an entity look at beside its own records: other entities, the catalogue's
# ``offering`` and ``tax_rate``, and what `transform.py` makes for them.
READS: dict[str, tuple[str, ...]] = {
    "customer": (),
    "contact": ("customer",),
    "account": ("customer", "contact", "lost_contact", "language", "tax_rate"),
    "payer": ("account",),
    "product": ("account", "offering", "unresolved"),
    "feature": ("account", "product"),
    "discount": ("account", "product", "offering"),
    "exemption": ("account", "tax_rate"),
    "commitment": ("account", "product", "tax_rate"),
    "open_item": ("account",),
    "balance": ("account", "open_item"),
    "collection": ("account",),
    "mandate": ("account",),
    "deposit": ("account",),
    "bill": ("account",),
    "bill_line": ("account", "bill"),
    "tariff": (),
    "usage": ("product",),
}
