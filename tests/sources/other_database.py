"""A PostgreSQL database of a test's own, beside the project's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from crossbill.config.environment import read_environment
from crossbill.config.postgres import server_url


@contextmanager
def other_database(name: str, *, encoding: str = "UTF8") -> Iterator[str]:
    """Make a database and give its address; it is dropped at the end."""
    name = f"{name}_{os.getpid()}"
    server = server_url(read_environment())
    locale = "LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
    made = f"CREATE DATABASE {name} ENCODING '{encoding}' {locale} TEMPLATE template0"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(made)
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run(address: str, *statements: str) -> None:
    """Execute statements, each committed."""
    with psycopg.connect(address, autocommit=True) as connection:
        for sql in statements:
            connection.execute(sql)
