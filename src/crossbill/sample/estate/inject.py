"""Chooses whom each kind of fault strikes, and lets it strike; what is true is noted apart."""

from collections.abc import Iterable

from ibis.backends.duckdb import Backend

from .fault import BILLS, Fault, read_faults

FAULTS = read_faults()
LEAST_SHARING = 25  # accounts with a cause in common; fewer could agree by chance


OF_ACCOUNT = {
    "region", "city", "tax_code", "cycle", "status", "segment", "wave", "agent", "source_file",
}  # fmt: skip


def choose(backend: Backend, rate_ppm: int) -> None:
    """Fill ``struck`` and ``cause``: every account is struck by one kind at most.

    Faults with a cause in common choose first, while their accounts are all free.
    """
    for fault in sorted(FAULTS, key=lambda fault: (not fault.shared, len(fault.shared))):
        _set(backend, kind=fault.kind, wanted=_wanted(backend, fault, rate_ppm))
        backend.raw_sql(f"CREATE OR REPLACE TEMP TABLE whom AS {fault.whom}")
        backend.raw_sql(FREE)
        _choose_sharing(backend, fault) if fault.shared else backend.raw_sql(SCATTERED)
        for attribute, value in fault.cause.items():
            _set(backend, attribute=attribute, value=value)
            backend.raw_sql(CAUSE)


def strike(backend: Backend, moment: str) -> None:
    """Let the faults of one moment spoil the tables."""
    for fault in FAULTS:
        spoil = fault.spoil if fault.moment == moment else ()
        late = fault.besides if moment == BILLS else ()
        if spoil or late:
            _spoil(backend, fault, (*spoil, *late))


def _spoil(backend: Backend, fault: Fault, statements: Iterable[str]) -> None:
    _set(backend, kind=fault.kind)
    backend.raw_sql(HIT)
    for statement in statements:
        backend.raw_sql(statement)


def _wanted(backend: Backend, fault: Fault, rate_ppm: int) -> int:
    accounts = backend.raw_sql("SELECT getvariable('accounts')").fetchone()[0]
    wanted: int = max(accounts * rate_ppm // 1_000_000, 1)
    return max(wanted, LEAST_SHARING) if fault.shared or fault.cause else wanted


def _set(backend: Backend, **values: object) -> None:
    """Give the statements their values."""
    for name, value in values.items():
        backend.con.execute(f"SET VARIABLE {name} = ?", [value])


def _choose_sharing(backend: Backend, fault: Fault) -> None:
    """The attributes' values that fit the wanted number best, and everybody who has them."""
    names = ", ".join(fault.shared)
    product = set(fault.shared) - OF_ACCOUNT
    traits = "product_trait JOIN account_trait USING (account_key)" if product else "account_trait"
    on = "account_key, product_key" if product else "account_key"
    backend.raw_sql(f"CREATE OR REPLACE TEMP TABLE trait AS FROM {traits}")
    backend.raw_sql(SHARING.replace("$names", names).replace("$on", on))
    backend.raw_sql(SHARED.replace("$names", names).replace("$on", on))
    for name in fault.shared:
        backend.raw_sql(SHARED_CAUSE.replace("$name", name))


FREE = """
    CREATE OR REPLACE TEMP TABLE free AS
    SELECT DISTINCT account_key, product_key FROM whom ANTI JOIN struck USING (account_key)
"""
SCATTERED = """
    INSERT INTO struck
    SELECT getvariable('kind'), account_key, min(product_key) FROM free GROUP BY account_key
    ORDER BY draw(getvariable('kind'), account_key, 1000000007), account_key
    LIMIT getvariable('wanted')
"""
SHARING = """
    CREATE OR REPLACE TEMP TABLE chosen AS
    WITH open AS (
        SELECT $names, count(DISTINCT account_key) AS ready
        FROM trait SEMI JOIN free USING ($on) GROUP BY $names
    ), everybody AS (
        SELECT $names, count(DISTINCT account_key) AS holders FROM trait GROUP BY $names
    )
    SELECT $names FROM open JOIN everybody USING ($names)
    WHERE ready * 100 >= holders * 80 AND ready * 2 >= getvariable('wanted')
    ORDER BY abs(ready - getvariable('wanted')) // 8,
             draw(getvariable('kind'), concat_ws('|', $names), 1000000007)
    LIMIT 1
"""
SHARED = """
    INSERT INTO struck
    SELECT DISTINCT getvariable('kind'), account_key, free.product_key
    FROM free JOIN trait USING ($on) SEMI JOIN chosen USING ($names)
"""
CAUSE = """
    INSERT INTO cause
    SELECT getvariable('kind'), getvariable('attribute'), getvariable('value')
"""
SHARED_CAUSE = "INSERT INTO cause SELECT getvariable('kind'), '$name', $name FROM chosen"
HIT = """
    CREATE OR REPLACE TEMP TABLE hit AS
    SELECT account_key, product_key FROM struck WHERE kind = getvariable('kind')
"""
