"""Entry checks of what accounts need not pay, discounts and taxes, and of what they promised."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.migration.checks import (
    CHARGED,
    Check,
    Tables,
    is_not_in,
    orphan,
    other_currency,
    unknown,
)

PPM = 1_000_000
KINDS = ("percentage", "amount")


def discount_checks(table: ir.Table, tables: Tables) -> list[Check]:
    """What must not be in a discount of an account."""
    return [
        orphan(table, tables),
        other_currency(table, tables),
        unknown("KIND_UNKNOWN", table.kind, KINDS),
        _category_unknown(table),
        *_worth(table),
        *_applies_to(table, tables),
        Check(
            "POSITION_TAKEN",
            "DISCOUNT",
            "position",
            "Another discount of the account has this position; say which is taken off first",
            table.count().over(ibis.window(group_by=["account_key", "position"])) > 1,
        ),
        Check(
            "ENDS_BEFORE_START",
            "SOURCE_DEFECT",
            "valid_to",
            "The discount ends before it starts",
            (table.valid_to < table.valid_from).fill_null(False),
        ),
    ]


def _worth(table: ir.Table) -> list[Check]:
    """What is taken off: a share or an amount, and the limits of both."""
    is_share = table.kind == KINDS[0]
    share = table.rate_ppm.between(1, PPM) & table.amount_minor.isnull()
    amount = (table.amount_minor > 0) & table.rate_ppm.isnull()
    below = (table.spend_minor < 0).fill_null(False) | (table.most_minor < 0).fill_null(False)
    return [
        Check(
            "DISCOUNT_INVALID",
            "SENTINEL",
            "rate_ppm",
            "The discount takes off neither a share of up to 100 percent nor an amount above 0",
            ~is_share.ifelse(share, amount).fill_null(False),
        ),
        Check(
            "LIMIT_NEGATIVE",
            "SENTINEL",
            "most_minor",
            "The spend or the most that it asks for is below 0; if it means 'none', say so",
            below,
        ),
    ]


def _applies_to(table: ir.Table, tables: Tables) -> list[Check]:
    """From what it is taken: a product of the account, or an offering that there is."""
    return [
        _product_missing("discount", table, tables),
        Check(
            "OFFERING_UNKNOWN",
            "MAPPING",
            "offering_code",
            "The catalogue has no such offering; add it or correct the mapping",
            table.offering_code.notnull()
            & is_not_in(table.offering_code, tables["offering"].offering_code),
        ),
    ]


def _product_missing(what: str, table: ir.Table, tables: Tables) -> Check:
    """What is of a product of its account alone."""
    product = tables["product"]
    held = product.account_key + "|" + product.product_key
    return Check(
        "PRODUCT_MISSING",
        "SOURCE_DEFECT",
        "product_key",
        f"The {what} is of a product that its account does not hold",
        table.product_key.notnull() & is_not_in(table.account_key + "|" + table.product_key, held),
    )


def _category_unknown(table: ir.Table) -> Check:
    """What applies to charges of a category alone."""
    return Check(
        "CATEGORY_UNKNOWN",
        "MAPPING",
        "category",
        f"The category is none of {', '.join(CHARGED)}; map the old code",
        (~table.category.isin(CHARGED)).fill_null(False),
    )


def commitment_checks(table: ir.Table, tables: Tables) -> list[Check]:
    """What must not be in what an account has promised."""
    return [
        orphan(table, tables),
        other_currency(table, tables),
        _category_unknown(table),
        _product_missing("commitment", table, tables),
        Check(
            "COMMITMENT_INVALID",
            "SENTINEL",
            "amount_minor",
            "The commitment is of no amount above 0; if it means 'none', say so",
            table.amount_minor <= 0,
        ),
        Check(
            "TAX_UNKNOWN",
            "MAPPING",
            "tax_category",
            "The catalogue has no tax for this category where the account is; map the old code",
            is_not_in(table.account_key + "|" + table.tax_category, _taxed(tables)),
        ),
        Check(
            "ENDS_BEFORE_START",
            "SOURCE_DEFECT",
            "valid_to",
            "The commitment ends before it starts",
            (table.valid_to < table.valid_from).fill_null(False),
        ),
    ]


def _taxed(tables: Tables) -> ir.StringColumn:
    """Each account with each category that is taxed in its jurisdiction."""
    known = tables["tax_rate"].select("tax_code", "tax_category").distinct()
    pairs = tables["account"].select("account_key", "tax_code").inner_join(known, "tax_code")
    return pairs.account_key + "|" + pairs.tax_category


def exemption_checks(table: ir.Table, tables: Tables) -> list[Check]:
    """What must not be in an exemption from tax."""
    return [
        orphan(table, tables),
        Check(
            "TAX_UNKNOWN",
            "MAPPING",
            "tax_name",
            "The catalogue has no tax of this name; map the old code",
            table.tax_name.notnull() & is_not_in(table.tax_name, tables["tax_rate"].tax_name),
        ),
        Check(
            "ENDS_BEFORE_START",
            "SOURCE_DEFECT",
            "valid_to",
            "The exemption ends before it starts",
            (table.valid_to < table.valid_from).fill_null(False),
        ),
    ]
