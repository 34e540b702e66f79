"""The tables of a pack: which columns of the books, which rows, in which order."""

from dataclasses import dataclass, field

from psycopg import sql

NUMBER = r"^-?[0-9]+([.][0-9]+)?$"
# A spreadsheet takes a cell that begins so for a formula; an apostrophe before it makes it text.
# What begins with an apostrophe gets one as well, so that the first can always be taken away.
RISKY = r"^[=+@'\t\r-]"


@dataclass(frozen=True)
class Table:
    """One CSV part: ``columns`` by heading, each an expression that gives text, number or time."""

    columns: dict[str, str]
    rows: str
    order: str
    numbers: tuple[str, ...] = field(default=())

    def query(self) -> sql.Composed:
        """The statement that selects the rows of one wave."""
        columns = [self._column(heading, value) for heading, value in self.columns.items()]
        return sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
            sql.SQL(", ").join(columns), sql.SQL(self.rows), sql.SQL(self.order)
        )

    def _column(self, heading: str, value: str) -> sql.Composed:
        shown = sql.SQL(value) if heading in self.numbers else _harmless(value)
        return sql.SQL("{} AS {}").format(shown, sql.Identifier(heading))


def _harmless(value: str) -> sql.Composed:
    """The text of a cell, so that no spreadsheet computes it."""
    text = sql.SQL("({})::text").format(sql.SQL(value))
    return sql.SQL(
        "CASE WHEN {t} ~ {risky} AND {t} !~ {number} THEN '''' || {t} ELSE {t} END"
    ).format(t=text, risky=sql.Literal(RISKY), number=sql.Literal(NUMBER))


def _plain(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _utc(column: str) -> str:
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


APPROVALS = Table(
    {
        "user": "u.username",
        "signed_at": _utc("s.signed_at"),
        "evidence_sha256": "s.evidence_sha256",
    },
    """reconciliation_signature s JOIN reconciliation_gate g ON g.id = s.gate_id
       JOIN auth_user u ON u.id = s.user_id WHERE g.wave_id = %(wave)s""",
    "s.signed_at, s.id",
)
ACCOUNTS = Table(
    _plain("account_key", "state", "hard_reasons", "class_code", "reason"),
    "migration_accountmove WHERE wave_id = %(wave)s",
    'account_key COLLATE "C"',
)
DIFFERENCES = Table(
    _plain(
        "account_key", "entity", "record_key", "field", "kind", "left_value", "right_value",
        "amount_minor", "currency", "class_code", "evidence", "decision", "owner",
        "finding_number",
    ),
    "reconciliation_difference WHERE wave_id = %(wave)s",
    'account_key COLLATE "C", entity COLLATE "C", record_key COLLATE "C", field COLLATE "C", id',
    numbers=("amount_minor", "finding_number"),
)  # fmt: skip
FINDINGS = Table(
    _plain(
        "number", "class_code", "subject", "shared", "description", "accounts", "matching",
        "differences", "currency", "over_minor", "under_minor", "largest_minor", "owner", "fix",
        "mended_accounts", "left_accounts",
    ),
    "reconciliation_finding WHERE wave_id = %(wave)s",
    "number",
)  # fmt: skip
# What people did, in time. A file is named by its hash, under which its bytes are in the pack.
DECISIONS = Table(
    _plain("finding", "act")
    | {"user": "username", "at": _utc("at")}
    | _plain("words", "limit_minor", "account_limit_minor")
    | {"valid_until": "valid_until_date", "file_sha256": "file_sha256"},
    """(
        SELECT finding_id, 'accepted' AS act, made_by_id, made_at AS at, reason AS words,
               limit_minor, account_limit_minor, valid_until_date, NULL AS file_sha256
        FROM reconciliation_acceptance
        UNION ALL SELECT a.finding_id, 'revoked', r.made_by_id, r.made_at, r.reason,
               NULL, NULL, NULL, NULL
        FROM reconciliation_revocation r
        JOIN reconciliation_acceptance a ON a.id = r.acceptance_id
        UNION ALL SELECT finding_id, 'assigned', made_by_id, made_at, owner, NULL, NULL, NULL, NULL
        FROM reconciliation_assignment
        UNION ALL SELECT finding_id, 'said', made_by_id, made_at, text, NULL, NULL, NULL, NULL
        FROM reconciliation_comment
        UNION ALL SELECT c.finding_id, 'attached', c.made_by_id, c.made_at, a.name,
               NULL, NULL, NULL, a.sha256
        FROM reconciliation_attachment a JOIN reconciliation_comment c ON c.id = a.comment_id
    ) d JOIN (SELECT id, number AS finding FROM reconciliation_finding WHERE wave_id = %(wave)s) f
        ON f.id = d.finding_id
    JOIN auth_user u ON u.id = d.made_by_id""",
    "at, finding, act, words, file_sha256",
    numbers=("finding", "limit_minor", "account_limit_minor"),
)
# A record whose account no wave of the change-over holds stands in the pack of each wave: it must
# not be missing in all.
SUSPENDED = Table(
    _plain(
        "file", "line", "record_key", "account_key", "stage", "code", "class_code", "field",
        "value", "message", "owner",
    )
    | {"raw_sha256": "encode(sha256(raw), 'hex')", "decision": "'block'"},
    """migration_suspendedrecord s WHERE replacement_id = %(replacement)s
       AND NOT EXISTS (
           SELECT FROM migration_accountmove m
           WHERE m.replacement_id = s.replacement_id AND m.account_key = s.account_key
             AND m.wave_id <> %(wave)s)""",
    'file COLLATE "C", line, code COLLATE "C", id',
    numbers=("line",),
)  # fmt: skip
CONTROLS = Table(
    _plain("control", "outcome", "reason")
    | {"ran_at": _utc("ran_at"), "owner": "terms->>'owner'", "totals": "totals::text"},
    "reconciliation_controlrun WHERE wave_id = %(wave)s",
    'control COLLATE "C", id',
)
CONTROL_ROWS = Table(
    {"control": "c.control", "ran_at": _utc("c.ran_at")}
    | _plain("key", "unit", "left_value", "right_value", "difference", "verdict"),
    """reconciliation_controlrow r JOIN reconciliation_controlrun c ON c.id = r.run_id
       WHERE c.wave_id = %(wave)s""",
    'c.control COLLATE "C", c.id, r.id',
    numbers=("left_value", "right_value", "difference"),
)
# What people accepted of controls, and ended, in time.
CONTROL_DECISIONS = Table(
    _plain("control", "unit", "act")
    | {"user": "username", "at": _utc("at")}
    | _plain("words", "limit_figures", "figures", "limit_value", "value")
    | {"valid_until": "valid_until_date"},
    """(
        SELECT run_id, unit, 'accepted' AS act, made_by_id, made_at AS at, reason AS words,
               limit_figures, figures, limit_value, value, valid_until_date
        FROM reconciliation_controlacceptance
        UNION ALL SELECT a.run_id, a.unit, 'revoked', r.made_by_id, r.made_at, r.reason,
               NULL, NULL, NULL, NULL, NULL
        FROM reconciliation_controlrevocation r
        JOIN reconciliation_controlacceptance a ON a.id = r.acceptance_id
    ) d JOIN (SELECT id, control FROM reconciliation_controlrun WHERE wave_id = %(wave)s) c
        ON c.id = d.run_id
    JOIN auth_user u ON u.id = d.made_by_id""",
    "at, control, unit, act",
    numbers=("limit_figures", "figures", "limit_value", "value"),
)
TABLES = {
    "approvals.csv": APPROVALS,
    "accounts.csv": ACCOUNTS,
    "differences.csv": DIFFERENCES,
    "findings.csv": FINDINGS,
    "decisions.csv": DECISIONS,
    "suspended.csv": SUSPENDED,
    "controls.csv": CONTROLS,
    "control_rows.csv": CONTROL_ROWS,
    "control_decisions.csv": CONTROL_DECISIONS,
}
