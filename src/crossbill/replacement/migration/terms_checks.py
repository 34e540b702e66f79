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
        Check(
            "MAILED_TO_NOBODY",
            "SOURCE_DEFECT",
            "bill_medium",
            "Bills go by e-mail, and the customer has no billing contact with an address and "
            "without a last day; add one, or use another medium",
            (table.bill_medium == "email").fill_null(False) & _not_of(table, _mailed(tables)),
        ),
        Check(
            "CONTACT_SUSPENDED",
            "SOURCE_DEFECT",
            "customer_key",
            "A contact of the account's customer was suspended; mend the contact first",
            ~_not_of(table, tables["lost_contact"].customer_key),
        ),
    ]


def lost_contacts(mapped: ir.Table, valid: ir.Table) -> ir.Table:
    """The contacts of which something is wrong."""
    return mapped.anti_join(valid, ["source_file", "source_line"])


def _mailed(tables: Tables) -> ir.Column:
    """The customers to whom a bill can go by e-mail, as the books see it."""
    rows = tables["contact"]
    reached = (rows.role == "billing") & rows.email.notnull() & rows.valid_to.isnull()
    return rows.filter(reached).customer_key


def _not_of(table: ir.Table, customers: ir.Column) -> ir.BooleanValue:
    return is_not_in(table.customer_key, customers)
