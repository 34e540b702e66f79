"""The appendix of the quarterly report: the figures by which a reader can check the rest."""

from crossbill.replacement.document.blocks import (
    BAD,
    GOOD,
    Block,
    Cell,
    Column,
    Paragraph,
    Section,
    Table,
    amount_text,
    count_text,
)
from crossbill.replacement.programme.facts import (
    ClassFacts,
    LedgerFacts,
    MoneyFacts,
    QuarterlyFacts,
)

DECISION_TONES = {"block": BAD}


def appendix(facts: QuarterlyFacts) -> tuple[Section, ...]:
    """Differences, control totals, ledger and checks."""
    return (
        Section("Appendix A: differences by class", (_classes(facts),), True),
        Section("Appendix B: control totals", (_stages(facts), _control_totals(facts)), True),
        Section("Appendix C: ledger and checks", (_ledger(facts), _checks(facts)), True),
    )


def _classes(facts: QuarterlyFacts) -> Block:
    if not facts.classes:
        return Paragraph("No differences between old and new are on record for this quarter.")
    columns = (
        Column("Class", width=1),
        Column("Decision"),
        *(Column(title, True) for title in ("Differences", "Accounts")),
        Column("Currency"),
        *(Column(title, True) for title in ("Bills higher", "Bills lower", "Net")),
    )
    rows = [row for each in facts.classes for row in _class_rows(each)]
    rows += _class_totals(facts)
    caption = "Differences of the quarter's waves by class, and what they change on whole bills"
    return Table(columns, tuple(rows), caption, total_rows=max(1, len(facts.money)))


def _class_rows(each: ClassFacts) -> list[tuple[Cell, ...]]:
    """One row a currency; the counts stand on the first."""
    counts = (
        Cell(each.class_code),
        Cell(each.decision, DECISION_TONES.get(each.decision, "")),
        Cell(count_text(each.differences)),
        Cell(count_text(each.accounts)),
    )
    return _with_money(counts, each.money)


def _class_totals(facts: QuarterlyFacts) -> list[tuple[Cell, ...]]:
    """An account may stand in several classes, so their accounts do not add up to a figure."""
    differences = count_text(sum(each.differences for each in facts.classes))
    counts = (Cell("Total"), Cell(""), Cell(differences), Cell(""))
    return _with_money(counts, facts.money)


def _with_money(counts: tuple[Cell, ...], money: tuple[MoneyFacts, ...]) -> list[tuple[Cell, ...]]:
    if not money:
        return [(*counts, *(Cell("") for _ in range(4)))]
    blank = tuple(Cell("") for _ in counts)
    return [
        (*(blank if at else counts), Cell(part.currency), *_amounts(part))
        for at, part in enumerate(money)
    ]


def _amounts(part: MoneyFacts) -> tuple[Cell, ...]:
    amounts = (part.over_minor, part.under_minor, part.over_minor + part.under_minor)
    return tuple(Cell(amount_text(amount, part.currency)) for amount in amounts)


def _stages(facts: QuarterlyFacts) -> Block:
    run = facts.run
    caption = f"Run: {run.title} ({run.status}, attempts: {count_text(run.attempts)})"
    if not run.stages:
        return Paragraph(f"{caption}. No stage has been closed yet.")
    titles = ("In", "Accepted", "Duplicate", "Suspended")
    columns = (Column("Stage", width=1), *(Column(title, True) for title in titles))
    rows = (
        (
            Cell(stage.title),
            *(
                Cell(count_text(count))
                for count in (stage.records_in, stage.accepted, stage.duplicate, stage.suspended)
            ),
        )
        for stage in run.stages
    )
    return Table(columns, tuple(rows), caption)


def _control_totals(facts: QuarterlyFacts) -> Block:
    if not facts.control_totals:
        return Paragraph("No gate of this quarter has control totals.")
    columns = (
        Column("Wave"),
        Column("Control total", width=1),
        *(Column(title, True) for title in ("Old", "New", "New minus old")),
    )
    rows = (
        (
            Cell(total.wave),
            Cell(total.name),
            Cell(count_text(total.old)),
            Cell(count_text(total.new)),
            Cell(count_text(total.new - total.old), BAD if total.new != total.old else GOOD),
        )
        for total in facts.control_totals
    )
    return Table(columns, tuple(rows), "Control totals of the gates")


def _ledger(facts: QuarterlyFacts) -> Block:
    if not facts.ledger:
        return Paragraph("Nothing has been posted to the ledger up to the end of this quarter.")
    titles = ("Accounts receivable", "Customer deposits", "Migration clearing", "Open items")
    columns = (Column("Currency", width=1), *(Column(title, True) for title in titles))
    return Table(columns, tuple(_ledger_row(book) for book in facts.ledger), "Ledger")


def _ledger_row(book: LedgerFacts) -> tuple[Cell, ...]:
    posted = (book.receivable_minor, book.deposits_minor, book.clearing_minor)
    amounts = (*posted, book.open_items_minor)
    texts = ("-" if amount is None else amount_text(amount, book.currency) for amount in amounts)
    return (Cell(book.currency), *map(Cell, texts))


def _checks(facts: QuarterlyFacts) -> Block:
    columns = (
        Column("Check", width=1),
        Column("Expected", True),
        Column("Found", True),
        Column("Result"),
    )
    rows = (
        (
            Cell(check.name),
            Cell(count_text(check.expected)),
            Cell(count_text(check.found)),
            Cell("holds", GOOD) if check.holds else Cell("does not hold", BAD),
        )
        for check in facts.checks
    )
    return Table(columns, tuple(rows), "Checks")
