"""An account's old and new bills as a document: every line matched, every difference in words."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from crossbill.replacement.document.blocks import (
    GOOD,
    WARN,
    Block,
    Cell,
    Column,
    Document,
    Figure,
    Figures,
    Paragraph,
    Points,
    Section,
    Table,
    amount_text,
)
from crossbill.replacement.reconciliation.compared_account import ComparedAccount
from crossbill.replacement.reconciliation.gate import sentence_of
from crossbill.replacement.reconciliation.reconcile import FOLLOWS
from crossbill.replacement.reconciliation.side_by_side import BillPair, LinePair, Reason, Row
from crossbill.replacement.reconciliation.words import CATEGORIES, CLASSES

NONE = "-"
COLUMNS = (
    Column("Line", width=4),
    *(Column(title, True, 1) for title in ("Old net", "Old tax", "New net", "New tax")),
    Column("New less old", True, 1),
)
DECISIONS = {"accept": "accepted", "accepted": "accepted by people", "block": "not accepted"}
ONLY_ON = {"missing": "only the old bill has it", "extra": "only the new bill has it",
           "duplicate_key": "it stands more than once"}  # fmt: skip


def comparison(compared: ComparedAccount, names: Mapping[str, str]) -> Document:
    """The document of one account; ``names`` are those of the offerings, by code.

    It speaks of the day of the extract, so the same books give the same bytes.
    """
    move = compared.move
    bills = [_section(bill, names) for bill in compared.bills]
    rest = [sentence_of(difference) for difference in compared.rest]
    also = [Section("Also differing", (Points(tuple(rest)),))] if rest else []
    nothing = Section("No bill", (Paragraph("Neither system has a bill of this account."),))
    return Document(
        title="Old bill and new bill",
        subtitle=", ".join(part for part in (compared.name, f"account {move.account_key}") if part),
        note=_standing(compared),
        as_of_date=move.replacement.as_of_date,
        sections=(*(bills or [nothing]), *also),
    )


def file_name(account_key: str) -> str:
    """The key as the name of a file: what no file system takes becomes a dash."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", account_key)


def _standing(compared: ComparedAccount) -> str:
    move = compared.move
    where = f"{move.wave.name}: {move.state}" if move.wave else f"In no wave: {move.state}"
    because = f". Stays on the old system: {move.reason}" if move.reason else ""
    return f"{where}, by the extract of {move.replacement.as_of_date}{because}"


def _section(bill: BillPair, names: Mapping[str, str]) -> Section:
    last = bill.period_to - timedelta(days=1)
    return Section(f"{bill.period_from} to {last}", tuple(_blocks(bill, names)))


def _blocks(bill: BillPair, names: Mapping[str, str]) -> Iterator[Block]:
    yield _totals(bill)
    yield _lines(bill, names)
    reasons = list(_reasons(bill, names))
    if reasons:
        yield Points(tuple(reasons))
    if bill.rule_changes:
        becomes = amount_text(bill.by_new_rules_minor, bill.currency)
        yield Paragraph(f"By the new rules this bill is {becomes} {bill.currency}:")
        yield Points(tuple(_changed(bill, *change) for change in bill.rule_changes))


def _changed(bill: BillPair, sentence: str, amount_minor: int) -> str:
    return f"{sentence}: {_signed(amount_minor, bill.currency)} {bill.currency}"


def _totals(bill: BillPair) -> Figures:
    """The three numbers that a reader looks for."""
    less = bill.amount_minor
    old, new = (_amount(bill.total(side, "total_minor"), bill) for side in ("old", "new"))
    if less is None:
        last = Figure("New less old", NONE, "one of the two is missing", WARN)
    elif less == 0:
        last = Figure("New less old", "equal", "to the cent", GOOD)
    else:
        last = Figure("New less old", _signed(less, bill.currency), bill.currency, WARN)
    return Figures(
        (Figure("Old bill", old, bill.currency), Figure("New bill", new, bill.currency), last)
    )


def _lines(bill: BillPair, names: Mapping[str, str]) -> Table:
    rows = [_line(bill, line, names) for line in bill.lines]
    total = [Cell("Total"), *(Cell("") for _ in range(5))]
    for side, column in (("old", 2), ("new", 4)):
        total[column] = Cell(_amount(bill.total(side, "total_minor"), bill))
    less = bill.amount_minor
    total[5] = Cell(NONE if less is None else _signed(less, bill.currency))
    return Table(COLUMNS, (*rows, tuple(total)), total_rows=1)


def _line(bill: BillPair, line: LinePair, names: Mapping[str, str]) -> tuple[Cell, ...]:
    sides = [_side(row, column, bill) for row in (line.old, line.new)
             for column in ("net_minor", "tax_minor")]  # fmt: skip
    last = Cell("equal", "muted")
    if not bill.old or not bill.new:
        last = Cell(NONE)
    elif line.is_split:
        last = Cell("together equal", "muted")
    elif line.amount_minor:
        last = Cell(_signed(line.amount_minor, bill.currency), WARN)
    return (Cell(_named(line, names)), *sides, last)


def _named(line: LinePair, names: Mapping[str, str]) -> str:
    """What was charged, for which days, of which product."""
    last = line.some["charge_to"] - timedelta(days=1)
    what = f"{_what(line, names)}, {line.charge_from} to {last}"
    return f"{what} ({line.product_key})" if line.product_key else what


def _what(line: LinePair, names: Mapping[str, str]) -> str:
    code = line.some["offering_code"]
    category = CATEGORIES.get(line.category, line.category).lower()
    if line.discount_key and line.discounted:
        of = CATEGORIES.get(line.discounted, line.discounted).lower()
        category = f"{category} {line.discount_key} on {of}"
    return ", ".join(filter(None, (names.get(code, code), line.price, category)))


def _side(row: Row | None, column: str, bill: BillPair) -> Cell:
    return Cell(_amount(None if row is None else int(row[column]), bill))


def _amount(amount_minor: int | None, bill: BillPair) -> str:
    return NONE if amount_minor is None else amount_text(amount_minor, bill.currency)


def _signed(amount_minor: int, currency: str) -> str:
    return f"{'+' if amount_minor > 0 else ''}{amount_text(amount_minor, currency)}"


def _reasons(bill: BillPair, names: Mapping[str, str]) -> Iterator[str]:
    """Why each line differs, and then what differs of the bill as a whole."""
    for line in bill.lines:
        yield from _told(_what(line, names), line.reasons)
    yield from _told("The bill", bill.reasons)


def _told(what: str, reasons: Iterable[Reason]) -> Iterator[str]:
    for reason in reasons:
        if reason.evidence.startswith(FOLLOWS):
            yield f"{what} differs by what its lines differ by."
            continue
        named = CLASSES.get(reason.class_code, reason.class_code).lower()
        kinds = [ONLY_ON[d.kind] for d in reason.differences if d.kind in ONLY_ON]
        why = ", ".join([named, *dict.fromkeys(kinds)])
        decided = DECISIONS.get(reason.decision, reason.decision)
        yield f"{what}: {why}. {reason.evidence} ({decided}; {reason.owner} decides)"
