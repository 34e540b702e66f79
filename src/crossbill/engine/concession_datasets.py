"""The schemas of what accounts need not pay, beside discounts, and of what they have promised."""

from crossbill.engine.dataset import described

EXEMPTION = described(
    "exemption",
    "account_key tax_name valid_from",
    """
    account_key  text   who does not pay it
    tax_name     text?  which tax; empty: all of them
    valid_from   date   first day
    valid_to     date?  first day no longer valid
    reason       text   as the bill says it: a certificate, reverse charge ...
    """,
)

COMMITMENT = described(
    "commitment",
    "commitment_key",
    """
    commitment_key  text     identity
    account_key     text     who promised
    product_key     text?    only what is charged for this product counts
    category        text?    only what is recurring, usage or one_time counts
    currency        text     ISO 4217
    amount_minor    integer  so much a bill period, after discounts; what is missing is charged
    prorated        boolean  part of a period needs its share only
    tax_category    text     what kind of thing for tax is added to reach it
    valid_from      date     first day
    valid_to        date?    first day no longer valid
    """,
)
