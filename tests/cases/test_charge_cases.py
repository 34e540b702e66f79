"""Runs the case tables of charge/: each row is one customer with one product in one month."""

from datetime import date
from pathlib import Path

import pytest
from calculation import load, result
from oracle.tables import ACCOUNT, PRICE, PRODUCT, TAX_RATE, stated

from crossbill.core.money import format_minor, parse_nanos, parse_scaled
from crossbill.core.period import month_period

FOLDER = Path(__file__).parent / "charge"
TOPICS = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "policies")
AMOUNTS = ("net", "off", "tax", "total")


def rows_in(path: Path) -> list[dict[str, str]]:
    """The rows of the Markdown table in the file."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    header, _, *rows = cells
    return [dict(zip(header, row, strict=True)) for row in rows]


def policies() -> list[dict]:
    rows = rows_in(FOLDER / "policies.md")
    return [
        {
            "policy_code": row.pop("code"),
            **row,
            "end_day_counts": row["end_day_counts"] == "yes",
            "rounding_digits": int(row["rounding_digits"]),
        }
        for row in rows
    ]


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def facts(key: str, case: dict[str, str]) -> dict[str, dict]:
    """The rows that one case adds to the tables; each has its own account, price and tax rate."""
    ends, until = day(case["to"]), day(case.get("until"))
    off = parse_scaled(case.get("discount") or "0", digits=4)
    rate = parse_scaled(case.get("tax rate") or "0", digits=4)
    product = {"offering_code": key, "quantity": int(case["qty"]), "start_date": day(case["from"])}
    return {
        "account": ACCOUNT | {"account_key": key, "tax_code": key, "policy_code": case["policy"]},
        "product": PRODUCT
        | {"product_key": key, "account_key": key, "end_date": ends, **product}
        | {"discount_ppm": off or None, "discount_end_date": until},
        "price": PRICE | {"offering_code": key, "amount_nanos": parse_nanos(case["price"])},
        "tax_rate": TAX_RATE | {"tax_code": key, "rate_ppm": rate},
    }


def billed(cases: dict[str, dict[str, str]], month: str) -> dict[str, dict[str, str]]:
    """What each case of the month was billed, by the name of the column that expects it."""
    facts_of_cases = [facts(key, case) for key, case in cases.items() if case["period"] == month]
    names = ("account", "product", "price", "tax_rate")
    rows = {name: [added[name] for added in facts_of_cases] for name in names}
    period = month_period(*map(int, month.split("-")))
    load(stated(((period.from_date, period.to_date),), policy=policies(), **rows))
    found: dict[str, dict[str, str]] = {f["account"]["account_key"]: {} for f in facts_of_cases}
    for line in result("bill_line"):
        column = {"recurring": "net", "discount": "off"}[line["category"]]
        found[line["account_key"]][column] = format_minor(line["net_minor"], 2)
    for bill in result("bill"):
        amounts = {name: format_minor(bill[f"{name}_minor"], 2) for name in ("tax", "total")}
        found[bill["account_key"]] |= amounts
    return found


@pytest.mark.parametrize("topic", TOPICS)
def test_charge_cases(topic):
    rows = rows_in(FOLDER / f"{topic}.md")
    cases = {row["case"]: row for row in rows}
    assert len(cases) == len(rows), "two cases have one name"
    found: dict[str, dict[str, str]] = {}
    for month in sorted({case["period"] for case in cases.values()}):
        found |= billed(cases, month)
    wrong = {
        key: {n: f"{found[key].get(n, '')} instead of {case[n]}" for n in AMOUNTS if n in case}
        for key, case in cases.items()
        if any(n in case and case[n] != found[key].get(n, "") for n in AMOUNTS)
    }
    assert not wrong
