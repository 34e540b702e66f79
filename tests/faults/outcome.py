"""Everything that a change-over leaves behind which must not depend on how often it was stopped."""

import hashlib
import json
from typing import Any

import psycopg
from killable import Home

REPLACEMENT = """
    WITH r AS (SELECT r.* FROM migration_replacement r
               JOIN customer_carrier c ON c.id = r.carrier_id WHERE c.code = %(carrier)s)
"""
# Each table by what it says, without the numbers that sequences give.
QUESTIONS = {
    "run": "SELECT status, stage_count, failure FROM runs_run WHERE id = (SELECT run_id FROM r)",
    "states": """SELECT account_key, state, class_code, reason, w.position
        FROM migration_accountmove m LEFT JOIN migration_wave w ON w.id = m.wave_id
        WHERE m.replacement_id = (SELECT id FROM r) ORDER BY account_key""",
    "suspended records": """SELECT file, line, code, class_code, account_key, field, value, message,
        owner, encode(raw, 'hex') FROM migration_suspendedrecord
        WHERE replacement_id = (SELECT id FROM r) ORDER BY 1, 2, 3, 4""",
    "differences": """SELECT entity, account_key, record_key, field, kind, left_value, right_value,
        amount_minor, class_code, evidence, decision, owner FROM reconciliation_difference
        WHERE replacement_id = (SELECT id FROM r) ORDER BY 1, 2, 3, 4, 5""",
    "gates": """SELECT w.position, w.live_at IS NULL, g.facts, g.rules, g.result
        FROM reconciliation_gate g JOIN migration_wave w ON w.id = g.wave_id
        WHERE w.replacement_id = (SELECT id FROM r) ORDER BY 1""",
    "signatures": """SELECT w.position, u.username, s.evidence_sha256 = g.evidence_sha256
        FROM reconciliation_signature s JOIN reconciliation_gate g ON g.id = s.gate_id
        JOIN migration_wave w ON w.id = g.wave_id JOIN auth_user u ON u.id = s.user_id
        WHERE w.replacement_id = (SELECT id FROM r) ORDER BY 1, 2""",
    "stages": """SELECT position, name, chunk_count, records_in, accepted, duplicate, suspended,
        sums, notes FROM runs_stage WHERE run_id = (SELECT run_id FROM r) ORDER BY 1""",
    "receipts": """SELECT s.position, k.key, k.receipt FROM runs_chunk k
        JOIN runs_stage s ON s.id = k.stage_id WHERE run_id = (SELECT run_id FROM r)
        ORDER BY 1, 2""",
    "log": "SELECT text FROM runs_logline WHERE run_id = (SELECT run_id FROM r) ORDER BY id",
    "accounts": """SELECT account_key, customer_key, a.status, live_from_date
        FROM customer_billingaccount a JOIN customer_customer k ON k.id = a.customer_id
        WHERE a.carrier_id = (SELECT carrier_id FROM r) ORDER BY 1""",
    "products": """SELECT product_key, account_key, o.code, quantity, price_override_nanos
        FROM product_product p JOIN customer_billingaccount a ON a.id = p.account_id
        JOIN product_productoffering o ON o.id = p.offering_id
        WHERE p.carrier_id = (SELECT carrier_id FROM r) ORDER BY 1""",
    "open items": """SELECT open_item_key, account_key, original_minor, paid_minor, open_minor
        FROM ledger_openitem i JOIN customer_billingaccount a ON a.id = i.account_id
        WHERE i.carrier_id = (SELECT carrier_id FROM r) ORDER BY 1""",
    "postings": """SELECT e.source, e.kind, e.entry_date, p.gl_account, p.currency, p.amount_minor
        FROM ledger_journalentry e LEFT JOIN ledger_posting p ON p.entry_id = e.id
        WHERE e.carrier_id = (SELECT carrier_id FROM r) ORDER BY 1, 2, 4, 6""",
    "programme": """SELECT m.code, m.achieved_date FROM programme_milestone m
        JOIN programme_programmeplan p ON p.id = m.plan_id
        WHERE p.replacement_id = (SELECT id FROM r) ORDER BY 1""",
}
UNBALANCED = """
    SELECT e.id FROM ledger_journalentry e LEFT JOIN ledger_posting p ON p.entry_id = e.id
    GROUP BY e.id, p.currency HAVING coalesce(sum(p.amount_minor), 1) <> 0
"""


def outcome(home: Home, carrier: str) -> dict[str, Any]:
    """The books and the stored files of one change-over, without what its code decides."""
    with psycopg.connect(home.cluster.url()) as connection:
        found: dict[str, Any] = {
            name: connection.execute(REPLACEMENT + question, {"carrier": carrier}).fetchall()
            for name, question in QUESTIONS.items()
        }
    return found | stored(home, carrier)


def stored(home: Home, carrier: str) -> dict[str, Any]:
    """Each stored file's hash; of the evidence what it says, for it names the carrier."""
    folder = home.store / carrier
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    evidence = {name: path for name, path in files.items() if path.name == "evidence.json"}
    said = {name: json.loads(path.read_text("utf-8")) for name, path in evidence.items()}
    for document in said.values():
        document["inputs"].pop("spec/replacement")
    hashes = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if name not in evidence
    }
    return {"files": dict(sorted(hashes.items())), "evidence": said}


def unbalanced(home: Home) -> list[Any]:
    """Every journal entry of the home that does not add up to zero in each currency."""
    with psycopg.connect(home.cluster.url()) as connection:
        return connection.execute(UNBALANCED).fetchall()


def assert_same(disturbed: dict[str, Any], reference: dict[str, Any]) -> None:
    """Compare part by part, so that a failure names the part and what of it differs."""
    for part, expected in reference.items():
        found = disturbed[part]
        assert found == expected, f"{part}: {_unlike(found, expected)}"


def _unlike(found: Any, expected: Any) -> str:
    """What only one of both sides has."""
    mine, other = (
        {repr(each) for each in (side.items() if isinstance(side, dict) else side)}
        for side in (found, expected)
    )
    return f"only here {sorted(mine - other)}, only undisturbed {sorted(other - mine)}"
