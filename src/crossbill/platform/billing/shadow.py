"""The bill of a population as one compiled chain: resolve, charge, lines, bill."""

from functools import cache

import ibis

from crossbill.engine.calculation import Calculation, Step, Tables
from crossbill.engine.datasets import (
    ACCOUNT,
    CUSTOMER,
    POLICY,
    PRICE,
    PRODUCT,
    TAX_RATE,
    USAGE_TOTAL,
)
from crossbill.platform.billing.bill import bill, lines
from crossbill.platform.billing.charge import charge
from crossbill.platform.billing.resolve import resolve, resolve_usage


@cache
def shadow_run(*, usage: bool = False) -> Calculation:
    """Inputs: account (with ``policy_code``), customer, product, price, tax_rate, policy, periods
    and currency; with usage, also ``usage_total``. Results: ``unresolved``, ``charge_input``,
    ``charge``, ``bill_line`` and ``bill``.
    """
    known = (CUSTOMER, PRODUCT, PRICE, TAX_RATE, POLICY, *([USAGE_TOTAL] if usage else []))
    inputs = {dataset.name: dataset.ibis for dataset in known} | {
        "account": ibis.schema({**ACCOUNT.ibis, "policy_code": "string"}),
        "periods": ibis.schema({"period_from": "date", "period_to": "date"}),
        "currency": ibis.schema({"currency": "string", "minor_digits": "int64"}),
    }
    return Calculation(
        inputs,
        [
            Step("charge_input", lambda t: _both(t, 0)),
            Step("unresolved", lambda t: _both(t, 1)),
            Step("charge", lambda t: charge(t["charge_input"])),
            Step("bill_line", lambda t: lines(t["charge"])),
            Step("bill", lambda t: bill(t["bill_line"], t["charge"], t["account"], t["customer"])),
        ],
    )


def _both(t: Tables, part: int) -> ibis.Table:
    """What products cost by the month, and what they used: of each what is charged, or is not."""
    monthly = _resolved(t)[part]
    return monthly.union(_resolved_usage(t)[part]) if USAGE_TOTAL.name in t else monthly


def _resolved_usage(t: Tables) -> tuple[ibis.Table, ibis.Table]:
    names = ("usage_total", "account", "tax_rate", "policy", "currency")
    return resolve_usage(*(t[name] for name in names))


def _resolved(t: Tables) -> tuple[ibis.Table, ibis.Table]:
    return resolve(
        t["account"],
        t["product"],
        t["price"],
        t["tax_rate"],
        t["policy"],
        t["periods"],
        t["currency"],
    )
