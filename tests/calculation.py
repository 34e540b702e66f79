"""The whole calculation over small tables; its SQL is made once, since Ibis takes its time."""

from functools import cache

from oracle.tables import ENGINE, SCHEMAS, stated, stored

from crossbill.platform.billing.bill import shadow
from crossbill.platform.billing.resolve import resolution_proof, resolve

INPUTS = ("account", "product", "price", "tax_rate", "policy", "periods", "currency")


def load(rows: dict[str, list[dict]]) -> None:
    """Put the rows where the calculation reads them, instead of what stood there before."""
    stored(rows)


def result(name: str) -> list[dict]:
    """The rows of one result: charge_input, unresolved, proof, charge, bill_line or bill."""
    return ENGINE.con.execute(_queries()[name]).to_arrow_table().to_pylist()


def calculated(name: str, **changed) -> list[dict]:
    """One result for the carrier of one account, with the tables that a test states instead."""
    load(stated(**changed))
    return result(name)


@cache
def _queries() -> dict[str, str]:
    tables = {name: ENGINE.table(name) for name in SCHEMAS if name != "charge_input"}
    charge_input, unresolved = resolve(*(tables[name] for name in INPUTS))
    proof = resolution_proof(tables["product"], tables["periods"], charge_input, unresolved)
    results = shadow(tables)._asdict() | {"charge_input": charge_input, "proof": proof}
    return {name: ENGINE.compile(expression) for name, expression in results.items()}
