"""Writes of the migration: what is planned, loaded, gone live and fallen back."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from django.db import connection
from django.utils import timezone
from ibis.backends.duckdb import Backend

from crossbill.core.refusal import Refusal
from crossbill.engine.calculation import columns_of
from crossbill.platform.bulk import copy_in
from crossbill.platform.concession import operations as concessions
from crossbill.platform.customer import operations as customers
from crossbill.platform.customer.models import Carrier
from crossbill.platform.ledger import operations as ledger
from crossbill.platform.payment import operations as payment
from crossbill.platform.product import operations as products
from crossbill.platform.product import queries as catalogue_queries
from crossbill.platform.product.catalogue_operations import take_over
from crossbill.replacement.migration import load
from crossbill.replacement.migration.models import AccountMove, Replacement, SuspendedRecord, Wave
from crossbill.replacement.migration.plan import shortened
from crossbill.replacement.migration.transform import all_suspended, plan_moves
from crossbill.replacement.migration.workspace import Workspace
from crossbill.runs.models import Chunk, Run
from crossbill.runs.receipt import Receipt

# Each chunk looks through all valid rows for its own, so there must not be too many of them.
ACCOUNTS_PER_CHUNK = 50_000
DEFAULT_OWNER = "migration"


class StoredFileDiffers(Refusal):
    """A file that an earlier attempt stored has changed since. Put it back from a backup."""

    code: ClassVar[str] = "STORED_FILE_DIFFERS"


def create_replacement(*, workspace: Workspace, run: Run) -> Replacement:
    """Write down what is replaced and its waves; in the transaction that creates the run."""
    spec = workspace.spec
    carrier = Carrier.objects.create(code=spec.carrier.code, name=spec.carrier.name)
    replacement = Replacement.objects.create(
        carrier=carrier,
        run=run,
        name=spec.name,
        as_of_date=spec.as_of_date,
        spec={
            "spec_path": str(workspace.spec_path),
            "data": str(workspace.data),
            "inputs": workspace.inputs,
            "replacement": spec.model_dump(mode="json", by_alias=True),
        },
    )
    Wave.objects.bulk_create(
        Wave(
            replacement=replacement,
            position=position,
            name=wave.name,
            cutover_date=wave.cutover_date,
        )
        for position, wave in enumerate(spec.waves, start=1)
    )
    return replacement


def refuse_changed_files(*, workspace: Workspace, run: Run) -> None:
    """Before going on: what finished chunks stored is read again, so it must be what they wrote."""
    receipts = Chunk.objects.filter(stage__run=run).order_by("id").values_list("receipt", flat=True)
    stored = {path: sha256 for receipt in receipts for path, sha256 in receipt["files"].items()}
    for path, sha256 in stored.items():
        full = workspace.path(path)
        found = workspace.store.hash(full) if workspace.store.exists(full) else "missing"
        if found != sha256:
            raise StoredFileDiffers(
                f"It was stored as {sha256} and is now {found}",
                file=full,
                cure="put the stored file back from a backup, or start under another carrier code",
            )


def publish_catalogue(*, workspace: Workspace, replacement: Replacement) -> Receipt:
    """Publish the catalogue that the accounts will be billed by."""
    take_over(
        carrier_id=replacement.carrier_id,
        text=workspace.catalogue_text,
        file=workspace.spec.catalogue,
    )
    stated = workspace.catalogue.tables()
    counts = {"prices": stated["price"].num_rows, "tax rates": stated["tax_rate"].num_rows}
    return Receipt(notes=counts)


def plan_accounts(*, workspace: Workspace, replacement: Replacement) -> Receipt:
    """Plan every account's move and put the suspended records before their owners."""
    planned_moves = plan_moves(workspace)
    with workspace.engine() as backend:
        moves = backend.to_pyarrow(_move_rows(workspace, backend, replacement))
        copy_in(AccountMove, moves)
        suspended = suspended_rows(workspace, all_suspended(workspace, backend), replacement)
        records = copy_in(SuspendedRecord, backend.to_pyarrow(suspended))
    planned = AccountMove.objects.filter(
        replacement=replacement, state=AccountMove.State.PLANNED
    ).count()
    return Receipt(
        records_in=moves.num_rows,
        accepted=planned,
        suspended=moves.num_rows - planned,
        files={"plan/move.parquet": planned_moves.sha256},
        notes={"suspended records": records},
    )


def _move_rows(workspace: Workspace, backend: Backend, replacement: Replacement) -> ir.Table:
    moves = workspace.scan(backend, "plan", "move")
    ids = [(wave.position, wave.id) for wave in replacement.waves.all()]
    return moves.mutate(
        replacement_id=ibis.literal(replacement.id),
        wave_id=moves.wave.cases(*ids, else_=ibis.null("int64")),
    ).drop("wave")


def suspended_rows(workspace: Workspace, rows: ir.Table, replacement: Replacement) -> ir.Table:
    """Suspended records as the books take them, each before its owner."""
    owners = [(code, rule.owner) for code, rule in workspace.spec.gate.classes.items()]
    owner = rows.class_code.cases(*owners, else_=DEFAULT_OWNER) if owners else DEFAULT_OWNER
    return rows.mutate(
        replacement_id=ibis.literal(replacement.id),
        owner=owner,
        account_key=shortened(rows.account_key),
        record_key=rows.record_key.substr(0, 200),
        field=rows.field.substr(0, 60),
    )


# load


def load_chunks(workspace: Workspace, position: int) -> Sequence[str]:
    """Ranges of account keys of one wave, first and last as JSON; the same in every attempt."""
    keys = wave_keys(workspace, position)["account_key"]
    starts = range(0, len(keys), ACCOUNTS_PER_CHUNK)
    parts = [keys.slice(start, ACCOUNTS_PER_CHUNK) for start in starts]
    return [json.dumps([part[0].as_py(), part[-1].as_py()]) for part in parts]


def wave_keys(workspace: Workspace, position: int) -> pa.Table:
    """The keys of the accounts that are planned for a wave, in order."""
    with workspace.engine() as backend:
        moves = workspace.scan(backend, "plan", "move")
        mine = moves.filter(moves.wave == position, moves.state == "planned")
        return backend.to_pyarrow(mine.select("account_key").order_by("account_key"))


def load_chunk(
    *, workspace: Workspace, replacement: Replacement, position: int, key: str
) -> Receipt:
    """Take over the accounts of one range with everything that belongs to them, all or nothing."""
    first, last = json.loads(key)
    # While PostgreSQL takes one table in, the engine makes the next ones ready.
    with workspace.engine() as backend, ThreadPoolExecutor(max_workers=1) as ahead:
        valid = _valid_rows(workspace, backend, first, last)
        moving = _moving(workspace, backend, position, first, last)
        rows = _rows_of_the_books(backend, valid, moving, replacement)
        ready = {name: ahead.submit(backend.to_pyarrow, rows[name]) for name in rows}
        counts = _take_over(ready)
        loaded = _mark_loaded(replacement, ready["accounts"].result()["account_key"].to_pylist())
    assert loaded == counts["accounts"], f"{loaded} moves, {counts['accounts']} accounts"
    return Receipt(records_in=loaded, accepted=loaded, notes=counts)


def _mark_loaded(replacement: Replacement, account_keys: Sequence[str]) -> int:
    """Note that these accounts are loaded; by their keys, since a range depends on a collation."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE migration_accountmove SET state = 'loaded'
            WHERE replacement_id = %s AND state = 'planned' AND account_key = ANY(%s)
            """,
            [replacement.id, list(account_keys)],
        )
        return int(cursor.rowcount)


NOT_LOADED = {"bill", "bill_line", "tariff", "usage"}


def _valid_rows(
    workspace: Workspace, backend: Backend, first: str, last: str
) -> dict[str, ir.Table]:
    """The valid rows of accounts within the range, and of all customers."""
    tables = {}
    for name in sorted(set(workspace.entities) - NOT_LOADED):
        rows = workspace.scan(backend, "valid", name)
        near = name not in load.OF_CUSTOMERS
        tables[name] = rows.filter(rows.account_key.between(first, last)) if near else rows
    return tables


def _moving(
    workspace: Workspace, backend: Backend, position: int, first: str, last: str
) -> ir.Table:
    """The keys of the range's accounts that are planned for the wave."""
    moves = workspace.scan(backend, "plan", "move")
    mine = moves.filter(
        moves.wave == position, moves.state == "planned", moves.account_key.between(first, last)
    )
    return mine.select("account_key")


def _rows_of_the_books(
    backend: Backend, valid: Mapping[str, ir.Table], moving: ir.Table, replacement: Replacement
) -> dict[str, ir.Table]:
    """What each table of the books is to receive, in the order of their foreign keys."""
    carrier = replacement.carrier
    ids = catalogue_queries.offering_ids(carrier.id)
    offerings = pa.table(
        {"offering_code": list(ids), "offering_id": list(ids.values())},
        schema=pa.schema({"offering_code": pa.string(), "offering_id": pa.int64()}),
    )
    held = {f"valid_{name}": rows for name, rows in valid.items()}
    held |= {"moving": moving, "offering": ibis.memtable(offerings)}
    columns = tuple((name, columns_of(rows)) for name, rows in valid.items())
    chain = load.loading(columns, carrier.code, carrier.id, replacement.as_of_date)
    done = chain.run(backend, held)
    return {name: done[name] for name in load.BOOKS if name in done}


def _take_over(rows: Mapping[str, Future[pa.Table]]) -> dict[str, int]:
    """Put the rows into the books as they get ready; gives the counts."""
    counts = {
        "customers": customers.take_over_customers(rows=rows["customers"].result()),
        "accounts": customers.take_over_accounts(rows=rows["accounts"].result()),
        "products": products.take_over_products(rows=rows["products"].result()),
    }
    if "payers" in rows:
        counts["payers"] = customers.take_over_payers(rows=rows["payers"].result())
    wanted = rows["products wanted"].result()["rows"][0].as_py()
    assert counts["products"] == wanted, f"{counts['products']} of {wanted} products"
    for name, take_over_rows in BESIDE.items():
        if name in rows:
            counts[name] = take_over_rows(rows=rows[name].result())
    return counts | _open_the_books(rows) if "entries" in rows else counts


BESIDE = {
    "contacts": customers.take_over_contacts,
    "features": products.take_over_features,
    "discounts": concessions.take_over_discounts,
    "exemptions": concessions.take_over_exemptions,
    "commitments": concessions.take_over_commitments,
    "collections": payment.take_over_collections,
    "mandates": payment.take_over_mandates,
}


def _open_the_books(rows: Mapping[str, Future[pa.Table]]) -> dict[str, int]:
    """Post the opening entries with the documents behind them; gives the counts."""
    documents = {n: rows[n].result() for n in ("open items", "deposits") if n in rows}
    posted = ledger.post_entries(
        entries=rows["entries"].result(),
        postings=rows["postings"].result(),
        open_items=documents.get("open items"),
        deposits=documents.get("deposits"),
    )
    held = {name: table.num_rows for name, table in documents.items()}
    return {"opening entries": posted, "open items": 0} | held


# after the gate


def fall_back(*, replacement: Replacement, reasons: pa.Table, day: date) -> int:
    """Leave loaded accounts on the old system: ``account_key``, ``class_code``, ``reason``.

    Their opening balances are reversed by new entries; nothing that was posted is changed.
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            UPDATE migration_accountmove SET state = 'fallout', class_code = %s, reason = %s
            WHERE replacement_id = %s AND account_key = %s AND state = 'loaded'
            """,
            [
                (row["class_code"], row["reason"], replacement.id, row["account_key"])
                for row in reasons.to_pylist()
            ],
        )
    keys = reasons["account_key"].to_pylist()
    ledger.reverse_openings(carrier_id=replacement.carrier_id, account_keys=keys, entry_date=day)
    return len(keys)


def go_live(*, wave: Wave) -> int:
    """From the cutover date on, the wave's loaded accounts are billed here.

    PostgreSQL refuses a wave without a passed gate that two people signed.
    """
    replacement = wave.replacement
    moves = AccountMove.objects.filter(wave=wave, state=AccountMove.State.LOADED)
    customers.go_live(
        carrier_id=replacement.carrier_id,
        account_keys=moves.values("account_key"),
        live_from_date=wave.cutover_date,
    )
    moved = moves.update(state=AccountMove.State.LIVE)
    wave.live_at = timezone.now()
    wave.save(update_fields=["live_at"])
    return moved
