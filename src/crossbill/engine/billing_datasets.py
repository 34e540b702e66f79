"""The schemas of billing beside the canonical tables: terms of prices, discounts, taxes, bills."""

from crossbill.engine import concession_datasets, datasets
from crossbill.engine.dataset import Dataset, described
from crossbill.engine.datasets import ACCOUNT, BILL, BILL_LINE, PRICE

BILLED_ACCOUNT = ACCOUNT.extended(
    "account",
    """
    policy_code  text  which rules bill it
    """,
)

LISTED_PRICE = Dataset(
    "price",
    ("offering_code", "segment", "region", "valid_from"),
    PRICE.extended(
        "price",
        """
        segment  text?  only for customers of this segment; empty: for all
        region   text?  only for accounts with this region in their address; empty: for all
        """,
    ).columns,
)

PERIODS = described(
    "periods",
    "period_from bill_cycle_day",
    """
    period_from     date      first day billed
    period_to       date      first day no longer billed
    bill_cycle_day  integer?  of the accounts that have this period; empty: all have it
    """,
)

CYCLE_PERIODS = described(
    "periods",
    "period_from bill_cycle_day",
    """
    period_from     date     first day billed
    period_to       date     first day no longer billed
    bill_cycle_day  integer  of the accounts that have this period
    anchor_day      integer  the day of the month on which its intervals begin
    """,
)

CURRENCY = described(
    "currency",
    "currency",
    """
    currency      text     ISO 4217
    minor_digits  integer  digits of its minor unit
    """,
)

COMPONENT = described(
    "component",
    "offering_code price_code",
    """
    offering_code  text     the offering; one without a component has one monthly price
    price_code     text     the offering_code of its rows in the price table; of usage it has none
    kind           text     recurring, one_time, termination, or usage: how what was used is taxed
    timing         text     advance or arrears; of a one-time charge start or end of the product
    months         integer  of an interval: 1, 3, 12 ...; of a termination the months of one fee
    alignment      text     cycle (the account's bill day), start (of the product), calendar
    prorated       boolean  part of an interval costs its share; else all of it
    tax_category   text     what kind of thing it is for tax
    tax_inclusive  boolean  its price contains the tax
    """,
)

CHARGED = described(
    "charged",
    "product_key price_code",
    """
    product_key      text      what was charged
    price_code       text      by which price
    charged_through  date      first day that no bill has charged yet
    charged_nanos    integer?  the price that was charged last, at which days are given back
    """,
)

CONTINUED = described(
    "continued",
    "product_key timing",
    """
    product_key    text  a product that goes on under another key after a change, or did before
    offering_code  text  its offering
    timing         text  start or end: which of the two is none of what the customer holds
    day            date  on which it was changed
    """,
)

BOUNDARY = described(
    "boundary",
    "anchor_day month",
    """
    anchor_day  integer  the day of the month on which intervals start, 1 to 31
    month       integer  year x 12 + month - 1
    day         date     that day, or the last of a shorter month
    """,
)

TAX = described(
    "tax_rate",
    "tax_code tax_category tax_name valid_from",
    """
    tax_code      text     jurisdiction
    valid_from    date     first day
    valid_to      date?    first day no longer valid
    rate_ppm      integer  millionths of the net amount
    tax_category  text     what kind of thing it taxes
    tax_name      text     which of the jurisdiction's taxes
    """,
)

SAID_TAX = TAX.extended(
    "tax_rate",
    """
    said_by  text?  the provider that says so, and its version; empty: it is stated here
    """,
)

TAX_PROVIDER = described(
    "tax_provider",
    "jurisdiction",
    """
    jurisdiction  text  a `tax_code`; also of all that begin with it and a hyphen
    provider      text  the plug-in that says its taxes; `table`: they are stated
    """,
)

TAX_ASKED = described(
    "tax_asked",
    "tax_code tax_category",
    """
    tax_code      text  a jurisdiction that a provider is chosen for
    tax_category  text  what kind of thing may be taxed there
    """,
)

DISCOUNT = Dataset(
    "discount",
    ("account_key", "position", "discount_key"),
    datasets.DISCOUNT.without("currency")
    .extended(
        "discount",
        """
        left_minor  integer?  at most what is left of it
        """,
    )
    .columns,
)

COMMITMENT = concession_datasets.COMMITMENT.without("currency")

CREDIT = described(
    "credit",
    "account_key position credit_key",
    """
    credit_key   text     identity
    account_key  text     whose
    position     integer  what is used first, second ...; once an account
    left_minor   integer  what is left of it
    """,
)

NET_LINE = described(
    "net_line",
    "account_key period_from product_key category price_code charge_from sign taken_from",
    """
    account_key        text      who is billed
    period_from        date      of the bill
    period_to          date      of the bill
    product_key        text?     what is charged
    offering_code      text?     its offering
    category           text      recurring, usage, one_time, discount, commitment
    price_code         text      which price, discount or commitment
    discount_key       text?     of a discount of the account: which one
    counted_as         text      the category of the charge behind it
    taken_from         text?     of a discount: the price of the charge that it is taken from
    charge_from        date      first day this line charges
    charge_to          date      first day it no longer charges
    sign               integer   -1 for days given back, else 1
    currency           text      ISO 4217
    amount_minor       integer   as the price says it, so with its tax where it is inclusive
    tax_code           text      jurisdiction
    tax_category       text      what kind of thing it is for tax
    tax_inclusive      boolean   the amount contains its tax
    rounding_mode      text      of the policy
    tax_scope          text      of the policy
    tax_rounding_mode  text      of the policy
    source_changed_at  instant?  change stamp of what it was made from
    events             integer?  usage records behind it
    """,
)

COMPUTED_LINE = Dataset(
    "bill_line",
    (*BILL_LINE.key, "sign", "taken_from", "used_by"),
    BILL_LINE.extended(
        "bill_line",
        """
        taken_from  text?    of a discount: the price of the charge that it is taken from
        sign        integer  -1 for days charged before and given back, else 1
        used_by     text?    the account that used it, where another one pays
        """,
    ).columns,
)

BILL_TAX = described(
    "bill_tax",
    "bill_key tax_code tax_name rate_ppm",
    """
    bill_key       text     the bill
    tax_code       text     jurisdiction
    tax_name       text     which tax
    rate_ppm       integer  its rate; 0 where the account is exempt
    taxable_minor  integer  the net amount taxed
    tax_minor      integer  the tax
    exempt         text?    why nothing is due
    """,
)

COMPUTED_BILL = BILL.extended(
    "bill",
    """
    credit_minor  integer  credits used, 0 or more
    due_minor     integer  what is left to pay: total less credits
    """,
)

CREDIT_USE = described(
    "credit_use",
    "credit_key",
    """
    credit_key   text     which credit
    bill_key     text     what it pays
    used_minor   integer  so much of it
    left_minor   integer  what is left after that
    """,
)

RULE_CHANGE = described(
    "rule_change",
    "account_key period_from currency rule",
    """
    account_key  text     who is billed
    period_from  date     first day billed
    period_to    date     first day no longer billed
    currency     text     ISO 4217
    rule         text     a field of the policy
    was          text     what it says in the old policy
    becomes      text     what it says in the new one
    net_minor    integer  what that changes of the bill before tax
    tax_minor    integer  what that changes of its tax
    """,
)
