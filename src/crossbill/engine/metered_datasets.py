"""The schemas of metered charges: what was measured, the tiers that price it, exact amounts.

A line bills what one product used in one period, or in a part of it. Quantities are whole base
units; an exact amount is ``whole_nanos + part / parts``, both with the sign of the amount.
"""

from crossbill.engine.dataset import described

METER = described(
    "meter",
    "plan_code charge_code epoch_id",
    """
    plan_code    text     the plan
    charge_code  text     its charge that is priced on what a period uses
    epoch_id     integer  when
    terms_key    text     whose tiers and adjustments price it
    """,
)

METERED = described(
    "metered",
    "line_key",
    """
    line_key            text      identity of the line
    terms_key           text      whose tiers and adjustments price it
    quantity            integer   what the line bills
    selecting_quantity  integer   what chooses the tier: the quantity, unless that is prorated
    events              integer   how many events the line bills
    earlier_quantity    integer?  what earlier lines of the period billed; empty on the first line
    earlier_events      integer   how many events they billed
    earlier_nanos       integer   what they cost
    last_line           boolean   no other line of the period follows
    rounding_mode       text      half_up, half_even, down or up
    rounding_digits     integer   digits after the point that rounding keeps, from -9 to 9
    """,
)

METERED_EVENT = described(
    "metered_event",
    "line_key position",
    """
    line_key            text     the line
    position            integer  0, 1 ... in order of time, from the first event of the period on
    quantity            integer  what is charged for
    selecting_quantity  integer  what moves it through the tiers: the quantity, unless prorated
    """,
)

PRICE_TIER = described(
    "price_tier",
    "terms_key tier",
    """
    terms_key            text     the terms of a charge
    price_model          text     the plug-in that reads them
    tier                 integer  0, 1 ... from the smallest quantity on
    from_quantity        integer  it prices what lies above
    to_quantity          integer  up to this one; the largest integer for the last tier
    flat_nanos           integer  once, as soon as the tier is entered
    price_nanos          integer  for each unit, or for each block
    unit                 integer  the price is for so many base units; alike for all tiers
    block                integer  charged in whole blocks of so many base units
    whole_quantity       boolean  the highest tier that is entered prices all, not only its own part
    free_quantity        integer  so much is free
    free_events          integer  so many events are free
    event_nanos          integer  for each event that is not free
    event_minimum_nanos  integer  an event that is not free costs no less
    event_maximum_nanos  integer  and no more
    """,
)

PRICE_ADJUSTMENT = described(
    "price_adjustment",
    "terms_key position",
    """
    terms_key     text     the terms of a charge
    position      integer  0, 1 ... in the order in which they apply
    adjustment    text     the plug-in that reads it
    amount_nanos  integer  an amount: the least, or the most
    numerator     integer  a share: so many
    denominator   integer  of so many
    """,
)

AMOUNT = described(
    "amount",
    "line_key",
    """
    line_key     text     the line
    whole_nanos  integer  the exact amount: whole nanos
    part         integer  and so many
    parts        integer  of so many parts of a nano
    """,
)

METERED_AMOUNT = AMOUNT.extended(
    "metered_amount",
    """
    amount_nanos  integer  the amount, rounded once
    """,
)

METERED_STEP = described(
    "metered_step",
    "line_key position",
    """
    line_key      text     the line
    position      integer  0 for the price model, 1, 2 ... for the adjustments
    step          text     the price model or adjustment
    amount_nanos  integer  what it adds; the steps of a line add up to its rounded amount
    """,
)
