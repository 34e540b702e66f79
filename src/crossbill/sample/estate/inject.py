"""Chooses whom each kind of fault strikes, and lets it strike; what is true is noted apart."""

from collections.abc import Iterable

from ibis.backends.duckdb import Backend

from .fault import BILLS, Fault, read_faults

FAULTS = read_faults()
LEAST_SHARING = 25  # accounts with a cause in common; fewer could agree by chance


OF_PRODUCT = {"offering_code", "source_code", "part_of_period"}
ACCOUNTS_PER_PART = 25_000


def choose(backend: Backend, rate_ppm: int) -> None:
    """Fill ``struck`` and ``cause``: every account is struck by one kind at most.

    Faults with a cause in common choose first, while their accounts are all free.
    """
    accounts = backend.raw_sql("SELECT getvariable('accounts')").fetchone()[0]
    _set(backend, parts=max(accounts // ACCOUNTS_PER_PART, 1))
    for fault in sorted(FAULTS, key=lambda fault: (not fault.shared, len(fault.shared))):
        _set(backend, kind=fault.kind, wanted=_wanted(fault, accounts, rate_ppm))
        backend.raw_sql(f"CREATE OR REPLACE TEMP VIEW whom AS {fault.whom}")
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


def _wanted(fault: Fault, accounts: int, rate_ppm: int) -> int:
    wanted = max(accounts * rate_ppm // 1_000_000, 1)
    return max(wanted, LEAST_SHARING) if fault.shared or fault.cause else wanted


def _set(backend: Backend, **values: object) -> None:
    """Give the statements their values."""
    for name, value in values.items():
        backend.con.execute(f"SET VARIABLE {name} = ?", [value])


def _choose_sharing(backend: Backend, fault: Fault) -> None:
    """The attributes' values that fit the wanted number best, and everybody who has them."""
    of_product = set(fault.shared) & OF_PRODUCT
    names = {
        "$names": ", ".join(fault.shared),
        "$trait": "product_trait" if of_product else "account_trait",
        "$on": "account_key, product_key" if of_product else "account_key",
    }
    for statement in (FREE, SHARING, SHARED):
        backend.raw_sql(_filled(statement, names))
    for name in fault.shared:
        backend.raw_sql(_filled(SHARED_CAUSE, {"$name": name}))


def _filled(statement: str, names: dict[str, str]) -> str:
    """The statement with names of columns and tables, which cannot be parameters."""
    for word, name in names.items():
        statement = statement.replace(word, name)
    return statement


FREE = """
    CREATE OR REPLACE TEMP TABLE free AS
    SELECT DISTINCT account_key, product_key FROM whom ANTI JOIN struck USING (account_key)
"""
# In a large estate each kind of scattered fault looks at a part of it only.
SCATTERED = """
    INSERT INTO struck
    SELECT getvariable('kind'), account_key, min(product_key)
    FROM whom ANTI JOIN struck USING (account_key)
    WHERE draw('part', account_key, getvariable('parts'))
          = draw('part of', getvariable('kind'), getvariable('parts'))
    GROUP BY account_key
    ORDER BY draw(getvariable('kind'), account_key, 1000000007), account_key
    LIMIT getvariable('wanted')
"""
# Most accounts with the attributes must be free to be struck: else these would not be the cause.
SHARING = """
    CREATE OR REPLACE TEMP TABLE chosen AS
    WITH ready AS (
        SELECT $names, count(*) AS ready FROM $trait SEMI JOIN free USING ($on) GROUP BY $names
    ), everybody AS (
        SELECT $names, count(*) AS holders FROM $trait GROUP BY $names
    )
    SELECT $names FROM ready JOIN everybody USING ($names)
    WHERE ready * 100 >= holders * 80 AND ready * 2 >= getvariable('wanted')
    ORDER BY abs(ready - getvariable('wanted')) // 8,
             draw(getvariable('kind'), concat_ws('|', $names), 1000000007)
    LIMIT 1
"""
SHARED = """
    INSERT INTO struck
    SELECT DISTINCT getvariable('kind'), account_key, free.product_key
    FROM free JOIN $trait USING ($on) SEMI JOIN chosen USING ($names)
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
