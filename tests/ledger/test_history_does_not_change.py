"""What was published, posted, suspended, found or signed never changes: PostgreSQL refuses it."""

import pytest
from django.db import IntegrityError, connection, transaction
from ledger.books import (
    make_books,
    make_control_run,
    make_decisions,
    make_deposit,
    make_gate,
    make_later_extract,
    sign,
)

IMMUTABLE = [
    "customer_accountchange",
    "ledger_journalentry",
    "ledger_posting",
    "ledger_openitem",
    "ledger_deposit",
    "product_productoffering",
    "product_productofferingprice",
    "product_taxrate",
    "product_productchange",
    "migration_laterextract",
    "migration_suspendedrecord",
    "reconciliation_acceptance",
    "reconciliation_assignment",
    "reconciliation_attachment",
    "reconciliation_comment",
    "reconciliation_controlacceptance",
    "reconciliation_controlrevocation",
    "reconciliation_controlrow",
    "reconciliation_controlrun",
    "reconciliation_difference",
    "reconciliation_finding",
    "reconciliation_gate",
    "reconciliation_revocation",
    "reconciliation_signature",
    "reconciliation_submission",
]
STATEMENTS = {
    "UPDATE": "UPDATE {table} SET id = id",
    "DELETE": "DELETE FROM {table}",
    "TRUNCATE": "TRUNCATE {table} CASCADE",
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def books():
    wave = make_books()
    make_decisions(wave)
    make_deposit(wave)
    make_later_extract(wave)
    gate = make_gate(wave)
    sign(gate, "lead")
    make_control_run(gate.wave)
    connection.check_constraints()  # TRUNCATE is refused anyhow while foreign keys are unchecked


def contents(table: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        return cursor.fetchall()


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize("verb", STATEMENTS)
@pytest.mark.parametrize("table", IMMUTABLE)
def test_history_is_refused_to_change(table, verb):
    before = contents(table)
    assert before, "a table without rows proves nothing"
    with (
        pytest.raises(IntegrityError, match=f"is immutable: {verb} refused"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(STATEMENTS[verb].format(table=table))
    assert contents(table) == before


def test_every_immutable_table_is_in_this_list():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid"
            " WHERE tgname LIKE '%_is_immutable'"
        )
        found = {name for (name,) in cursor.fetchall()}
    assert found == set(IMMUTABLE)
