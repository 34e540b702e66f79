"""How accounts are billed beside their prices: what the books take, and what stands for nothing."""

from dataclasses import replace

import ibis.expr.types as ir

from crossbill.platform.customer.account_terms import MEDIA, USUAL
from crossbill.replacement.migration.checks import Check, Tables, is_not_in, unknown


def with_usual_terms(account: ir.Table) -> ir.Table:
    """Give each account the medium and language that the books give where nothing is said."""
    said = {name: account[name].fill_null(usual) for name, usual in USUAL.items()}
    return account.mutate(**said, credit_class=account.credit_class.strip().nullif(""))


def terms_checks(table: ir.Table, tables: Tables) -> list[Check]:
    """Medium and language are of those that the books have; ``language`` lists the latter."""
    medium = unknown("MEDIUM_UNKNOWN", table.bill_medium, MEDIA)
    return [
        replace(medium, fails=medium.fails.fill_null(False)),
        Check(
            "LANGUAGE_UNKNOWN",
            "MAPPING",
            "bill_language",
            "The bill_language is no code such as en, de or pt-br; map the old code",
            is_not_in(table.bill_language, tables["language"].language_code).fill_null(False),
        ),
    ]
