"""The tables that controls measure: the old side, the new side, the books and the stored files.

All are of the accounts of one wave that are to be live: those that stay on the old system are not
measured, for nothing of them is taken over.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.engine.store import Store
from crossbill.platform.billing.snapshot import export, population
from crossbill.platform.bulk import copy_out
from crossbill.replacement.migration.later_extract import latest_of
from crossbill.replacement.migration.models import AccountMove, LaterExtract, Wave
from crossbill.replacement.reconciliation.evidence.contents import stages_of
from crossbill.replacement.reconciliation.next_bill import FACTS, FURTHER, first_bills, next_bills
from crossbill.replacement.reconciliation.printed_bills import printed_bills, sample
from crossbill.replacement.reconciliation.shadow_bills import CATALOGUE, folder

# What the wave's folder has beside the canonical tables, by the name that controls give it.
OF_THE_WAVE = {
    "rated_usage": "rated_usage",
    "suspended_usage": "usage/suspended",
    "usage_total": "usage_total",
    "charge": "charge",
}
STORED_FILE = pa.schema(
    [("path", pa.string()), ("receipt_sha256", pa.string()), ("found_sha256", pa.string())]
)
DIFFERENCE = pa.schema(
    [(name, pa.string()) for name in ("account_key", "entity", "field", "class_code", "decision")]
)
ITEMS = pa.schema(
    [("account_key", pa.string()), ("currency", pa.string()), ("open_minor", pa.int64())]
)
POSTINGS = pa.schema(
    [
        ("account_key", pa.string()),
        ("currency", pa.string()),
        ("gl_account", pa.string()),
        ("amount_minor", pa.int64()),
    ]
)
KNOWN = """
    SELECT account_key FROM migration_accountmove WHERE replacement_id = (
        SELECT replacement_id FROM migration_wave WHERE id = %(wave)s)
"""
KEYS = pa.schema([("account_key", pa.string())])
HELD_OF = """
    SELECT account_key FROM migration_accountmove
    WHERE wave_id = %(wave)s AND state IN ('loaded', 'live')
"""
MINE = """
    SELECT account_key FROM migration_accountmove WHERE wave_id = %(wave)s AND state <> 'fallout'
"""
DIFFERENCES_OF = """
    SELECT account_key, entity, field, class_code, CASE WHEN EXISTS (
        SELECT FROM reconciliation_finding f
        LEFT JOIN reconciliation_submission s ON s.wave_id = f.wave_id
        JOIN reconciliation_acceptance a
            ON a.finding_id = f.id AND a.valid_until_date >= coalesce(s.day, current_date)
        WHERE f.wave_id = d.wave_id AND f.number = d.finding_number AND NOT EXISTS (
            SELECT FROM reconciliation_revocation r WHERE r.acceptance_id = a.id)
    ) THEN 'accept' ELSE decision END AS decision
    FROM reconciliation_difference d
    WHERE wave_id = %(wave)s AND EXISTS (
        SELECT FROM migration_accountmove m
        WHERE m.wave_id = d.wave_id AND m.account_key = d.account_key AND m.state <> 'fallout')
"""
# An account that fell back has left the books; its opening was reversed.
HELD = """
    JOIN customer_billingaccount a ON a.id = x.account_id
    JOIN migration_accountmove m ON m.account_key = a.account_key AND m.wave_id = %(wave)s
    JOIN migration_replacement r ON r.id = m.replacement_id AND r.carrier_id = a.carrier_id
    WHERE m.state IN ('loaded', 'live')
"""
ITEMS_OF = f"SELECT a.account_key, x.currency, x.open_minor FROM ledger_openitem x {HELD}"  # noqa: S608 - what is put in is a constant
POSTINGS_OF = f"""
    SELECT a.account_key, x.currency, x.gl_account, x.amount_minor FROM ledger_posting x {HELD}
"""  # noqa: S608 - what is put in is a constant


@dataclass(frozen=True)
class Sides:
    """The tables of one wave, each made when it is asked for."""

    wave: Wave
    store: Store
    backend: Backend

    def tables(self, names: Iterable[str]) -> dict[str, ir.Table]:
        """Those of the named tables that there are."""
        found = {name: self._table(name) for name in names}
        return {name: table for name, table in found.items() if table is not None}

    def _table(self, name: str) -> ir.Table | None:
        side, _, entity = name.partition("_")
        if entity == "next_bill":
            return self._first_bill() if side == "book" else self._next_bill(side)
        if side in ("later", "now"):
            return self._later(entity) if side == "later" else self._now(entity)
        if side == "old":
            return self._of_mine("valid", entity)
        if side == "new":
            return self._of_mine(folder(self.wave.position), entity)
        if name in OF_THE_WAVE:
            return self._of_mine(folder(self.wave.position), OF_THE_WAVE[name])
        return self._made[name]()

    @cached_property
    def _made(self) -> dict[str, Callable[[], ir.Table | None]]:
        return {
            "terms": self._terms,
            "dunning_days": self._dunning_days,
            "printed_bill": self._printed_bills,
            "stored_file": self._files,
            "difference": lambda: self._asked(DIFFERENCES_OF, DIFFERENCE),
            "book_open_item": self._items,
            "book_posting": lambda: self._asked(POSTINGS_OF, POSTINGS),
        }

    def told(self, names: Iterable[str]) -> str:
        """Of which days the further inputs are that these tables are of; empty where of none."""
        if self.later_extract is None or not any(name.startswith("later_") for name in names):
            return ""
        then, now = self.wave.replacement.as_of_date, self.later_extract.as_of_date
        return f"The extract of {now} against the books; the one of {then} was loaded"

    def _stored(self, *parts: str) -> ir.Table | None:
        path = self.store.path(self.wave.replacement.carrier.code, *parts) + ".parquet"
        return self.store.scan(self.backend, path) if self.store.exists(path) else None

    @cached_property
    def _mine(self) -> ir.Table:
        """The accounts of the wave that do not stay on the old system."""
        return self._asked(MINE, KEYS)

    def _of_mine(self, place: str, name: str) -> ir.Table | None:
        """The stored rows of those accounts: their own, their customers', their services'."""
        rows = self._stored(place, name)
        if rows is None or "account_key" in rows.columns:
            return rows if rows is None else rows.semi_join(self._mine, "account_key")
        if "customer_key" in rows.columns:
            owner = self._of_mine(place, "account")
            return None if owner is None else rows.semi_join(owner, "customer_key")
        product = self._of_mine(place, "product") if "service_key" in rows.columns else None
        if product is None:
            return rows
        return rows.semi_join(product, rows.service_key == product.product_key)

    @cached_property
    def _held(self) -> ir.Table:
        """The accounts of the wave that the books hold."""
        return self._asked(HELD_OF, KEYS)

    @cached_property
    def later_extract(self) -> LaterExtract | None:
        """The later extract of the old system that was read last, if there is one."""
        return latest_of(self.wave.replacement)

    def _later(self, name: str) -> ir.Table | None:
        """What the later extract says of the wave's accounts, and of those that are new in it."""
        if self.later_extract is None:
            return None
        if name == "move":
            return self._later_moves.semi_join(self._held, "account_key")
        rows = self._stored(self.later_extract.folder, "valid", name)
        if rows is None or "account_key" in rows.columns:
            return rows if rows is None else rows.semi_join(self._later_mine, "account_key")
        owner = self._later("account")
        return None if owner is None else rows.semi_join(owner, "customer_key")

    @cached_property
    def _later_moves(self) -> ir.Table:
        """Where each account would move by the later extract."""
        assert self.later_extract is not None
        moves = self._stored(self.later_extract.folder, "plan", "move")
        assert moves is not None, "the last stage of its run has stored it"
        return moves

    @cached_property
    def _later_mine(self) -> ir.Table:
        """The accounts of the wave that it would take over, known ones and new ones."""
        moves = self._later_moves
        known = self._asked(KNOWN, KEYS)
        planned = moves.filter(moves.state == AccountMove.State.PLANNED)
        planned = planned.select("account_key", "wave")
        mine = planned.semi_join(self._held, "account_key")
        new = planned.filter(planned.wave == self.wave.position).anti_join(known, "account_key")
        return mine.select("account_key").union(new.select("account_key"))

    def _now(self, name: str) -> ir.Table | None:
        """What the books hold now of the accounts; none of what the later extract does not tell.

        Accounts that it would leave on the old system are not looked at: their records are not all
        there.
        """
        if self._later(name) is None:
            return None
        staying = self._later_moves.filter(self._later_moves.state == AccountMove.State.FALLOUT)
        keys = self.backend.to_pyarrow(self._held.anti_join(staying, "account_key"))
        with population(keys), export(name, self.wave.replacement.carrier_id) as reader:
            rows = reader.read_all()
        # as what is read from a file: there, any column may be empty
        return ibis.memtable(rows.cast(pa.schema([f.with_nullable(True) for f in rows.schema])))

    def _next_bill(self, side: str) -> ir.Table | None:
        """The bills after the compared ones, from one side's facts and the same catalogue."""
        place = folder(self.wave.position)
        origin = "valid" if side == "old" else place
        facts = {name: self._of_mine(origin, name) for name in FACTS}
        facts |= {name: self._stored(place, name) for name in CATALOGUE}
        found = {name: table for name, table in facts.items() if table is not None}
        if len(found) < len(facts):
            return None
        further = {name: self._of_mine(origin, name) for name in FURTHER}
        found |= {name: table for name, table in further.items() if table is not None}
        return next_bills(self.backend, self.wave.replacement, found)

    def _first_bill(self) -> ir.Table | None:
        """The bills of the accounts that the books hold of the wave, as the books make them now."""
        if self._stored(folder(self.wave.position), "account") is None:
            return None
        held = self._held.to_pyarrow()["account_key"].to_pylist()
        return first_bills(self.backend, self.wave.replacement, held)

    def _printed_bills(self) -> ir.Table | None:
        """A sample of the bills, on paper and read back; none where a side has no bills."""
        place = folder(self.wave.position)
        old, new, lines = (
            self._of_mine(*where)
            for where in (("valid", "bill"), (place, "bill"), (place, "bill_line"))
        )
        if old is None or new is None or lines is None:
            return None
        chosen = self.backend.to_pyarrow(sample(old, new, lines)).to_pylist()
        return ibis.memtable(printed_bills(self.store, self.wave, chosen))

    def _terms(self) -> ir.Table:
        """One row: the day of the extract."""
        return ibis.memtable(
            pa.table({"as_of_date": pa.array([self.wave.replacement.as_of_date], pa.date32())})
        )

    def _dunning_days(self) -> ir.Table | None:
        """One row a level: the days past due at which it begins; none where they are not stated."""
        days = self.wave.replacement.spec["replacement"].get("dunning_days", [])
        rows = pa.table({"past_due_days": pa.array(days, pa.int64())})
        return ibis.memtable(rows) if days else None

    def _asked(self, query: str, schema: pa.Schema) -> ir.Table:
        """The rows that a query of the books gives."""
        with copy_out(query, {"wave": self.wave.id}, schema) as reader:
            return ibis.memtable(reader.read_all())

    def _items(self) -> ir.Table | None:
        """The open items in the books; none where the extract has none to take over."""
        load = self.wave.replacement.run.stages.filter(name=f"load-{self.wave.position}").first()
        taken_over = load is not None and "open items" in load.notes
        return self._asked(ITEMS_OF, ITEMS) if taken_over else None

    def _files(self) -> ir.Table:
        """Each file with the hash of its receipt and the hash of what lies there now."""
        rows = [
            {"path": path, "receipt_sha256": sha256, "found_sha256": self._hash(path)}
            for stage in stages_of(self.wave)
            for chunk in stage.chunks.all()
            for path, sha256 in chunk.receipt["files"].items()
        ]
        return ibis.memtable(pa.Table.from_pylist(rows, STORED_FILE))

    def _hash(self, path: str) -> str | None:
        full = self.store.path(self.wave.replacement.carrier.code, path)
        return self.store.hash(full) if self.store.exists(full) else None
