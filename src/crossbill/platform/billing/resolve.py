"""The facts of each charge: which price, tax rate and policy hold for a product in a period.

Nothing is assumed: a product that cannot be charged is an ``unresolved`` row with its reason, and
``resolution_proof`` counts that every product and period ended in exactly one place.
"""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from crossbill.core.period import DayCount
from crossbill.core.policy import (
    FURTHER_DIGITS,
    ChargeRounding,
    DiscountBase,
    PriceBy,
    TaxScope,
)
from crossbill.core.rounding import RoundingMode
from crossbill.engine import integers
from crossbill.engine.datasets import CHARGE_INPUT, POLICY, UNRESOLVED
from crossbill.platform.billing.due import FOREVER, RECURRING, due
from crossbill.platform.billing.look_up import looked_up
from crossbill.platform.billing.price_lists import (
    CHOSEN,
    COUNT,
    KEYS,
    OF_ACCOUNT,
    VALUES,
    WHOM,
    Lists,
    with_listed,
)
from crossbill.platform.product.catalogue_format import STANDARD

OWN_PRICE = "own"
CHARGED_PRICE = "charged"  # what was charged before, where it is given back
USAGE = "usage"
PPM = 1_000_000
# A billion major units for one line and month: far beyond any bill, and low enough that no product
# of amounts, shares and rates behind it can pass 64 bits.
LARGEST_MONTHLY_NANOS = 10**18
HIGHEST_TAX_PPM = 10 * PPM
CYCLES = 31
FIRST_CYCLE = 1  # the bill cycle of what belongs to no known account
PROVED = (  # the tables of `resolution_proof`, in its order
    "product", "account", "periods", "charge_input", "unresolved", "component", "charged",
)  # fmt: skip
RESOLVED = (*CHARGE_INPUT.ibis, "code", "field", "value")


def resolve(  # noqa: PLR0913 - the tables that a charge is made of
    account: ir.Table,
    product: ir.Table,
    price: ir.Table,
    tax_rate: ir.Table,
    policy: ir.Table,
    periods: ir.Table,
    currency: ir.Table,
    component: ir.Table,
    charged: ir.Table,
    boundary: ir.Table,
    *,
    lists: Lists = (),
) -> ir.Table:
    """Reads the tables of those names; writes ``resolved``: ``charge_input`` with its first fault.

    A row with a ``code`` cannot be charged; ``field`` and ``value`` show why. Populations may mix
    policies and bill cycles. In each of its account's periods a product is charged what falls due
    there. Where there are price ``lists``, the accounts have their customers' segments.
    """
    days = bill_days(periods)
    held = _with_account(product, account, OF_ACCOUNT if lists else ())
    rows = _with_policy(_in_periods(held, periods), policy)
    stated = component.filter(component.kind != USAGE)
    parts = due(rows, _with_recurring(stated), charged, boundary)
    rows = _with_currency(_with_own_price(parts, product, stated), currency)
    wanted = _priced_days(product, price, stated, days)
    priced = _with_price(_discounted(rows), price, wanted, lists)
    rows = _with_tax_rate(priced, tax_rate, days)
    return _with_first_fault(rows).select(*RESOLVED)


def resolve_usage(  # noqa: PLR0913 - the tables that a charge is made of
    usage_total: ir.Table,
    account: ir.Table,
    tax_rate: ir.Table,
    policy: ir.Table,
    periods: ir.Table,
    currency: ir.Table,
    component: ir.Table,
) -> ir.Table:
    """Reads the tables of those names; writes ``resolved`` as ``resolve`` does.

    What a product used in a period is a charge like any other: its price is the sum of the rated
    events, so it is rounded and taxed as everything else is. The bill in whose period the use's own
    period ends charges it. It is taxed as its offering's component for usage says.
    """
    used = usage_total.rename(
        interval_from="period_from", interval_to="period_to", list_currency="currency"
    )
    held = _in_periods(_with_account(used, account), periods)
    held = held.filter(held.interval_to > held.period_from, held.interval_to <= held.period_to)
    rows = with_usage_taxes(held, component).mutate(
        category=ibis.literal(USAGE),
        price_code=ibis._.offering_code,
        interval_months=ibis.literal(1, "int64"),
        prorated=ibis.literal(value=True),
        charge_from=ibis._.interval_from,
        charge_to=ibis._.interval_to,
        sign=ibis.literal(1, "int64"),
        quantity=ibis.literal(1, "int64"),
        price_version=ibis.literal(USAGE),
        price_nanos=ibis._.amount_nanos,
        **{name: ibis.null("string") for name in CHOSEN},
        discount_ppm=ibis.literal(0, "int64"),
        source_changed_at=ibis.null("timestamp(6)"),
        own=ibis.literal(value=False),
        prices=ibis.literal(1, "int64"),
    )
    rows = _with_currency(_with_policy(rows, policy), currency)
    taxed = _with_tax_rate(rows, tax_rate, bill_days(periods))
    return _with_first_fault(taxed).select(*RESOLVED)


def _with_recurring(component: ir.Table) -> ir.Table:
    """Adds to each component how many recurring prices its offering has."""
    recurring = (component.kind == RECURRING).cast("int64")
    offered = ibis.window(group_by="offering_code")
    return component.mutate(recurring_prices=recurring.sum().over(offered))


def _with_own_price(rows: ir.Table, product: ir.Table, component: ir.Table) -> ir.Table:
    """Adds ``own``: the customer's own price is instead of this one; and where it cannot be told.

    Of several recurring prices the product has to name one, and one that its offering has.
    """
    astray = _naming_no_price(product, component).mutate(astray=ibis.literal(value=True))
    found = rows.left_join(astray, "product_key").drop("product_key_right")
    priced, named = found.price_override_nanos.notnull(), found.price_override_code.notnull()
    recurring = found.category == RECURRING
    one_of = found.recurring_prices.fill_null(1) > 1
    unclear = found.astray.fill_null(False) | (priced & ~named & one_of) | (named & ~priced)
    mine = ~named | (found.price_override_code == found.price_code)
    return found.mutate(own=recurring & priced & mine, own_unclear=recurring & unclear)


def _naming_no_price(product: ir.Table, component: ir.Table) -> ir.Table:
    """The products whose own price is said to be instead of one that their offering has not."""
    named = product.filter(product.price_override_code.notnull()).select(
        "product_key", "offering_code", price_code="price_override_code"
    )
    recurring = component.filter(component.kind == RECURRING)
    stray = named.anti_join(recurring, ["offering_code", "price_code"])
    plain = stray.filter(stray.price_code == stray.offering_code)
    of_a_plain_offering = plain.anti_join(component, "offering_code")
    return stray.anti_join(of_a_plain_offering, "product_key").select("product_key").distinct()


def with_usage_taxes(rows: ir.Table, component: ir.Table) -> ir.Table:
    """Adds what usage of each row's offering is for tax: tax_category and tax_inclusive.

    Where no component for usage says so: ``standard``, on top. Adds in ``usage_terms`` how many do.
    """
    stated = component.filter(component.kind == USAGE)
    terms = ("tax_category", "tax_inclusive")
    found = looked_up(rows, stated, ("offering_code",), terms, "usage_terms")
    return found.mutate(
        tax_category=found.tax_category.fill_null(STANDARD),
        tax_inclusive=found.tax_inclusive.fill_null(False),
    )


def bill_days(periods: ir.Table) -> ir.Table:
    """The days by which prices, taxes and discounts are chosen: ``period_from``, each once."""
    return periods.select("period_from").distinct()


def _priced_days(
    product: ir.Table, price: ir.Table, component: ir.Table, days: ir.Table
) -> ir.Table:
    """Each price with each day on which a policy may ask for it: price_code, price_date.

    Found from the sources: asking the products' many rows, which are joined from them, costs more.
    """
    by_bill = price.select(price_code="offering_code").distinct().cross_join(days)
    started = product.select("offering_code", "start_date").distinct()
    stated = started.left_join(component.select("offering_code", "price_code"), "offering_code")
    code = stated.price_code.coalesce(stated.offering_code)
    by_start = stated.select(price_code=code, price_date="start_date")
    return by_bill.rename(price_date="period_from").union(by_start, distinct=True)


def chargeable(resolved: ir.Table) -> ir.Table:
    """Reads ``resolved``; writes ``charge_input``."""
    return resolved.filter(resolved.code.isnull()).select(*CHARGE_INPUT.ibis)


def not_chargeable(resolved: ir.Table) -> ir.Table:
    """Reads ``resolved``; writes ``unresolved``."""
    return resolved.filter(resolved.code.notnull()).select(*UNRESOLVED.ibis)


def resolution_proof(  # noqa: PLR0913 - what came in, and where it may have ended
    product: ir.Table,
    account: ir.Table,
    periods: ir.Table,
    charge_input: ir.Table,
    unresolved: ir.Table,
    component: ir.Table,
    charged: ir.Table,
) -> ir.Table:
    """One row that proves that nothing vanished, counted in products and periods.

    rows_in = inactive (not held in the period) + charged + unresolved + waiting (held, but its
    prices fall due in another period, as only stated components do).
    """
    pairs = _in_periods(_with_account(product, account), periods)
    key = ["product_key", "start_date", "period_from"]
    ends = pairs.end_date.fill_null(ibis.date(FOREVER))
    over = (ends <= ibis.greatest(pairs.period_from, pairs.start_date)) | (
        pairs.start_date >= pairs.period_to
    )
    ended = charge_input.filter(charge_input.category != USAGE).select("product_key", "period_from")
    ended = ended.union(unresolved.select("product_key", "period_from")).distinct()
    stated = component.filter(component.kind != USAGE).select("offering_code").distinct()
    stated = stated.mutate(stated=True)
    known = charged.select("product_key").distinct().mutate(known=True)
    rows = pairs.mutate(over=over).select(*key, "offering_code", "over")
    rows = rows.left_join(ended.mutate(ended=True), ["product_key", "period_from"])
    rows = rows.drop("product_key_right", "period_from_right").left_join(stated, "offering_code")
    rows = rows.drop("offering_code_right").left_join(known, "product_key")
    found = rows.ended.fill_null(False)
    waits = rows.stated.fill_null(False) | rows.known.fill_null(False)
    proof = rows.aggregate(
        rows_in=rows.count(),
        ended=_how_many(found),
        inactive=_how_many(~found & rows.over),
        waiting=_how_many(~found & ~rows.over & waits),
    )
    out = proof.ended + proof.inactive + proof.waiting
    return proof.mutate(balanced=proof.rows_in == out)


def _how_many(condition: ir.BooleanValue) -> ir.IntegerScalar:
    return condition.cast("int64").sum().fill_null(0)


def cycle_periods(periods: ir.Table) -> ir.Table:
    """Reads ``periods``; writes them for each bill cycle, with the day on which intervals begin.

    Where a period states no cycle, that day is the later of those on which it starts and ends: the
    earlier may be the last of a shorter month.
    """
    cycles = ibis.range(1, CYCLES + 1).unnest().name("cycle").as_table()
    rows = periods.cross_join(cycles.mutate(cycle=cycles.cycle.cast("int64")))
    stated = rows.bill_cycle_day
    later = ibis.greatest(rows.period_from.day(), rows.period_to.day()).cast("int64")
    mine = rows.filter(stated.isnull() | (rows.cycle == stated))
    return mine.mutate(
        anchor_day=ibis.ifelse(stated.isnull(), later, rows.cycle), bill_cycle_day=rows.cycle
    ).select("period_from", "period_to", "bill_cycle_day", "anchor_day")


def cycle_of(rows: ir.Table) -> ir.IntegerValue:
    """The bill cycle of each row's account; the first where it has none, or no such day."""
    day = rows.bill_cycle_day
    return ibis.ifelse(day.between(1, CYCLES).fill_null(False), day, FIRST_CYCLE).cast("int64")


def _in_periods(product: ir.Table, periods: ir.Table) -> ir.Table:
    """One row per product and period of its account's bill cycle, with its ``anchor_day``."""
    rows = product.mutate(cycle=cycle_of(product))
    held = periods.rename(cycle="bill_cycle_day")
    return rows.inner_join(held, "cycle").drop("cycle")


def _discounted(rows: ir.Table) -> ir.Table:
    """Adds the discount that the product has in the period, and what the charge was made from."""
    lasting = rows.discount_end_date.isnull() | (rows.discount_end_date > rows.period_from)
    discounted = lasting & (rows.category == RECURRING)
    return rows.mutate(
        discount_ppm=ibis.ifelse(discounted, rows.discount_ppm, 0).fill_null(0),
        source_changed_at=rows.changed_at,
        events=ibis.null("int64"),
    )


def _with_account(rows: ir.Table, account: ir.Table, further: tuple[str, ...] = ()) -> ir.Table:
    values = ("currency", "tax_code", "policy_code", "bill_cycle_day", *further)
    return looked_up(rows, account, ("account_key",), values, "accounts")


def _with_policy(rows: ir.Table, policy: ir.Table) -> ir.Table:
    """Adds the policy's columns; a policy with a rule that the engine lacks counts as unknown."""
    known = policy.filter(
        policy.day_count.isin([d.value for d in DayCount]),
        policy.rounding_mode.isin([m.value for m in RoundingMode]),
        policy.rounding_scope.isin([s.value for s in ChargeRounding]),
        policy.rounding_digits.isin(list(FURTHER_DIGITS)),
        policy.discount_base.isin([b.value for b in DiscountBase]),
        policy.price_by.isin([p.value for p in PriceBy]),
        policy.tax_scope.isin([s.value for s in TaxScope]),
        policy.tax_rounding_mode.isin([m.value for m in RoundingMode]),
        policy.end_day_counts.notnull(),
    )
    values = tuple(name for name in POLICY.ibis if name != "policy_code")
    return looked_up(rows, known, ("policy_code",), values, "policies")


def _with_currency(rows: ir.Table, currency: ir.Table) -> ir.Table:
    return looked_up(rows, currency, ("currency",), ("minor_digits",), "currencies")


def _with_price(rows: ir.Table, price: ir.Table, wanted: ir.Table, lists: Lists) -> ir.Table:
    """Adds the customer's own price, else the version valid on the day that the policy names.

    What is given back is given back at the price that was charged, where that is known.
    """
    by_start = rows.price_by == PriceBy.START_TIME.value
    dated = rows.mutate(price_date=ibis.ifelse(by_start, rows.start_date, rows.period_from))
    found = _with_list_price(dated, price, wanted, lists)
    own = found.own
    as_before = (found.sign < 0) & found.charged_nanos.notnull()
    return found.mutate(
        own=own | as_before,
        price_version=ibis.cases(
            (as_before, CHARGED_PRICE), (own, OWN_PRICE), else_=found.list_version
        ),
        price_nanos=ibis.cases(
            (as_before, found.charged_nanos),
            (own, found.price_override_nanos),
            else_=found.amount_nanos,
        ),
        **{name: _of_a_list(found, name, own | as_before) for name in CHOSEN},
    )


def _with_list_price(rows: ir.Table, price: ir.Table, wanted: ir.Table, lists: Lists) -> ir.Table:
    """Adds the version that holds for the row's account on its ``price_date``."""
    versions = price.rename(list_version="price_version", list_currency="currency")
    if not lists:
        versions = versions.drop(*WHOM)
    priced = versions.rename(price_code="offering_code")
    valid = _valid(wanted, priced, "price_code", "price_date")
    if lists:
        return with_listed(rows, valid, lists)
    return looked_up(rows, valid, KEYS, VALUES, COUNT)


def _of_a_list(rows: ir.Table, name: str, not_listed: ir.BooleanValue) -> ir.StringValue:
    """Whose list gave the price; none where it is the customer's own, or there are no lists."""
    if name not in rows.columns:
        return ibis.null("string")
    return ibis.ifelse(not_listed, ibis.null("string"), rows[name])


def _with_tax_rate(rows: ir.Table, tax_rate: ir.Table, days: ir.Table) -> ir.Table:
    """Adds what all taxes of the jurisdiction take together on the first day of the period."""
    keys = ("tax_code", "tax_category", "period_from")
    valid = valid_rates(days, tax_rate)
    rates = valid.group_by(*keys).aggregate(
        tax_ppm=integers.sum_int64(valid.rate_ppm),
        tax_rates=valid.count() - valid.tax_name.nunique() + 1,
    )
    return rows.left_join(rates, list(keys)).drop(*(f"{key}_right" for key in keys))


def valid_rates(days: ir.Table, tax_rate: ir.Table) -> ir.Table:
    """The taxes that hold on each ``period_from``, with it."""
    begun = days.period_from >= tax_rate.valid_from
    lasting = tax_rate.valid_to.isnull() | (days.period_from < tax_rate.valid_to)
    rates = tax_rate.select(
        "tax_code", "tax_category", "tax_name", "valid_from", "valid_to", "rate_ppm"
    )
    return days.inner_join(rates, [begun, lasting])


def _valid(wanted: ir.Table, versions: ir.Table, key: str, day: str) -> ir.Table:
    """The versions valid on each wanted day of each key."""
    begun = wanted[day] >= versions.valid_from
    lasting = versions.valid_to.isnull() | (wanted[day] < versions.valid_to)
    return wanted.inner_join(versions, [wanted[key] == versions[key], begun, lasting])


@dataclass(frozen=True)
class _Fault:
    """A reason why a product cannot be charged, and the field whose value shows it."""

    code: str
    field: str
    present: ir.BooleanValue


def _with_first_fault(rows: ir.Table) -> ir.Table:
    """Adds code, field and value of the first fault; all three empty where there is none."""
    faults = [*_lookup_faults(rows), *_value_faults(rows)]
    no_text = ibis.null("string")
    return rows.mutate(
        code=ibis.cases(*((f.present, f.code) for f in faults), else_=no_text),
        field=ibis.cases(*((f.present, f.field) for f in faults), else_=no_text),
        value=ibis.cases(
            *((f.present, rows[f.field].cast("string")) for f in faults), else_=no_text
        ),
    )


def _lookup_faults(rows: ir.Table) -> list[_Fault]:
    """What has no counterpart, or more than one; in the order in which one depends on another."""
    listed = ~rows.own
    return [
        _Fault("ACCOUNT_UNKNOWN", "account_key", rows.accounts.isnull()),
        _Fault("ACCOUNT_DOUBLED", "account_key", rows.accounts > 1),
        _Fault("POLICY_UNKNOWN", "policy_code", rows.policies.isnull()),
        _Fault("POLICY_DOUBLED", "policy_code", rows.policies > 1),
        _Fault("CURRENCY_UNKNOWN", "currency", rows.minor_digits.isnull() | (rows.currencies > 1)),
        *_own_faults(rows),
        *_list_faults(rows),
        *_usage_faults(rows),
        _Fault("PRICE_MISSING", "offering_code", rows.price_nanos.isnull()),
        _Fault("PRICE_DOUBLED", "offering_code", listed & (rows.prices > 1)),
        _Fault(
            "CURRENCY_MISMATCH", "list_currency", listed & (rows.list_currency != rows.currency)
        ),
        _Fault("TAX_RATE_MISSING", "tax_code", rows.tax_ppm.isnull()),
        _Fault("TAX_RATE_DOUBLED", "tax_code", rows.tax_rates > 1),
    ]


def _own_faults(rows: ir.Table) -> list[_Fault]:
    """Of products: an own price that is instead of no price, or of one of several."""
    if "own_unclear" not in rows.columns:
        return []
    return [_Fault("OWN_PRICE_UNCLEAR", "price_override_code", rows.own_unclear)]


def _list_faults(rows: ir.Table) -> list[_Fault]:
    """Where there are lists: a customer stated twice in two segments, so that two may hold."""
    if "segments" not in rows.columns:
        return []
    return [_Fault("PRICE_DOUBLED", "customer_key", ~rows.own & (rows.segments > 1))]


def _usage_faults(rows: ir.Table) -> list[_Fault]:
    """Of usage: an offering that states several times what its usage is for tax."""
    if "usage_terms" not in rows.columns:
        return []
    return [_Fault("USAGE_TERMS_DOUBLED", "offering_code", rows.usage_terms > 1)]


def _value_faults(rows: ir.Table) -> list[_Fault]:
    """Values with which no sound charge can be computed."""
    largest = integers.div_trunc(
        ibis.literal(LARGEST_MONTHLY_NANOS), ibis.greatest(rows.quantity, 1)
    )
    return [
        _Fault("QUANTITY_INVALID", "quantity", rows.quantity.isnull() | (rows.quantity < 0)),
        _Fault("PRICE_NEGATIVE", "price_nanos", rows.price_nanos < 0),
        _Fault("AMOUNT_TOO_LARGE", "price_nanos", rows.price_nanos > largest),
        _Fault("DISCOUNT_OUT_OF_RANGE", "discount_ppm", ~rows.discount_ppm.between(0, PPM)),
        _Fault("TAX_RATE_OUT_OF_RANGE", "tax_ppm", ~rows.tax_ppm.between(0, HIGHEST_TAX_PPM)),
    ]
