"""Every dataset's schema, once: the canonical tables, and what is made of them.

Units are in the names: ``_nanos`` is 1e-9 of the currency's major unit, ``_minor`` its minor unit,
``_ppm`` millionths. Periods are half-open ``[from, to)``. Keys are the old system's, as text.
"""

from crossbill.engine.concession_datasets import COMMITMENT, EXEMPTION
from crossbill.engine.dataset import Dataset, described

CUSTOMER = described(
    "customer",
    "customer_key",
    """
    customer_key    text   identity in the old system
    name            text   as the customer writes it
    kind            text   person or organisation
    segment         text   consumer, business, wholesale ...
    """,
)

CONTACT = described(
    "contact",
    "customer_key contact_key",
    """
    customer_key  text   at whom the person is reached
    contact_key   text   which of the customer's contacts
    role          text   what the person is asked about: contract, billing or technical
    name          text   of the person
    email         text?  where it is reached; this or the telephone is there
    phone         text?  as the customer writes it
    valid_from    date   first day
    valid_to      date?  first day no longer a contact
    """,
)

ACCOUNT = described(
    "account",
    "account_key",
    """
    account_key         text      identity of the billing account
    customer_key        text      who owns it
    parent_account_key  text?     the paying account of a hierarchy
    status              text      active, suspended or closed
    currency            text      ISO 4217
    tax_code            text      jurisdiction, a key of the tax_rate table
    bill_cycle_day      integer   day of month on which a period starts
    street              text?     billing address
    city                text?     billing address
    region              text?     billing address, state or province
    postcode            text?     billing address
    opened_date         date?     first day with us
    disputed            boolean   an open dispute exists
    bill_medium         text?     paper, email or portal; empty: paper
    bill_language       text?     code of a language, as en or pt-br; empty: en
    credit_class        text?     the carrier's own word for the risk
    """,
)

PAYER = described(
    "payer",
    "account_key category payer_key valid_from",
    """
    account_key  text     whose use it is
    payer_key    text     which account pays; the account itself may keep a part
    category     text?    only what is recurring, usage, one_time or commitment; empty: all else
    share_ppm    integer  which part, millionths; the parts of an account add up to 1,000,000
    valid_from   date     first day; of a bill period its first day counts
    valid_to     date?    first day no longer valid
    """,
)

PRODUCT = described(
    "product",
    "product_key",
    """
    product_key           text      identity of what the customer holds
    account_key           text      who pays for it
    offering_code         text      a product offering of the new catalogue
    source_code           text?     its code in the old system
    quantity              integer   units held
    start_date            date      first day charged
    end_date              date?     first day no longer charged
    price_override_nanos  integer?  the customer's own price per unit, if not the list's
    price_override_code   text?     of several recurring prices the one that it is instead of
    discount_ppm          integer?  share of the charge taken off, millionths
    discount_end_date     date?     first day without the discount
    contract_end_date     date?     end of the commitment
    changed_at            instant?  last change in the old system
    """,
)

FEATURE = described(
    "feature",
    "product_key feature_code valid_from",
    """
    product_key   text   the service that has it
    account_key   text   whose the service is
    feature_code  text   what it can or must not do: roaming, voicemail, premium_barring ...
    valid_from    date   first day
    valid_to      date?  first day no longer
    """,
)

DISCOUNT = described(
    "discount",
    "discount_key",
    """
    discount_key   text      identity
    account_key    text      whose bills
    position       integer   what is taken off first, second ...; once an account
    product_key    text?     only from this product
    offering_code  text?     only from this offering
    category       text?     only from recurring, usage or one_time
    kind           text      percentage or amount
    rate_ppm       integer?  of a percentage: millionths of what earlier discounts left
    currency       text      ISO 4217, of its amounts: that of the account
    amount_minor   integer?  of an amount: so much
    spend_minor    integer?  only where at least so much is there to be discounted
    most_minor     integer?  at most so much on one bill
    valid_from     date      first day; of a bill period its first day counts
    valid_to       date?     first day no longer valid
    """,
)

OPEN_ITEM = described(
    "open_item",
    "open_item_key",
    """
    open_item_key    text     identity
    account_key      text     who owes (or is owed)
    kind             text     invoice, credit or payment
    document_number  text     the document behind it
    document_date    date     its date
    due_date         date     when it falls due
    currency         text     ISO 4217
    original_minor   integer  amount of the document, owed is positive
    paid_minor       integer  what was allocated to it
    open_minor       integer  what is left
    """,
)

BALANCE = described(
    "balance",
    "account_key",
    """
    account_key    text     whose balance
    currency       text     ISO 4217
    balance_minor  integer  carried balance, owed is positive
    """,
)

COLLECTION = described(
    "collection",
    "account_key",
    """
    account_key     text     how this account pays, and how far it is dunned
    payment_method  text     direct_debit or invoice
    dunning_level   integer  reminders that count; 0 where it is not dunned
    dunned_date     date?    of the last reminder
    """,
)

MANDATE = described(
    "mandate",
    "mandate_key",
    """
    mandate_key     text   reference of the permission to debit
    account_key     text   who gave it
    bank_code       text   of the bank that is debited
    account_digits  text   last four digits of the account there; no more is taken over
    signed_date     date   first day on which it holds
    end_date        date?  first day on which it holds no longer
    """,
)

DEPOSIT = described(
    "deposit",
    "deposit_key",
    """
    deposit_key     text     identity
    account_key     text     whose money it is
    received_date   date     when it was paid in
    currency        text     ISO 4217
    received_minor  integer  what was paid in
    refunded_minor  integer  what was given back
    held_minor      integer  what the side says that it holds
    """,
)

BILL = described(
    "bill",
    "account_key period_from bill_key",
    """
    bill_key          text     number (old) or identity (new) of the bill
    account_key       text     who is billed
    period_from       date     first day billed
    period_to         date     first day no longer billed
    currency          text     ISO 4217
    net_minor         integer  before tax
    tax_minor         integer  tax
    total_minor       integer  net and tax
    printed_name      text?    as on the paper
    printed_postcode  text?    as on the paper
    """,
)

BILL_LINE = described(
    "bill_line",
    "account_key period_from product_key category price_code charge_from discount_key discounted",
    """
    bill_key           text      the bill it stands on
    account_key        text      who is billed
    period_from        date      of the bill
    period_to          date      of the bill
    product_key        text?     what is charged
    offering_code      text?     offering of the new catalogue
    category           text      recurring, discount, usage, one_time, commitment
    price_code         text      which price, which discount or commitment; of usage its offering
    charge_from        date      first day this line charges
    charge_to          date      first day it no longer charges
    currency           text      ISO 4217
    net_minor          integer   before tax
    tax_minor          integer   tax on this line
    source_changed_at  instant?  change stamp of the record that it was billed from
    events             integer?  usage records behind a usage line
    discount_key       text?     which discount of the account it takes off; empty: none of these
    discounted         text?     of such a discount: the category of what it is taken from
    """,
)

PRICE = described(
    "price",
    "offering_code valid_from",
    """
    offering_code  text     the offering
    price_version  text     name of this version
    valid_from     date     first day
    valid_to       date?    first day no longer valid
    currency       text     ISO 4217
    amount_nanos   integer  per unit and month
    """,
)

TAX_RATE = described(
    "tax_rate",
    "tax_code valid_from",
    """
    tax_code    text     jurisdiction
    valid_from  date     first day
    valid_to    date?    first day no longer valid
    rate_ppm    integer  millionths of the net amount
    """,
)

POLICY = described(
    "policy",
    "policy_code",
    """
    policy_code      text     name and version
    day_count        text     actual_actual, thirty_360 or actual_365
    end_day_counts   boolean  the last day of a partial charge counts as a day
    rounding_mode    text     half_up, half_even, down or up
    rounding_scope   text     line, unit or day: which amount of a charge is rounded first
    rounding_digits  integer  digits that it keeps beyond the currency's, 0 to 4
    discount_base    text     rounded or unrounded: the charge that a product's discount is taken of
    price_by         text     bill_time (on the first day billed) or start_time (of the product)
    tax_scope        text     line, product or bill
    tax_rounding_mode  text     as rounding_mode, for tax
    """,
)

CHARGE_INPUT = described(
    "charge_input",
    "account_key period_from product_key category price_code charge_from sign",
    """
    account_key           text      who pays
    product_key           text      what is charged
    category              text      recurring, one_time, or usage for what was used in a period
    offering_code         text      its offering
    price_code            text      which of the offering's prices
    period_from           date      bill period
    period_to             date      bill period
    interval_from         date      the days that one price pays for: a month, a quarter, a year
    interval_to           date      first day of the next interval
    interval_months       integer   how many months that is
    prorated              boolean   part of an interval costs its share; else all of it
    charge_from           date      first day charged within the interval
    charge_to             date      first day no longer charged
    sign                  integer   1, or -1 for days charged before and given back
    quantity              integer   units
    currency              text      ISO 4217
    minor_digits          integer   digits of the currency's minor unit
    price_version         text      which version, own for the customer's own, or usage
    price_nanos           integer   per unit and interval; of usage the sum of the rated events
    price_segment         text?     whose price list gave the price, by segment; empty: any
    price_region          text?     whose price list gave the price, by region; empty: any
    discount_ppm          integer   0 where none
    tax_code              text      jurisdiction
    tax_category          text      what kind of thing it is for tax
    tax_inclusive         boolean   the price contains its tax
    tax_ppm               integer   all rates that are due on it, added up
    policy_code           text      which policy
    day_count             text      of the policy
    end_day_counts        boolean   of the policy
    rounding_mode         text      of the policy
    rounding_scope        text      of the policy
    rounding_digits       integer   of the policy
    discount_base         text      of the policy
    tax_scope             text      of the policy
    tax_rounding_mode     text      of the policy
    source_changed_at     instant?  change stamp of the product that it was made from
    events                integer?  rated usage events behind a charge for usage
    """,
)

USAGE_TOTAL = described(
    "usage_total",
    "account_key period_from product_key",
    """
    account_key    text     who pays
    product_key    text     what was used
    offering_code  text     its offering
    period_from    date     bill period
    period_to      date     bill period
    currency       text     ISO 4217
    events         integer  rated usage events
    amount_nanos   integer  what they cost together, with their surcharges
    """,
)

CHARGE = Dataset(
    "charge",
    CHARGE_INPUT.key,
    CHARGE_INPUT.columns
    + described(
        "amounts",
        "",
        """
    active_days         integer  days charged as the policy counts them
    numerator           integer  the share of the month that is due: so many
    denominator         integer  of so many parts
    gross_nanos         integer  what gross_minor is rounded from, truncated to the nano; only shown
    gross_minor         integer  price x quantity x share, rounded by the policy
    discount_minor      integer  what the product's discount takes off it, 0 or of the other sign
    """,
    ).columns,
)

UNRESOLVED = described(
    "unresolved",
    "account_key period_from product_key",
    """
    account_key    text   who would pay
    product_key    text   what cannot be charged
    offering_code  text   its offering
    period_from    date   bill period
    period_to      date   bill period
    code           text   why, a stable code
    field          text   the field that is wrong or has no counterpart
    value          text?  its value as text
    """,
)

DIFFERENCE = described(
    "difference",
    "entity account_key record_key field",
    """
    entity            text      account, customer, product, open_item, balance, bill, bill_line
    account_key       text      whose difference
    record_key        text      key of the record, parts joined by |
    field             text      the differing field, or * where one side only has the record
    kind              text      different, missing (old only), extra (new only), duplicate_key
    left_value        text?     the old side as text
    right_value       text?     the new side as text
    amount_minor      integer?  new minus old, for money
    currency          text?     ISO 4217, for money
    class_code        text      why: ROUNDING, PRORATION ... UNEXPLAINED
    evidence          text      the numbers that show it
    """,
)

FINDING = described(
    "finding",
    "number",
    """
    number       integer   its place: of a class, those with most accounts first
    class_code   text      why its differences exist
    subject      text      the field, where the class has causes of its own for each; else empty
    shared       text      what its accounts share and others do not; empty where nothing is
    description  text      the finding as a sentence, with an example
    accounts     integer   that differ for this cause
    matching     integer?  that share the same, differing or not
    differences  integer   of these accounts in this class
    currency     text      of the accounts, ISO 4217
    over_minor   integer   what the new side has more, by accounts' bills and records, never netted
    under_minor  integer   what it has less, below zero
    largest_minor  integer  more and less added up of the account that differs by most
    owner        text      who has to act
    fix          text      what mends it
    mended_accounts  integer?  that agree after the fix, where it could be tried on a copy
    left_accounts    integer?  that differ after it, with those that only then do
    """,
)

FINDING_MEMBER = described(
    "finding_member",
    "number account_key",
    """
    number       integer  the finding
    account_key  text     whose differences it explains
    over_minor   integer  what the account has more on the new side, by bills and records
    under_minor  integer  what it has less, below zero
    """,
)

SUSPENDED = described(
    "suspended",
    "file line code",
    """
    file         text      the landed file
    line         integer   physical line, from 1
    record_key   text?     identity of the record where it could be read
    account_key  text?     the account that it belongs to, where known
    stage        text      stage, map or validate
    code         text      what is wrong, a stable code
    class_code   text      as for differences
    field        text?     which field
    value        text?     its value as text
    message      text      for a person: what, and what to do
    raw          bytes?    the line as it came
    """,
)

LINEAGE = """
    source_file  text     the landed file that the row came from
    source_line  integer  its physical line, from 1
    """

MOVE = described(
    "move",
    "account_key",
    """
    account_key    text      whose move
    wave           integer?  position of the wave; empty where no wave takes it
    state          text      planned or fallout
    hard_reasons   text      why the account is hard to move, joined by a comma and a blank
    class_code     text      of the fallout
    reason         text      of the fallout, for a person
    """,
)

TARIFF = described(
    "tariff",
    "source_code valid_from",
    """
    source_code   text     code in the old system's own price table
    valid_from    date     first day
    valid_to      date?    first day no longer valid
    currency      text     ISO 4217
    amount_nanos  integer  per unit and interval, as the old system prices it
    """,
)

USAGE = described(
    "usage",
    "usage_key",
    """
    usage_key     text      identity of the event at its source; a second one is a duplicate
    service_key   text      the number, SIM or login that was used
    usage_type    text      what was used, a key of the plan's charges: voice, message, data ...
    started_at    instant   start in UTC
    quantity      integer   seconds, bytes or messages
    destination   text?     the number dialled, international, digits only
    network       text?     the network visited or the partner's, digits only
    time_zone     text?     where the switch stands, IANA name
    amount_nanos  integer?  the price that the event carries itself
    currency      text?     of that price, ISO 4217
    received_at   instant?  when its file came in, UTC
    """,
)

CANONICAL = {
    dataset.name: dataset
    for dataset in (
        *(CUSTOMER, CONTACT, ACCOUNT, PAYER, PRODUCT, FEATURE, DISCOUNT, EXEMPTION, COMMITMENT),
        *(OPEN_ITEM, BALANCE, COLLECTION, MANDATE, DEPOSIT, BILL, BILL_LINE, TARIFF, USAGE),
    )
}
