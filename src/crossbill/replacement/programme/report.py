"""The quarterly report: facts in, sections out; what a board reads first stands first."""

from crossbill.replacement.document.blocks import (
    BAD,
    GOOD,
    MUTED,
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
    count_text,
    counted,
    hundredths_text,
    percent_text,
    share_text,
)
from crossbill.replacement.programme.appendix import appendix
from crossbill.replacement.programme.facts import (
    BudgetFacts,
    MilestoneFacts,
    MilestoneState,
    QuarterlyFacts,
    RiskFacts,
    Spending,
    WaveFacts,
    ppm,
)

NO_PROGRAMME = (
    "No programme file has been taken over. Name one as programme: in replacement.yaml; its format "
    "is described in docs/reference/programme.md."
)
LEVEL_TONES = {"high": BAD, "medium": WARN, "low": MUTED}
STATE_TONES = {MilestoneState.LATE: BAD, MilestoneState.PLANNED: MUTED}
GATE_TONES = {"passed": GOOD, "refused": BAD}


def quarterly_report(facts: QuarterlyFacts) -> Document:
    """The report of one quarter."""
    return Document(
        title=f"Quarterly report {facts.quarter}",
        subtitle=f"{facts.carrier}: {facts.replacement}",
        note=(
            f"As of {facts.as_of_date}. Extract of the old system of {facts.extract_date}. "
            "Figures are computed from the books; a share of 100.00 % means all."
        ),
        as_of_date=facts.as_of_date,
        sections=(
            Section("Executive summary", _summary(facts)),
            Section("Milestones achieved", _milestones(facts)),
            Section("Risks and blockers", _risks(facts)),
            Section(f"Objectives for {facts.quarter.next}", _objectives(facts)),
            Section("Resources and budget", _resources(facts)),
            *appendix(facts),
        ),
    )


def _summary(facts: QuarterlyFacts) -> tuple[Block, ...]:
    blocks: list[Block] = [Figures(_headline(facts))]
    blocks += [Paragraph(facts.summary)] if facts.summary else []
    return (*blocks, Points(_sentences(facts)))


def _headline(facts: QuarterlyFacts) -> tuple[Figure, ...]:
    accounts, bills = facts.accounts, facts.bills
    return (
        Figure(
            "Accounts moved",
            share_text(accounts.moved, accounts.total),
            f"{count_text(accounts.moved)} of {count_text(accounts.total)}",
            GOOD if accounts.to_go == 0 else "",
        ),
        Figure(
            "Bills equal to the cent",
            share_text(bills.equal, bills.compared),
            f"{count_text(bills.equal)} of {count_text(bills.compared)}",
        ),
        Figure(
            "Bills unexplained",
            count_text(bills.unexplained),
            f"{count_text(bills.explained)} differ for a known reason",
            BAD if bills.unexplained else GOOD,
        ),
        *([_budget_figure(facts)] if facts.budget else []),
    )


def _budget_figure(facts: QuarterlyFacts) -> Figure:
    spending = facts.budget_to_date
    amount = amount_text(abs(spending.over_minor), facts.budget_currency)
    return Figure(
        "Budget to date",
        _signed_percent(spending),
        f"{facts.budget_currency} {amount} {_over_or_under(spending)}",
        BAD if spending.over_minor > 0 else GOOD,
    )


def _over_or_under(spending: Spending) -> str:
    return "over plan" if spending.over_minor > 0 else "under plan"


def _signed_percent(spending: Spending) -> str:
    text = percent_text(spending.over_minor, spending.planned_minor)
    return f"+{text}" if spending.over_minor > 0 and text != "-" else text


def _sentences(facts: QuarterlyFacts) -> tuple[str, ...]:
    parts = [_moved_sentence(facts), _bills_sentence(facts), _differences_sentence(facts)]
    parts += [_milestones_sentence(facts)] if facts.milestones else []
    parts += [_budget_sentence(facts)] if facts.budget else []
    return (*parts, _gate_sentence(facts))


def _moved_sentence(facts: QuarterlyFacts) -> str:
    accounts = facts.accounts
    live = [wave for wave in facts.waves if wave.in_quarter and wave.is_live]
    return (
        f"{counted(accounts.moved_in_quarter, 'account')} went live in the quarter, in "
        f"{counted(len(live), 'wave')}; {_left_behind(facts)}."
    )


def _left_behind(facts: QuarterlyFacts) -> str:
    """Who is still on the old system, and who of them for a reason."""
    accounts = facts.accounts
    if not accounts.to_go:
        return "none is left on the old system"
    verb = "is" if accounts.to_go == 1 else "are"
    left = (
        f"{counted(accounts.to_go, 'account')} of {count_text(accounts.total)} {verb} still on the "
        "old system"
    )
    if accounts.fallout == accounts.to_go:
        return f"{left}, each kept back with a reason"
    return f"{left}, {count_text(accounts.fallout)} of them kept back with a reason"


def _bills_sentence(facts: QuarterlyFacts) -> str:
    bills = facts.bills
    if not bills.compared:
        return "No bills of this quarter's waves have been compared."
    return (
        f"{counted(bills.compared, 'shadow bill was', 'shadow bills were')} compared with the old "
        f"bills: {count_text(bills.equal)} are equal to the cent "
        f"({share_text(bills.equal, bills.compared)}), {count_text(bills.explained)} differ for a "
        f"known reason, {count_text(bills.unexplained)} for none."
    )


def _differences_sentence(facts: QuarterlyFacts) -> str:
    if not facts.classes:
        return "No differences between old and new are on record."
    worth = " and ".join(
        f"{part.currency} {amount_text(part.absolute_minor, part.currency)}" for part in facts.money
    )
    by_class = (
        f"{counted(sum(c.differences for c in facts.classes), 'difference')} in "
        f"{counted(len(facts.classes), 'class', 'classes')} are on record"
    )
    if not worth:
        return f"{by_class}; none changes a bill."
    return (
        f"{by_class}; on bills they are worth {worth}, increases and decreases added up; "
        f"the largest class is {facts.classes[0].class_code}."
    )


def _milestones_sentence(facts: QuarterlyFacts) -> str:
    achieved, late = _achieved(facts), _late(facts)
    return (
        f"{counted(len(achieved), 'milestone was', 'milestones were')} achieved in the quarter, "
        f"{count_text(len(late))} {'is' if len(late) == 1 else 'are'} late."
    )


def _budget_sentence(facts: QuarterlyFacts) -> str:
    spending, currency = facts.budget_to_date, facts.budget_currency
    return (
        f"{currency} {amount_text(spending.booked_minor, currency)} are spent to date against "
        f"{amount_text(spending.planned_minor, currency)} planned: "
        f"{amount_text(abs(spending.over_minor), currency)} "
        f"({_signed_percent(spending)}) {_over_or_under(spending)}."
    )


def _gate_sentence(facts: QuarterlyFacts) -> str:
    if facts.blocks_next_gate:
        return f"Before the next gate: {'; '.join(facts.blocks_next_gate)}."
    if facts.next_waves:
        return f"Next: {_wave_names(facts.next_waves)}."
    return "No gate is waiting: every wave is live."


def _wave_names(waves: tuple[WaveFacts, ...]) -> str:
    return ", ".join(
        f"{w.name} ({counted(w.accounts, 'account')}, cutover {w.cutover_date})" for w in waves
    )


def _achieved(facts: QuarterlyFacts) -> list[MilestoneFacts]:
    days = [(m, m.achieved_date) for m in facts.milestones]
    return [m for m, day in days if day is not None and day in facts.quarter]


def _late(facts: QuarterlyFacts) -> list[MilestoneFacts]:
    return [m for m in facts.milestones if m.state is MilestoneState.LATE]


def _milestones(facts: QuarterlyFacts) -> tuple[Block, ...]:
    if not facts.milestones:
        none = "None are planned." if facts.has_programme else NO_PROGRAMME
        return (_waves_table(facts), Paragraph(none))
    return (
        _milestone_table("Achieved in the quarter", _achieved(facts)),
        _milestone_table("Late", _late(facts)),
        _milestone_table("Next", _following(facts)),
        _waves_table(facts),
    )


def _following(facts: QuarterlyFacts) -> list[MilestoneFacts]:
    """Not reached, not late, and due before the end of the next quarter."""
    planned = [m for m in facts.milestones if m.state is MilestoneState.PLANNED]
    return [m for m in planned if m.due_date < facts.quarter.next.to_date]


def _milestone_table(caption: str, milestones: list[MilestoneFacts]) -> Block:
    if not milestones:
        return Paragraph(f"{caption}: none.")
    columns = ("Id", 2), ("Milestone", 16), ("Owner", 9), ("Due", 5), ("Achieved", 5), ("State", 6)
    rows = (
        (
            Cell(m.code, MUTED),
            Cell(m.name if m.wave is None else f"{m.name} ({m.wave})"),
            Cell(m.owner),
            Cell(str(m.due_date)),
            Cell(str(m.achieved_date or "-")),
            _state_cell(m),
        )
        for m in milestones
    )
    return Table(tuple(Column(t, width=w) for t, w in columns), tuple(rows), caption)


def _state_cell(milestone: MilestoneFacts) -> Cell:
    """``on time`` or how late it was; where it is not reached, its state."""
    if milestone.achieved_date is None:
        return Cell(str(milestone.state), STATE_TONES[milestone.state])
    days = (milestone.achieved_date - milestone.due_date).days
    return Cell(f"{counted(days, 'day')} late", WARN) if days > 0 else Cell("on time", GOOD)


def _waves_table(facts: QuarterlyFacts) -> Block:
    if not facts.waves:
        return Paragraph("No wave has a cutover date up to the end of this quarter.")
    columns = (
        Column("Wave", width=1),
        Column("Cutover"),
        Column("Accounts", True),
        Column("Moved", True),
        Column("Moved %", True),
        Column("Kept back", True),
        Column("Bills equal", True),
        Column("Gate"),
    )
    return Table(columns, tuple(_wave_row(w) for w in facts.waves), "Waves to date")


def _wave_row(wave: WaveFacts) -> tuple[Cell, ...]:
    return (
        Cell(wave.name),
        Cell(str(wave.cutover_date)),
        Cell(count_text(wave.accounts)),
        Cell(count_text(wave.moved)),
        Cell(share_text(wave.moved, wave.accounts), bar_ppm=ppm(wave.moved, wave.accounts)),
        Cell(count_text(wave.fallout)),
        Cell(share_text(wave.bills.equal, wave.bills.compared)),
        Cell(_gate_words(wave), GATE_TONES.get(wave.gate, WARN)),
    )


def _gate_words(wave: WaveFacts) -> str:
    return f"{wave.gate}, live" if wave.is_live else f"{wave.gate}, not live"


def _risks(facts: QuarterlyFacts) -> tuple[Block, ...]:
    blocks: list[Block] = []
    if facts.blocks_next_gate:
        blocks += [Paragraph("What blocks the next gate:"), Points(facts.blocks_next_gate)]
    blocks.append(_fallout_table(facts))
    if not facts.has_programme:
        return (*blocks, Paragraph(NO_PROGRAMME))
    for caption, kind in (("Blockers", "blocker"), ("Risks", "risk")):
        blocks.append(_risk_table(caption, [r for r in facts.risks if r.kind == kind]))
    return tuple(blocks)


def _risk_table(caption: str, risks: list[RiskFacts]) -> Block:
    if not risks:
        return Paragraph(f"{caption}: none open.")
    likely = any(risk.likelihood for risk in risks)
    columns = [Column("Id"), Column(caption[:-1], width=5), Column("Owner", width=2)]
    columns += [Column("Likelihood")] if likely else []
    columns += [Column("Impact"), Column("Mitigation", width=5), Column("Since")]
    rows = (
        (
            Cell(risk.code, MUTED),
            Cell(risk.title),
            Cell(risk.owner),
            *([Cell(risk.likelihood, LEVEL_TONES[risk.likelihood])] if likely else []),
            Cell(risk.impact, LEVEL_TONES[risk.impact]),
            Cell(risk.mitigation),
            Cell(str(risk.raised_date)),
        )
        for risk in risks
    )
    return Table(tuple(columns), tuple(rows), caption)


def _fallout_table(facts: QuarterlyFacts) -> Block:
    if not facts.fallout:
        return Paragraph("No account of the waves to date was kept back.")
    columns = (
        Column("Class"),
        Column("Accounts", True),
        Column("For example"),
        Column("Its reason", width=1),
    )
    rows = (
        (
            Cell(each.class_code),
            Cell(count_text(each.accounts)),
            Cell(each.example_account, MUTED),
            Cell(each.example_reason),
        )
        for each in facts.fallout
    )
    return Table(columns, tuple(rows), "Accounts kept back on the old system, by reason")


def _objectives(facts: QuarterlyFacts) -> tuple[Block, ...]:
    blocks: list[Block] = []
    if facts.next_waves:
        blocks.append(Paragraph(f"Waves to go live: {_wave_names(facts.next_waves)}."))
    if not facts.objectives:
        return (*blocks, Paragraph("None are set." if facts.has_programme else NO_PROGRAMME))
    columns = ("Id", 0), ("Objective", 4), ("Measured by", 5), ("Owner", 2)
    rows = (
        (Cell(o.code, MUTED), Cell(o.text), Cell(o.measure), Cell(o.owner))
        for o in facts.objectives
    )
    return (*blocks, Table(tuple(Column(t, width=w) for t, w in columns), tuple(rows)))


def _resources(facts: QuarterlyFacts) -> tuple[Block, ...]:
    if not facts.has_programme:
        return (Paragraph(NO_PROGRAMME),)
    teams: Block = _team_table(facts) if facts.teams else Paragraph("Teams: none are planned.")
    budget: Block = _budget_table(facts) if facts.budget else Paragraph("Budget: none is planned.")
    return (budget, teams)


def _team_table(facts: QuarterlyFacts) -> Block:
    columns = (
        Column("Team", width=2),
        Column("Purpose", width=4),
        Column("Posts planned", True),
        Column("Posts filled", True),
        Column("Open", True),
    )
    rows = [
        (Cell(t.name), Cell(t.purpose), *_posts(t.planned_fte_hundredths, t.filled_fte_hundredths))
        for t in facts.teams
    ]
    planned = sum(t.planned_fte_hundredths for t in facts.teams)
    filled = sum(t.filled_fte_hundredths for t in facts.teams)
    rows.append((Cell("Total"), Cell(""), *_posts(planned, filled)))
    return Table(columns, tuple(rows), "Teams (full-time posts)", total_rows=1)


def _posts(planned: int, filled: int) -> tuple[Cell, Cell, Cell]:
    open_posts = Cell(hundredths_text(planned - filled), WARN if planned > filled else "")
    return Cell(hundredths_text(planned)), Cell(hundredths_text(filled)), open_posts


def _budget_table(facts: QuarterlyFacts) -> Block:
    columns = (
        Column("Budget line", width=1),
        *(Column(f"{facts.quarter} {what}", True) for what in ("planned", "spent")),
        *(Column(f"{what} to date", True) for what in ("Planned", "Spent")),
        Column("Over (+)", True),
        Column("%", True),
    )
    rows = [_budget_row(line, facts.budget_currency) for line in facts.budget]
    total = _spending_cells(facts.budget_quarter, facts.budget_to_date, facts.budget_currency)
    rows.append((Cell("Total"), *total))
    caption = f"Budget ({facts.budget_currency})"
    return Table(columns, tuple(rows), caption, total_rows=1)


def _budget_row(line: BudgetFacts, currency: str) -> tuple[Cell, ...]:
    return (Cell(line.name), *_spending_cells(line.quarter, line.to_date, currency))


def _spending_cells(quarter: Spending, to_date: Spending, currency: str) -> tuple[Cell, ...]:
    amounts = (
        quarter.planned_minor,
        quarter.booked_minor,
        to_date.planned_minor,
        to_date.booked_minor,
    )
    tone = BAD if to_date.over_minor > 0 else ""
    sign = "+" if to_date.over_minor > 0 else ""
    return (
        *(Cell(amount_text(amount, currency)) for amount in amounts),
        Cell(sign + amount_text(to_date.over_minor, currency), tone),
        Cell(_signed_percent(to_date), tone),
    )
