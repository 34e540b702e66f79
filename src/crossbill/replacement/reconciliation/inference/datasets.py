"""The schemas of what old bills say, and of what may be compared of it."""

from crossbill.engine.dataset import Dataset, described

OLD_LINE = described(
    "old_line",
    "file line",
    """
    file         text      where it stands
    line         integer   its physical line, from 1
    account_key  text?     who was billed; empty: whoever holds the product
    product_key  text?     what was charged
    period_from  date?     of the bill
    period_to    date?     of the bill
    category     text?     recurring, discount, usage or one_time; empty: all of them in one
    price_code   text?     which of the offering's prices
    charge_from  date?     first day that the line charges
    discount_key text?     which discount of the whole bill it is
    currency     text?     ISO 4217
    net_nanos    integer   before tax
    tax_nanos    integer?  tax on this line
    """,
)

OLD_BILL = described(
    "old_bill",
    "file line",
    """
    file         text      where it stands
    line         integer   its physical line, from 1
    account_key  text      who was billed
    period_from  date      of the bill
    net_nanos    integer?  before tax
    tax_nanos    integer?  tax
    total_nanos  integer?  net and tax
    """,
)

FAMILY = described(
    "family",
    "offering_code",
    """
    offering_code  text  an offering
    family         text  the family of products that it belongs to
    """,
)

PRODUCT_FAMILY = described(
    "product_family",
    "product_key",
    """
    product_key  text  a product
    family       text  the family that it belongs to
    """,
)

FAULTS = described(
    "faults",
    "file line",
    """
    code   text?  why the line or bill is not compared; empty where it is
    field  text?  the field that shows it
    value  text?  its value
    """,
)


def judged(dataset: Dataset) -> Dataset:
    """The dataset with why a row of it is not compared."""
    return Dataset(dataset.name, dataset.key, dataset.columns + FAULTS.columns)
