"""Runs the case tables of line_causes/: each row is a line of an old bill, told why it differs."""

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path

import pytest
from oracle.tables import ACCOUNT, CUSTOMER, OLD_POLICY, PRODUCT, stated
from reconciliation.two_sides import LINE, Found, Rows, billed, bills_of, reconciled

from crossbill.core.money import parse_minor, parse_nanos, parse_scaled
from crossbill.core.period import month_period
from crossbill.replacement.reconciliation.lines import line_causes

FOLDER = Path(__file__).parent / "line_causes"
TOPICS = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "carrier")
MAY = "2024-05"
WHOLE_BILLS = OLD_POLICY | {"policy_code": "whole", "rounding_scope": "bill"}
TERMS = {"alignment": "cycle", "prorated": True}


def tables_in(path: Path) -> dict[str, list[dict[str, str]]]:
    """The Markdown tables of a file by the heading that stands before each."""
    tables: dict[str, list[list[str]]] = {}
    heading = ""
    for line in path.read_text("utf-8").splitlines():
        heading = line.strip("# ") if line.startswith("#") else heading
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip().removeprefix("|").split("|")[:-1]]
            tables.setdefault(heading, []).append(cells)
    return {
        heading: [dict(zip(header, row, strict=True)) for row in rows]
        for heading, (header, _, *rows) in tables.items()
    }


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def stamp(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def catalogue() -> dict[str, Rows]:
    """Prices, tax rates and old tariffs of the carrier."""
    tables = tables_in(FOLDER / "carrier.md")
    valid = [
        [{"valid_from": day(row["from"]), "valid_to": day(row["to"])} for row in tables[heading]]
        for heading in ("Prices", "Tariffs of the old system", "Tax rates")
    ]
    prices, components, tariffs, rates = tables.values()
    return {
        "price": [
            {"offering_code": row["offering"], "price_version": row["version"], "currency": "USD"}
            | {"amount_nanos": parse_nanos(row["price"]), **when}
            for row, when in zip(prices, valid[0], strict=True)
        ],
        "component": [
            {"offering_code": row["offering"], "price_code": row["price"], "kind": row["kind"]}
            | {"timing": row["timing"], "months": int(row["months"]), "tax_category": row["tax"]}
            | {"tax_inclusive": row["within"] == "yes"}
            | TERMS
            for row in components
        ],
        "tariff": [
            {"source_code": row["code"], "amount_nanos": parse_nanos(row["price"])}
            | {"currency": "USD", **when}
            for row, when in zip(tariffs, valid[1], strict=True)
        ],
        "tax_rate": [
            {"tax_code": row["code"], "rate_ppm": parse_scaled(row["rate"], digits=4)}
            | {"tax_name": row["name"], "tax_category": row["of"], **when}
            for row, when in zip(rates, valid[2], strict=True)
        ],
    }


@dataclass
class Line:
    """One row of a case table: an old line, with what is expected of it."""

    account_key: str
    product_key: str
    month: str
    row: dict[str, str]

    @property
    def category(self) -> str:
        return self.row.get("line") or "recurring"

    def product(self) -> dict:
        """The product whose line it is."""
        row = self.row
        own, discount = row.get("own"), row.get("discount")
        return PRODUCT | {
            "product_key": self.product_key,
            "account_key": self.account_key,
            "offering_code": row.get("offering") or "fibre",
            "source_code": row.get("code") or "F100",
            "quantity": int(row.get("qty") or 1),
            "start_date": day(row.get("from")) or date(2020, 1, 1),
            "end_date": day(row.get("to")),
            "price_override_nanos": parse_nanos(own) if own else None,
            "discount_ppm": parse_scaled(discount, digits=4) if discount else None,
            "discount_end_date": day(row.get("until")),
            "changed_at": stamp(row.get("changed")),
        }

    def usage_total(self) -> dict | None:
        """What the new engine rates for the product: how many events, and their sum."""
        if not self.row.get("used"):
            return None
        events, amount = self.row["used"].split()
        period = month_period(*map(int, self.month.split("-")))
        return {
            "account_key": self.account_key,
            "product_key": self.product_key,
            "offering_code": self.product()["offering_code"],
            "period_from": period.from_date,
            "period_to": period.to_date,
            "currency": "USD",
            "events": int(events),
            "amount_nanos": parse_nanos(amount),
        }

    def on_old_bill(self, new: dict | None) -> dict | None:
        """The old line, made of the new one and of what the row states; None for no line."""
        if self.row["old"] == "nothing" or (new is None and not self.row["old"]):
            return None
        period = month_period(*map(int, (self.row.get("on") or self.month).split("-")))
        line = (new or self._of_its_own()) | {
            "period_from": period.from_date,
            "period_to": period.to_date,
            "source_changed_at": stamp(self.row.get("billed from")),
        }
        if self.row["old"]:
            net, tax = (parse_minor(text, 2) for text in self.row["old"].split())
            line |= {"net_minor": net, "tax_minor": tax}
        if self.row.get("records"):
            line |= {"events": int(self.row["records"])}
        return line

    def _of_its_own(self) -> dict:
        period = month_period(*map(int, self.month.split("-")))
        place = {"account_key": self.account_key, "product_key": self.product_key}
        start = max(self.product()["start_date"], period.from_date)
        dates = {"charge_from": start, "charge_to": period.to_date}
        offering = {"offering_code": self.product()["offering_code"], "currency": "USD"}
        price = self.row.get("price") or offering["offering_code"]
        line = {"category": self.category, "price_code": price}
        return {"bill_key": "old", **place, **offering, **dates, **line}


@dataclass
class Population:
    """All cases of all tables as one carrier, each case an account."""

    lines: dict[str, list[Line]] = field(default_factory=dict)
    products: Rows = field(default_factory=list)
    used: Rows = field(default_factory=list)

    def add(self, topic: str) -> None:
        """Take over the rows of one table."""
        (rows,) = tables_in(FOLDER / f"{topic}.md").values()
        account = product = month = ""
        for number, row in enumerate(rows):
            if row["case"]:
                account = f"{topic}: {row['case']}"
                assert account not in self.lines, "two cases have one name"
                month = row.get("month") or MAY
            is_new = bool(row["case"] or row.get("offering"))
            product = f"{topic} {number}" if is_new else product
            line = Line(account, product, month, row)
            self.lines.setdefault(account, []).append(line)
            if is_new and row.get("held") != "no":
                self.products.append(line.product())
            total = line.usage_total()
            self.used += [total] if total else []

    def facts(self, months: set[str]) -> dict[str, Rows]:
        """The carrier, for the months that are billed."""
        parts = [month_period(*map(int, month.split("-"))) for month in sorted(months)]
        accounts = [
            ACCOUNT | {"account_key": key, "policy_code": lines[0].row.get("policy") or "old"}
            for key, lines in self.lines.items()
        ]
        tables = catalogue()
        tables |= {"account": accounts, "product": self.products, "customer": [CUSTOMER]}
        tables |= {"usage_total": self.used, "policy": [OLD_POLICY, WHOLE_BILLS]}
        return stated(tuple((p.from_date, p.to_date) for p in parts), **tables)


@cache
def found() -> tuple[Population, Found]:
    """Everything that the reconciliation of all cases finds, made once."""
    population = Population()
    for topic in TOPICS:
        population.add(topic)
    month_of = {account: lines[0].month for account, lines in population.lines.items()}
    facts = population.facts(set(month_of.values()))
    tariffs = facts.pop("tariff")
    new = {
        name: [r for r in rows if str(r["period_from"])[:7] == month_of[r["account_key"]]]
        for name, rows in billed(facts).items()
    }
    lines = old_lines(population, new["bill_line"])
    old = {"bill_line": lines, "bill": bills_of(lines), "tariff": tariffs}
    return population, reconciled(facts, new, old)


def old_lines(population: Population, new_lines: Rows) -> Rows:
    """The lines of the old bills: as the tables state them, else as the new ones."""
    place = ("account_key", "product_key", "category", "price_code")
    old = {tuple(line[name] for name in place): line for line in new_lines}
    for line in (line for lines in population.lines.values() for line in lines):
        key = _key(old, line, line.category)
        stated_line = line.on_old_bill(old.get(key, _like_recurring(old, line)))
        old.pop(key, None)
        if stated_line is not None:
            old[key] = stated_line
    return list(old.values())


def _key(old: dict[tuple, dict], line: Line, category: str) -> tuple:
    """Where the line stands: the only one of its product and category, or of the price named."""
    place, price = (line.account_key, line.product_key, category), line.row.get("price")
    there = [key for key in old if key[:3] == place and price in (None, "", key[3])]
    assert len(there) < 2, f"which of {there}? Say so in the column price"
    return there[0] if there else (*place, price)


def _like_recurring(old: dict[tuple, dict], line: Line) -> dict | None:
    """A discount that only the old bill gives stands beside its recurring line."""
    beside = old.get(_key(old, line, "recurring"))
    if line.category != "discount" or not line.row["old"] or beside is None:
        return None
    return beside | {"category": "discount"}


@pytest.mark.parametrize("topic", TOPICS)
def test_line_cause_cases(topic):
    population, reconciliation = found()
    wrong = {}
    for account, lines in population.lines.items():
        if account.startswith(f"{topic}: "):
            told = [d for d in reconciliation.of("bill_line") if d["account_key"] == account]
            for line in lines:
                fault = _fault(line, told)
                wrong |= {f"{account} {line.product_key} {line.category}": fault} if fault else {}
    assert not wrong


def _fault(line: Line, told: Rows) -> str:
    """What is wrong with what was told of a line."""
    place = f"|{line.product_key}|{line.category}|{line.row.get('price') or ''}"
    mine = [d for d in told if place in d["record_key"]]
    expected = {line.row["class"]} - {""}
    if {d["class_code"] for d in mine} != expected:
        return f"{[(d['class_code'], d['evidence']) for d in mine]} instead of {expected}"
    missing = [d["evidence"] for d in mine if line.row["evidence"] not in d["evidence"]]
    return f"{missing[0]} lacks {line.row['evidence']}" if missing else ""


def test_every_cause_has_a_table_that_shows_it():
    codes = {cause.CODE for cause in line_causes()}
    assert codes <= {topic.upper() for topic in TOPICS}
    for code in codes:
        (rows,) = tables_in(FOLDER / f"{code.lower()}.md").values()
        assert code in {row["class"] for row in rows}


def test_no_line_is_told_twice():
    _, reconciliation = found()
    told = [(d["record_key"], d["field"]) for d in reconciliation.of("bill_line")]
    assert len(told) == len(set(told))
    assert LINE[0] == "account_key"
