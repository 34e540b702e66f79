"""The bill of a population as one compiled chain: resolve, charge, lines, bill."""

from functools import cache

import ibis

from crossbill.engine.calculation import Calculation, Step, Tables
from crossbill.engine.datasets import ACCOUNT, CUSTOMER, POLICY, PRICE, PRODUCT, TAX_RATE
from crossbill.platform.billing.bill import bill, lines
from crossbill.platform.billing.charge import charge
from crossbill.platform.billing.resolve import resolve


@cache
def shadow_run() -> Calculation:
    """Inputs: account (with ``policy_code``), customer, product, price, tax_rate, policy, periods
    and currency. Results: ``unresolved``, ``charge_input``, ``charge``, ``bill_line`` and ``bill``.
    """
    known = (CUSTOMER, PRODUCT, PRICE, TAX_RATE, POLICY)
    inputs = {dataset.name: dataset.ibis for dataset in known} | {
        "account": ibis.schema({**ACCOUNT.ibis, "policy_code": "string"}),
        "periods": ibis.schema({"period_from": "date", "period_to": "date"}),
        "currency": ibis.schema({"currency": "string", "minor_digits": "int64"}),
    }
    return Calculation(
        inputs,
        [
            Step("charge_input", lambda t: _resolved(t)[0]),
            Step("unresolved", lambda t: _resolved(t)[1]),
            Step("charge", lambda t: charge(t["charge_input"])),
            Step("bill_line", lambda t: lines(t["charge"])),
            Step("bill", lambda t: bill(t["bill_line"], t["charge"], t["account"], t["customer"])),
        ],
    )


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
