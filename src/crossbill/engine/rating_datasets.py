"""The schemas of rating: usage, what a catalogue is compiled to, and what rated usage holds.

Quantities are whole base units of a usage type (seconds, bytes, messages). ``_s`` is seconds since
1970 in UTC; a span is half-open. A compiled catalogue refers to itself by small integers (``_id``),
which mean nothing outside of one compilation.
"""

from crossbill.engine.datasets import Dataset, described

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
    source_file   text      the file that it came in
    source_line   integer   its line there, from 1
    received_at   instant?  when its file came in, UTC
    """,
)

SERVICE = described(
    "service",
    "service_key leg valid_from",
    """
    service_key  text      the number, SIM or login
    leg          text      retail, or wholesale for the second rating of the same event
    valid_from   instant   first instant at which the product holds the service, UTC
    valid_to     instant?  first instant at which it no longer does
    account_key  text      who pays
    product_key  text      what is charged
    plan_code    text      the plan whose charges price the usage
    policy_code  text      the rules of rounding and splitting
    time_zone    text      the account's local time, IANA name
    currency     text      ISO 4217
    share_key    text?     the group whose members share allowances
    start_date   date?     first day of the product, where it began within a period
    """,
)

RATING_POLICY = described(
    "rating_policy",
    "policy_code",
    """
    policy_code      text     name and version
    rounding_scope   text     increment, event or line: what is rounded
    rounding_mode    text     half_up, half_even, down or up
    rounding_digits  integer  digits after the point that rounding keeps, -9 to 9
    band_crossing    text     split (at the edge of a band) or start (one band for all of it)
    local_time       text     account or switch: whose local time chooses the band
    """,
)

EPOCH = described(
    "epoch",
    "from_s",
    """
    epoch_id  integer  a time in which no version of the catalogue begins or ends
    from_s    integer  first second
    to_s      integer  first second after
    """,
)

EPOCH_CELL = described(
    "epoch_cell",
    "cell",
    """
    cell      integer  a quarter of an hour: seconds since 1970 divided by 900
    epoch_id  integer  its epoch; versions begin at midnight somewhere, which is a quarter everywhere
    """,
)

PLAN_CHARGE = described(
    "plan_charge",
    "plan_code usage_type epoch_id",
    """
    plan_code      text      the plan
    usage_type     text      what it charges
    epoch_id       integer   when
    charge_code    text      name of the charge
    zone_by        text      destination, network or none: what is looked up in the deck
    deck_code      text?     where; empty where zone_by is none
    tariff_code    text      whose rates price it
    calendar_code  text      which bands
    timed          boolean   the quantity is seconds, so that it can cross the edge of a band
    """,
)

DECK_PREFIX = described(
    "deck_prefix",
    "deck_code prefix epoch_id",
    """
    deck_code      text     the deck
    prefix         text     leading digits
    prefix_digits  integer  how many
    epoch_id       integer  when
    zone           text     the zone of numbers that begin so
    rate_zone      text     what the tariff prices: the zone, or the prefix where each has a price
    """,
)

RATE_SET = described(
    "rate_set",
    "tariff_code rate_zone epoch_id",
    """
    tariff_code    text     the tariff
    rate_zone      text     what it prices; * where the tariff knows no zones
    epoch_id       integer  when
    rate_set_id    integer  its rates, one a band
    price_version  text     name of this version
    """,
)

RATE = described(
    "rate",
    "rate_set_id band_id step",
    """
    rate_set_id         integer   the set
    band_id             integer   the band
    step                integer   0, 1 ... by elapsed quantity
    steps               integer   how many the rate has
    from_quantity       integer   where the step begins
    to_quantity         integer   where the next begins; the largest integer for the last
    minimum             integer   charged whole at the start of the step, 0 for none
    increment           integer   the rest is charged in whole ones
    unit                integer   the price is for so many base units
    price_nanos         integer   price of a unit
    connect_fee_nanos   integer   once an event, of the band in which it starts
    included            integer   free at the start of each event
    max_cost_nanos      integer?  an event costs no more
    carried_ppm         integer   share of the event's own price that is charged, 0 for none
    parts               integer   common multiple of the set's units: amounts are in such parts of a nano
    scope_mask          integer   bit n is set where allowances of scope n pay for it
    """,
)

CALENDAR_ZONE = described(
    "calendar_zone",
    "calendar_code time_zone",
    """
    calendar_code  text     the calendar
    time_zone      text     the local time
    calendar_id    integer  both together
    """,
)

BAND_SPAN = described(
    "band_span",
    "calendar_id from_s",
    """
    calendar_id  integer  calendar in a local time
    span         integer  0, 1 ... in order of time
    from_s       integer  first second
    to_s         integer  first second of the next span
    band_id      integer  the band; two adjoining spans never have one
    """,
)

BAND_CELL = described(
    "band_cell",
    "calendar_id cell from_s",
    """
    calendar_id  integer  calendar in a local time
    cell         integer  a quarter of an hour: seconds since 1970 divided by 900
    span         integer  a span that shares a second with it
    from_s       integer  of the span
    to_s         integer  of the span
    band_id      integer  of the span
    """,
)

BAND = described(
    "band",
    "band_id",
    """
    band_id  integer  the band
    band     text     its name
    """,
)

SURCHARGE = described(
    "surcharge",
    "charge_code surcharge_code epoch_id",
    """
    plan_code        text     the plan
    charge_code      text     the charge that it is added to
    surcharge_code   text     its name
    epoch_id         integer  when
    rate_ppm         integer  millionths of the event's rounded amount
    rounding_mode    text     half_up, half_even, down or up
    rounding_digits  integer  digits after the point that rounding keeps
    """,
)

ALLOWANCE = described(
    "allowance",
    "plan_code allowance_code epoch_id",
    """
    plan_code         text      the plan that grants it
    allowance_code    text      its name
    epoch_id          integer   when
    priority          integer   lower ones are used up first
    scope             integer   what it pays for: bit of rate.scope_mask
    quantity          integer   granted each period, in base units
    block             integer   taken in whole blocks of so many
    charged           boolean   it only counts: what it takes is charged all the same
    share             text      product, account or group: who takes from one bucket
    prorated          boolean   a product that starts within the period gets its share of the days
    rollover_periods  integer   for how many further periods what is left can be used
    """,
)

PERIOD = described(
    "period",
    "period_from",
    """
    period_from    date     first day
    period_to      date     first day after
    period_from_s  integer  its first second
    period_to_s    integer  first second after
    epoch_id       integer  the epoch of its first second
    """,
)

BUCKET = described(
    "bucket",
    "bucket_key",
    """
    bucket_key      text     one allowance of one holder for one time
    allowance_code  text     whose terms
    rank            integer  0, 1 ... in the order of priority, over all that exist
    period_from     date     the period for which it was granted first
    scope           integer  what it pays for: bit of rate.scope_mask
    quantity        integer  how much there is, in base units
    block           integer  taken in whole blocks of so many
    charged         boolean  it only counts: what it takes is charged all the same
    valid_from_s    integer  first second
    valid_to_s      integer  first second after
    """,
)

HOLDER = described(
    "holder",
    "product_key rank valid_from_s",
    """
    product_key   text     who may take from the bucket; several where it is shared
    bucket_key    text     the bucket
    rank          integer  of the bucket
    valid_from_s  integer  first second
    valid_to_s    integer  first second after
    """,
)

RATED_USAGE = described(
    "rated_usage",
    "usage_key leg",
    """
    usage_key         text      the event
    leg               text      retail or wholesale
    account_key       text      who pays
    product_key       text      what is charged
    plan_code         text      the plan
    policy_code       text      the rules
    charge_code       text      the charge of the plan
    usage_type        text      what was used
    started_at        instant   start in UTC
    quantity          integer   as used
    zone              text?     where to, as the deck names it
    prefix            text?     the longest prefix that matched
    band              text      the band in which it started
    price_version     text      whose prices
    rate_set_id       integer   which rates, within the compilation
    free_quantity     integer   included in the price of each event
    covered_quantity  integer   paid by allowances
    billed_quantity   integer   charged, in whole increments
    amount_nanos      integer   what it costs
    surcharge_nanos   integer   sum of its surcharges
    currency          text      ISO 4217
    """,
)

CONSUMPTION = described(
    "consumption",
    "bucket_key started_at usage_key",
    """
    bucket_key   text     the allowance
    usage_key    text     the event
    started_at   instant  its start
    taken        integer  what it took, in whole blocks
    covered      integer  how much of the event that pays for
    before       integer  what was taken before it
    """,
)

RATED_SURCHARGE = described(
    "rated_surcharge",
    "usage_key leg surcharge_code",
    """
    usage_key       text     the event
    leg             text     retail or wholesale
    surcharge_code  text     which surcharge
    amount_nanos    integer  what it adds
    """,
)
