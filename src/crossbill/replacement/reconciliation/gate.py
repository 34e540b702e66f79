"""The gate of a wave: what it looks at, its rules, and which accounts it holds back."""

import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from django.db import connection
from django.db.models import Count, Q, Sum
from django.db.models.functions import Abs

from crossbill.core.money import MINOR_DIGITS, format_minor
from crossbill.platform.ledger.models import GeneralLedgerAccount, OpenItem, Posting
from crossbill.replacement.migration.models import AccountMove, Wave
from crossbill.replacement.migration.spec import GateSpec
from crossbill.replacement.reconciliation import limits
from crossbill.replacement.reconciliation.classify import UNEXPLAINED
from crossbill.replacement.reconciliation.deciding_queries import counted
from crossbill.replacement.reconciliation.models import Difference
from crossbill.replacement.reconciliation.reconcile import FOLLOWS

SCHEMA = pa.schema(
    [("account_key", pa.string()), ("class_code", pa.string()), ("reason", pa.string())]
)


def blocking_reasons(wave: Wave, accepted: Sequence[int] = ()) -> pa.Table:
    """Accounts that must stay, each with the class and the evidence of its gravest difference.

    Differences of the findings with ``accepted`` numbers hold nobody back. Accounts that pay for
    each other stay together.
    """
    with connection.cursor() as cursor:
        cursor.execute(BLOCKED, [wave.id, list(accepted)])
        rows = [
            {"account_key": key, "class_code": code, "reason": in_words(*difference)}
            for key, code, *difference in cursor.fetchall()
        ]
        cursor.execute(RELATED, {"wave": wave.id, "blocked": [r["account_key"] for r in rows]})
        rows += [
            {
                "account_key": key,
                "class_code": "",
                "reason": f"Stays with {other}, which is in the same hierarchy",
            }
            for key, other in cursor.fetchall()
        ]
    return pa.Table.from_pylist(rows, SCHEMA)


THINGS = {
    "account": "the account",
    "customer": "the customer's record",
    "contact": "a contact of the customer",
    "payer": "who pays",
    "product": "a product",
    "feature": "a feature of a service",
    "commitment": "a promised minimum",
    "open_item": "an open item",
    "balance": "the carried balance",
    "collection": "how the account pays",
    "mandate": "a mandate",
    "deposit": "a deposit",
    "bill": "a bill",
    "bill_line": "a line of a bill",
}
FIELDS = {
    "total_minor": "total",
    "net_minor": "amount before tax",
    "tax_minor": "tax",
    "events": "number of usage records",
}


def in_words(  # noqa: PLR0913 - what a difference is made of
    entity: str,
    field: str,
    kind: str,
    amount_minor: int | None,
    currency: str | None,
    evidence: str,
) -> str:
    """A difference as a sentence for people who know neither system's tables."""
    thing = THINGS[entity]
    of_a_line = "the line that differs most: " if evidence.startswith(FOLLOWS) else ""
    shown = of_a_line + evidence.removeprefix(FOLLOWS)
    whole = {
        "missing": f"The old system has {thing} that the new one lacks",
        "extra": f"The new system has {thing} that the old one lacks",
        "duplicate_key": f"{thing.capitalize()} stands more than once on one side",
    }
    told = whole.get(kind) or _differs(thing, field, amount_minor, currency)
    return f"{told}{'; ' if of_a_line else ': '}{shown}"


def sentence_of(difference: Any) -> str:
    """The same of a difference that is on record."""
    names = ("entity", "field", "kind", "amount_minor", "currency", "evidence")
    return in_words(*(getattr(difference, name) for name in names))


def _differs(thing: str, field: str, amount_minor: int | None, currency: str | None) -> str:
    plain = re.sub("_(minor|nanos|ppm)$", "", field).replace("_", " ")
    what = f"The {FIELDS.get(field, plain)} of {thing}"
    if not amount_minor or currency not in MINOR_DIGITS:
        return f"{what} differs"
    amount = format_minor(abs(amount_minor), MINOR_DIGITS[currency])
    return f"{what} is {amount} {currency} {'more' if amount_minor > 0 else 'less'} than before"


BLOCKED = """
    SELECT DISTINCT ON (account_key) account_key, class_code,
           entity, field, kind, amount_minor, currency, evidence
    FROM reconciliation_difference WHERE wave_id = %s AND decision = 'block'
      AND (finding_number = ANY(%s::bigint[])) IS NOT TRUE
    ORDER BY account_key, abs(amount_minor) DESC NULLS LAST, entity DESC, record_key, field
"""
# Everybody in the wave who is reached from an account that stays, over payer and paid.
RELATED = """
    WITH RECURSIVE pair AS (
        SELECT a.account_key AS one, a.parent_account_key AS other
        FROM customer_billingaccount a
        JOIN migration_wave w ON w.id = %(wave)s
        JOIN migration_replacement r ON r.id = w.replacement_id AND r.carrier_id = a.carrier_id
        WHERE a.parent_account_key IS NOT NULL
    ), edge AS (SELECT one, other FROM pair UNION SELECT other, one FROM pair),
    staying AS (
        SELECT account_key, account_key AS because FROM unnest(%(blocked)s::text[]) account_key
        UNION
        SELECT m.account_key, m.account_key FROM migration_accountmove m
        JOIN migration_wave w ON w.id = %(wave)s AND w.replacement_id = m.replacement_id
        WHERE m.state = 'fallout' AND m.account_key IN (SELECT one FROM edge)
    ), reached AS (
        SELECT account_key, because FROM staying
        UNION
        SELECT edge.other, reached.because FROM reached JOIN edge ON edge.one = reached.account_key
    )
    SELECT reached.account_key, min(reached.because) FROM reached
    JOIN migration_accountmove m ON m.account_key = reached.account_key AND m.wave_id = %(wave)s
    WHERE m.state = 'loaded' AND reached.account_key <> ALL(%(blocked)s::text[])
    GROUP BY reached.account_key ORDER BY reached.account_key
"""


def facts(wave: Wave, unbalanced: int, decided: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """What the gate looks at, after the blocked accounts have fallen out.

    ``decided``: what people accepted, as `deciding_queries.decisions` gives it.
    """
    unexplained = Q(class_code=UNEXPLAINED)
    states = dict(
        AccountMove.objects.filter(wave=wave).values_list("state").annotate(Count("id")).order_by()
    )
    loaded = states.get("loaded", 0)
    return {
        "planned": sum(states.values()),
        "loaded": loaded,
        "fallout": states.get("fallout", 0),
        "moved": loaded,
        "bills": _bills(wave),
        "classes": _classes(wave),
        "unexplained_accounts": _accounts(wave, unexplained, without=counted(decided)),
        "decisions": list(decided),
        "going_live": limits.going_live(wave),
        "control_totals": _control_totals(wave),
        "ledger": _ledger(wave) | {"unbalanced_entries": unbalanced, "balanced": unbalanced == 0},
    }


def _bills(wave: Wave) -> dict[str, int]:
    stage = wave.replacement.run.stages.get(name=f"reconcile-{wave.position}")
    found = {n: stage.notes[f"bills {n}"] for n in ("equal", "explained", "unexplained")}
    return {"compared": sum(found.values())} | found


def _accounts(wave: Wave, which: Q, *, without: Sequence[int]) -> int:
    """Accounts with such differences, those of findings that people accepted left out."""
    accepted = Q(finding_number__in=without, finding_number__isnull=False)
    found = Difference.objects.filter(which & ~accepted, wave=wave).aggregate(
        accounts=Count("account_key", distinct=True)
    )
    return int(found["accounts"])


def _classes(wave: Wave) -> dict[str, dict[str, Any]]:
    """Per class: how many differences and accounts, and the money on bill lines by sign."""
    on_lines = Q(entity="bill_line", field__in=["net_minor", "*"])
    rows = (
        Difference.objects.filter(wave=wave)
        .values("class_code", "decision")
        .annotate(
            differences=Count("id"),
            accounts=Count("account_key", distinct=True),
            absolute_minor=Sum(Abs("amount_minor"), filter=on_lines),
            amount_minor=Sum("amount_minor", filter=on_lines),
        )
        .order_by("class_code")
    )
    return {
        row.pop("class_code"): {k: v if isinstance(v, str) else int(v or 0) for k, v in row.items()}
        for row in rows
    }


def _control_totals(wave: Wave) -> list[dict[str, Any]]:
    """Rows and sums of both sides, each measured on its own side by the stage that made it."""
    stages = {s.name: s for s in wave.replacement.run.stages.all()}
    loaded = stages[f"load-{wave.position}"].notes
    exported = stages[f"snapshot-{wave.position}"].notes["figures"]
    compared = stages[f"reconcile-{wave.position}"].notes["figures"]
    explained = compared["old billed minor"] + compared["differences minor"]
    return [
        {"name": "accounts", "old": loaded.get("accounts", 0), "new": exported["account"]},
        {"name": "products", "old": loaded.get("products", 0), "new": exported["product"]},
        {"name": "open items", "old": loaded.get("open items", 0), "new": exported["open_item"]},
        {
            "name": "billed, old with all differences added, minor units",
            "old": explained,
            "new": compared["new billed minor"],
        },
    ]


def _ledger(wave: Wave) -> dict[str, int]:
    """Receivables of the accounts that are to go live, against their open items."""
    carrier_id = wave.replacement.carrier_id
    keys = AccountMove.objects.filter(wave=wave, state="loaded").values("account_key")
    mine = Q(account__carrier_id=carrier_id, account__account_key__in=keys)
    receivable = Posting.objects.filter(mine, gl_account=GeneralLedgerAccount.RECEIVABLE)
    items = OpenItem.objects.filter(mine)
    owed = int(receivable.aggregate(s=Sum("amount_minor"))["s"] or 0)
    taken_over = "open items" in wave.replacement.run.stages.get(name=f"load-{wave.position}").notes
    opened = int(items.aggregate(s=Sum("open_minor"))["s"] or 0) if taken_over else owed
    return {"receivable_minor": owed, "open_items_minor": opened}


def evaluate(spec: GateSpec, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Each rule with its limit, what was found, and whether it holds."""
    planned = found["planned"]
    fallout = max(planned * spec.fallout_share_ppm // limits.PPM, spec.fallout_accounts)
    unexplained = max(planned * spec.unexplained_share_ppm // limits.PPM, spec.unexplained_accounts)
    ledger, totals = found["ledger"], found["control_totals"]
    off = [total["name"] for total in totals if total["old"] != total["new"]]
    return [
        _rule("Accounts that fall out", fallout, found["fallout"]),
        _rule(
            "Accounts with an unexplained difference",
            unexplained,
            found["unexplained_accounts"],
        ),
        _rule("Control totals that differ between old and new", 0, len(off)),
        _rule("Journal entries that do not balance", 0, ledger["unbalanced_entries"]),
        _rule(
            "Receivables less open items, in minor units",
            0,
            abs(ledger["receivable_minor"] - ledger["open_items_minor"]),
        ),
        *(_rule(*rule) for rule in limits.rules(spec, found["going_live"])),
        *(_rule(*rule) for rule in limits.trend_rules(spec, found)),
        *(_rule(*rule) for rule in limits.control_rules(spec, found)),
    ]


def _rule(words: str, limit: int, found: int) -> dict[str, Any]:
    return {"rule": words, "limit": limit, "found": found, "holds": found <= limit}
