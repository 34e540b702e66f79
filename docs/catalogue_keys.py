"""What each key of a catalogue of rating means; its type and default come from the code."""

from crossbill.platform.product import catalogue_format as product_form
from crossbill.platform.rating import catalogue_format as form

# A section of the page: its heading, and `key meaning` for every key of the model.
KEYS = {
    form.CatalogueSpec: (
        "The file",
        """
        rating_catalogue  version of this format
        name              of the catalogue, as results show it
        currency          ISO 4217, of every price
        time_zone         IANA name: the local time of every date in the file
        holidays          the days that calendars may ask for
        policies          rules of rounding and splitting; the first is for services that name none
        calendars         rules of each calendar, by its name
        decks             a version or a list of versions of each deck, by its name
        tariffs           lists of rates, or `{deck: NAME}`: that deck's own price of each prefix
        usage_types       what is used, by the name that usage carries
        plans             what customers hold, by the plan's code
        allowances        a version or a list of versions of each allowance, by its code
        services          who holds what: a CSV file beside this one, or rows
        """,
    ),
    form.PolicySpec: (
        "policies",
        """
        policy_code      its name
        rounding_scope   what is rounded: the price of each minimum and increment, the event, or the
                         line of a period
        rounding_mode    how
        rounding_digits  digits after the point that remain; -1 is tens
        band_crossing    `split` cuts a timed event where the band changes, `start` keeps
                         the band in which it starts
        local_time       whose clock chooses the band: the account's, or that of the switch
                         (the event's `time_zone`)
        """,
    ),
    form.HolidaySpec: (
        "holidays",
        """
        country      public holidays of this country, ISO 3166 code
        subdivision  and of this part of it
        dates        days of your own
        """,
    ),
    form.RuleSpec: (
        "calendars: a rule",
        """
        band       the band that holds
        from       local time at which it begins
        to         local time at which it ends
        weekdays   1 is Monday; left out: every day
        months     1 is January; left out: every month
        monthdays  days of the month; left out: every day
        on         holidays only, or all days but holidays
        weight     of the rules that hold at one instant the heaviest wins, of equals the one that
                   begins latest
        """,
    ),
    form.DeckSpec: (
        "decks: a version",
        """
        file        a CSV file beside the catalogue; its columns follow
        prefixes    instead of a file: the zone of each prefix
        version     its name in results; left out: valid_from, or 1
        valid_from  first day; left out: since ever
        valid_to    first day after; left out: until the next version
        """,
    ),
    form.RateSpec: (
        "tariffs: a rate",
        """
        zone         the zone that it prices; left out: every zone that has no rate of its own
        zones        instead: several zones
        band         the band that it prices; left out: every band without a rate of its own
        version      its name in results; left out: valid_from, or 1
        connect_fee  once an event, unless allowances pay for all of it
        included     base units that are free at the start of each event
        max_cost     an event costs no more; left out: no limit
        carried      the event's own price is charged as well; `price: carried` instead of a step
                     charges nothing else
        markup       percent on top of the event's own price; below 0 it takes off
        steps        prices by elapsed quantity; a single one may be written among these keys
        valid_from   first day; left out: since ever
        valid_to     first day after; left out: until the next version for the zone and band
        """,
    ),
    form.StepSpec: (
        "steps",
        """
        from       elapsed base units at which the step begins
        price      of `per` base units
        per        base units that the price is for: 60 for a price a minute
        minimum    base units charged whole at the start of the step
        increment  base units: what follows is charged in whole ones
        """,
    ),
    form.UsageTypeSpec: (
        "usage_types",
        """
        unit  the base unit that quantities count: seconds, bytes, messages ...
        """,
    ),
    form.PlanSpec: (
        "plans",
        """
        charges     one for each usage type at a time
        allowances  codes of the allowances that it grants
        """,
    ),
    form.ChargeSpec: (
        "charges",
        """
        charge       its name on results and bills
        usage_type   what it prices
        zone_by      what of an event is looked up in the deck; left out: the destination
                     where there is a deck
        deck         where it is looked up; left out: the deck of the tariff, if it has one
        tariff       prices each event; either this or a model
        calendar     gives the bands; left out: one band, `any`
        model        a price model: prices what a product used in a calendar month
        terms        of the price model
        adjustments  of the line of a model, in order: `- minimum: {amount: "10.00"}`
        surcharges   added to each event of a tariff
        valid_from   first day; left out: since ever
        valid_to     first day after; left out: until the next version for the usage type
        """,
    ),
    form.SurchargeSpec: (
        "surcharges",
        """
        surcharge        its name
        percent          of the event's rounded amount
        rounding_mode    how each surcharge of an event is rounded
        rounding_digits  digits after the point that remain
        valid_from       first day; left out: since ever
        valid_to         first day after; left out: until its next version
        """,
    ),
    form.AllowanceSpec: (
        "allowances",
        """
        quantity          base units granted each calendar month
        priority          lower ones are used up first
        block             base units: it is taken in whole blocks of so many
        applies_to        what it pays for; left out: everything
        share             who takes from one bucket: each product, all of an account, or a group
                          (`share_key`)
        prorated          a product that starts within the month gets its share of the days
        rollover_periods  for how many further months what is left can be used
        charged           it only counts: what it takes is charged all the same
        valid_from        first day; left out: since ever
        valid_to          first day after; left out: until its next version
        """,
    ),
    form.ScopeSpec: (
        "applies_to",
        """
        usage_types  left out: all
        zones        left out: all
        bands        of the start of the event; left out: all
        """,
    ),
}

DECK_COLUMNS = """
prefix             leading digits, no +, at most 15
destination        the zone
connect_fee        amount, once a call
included_seconds   free at the start of each call, 0 to 1,000,000
rate_per_minute    amount, 0 to 1,000,000
increment_seconds  charged in whole ones, 1 to 1,000,000
valid_from         first day; empty: since ever
valid_to           first day after; empty: for ever
"""

SERVICE_DEFAULTS = {
    "leg": "`retail`",
    "account_key": "service_key",
    "product_key": "service_key",
    "policy_code": "the first policy",
    "time_zone": "the catalogue's",
    "currency": "the catalogue's",
}

PRODUCT_KEYS = {
    product_form.ProductCatalogueSpec: (
        "The file",
        """
        product_catalogue  version of this format
        name               of the catalogue
        currency           ISO 4217, of every price
        taxes              the rates of each jurisdiction
        tax_providers      for a jurisdiction, the plug-in that says its taxes
                           ([who says the taxes](#who-says-the-taxes))
        offerings          what is sold
        """,
    ),
    product_form.TaxSpec: (
        "taxes",
        """
        jurisdiction  where the account is taxed: its `tax_code`
        tax           its name, as the bill shows it; a jurisdiction may have several
        category      what kind of thing it taxes
        from          first day
        to            first day on which it no longer holds; left out: until the next rate begins
        percent       of the net amount
        """,
    ),
    product_form.OfferingSpec: (
        "offerings",
        """
        code              its name in all tables
        name              as customers read it
        kind              what it is
        tax_category      of its prices
        contains          offerings whose prices it is charged too: a bundle
        requires          offerings of which the account must hold one, by itself or in a bundle
        contract_goes_to  to which a contract goes along, others break it; left out: to all
        usage             what its use is for tax; left out: as the parts of a bundle say, else
                          `standard`, on top of what it costs
        prices            what it is charged
        """,
    ),
    product_form.UsageSpec: (
        "offerings: usage",
        """
        tax_category   of what was used, whatever that of its prices is
        tax_inclusive  what was used costs so much with the tax
        """,
    ),
    product_form.PriceSpec: (
        "offerings: a price",
        """
        price          its name within the offering; the lists of a price share it
        segment        only for customers of this segment ([price lists](#price-lists))
        region         only for accounts with this region in their address
        charge         by the interval, once, or at an end before the contract's
        timing         when it falls due: `advance` or `arrears`, of a one-time price at the `start`
                       or `end` of the product; left out: in advance, at the start, at the end
        months         of an interval; of a termination price the months that one fee is for
        alignment      where intervals begin: on the account's bill `cycle` day in the months
                       counted from the product's start, on the product's own `start` day, or with
                       the `calendar` year
        prorated       part of an interval costs its share; else all of it
        tax_category   where it is not the offering's
        tax_inclusive  the amount contains its tax
        versions       what it costs, when
        """,
    ),
    product_form.PriceVersionSpec: (
        "offerings: a version of a price",
        """
        version  its name, as an explanation shows it
        from     first day
        to       first day on which it no longer holds; left out: until the next version begins
        amount   per unit and interval
        """,
    ),
}
