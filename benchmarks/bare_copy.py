"""The anchor of the load: a bare COPY of the same rows into the same tables, constraints on."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

TWIN = "bare_copy"
BLOCK_BYTES = 1 << 18
# In the order of their foreign keys, each with the rows that the load puts there.
TABLES = {
    "customer_carrier": "id = %(carrier)s",
    "product_productoffering": "carrier_id = %(carrier)s",
    "customer_customer": "carrier_id = %(carrier)s",
    "customer_billingaccount": "carrier_id = %(carrier)s",
    "product_product": "carrier_id = %(carrier)s",
    "ledger_journalentry": "carrier_id = %(carrier)s AND kind = 'opening'",
    "ledger_posting": "entry_id IN (SELECT id FROM ledger_journalentry WHERE kind = 'opening')",
    "ledger_openitem": "carrier_id = %(carrier)s",
}


def make_twin() -> None:
    """A second database with the same tables and no rows; to be made before there are any."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    names = sql.Identifier(TWIN), sql.Identifier(connection.settings_dict["NAME"])
    connection.close()  # nobody may be in a database that is copied
    with _connect("postgres", autocommit=True) as own:
        own.execute(create.format(*names))


def measure(carrier_id: int) -> float:
    """Write the loaded rows to files, then time their COPY into the twin; gives the seconds."""
    with TemporaryDirectory(prefix="bare-copy-") as folder, _connect(TWIN) as twin:
        files = {table: _write(Path(folder), table, carrier_id) for table in TABLES}
        began = time.perf_counter()
        for table, file in files.items():
            _read(twin, table, file)
        twin.commit()
        return time.perf_counter() - began


def _connect(database: str, **options: Any) -> psycopg.Connection[Any]:
    parameters = connection.get_connection_params()
    kept = {
        key: parameters[key] for key in ("host", "port", "user", "password") if key in parameters
    }
    return psycopg.connect(**(kept | {"dbname": database} | options))


def _write(folder: Path, table: str, carrier_id: int) -> Path:
    path = folder / table
    query = f"COPY (SELECT * FROM {table} WHERE {TABLES[table]}) TO STDOUT"
    with (
        connection.cursor() as cursor,
        cursor.copy(query, {"carrier": carrier_id}) as copy,
        path.open("wb") as file,
    ):
        file.writelines(copy)
    return path


def _read(twin: psycopg.Connection[Any], table: str, path: Path) -> None:
    statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
    with path.open("rb") as file, twin.cursor().copy(statement) as copy:
        while block := file.read(BLOCK_BYTES):
            copy.write(block)
