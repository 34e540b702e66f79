"""Entry checks of whom to reach at a customer."""

import ibis.expr.types as ir

from crossbill.replacement.migration.checks import Check, Tables, is_not_in, unknown

ROLES = ("contract", "billing", "technical")
ADDRESS = r"^[^@\s]+@[^@\s]+$"


def contact_checks(table: ir.Table, tables: Tables) -> list[Check]:
    """A contact is of a customer, can be reached, and does not end before it starts."""
    return [
        Check(
            "KEY_BLANK",
            "SENTINEL",
            "contact_key",
            "The key is blank; give the record its key",
            table.contact_key == "",
        ),
        Check(
            "CUSTOMER_MISSING",
            "SOURCE_DEFECT",
            "customer_key",
            "The contact's customer is not in the extract or was suspended; mend it first",
            is_not_in(table.customer_key, tables["customer"].customer_key),
        ),
        unknown("ROLE_UNKNOWN", table.role, ROLES),
        Check(
            "CONTACT_UNREACHABLE",
            "SOURCE_DEFECT",
            "phone",
            "The contact has neither an e-mail address nor a telephone; add one",
            (table.email.fill_null("") == "") & (table.phone.fill_null("") == ""),
        ),
        Check(
            "EMAIL_INVALID",
            "FORMAT",
            "email",
            "The e-mail address is none: it has one @, something on both sides, and no blanks",
            ~table.email.re_search(ADDRESS).fill_null(True),
        ),
        Check(
            "ENDS_BEFORE_START",
            "SOURCE_DEFECT",
            "valid_to",
            "The contact ends before it starts",
            (table.valid_to < table.valid_from).fill_null(False),
        ),
    ]
