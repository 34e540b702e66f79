"""The schemas of rating: usage, what a catalogue is compiled to, and what rated usage holds.

Quantities are whole base units of a usage type (seconds, bytes, messages). ``_s`` is seconds since
1970 in UTC; a span is half-open. A compiled catalogue refers to itself by small integers (``_id``),
which mean nothing outside of one compilation.
"""

from crossbill.engine.dataset import Dataset, described
from crossbill.engine.datasets import USAGE as CANONICAL_USAGE

_LINEAGE = described(
    "lineage",
    "",
    """
    source_file  text     the file that it came in
    source_line  integer  its line there, from 1
    """,
).columns
# The canonical table with where each event came from.
USAGE = Dataset(
    "usage",
    CANONICAL_USAGE.key,
    (*CANONICAL_USAGE.columns[:-1], *_LINEAGE, CANONICAL_USAGE.columns[-1]),
)

SERVICE = described(
    "service",
    "service_key leg valid_from",
    """
    service_key  text      the number, SIM or login; for a wholesale leg also a network
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
    epoch_id  integer  its epoch; a midnight begins a quarter everywhere, so each has one
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
    parts               integer   common multiple of the set's units: so many parts make a nano
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
    position          integer   sets those of one priority and plan apart: they pay for other things
    scope             integer   what it pays for: bit of rate.scope_mask
    family            integer   allowances of different families never pay for one event
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

PARTY = described(
    "party",
    "party_id",
    """
    party_id         integer  one row of the table service, counted from 0
    guide_key        text     what an event must carry: its service_key, or its network
    leg              text     retail or wholesale
    valid_from_s     integer  first second
    valid_to_s       integer  first second after
    doubled          boolean  two rows hold the service at one time: nobody knows whose usage it is
    plan_zone_id     integer  plan, rules and local time together
    plan_code        text     the plan
    account_key      text     who pays
    product_key      text     what is charged
    currency         text     ISO 4217
    time_zone        text     the account's local time
    share_key        text?    the group whose members share allowances
    policy_id        integer?  the rules; empty where they are unknown
    switch_time      boolean?  whether the switch's local time chooses the band
    """,
)

RULES = described(
    "rules",
    "policy_id",
    """
    policy_id       integer  one policy
    policy_code     text     its name
    rounding_scope  text     increment, event or line
    rounding_mode   text     half_up, half_even, down or up
    rounding_scale  integer  what rounding keeps is a multiple of so many nanos
    splits          boolean  whether a call is split at the edge of a band
    switch_time     boolean  whether the switch's local time chooses the band
    """,
)

TERMS = described(
    "terms",
    "term_id",
    """
    term_id             integer   one step of a rate under one policy
    rate_set_id         integer   the set
    band_id             integer   the band
    policy_id           integer   the policy
    step                integer   0, 1 ... by elapsed quantity
    steps               integer   how many the rate has
    from_quantity       integer   where the step begins
    to_quantity         integer   where the next begins
    minimum             integer   charged whole at the start of the step
    increment           integer   the rest is charged in whole ones
    unit                integer   the price is for so many base units
    price_nanos         integer   price of a unit
    largest_quantity    integer   no event may have more: it would cost over a billion somewhere
    minimum_nanos       integer   price of the minimum, rounded by the policy
    increment_nanos     integer   price of an increment, rounded by the policy
    connect_fee_nanos   integer   once an event
    included            integer   free at the start of each event
    max_cost_nanos      integer?  an event costs no more
    carried_ppm         integer   share of the event's own price that is charged
    parts               integer   so many parts make a nano, of millionths where some are carried
    unit_parts          integer   of these, so many are one part of the unit
    scope_mask          integer   which allowances pay for it
    by_increment        boolean   of the policy: each increment is rounded by itself
    rounding_scale      integer   of the policy: what an event is a multiple of, in nanos
    rounding_bound      integer   what is left over and what is added to it is rounded up from here
    rounding_lead       integer   what is added to it
    rounding_fine       integer   1 where a part of a nano is left over, 0 where whole nanos are
    rounding_sticky     integer   1 where a part of a nano beyond what is left over adds one
    rounding_odd        integer   1 where an odd digit before it adds one
    splits              boolean   of the policy
    """,
)

BUCKET = described(
    "bucket",
    "bucket_key",
    """
    bucket_key      text     one allowance of one holder, granted for one period
    allowance_code  text     whose terms; products whose plan has the allowance may take from it
    share           text     product, account or group: what the holder is
    holder_key      text     product_key, account_key or share_key of those who may take from it
    period_from     date     the period for which it was granted
    rank            integer  0, 1 ... in a family by priority: lower ones are used up first
    scope           integer  what it pays for: bit of rate.scope_mask
    quantity        integer  how much there is, in base units
    block           integer  taken in whole blocks of so many
    charged         boolean  it only counts: what it takes is charged all the same
    valid_from_s    integer  first second
    valid_to_s      integer  first second after; later than the period where what is left stays
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
    covered_quantity  integer   paid by allowances
    billed_quantity   integer   charged, in whole increments
    amount_nanos      integer   what it costs
    surcharge_nanos   integer   sum of its surcharges
    currency          text      ISO 4217
    """,
)

USAGE_CHARGE = described(
    "usage_charge",
    "account_key product_key leg plan_code charge_code period_from",
    """
    account_key       text     who pays
    product_key       text     what is charged
    leg               text     retail or wholesale
    plan_code         text     the plan
    charge_code       text     the charge of the plan
    usage_type        text     what was used
    period_from       date     the period in which it was used
    period_to         date     first day after
    events            integer  how many
    quantity          integer  as used
    covered_quantity  integer  paid by allowances
    billed_quantity   integer  charged, in whole increments
    amount_nanos      integer  what it costs, rounded where the policy rounds lines
    surcharge_nanos   integer  sum of the surcharges
    currency          text     ISO 4217
    policy_code       text     the rules
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
    """,
)

BUCKET_USE = described(
    "bucket_use",
    "bucket_key",
    """
    bucket_key  text     the allowance of one holder for one time
    quantity    integer  what there was
    taken       integer  what was taken, in whole blocks
    """,
)

SUSPENDED_USAGE = described(
    "suspended_usage",
    "usage_key leg",
    """
    usage_key    text     the event
    leg          text     retail or wholesale
    service_key  text?    the number, SIM or login
    usage_type   text?    what was used
    started_at   instant? start in UTC
    quantity     integer? as used
    code         text     why it cannot be rated, a stable code
    field        text     the field that shows it
    value        text?    its value as text
    source_file  text     the file that it came in
    source_line  integer  its line there, from 1
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

USAGE_ADJUSTMENT = described(
    "usage_adjustment",
    "usage_key leg account_key product_key charge_code",
    """
    usage_key         text     the event that is corrected
    leg               text     retail or wholesale
    account_key       text     who is charged or credited
    product_key       text     for what
    charge_code       text     the charge of the plan
    started_at        instant  start of the event in UTC
    reason            text     late (not rated before), corrected, moved or withdrawn
    original_nanos    integer  what was charged: 0 where nothing was
    corrected_nanos   integer  what is due: 0 where nothing is
    difference_nanos  integer  corrected less original
    currency          text     ISO 4217
    """,
)
