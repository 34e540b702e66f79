"""Runs the case tables of prices/ and adjustments/: each row is a line, priced by named terms."""

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from metering import Line, Priced, priced
from oracle.plain_prices import as_text

FOLDER = Path(__file__).parent
FILES = [path for kind in ("prices", "adjustments") for path in sorted(FOLDER.glob(f"{kind}/*.md"))]
NANOS = 10**9


def terms_in(path: Path) -> dict[str, object]:
    """The named terms of the file's YAML block."""
    (block,) = re.findall(r"```yaml\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
    return yaml.safe_load(block)


def rows_in(path: Path) -> list[dict[str, str]]:
    """The rows of the Markdown table in the file."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    header, _, *rows = cells
    return [dict(zip(header, row, strict=True)) for row in rows]


def scaled(text: str, unit: int) -> int:
    value = Fraction(text) * unit
    assert value.denominator == 1, f"{text} is no whole number of base units"
    return value.numerator


def rounding(case: dict[str, str]) -> dict:
    """``round`` as the digits and the mode."""
    digits, mode = (case.get("round") or "9 half_up").split()
    return {"rounding_digits": int(digits), "rounding_mode": mode}


def line_of_price(model: str, case: dict[str, str], terms: dict) -> Line:
    """A row of a price model; events with full events beside them are in units."""
    unit = terms.get("unit", 1) if case.get("full events") is not None else 1
    events = [scaled(text, unit) for text in (case.get("events") or "").split()]
    full = [scaled(text, unit) for text in (case.get("full events") or "").split()]
    earlier_events = int(case.get("earlier events") or 0)
    earlier = case.get("earlier") or ("0" if earlier_events else "")
    quantity = int(case["quantity"]) if "quantity" in case else sum(events[earlier_events:])
    return Line(
        key=case["case"],
        model=model,
        terms=terms,
        quantity=quantity,
        selecting_quantity=int(case["full"]) if case.get("full") else None,
        events=events,
        selecting_events=full or None,
        earlier_quantity=int(earlier) if earlier else None,
        earlier_events=earlier_events,
        **rounding(case),
    )


def line_of_adjustment(case: dict[str, str], adjustments: list[dict]) -> Line:
    """A row of an adjustment: the price is a quantity of nanos, which may be a credit."""
    return Line(
        key=case["case"],
        model="event_price",
        terms={},
        events=[scaled(case["price"], NANOS)],
        earlier_nanos=scaled(case["earlier amount"] or "0", NANOS),
        last_line=case["last"] == "yes",
        adjustments=adjustments,
        **rounding(case),
    )


def figures(line: Priced, case: dict[str, str]) -> dict[str, str]:
    """What the columns that expect something should hold."""
    exact = line.whole_nanos + Fraction(line.part, line.parts)
    amount = Fraction(line.amount_nanos) if case.get("round") else exact
    found = {"amount": as_text(amount / NANOS)}
    if "steps" in case:
        steps = (as_text(Fraction(nanos, NANOS)) for _, nanos in line.steps[1:])
        found["steps"] = " ".join(steps)
    assert sum(nanos for _, nanos in line.steps) == line.amount_nanos
    return found


@pytest.mark.parametrize("path", FILES, ids=[f"{p.parent.name}-{p.stem}" for p in FILES])
def test_price_cases(path):
    rows, terms = rows_in(path), terms_in(path)
    cases = {row["case"]: row for row in rows}
    assert len(cases) == len(rows), "two cases have one name"
    if path.parent.name == "prices":
        lines = [line_of_price(path.stem, row, terms[row["terms"]]) for row in rows]
    else:
        lines = [line_of_adjustment(row, terms[row["adjustments"]]) for row in rows]
    found = {key: figures(line, cases[key]) for key, line in priced(lines).items()}
    wrong = {
        key: f"{name}: {figure} instead of {cases[key][name]}"
        for key, figured in found.items()
        for name, figure in figured.items()
        if figure != cases[key][name]
    }
    assert not wrong
    assert set(found) == set(cases)


def test_tables_hold_plain_decimals():
    assert all(Decimal(row["amount"]).is_finite() for path in FILES for row in rows_in(path))
