"""The facts of each charge: which price, tax rate and policy hold for a product in a period.

Nothing is assumed: a product that cannot be charged is an ``unresolved`` row with its reason, and
``resolution_proof`` counts that every product and period ended in exactly one place.
"""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from crossbill.core.money import MINOR_DIGITS
from crossbill.core.period import DayCount
from crossbill.core.policy import PriceBy, TaxScope
from crossbill.core.rounding import RoundingMode
from crossbill.engine import integers
from crossbill.engine.datasets import CHARGE_INPUT, POLICY, UNRESOLVED

OWN_PRICE = "own"
RECURRING, USAGE = "recurring", "usage"
PPM = 1_000_000
# A billion major units for one line and month: far beyond any bill, and low enough that no product
# of amounts, shares and rates behind it can pass 64 bits.
LARGEST_MONTHLY_NANOS = 10**18
HIGHEST_TAX_PPM = 10 * PPM
_FOREVER = "9999-12-31"


def resolve(  # noqa: PLR0913 - the tables that a charge is made of
    account: ir.Table,
    product: ir.Table,
    price: ir.Table,
    tax_rate: ir.Table,
    policy: ir.Table,
    periods: ir.Table,
    currency: ir.Table | None = None,
) -> tuple[ir.Table, ir.Table]:
    """Reads the tables of those names; writes ``charge_input`` and ``unresolved``.

    ``account`` has a column ``policy_code`` beside its own, so a population may mix policies.
    ``periods`` has ``period_from`` and ``period_to``; each product is charged once in each that it
    overlaps. ``currency`` has ``currency`` and ``minor_digits``, by default those of ISO 4217.
    """
    rows = _with_account(_active(product, periods), account)
    rows = _with_policy(rows, policy)
    rows = _with_currency(rows, currency_table() if currency is None else currency)
    rows = _with_tax_rate(_with_price(rows, price), tax_rate)
    checked = _with_first_fault(rows)
    return _parted(checked)


def resolve_usage(
    usage_total: ir.Table,
    account: ir.Table,
    tax_rate: ir.Table,
    policy: ir.Table,
    currency: ir.Table | None = None,
) -> tuple[ir.Table, ir.Table]:
    """Reads the tables of those names; writes ``charge_input`` and ``unresolved``.

    What a product used in a period is a charge like any other: its price is the sum of the rated
    events, so it is rounded and taxed as everything else is.
    """
    rows = usage_total.mutate(
        category=ibis.literal(USAGE),
        charge_from=usage_total.period_from,
        charge_to=usage_total.period_to,
        quantity=ibis.literal(1, "int64"),
        price_version=ibis.literal(USAGE),
        price_nanos=usage_total.amount_nanos,
        discount_ppm=ibis.literal(0, "int64"),
        source_changed_at=ibis.null("timestamp(6)"),
        own=ibis.literal(value=False),
        prices=ibis.literal(1, "int64"),
    ).rename(list_currency="currency")
    rows = _with_policy(_with_account(rows, account), policy)
    rows = _with_currency(rows, currency_table() if currency is None else currency)
    return _parted(_with_first_fault(_with_tax_rate(rows, tax_rate)))


def _parted(checked: ir.Table) -> tuple[ir.Table, ir.Table]:
    """What can be charged, and what cannot."""
    sound = checked.filter(checked.code.isnull())
    unresolved = checked.filter(checked.code.notnull())
    return sound.select(*CHARGE_INPUT.ibis), unresolved.select(*UNRESOLVED.ibis)


def resolution_proof(
    product: ir.Table, periods: ir.Table, charge_input: ir.Table, unresolved: ir.Table
) -> ir.Table:
    """One row that proves that nothing vanished: rows_in = inactive + charged + unresolved."""
    pairs = product.cross_join(periods.select("period_from", "period_to"))
    over = pairs.end_date.fill_null(ibis.date(_FOREVER)) <= ibis.greatest(
        pairs.period_from, pairs.start_date
    )
    counts = pairs.aggregate(
        rows_in=pairs.count(), inactive=(over | (pairs.start_date >= pairs.period_to)).sum()
    )
    charged = charge_input.aggregate(charged=charge_input.count())
    open_rows = unresolved.aggregate(unresolved=unresolved.count())
    proof = counts.mutate(inactive=counts.inactive.fill_null(0).cast("int64"))
    proof = proof.cross_join(charged).cross_join(open_rows)
    out = proof.inactive + proof.charged + proof.unresolved
    return proof.mutate(balanced=proof.rows_in == out)


def currency_table() -> ir.Table:
    """The minor digits of every currency that can be billed in."""
    rows = [{"currency": code, "minor_digits": digits} for code, digits in MINOR_DIGITS.items()]
    return ibis.memtable(rows, schema={"currency": "string", "minor_digits": "int64"})


def _active(product: ir.Table, periods: ir.Table) -> ir.Table:
    """One row per product and period that share a day, with the days charged."""
    rows = product.cross_join(periods.select("period_from", "period_to"))
    rows = rows.mutate(
        charge_from=ibis.greatest(rows.start_date, rows.period_from),
        charge_to=ibis.least(rows.end_date.fill_null(ibis.date(_FOREVER)), rows.period_to),
    )
    discounted = rows.discount_end_date.isnull() | (rows.discount_end_date > rows.period_from)
    return rows.filter(rows.charge_from < rows.charge_to).mutate(
        discount_ppm=ibis.ifelse(discounted, rows.discount_ppm, 0).fill_null(0),
        source_changed_at=rows.changed_at,
        category=ibis.literal(RECURRING),
        events=ibis.null("int64"),
    )


def _with_account(rows: ir.Table, account: ir.Table) -> ir.Table:
    values = ("currency", "tax_code", "policy_code")
    return _looked_up(rows, account, ("account_key",), values, "accounts")


def _with_policy(rows: ir.Table, policy: ir.Table) -> ir.Table:
    """Adds the policy's columns; a policy with a rule that the engine lacks counts as unknown."""
    known = policy.filter(
        policy.day_count.isin([d.value for d in DayCount]),
        policy.rounding_mode.isin([m.value for m in RoundingMode]),
        policy.price_by.isin([p.value for p in PriceBy]),
        policy.tax_scope.isin([s.value for s in TaxScope]),
        policy.tax_rounding_mode.isin([m.value for m in RoundingMode]),
        policy.end_day_counts.notnull(),
    )
    values = tuple(name for name in POLICY.ibis if name != "policy_code")
    return _looked_up(rows, known, ("policy_code",), values, "policies")


def _with_currency(rows: ir.Table, currency: ir.Table) -> ir.Table:
    return _looked_up(rows, currency, ("currency",), ("minor_digits",), "currencies")


def _with_price(rows: ir.Table, price: ir.Table) -> ir.Table:
    """Adds the customer's own price, else the version valid on the day that the policy names."""
    by_start = rows.price_by == PriceBy.START_TIME.value
    dated = rows.mutate(price_date=ibis.ifelse(by_start, rows.start_date, rows.period_from))
    versions = price.rename(list_version="price_version", list_currency="currency")
    valid = _valid(dated, versions, "offering_code", "price_date")
    keys, values = (
        ("offering_code", "price_date"),
        ("list_version", "list_currency", "amount_nanos"),
    )
    found = _looked_up(dated, valid, keys, values, "prices")
    own = found.price_override_nanos.notnull()
    return found.mutate(
        own=own,
        price_version=ibis.ifelse(own, OWN_PRICE, found.list_version),
        price_nanos=found.price_override_nanos.coalesce(found.amount_nanos),
    )


def _with_tax_rate(rows: ir.Table, tax_rate: ir.Table) -> ir.Table:
    """Adds the rate valid on the first day of the period."""
    valid = _valid(rows, tax_rate, "tax_code", "period_from")
    rates = valid.rename(tax_ppm="rate_ppm")
    return _looked_up(rows, rates, ("tax_code", "period_from"), ("tax_ppm",), "tax_rates")


def _valid(rows: ir.Table, versions: ir.Table, key: str, day: str) -> ir.Table:
    """The versions valid on each day that occurs with each key."""
    wanted = rows.select(key, day).distinct()
    begun = wanted[day] >= versions.valid_from
    lasting = versions.valid_to.isnull() | (wanted[day] < versions.valid_to)
    return wanted.inner_join(versions, [wanted[key] == versions[key], begun, lasting])


def _looked_up(
    rows: ir.Table, source: ir.Table, keys: tuple[str, ...], values: tuple[str, ...], count: str
) -> ir.Table:
    """Adds the values of the one source row with these keys, and how many such rows there are.

    The source is grouped first, so that a doubled key is counted and never doubles a charge.
    """
    grouped = source.group_by(*keys).aggregate(
        **{count: source.count()}, **{name: source[name].arbitrary() for name in values}
    )
    return rows.left_join(grouped, keys).drop(*(f"{key}_right" for key in keys))


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
        _Fault("PRICE_MISSING", "offering_code", rows.price_nanos.isnull()),
        _Fault("PRICE_DOUBLED", "offering_code", listed & (rows.prices > 1)),
        _Fault(
            "CURRENCY_MISMATCH", "list_currency", listed & (rows.list_currency != rows.currency)
        ),
        _Fault("TAX_RATE_MISSING", "tax_code", rows.tax_ppm.isnull()),
        _Fault("TAX_RATE_DOUBLED", "tax_code", rows.tax_rates > 1),
    ]


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
