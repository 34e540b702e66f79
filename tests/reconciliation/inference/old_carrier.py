"""Old bills of a small carrier under any policy, made by the plain biller that shares no code."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from random import Random

import ibis
import pyarrow as pa
from oracle.plain_bill import Biller
from oracle.tables import ACCOUNT, PRICE, PRODUCT, SCHEMAS

from crossbill.core.period import DayCount
from crossbill.core.policy import FURTHER_DIGITS, DiscountBase, PriceBy, TaxScope
from crossbill.core.rounding import RoundingMode
from crossbill.platform.billing.bills import TAX_TERMS
from crossbill.replacement.reconciliation.inference.datasets import FAMILY, OLD_BILL, OLD_LINE
from crossbill.replacement.reconciliation.inference.space import (
    DiscountOf,
    DiscountOrder,
    values_of,
)

MONTHS = [(date(2024, month, 1), date(2024, month + 1, 1)) for month in (1, 2, 3, 4)]
DIGITS = 2
NANOS_PER_CENT = 10**7
RATES = [
    {"tax_code": "A", "rate_ppm": 88_750}, {"tax_code": "B", "rate_ppm": 190_000},
    {"tax_code": "C", "rate_ppm": 175_000},
]  # fmt: skip


def any_policy(dice: Random) -> dict:
    """Any policy that is searched, by the plainest of the words that come to the same."""
    mode, scope = dice.choice(list(RoundingMode)), dice.choice(values_of("rounding_scope"))
    digits, base = dice.choice([0, 0, *FURTHER_DIGITS]), dice.choice(list(DiscountBase))
    if mode in (RoundingMode.DOWN, RoundingMode.UP) and (scope, base) == ("line", "rounded"):
        digits = 0
    return {
        "policy_code": "old",
        "day_count": str(dice.choice(list(DayCount))),
        "end_day_counts": dice.random() < 0.5,
        "rounding_mode": str(mode),
        "rounding_scope": scope,
        "rounding_digits": digits,
        "discount_base": str(base if digits else DiscountBase.ROUNDED),
        "price_by": str(dice.choice(list(PriceBy))),
        "tax_scope": str(dice.choice(list(TaxScope))),
        "tax_rounding_mode": str(dice.choice(list(RoundingMode))),
    }


@dataclass
class Carrier:
    """Facts and old bills as rows; amounts of the bills in minor units."""

    facts: dict[str, list[dict]]
    lines: list[dict] = field(default_factory=list)
    bills: list[dict] = field(default_factory=list)

    def bill(self, policy: dict, months: list = MONTHS) -> "Carrier":
        """The same carrier with its bills under a policy."""
        for period in months:
            used = [u for u in self.facts["usage_total"] if u["period_from"] == period[0]]
            facts = {**self.facts, "policy": [policy], "usage_total": used}
            biller = Biller(facts, period, DIGITS)
            accounts = {account["account_key"]: account for account in self.facts["account"]}
            lines = defaultdict(list)
            for key, account in accounts.items():
                for line in biller.bill(account).lines:
                    for payer, part in self._paid(key, line):
                        lines[payer].append(part)
            for key, account in accounts.items():
                self._add(account, period, biller.taxed(account, lines[key]))
        return self

    def _paid(self, account: str, line) -> Iterator[tuple]:
        """Who pays a line: parts cut down, and what is missing for the first of what was cut."""
        rules = [row for row in self.facts["payer"] if row["account_key"] == account]
        shares = {row["payer_key"]: Fraction(row["share_ppm"], 10**6) for row in rules}
        shares = shares or {account: Fraction(1)}
        exact = {key: abs(line.amount) * share for key, share in shares.items()}
        by_rest = sorted(exact, key=lambda key: (exact[key] // 1 - exact[key], key))
        missing = abs(line.amount) - sum(part // 1 for part in exact.values())
        for place, key in enumerate(by_rest):
            size = exact[key] // 1 + (place < missing)
            yield key, replace(line, amount=size if line.amount >= 0 else -size)

    def _add(self, account: dict, period: tuple, bill) -> None:
        billed = {"account_key": account["account_key"], "period_from": period[0]}
        keys = {row["discount_key"] for row in self.facts["discount"]}
        off: dict[str, int] = defaultdict(int)  # of the whole bill: one line each, as it is printed
        for line in bill.lines:
            if line.price_code in keys:
                off[line.price_code] += line.net
                continue
            self.lines.append(
                {
                    **billed,
                    "period_to": period[1],
                    "product_key": line.product,
                    "category": line.category,
                    "net": line.net,
                    "tax": line.tax,
                }
            )
        named = {"category": "discount", "product_key": "", "period_to": period[1], "tax": None}
        self.lines += [{**billed, **named, "discount_key": k, "net": n} for k, n in off.items()]
        if bill.lines:
            self.bills.append({**billed, "net": bill.net, "tax": bill.tax, "total": bill.total})

    def totals(self) -> dict[tuple, tuple]:
        """Net and tax of each bill by account and first day."""
        return {(b["account_key"], b["period_from"]): (b["net"], b["tax"]) for b in self.bills}

    def spoilt(self, dice: Random, of_a_hundred: int) -> "Carrier":
        """The same carrier with wrong amounts on some lines."""
        wrong = set(dice.sample(range(len(self.lines)), len(self.lines) * of_a_hundred // 100))
        lines = [
            row | {"net": row["net"] + dice.choice([-1, 1, 7, 1000])} if n in wrong else row
            for n, row in enumerate(self.lines)
        ]
        return Carrier(self.facts, lines, self.bills)

    def tables(self) -> dict[str, ibis.Table]:
        """What the search reads."""
        lines = [placed(row, n, "bill_line.csv") for n, row in enumerate(self.lines, 2)]
        bills = [placed(row, n, "bill.csv") for n, row in enumerate(self.bills, 2)]
        made = {
            "old_line": pa.Table.from_pylist(lines, OLD_LINE.arrow),
            "old_bill": pa.Table.from_pylist(bills, OLD_BILL.arrow),
        }
        unsaid = {"category": None, "position": None}
        discounts = {"discount": [row | unsaid for row in self.facts["discount"]]}
        for name in ("account", "product", "price", "tax_rate", "payer", "usage_total", "discount"):
            made[name] = pa.Table.from_pylist((self.facts | discounts)[name], SCHEMAS[name])
        made["family"] = pa.Table.from_pylist(self.facts.get("family", []), FAMILY.arrow)
        return {name: ibis.memtable(rows) for name, rows in made.items()}


def placed(row: dict, line: int, file: str) -> dict:
    """A row of an old bill with its place and its amounts in nanos."""
    nanos = {
        f"{name}_nanos": row[name] * NANOS_PER_CENT
        for name in ("net", "tax", "total")
        if row.get(name) is not None
    }
    return {"file": file, "line": line, **row, **nanos}


def carrier(seed: int, accounts: int = 25, name: str = "", *, discounted: bool = False) -> Carrier:
    """People with products that start, end, are discounted and have prices of their own.

    ``name`` is before all keys, and the family of its offerings; ``discounted``: whole bills, too.
    """
    dice = Random(seed)
    offerings = [f"{name}O{n}" for n in range(6)]
    facts = {
        "account": [_account(dice, f"{name}A{n}", name or "old") for n in range(accounts)],
        "product": [
            _product(dice, f"{name}P{n}-{m}", f"{name}A{n}", dice.choice(offerings))
            for n in range(accounts)
            for m in range(dice.randint(1, 5))
        ],
        "price": [row for offering in offerings for row in _prices(dice, offering)],
        "tax_rate": [
            TAX_TERMS | {"valid_from": date(2019, 1, 1), "valid_to": None} | rate for rate in RATES
        ],
        "customer": [],
        "payer": _payers(dice, name, accounts) if seed % 4 == 0 else [],
        "discount": [],
        "usage_total": [],
        "terms": [],
        "family": [{"offering_code": o, "family": name} for o in offerings if name],
    }
    codes = {account["account_key"]: account for account in facts["account"]}
    for rule in facts["payer"]:  # taxed as they are who pay
        codes[rule["account_key"]]["tax_code"] = codes[rule["payer_key"]]["tax_code"]
    if discounted:
        facts |= _discounted(Random(f"discounts of {seed}"), name, accounts, facts["product"])
    return Carrier(facts)


def _discounted(dice: Random, name: str, accounts: int, products: list[dict]) -> dict:
    """Who uses something, and discounts on whole bills by terms that are the carrier's."""
    terms = {
        "discount_of": str(dice.choice(list(DiscountOf)[:3])),  # nothing is charged once here
        "discount_order": str(dice.choice(list(DiscountOrder))),
    }
    only = None if terms["discount_of"] == "all" else terms["discount_of"]
    first = "percentage" if terms["discount_order"] == "percentage_first" else "amount"
    always = dict.fromkeys(("product_key", "offering_code", "spend_minor", "most_minor"))
    always |= {"valid_from": date(2019, 1, 1), "valid_to": None, "category": only}
    always |= {"left_minor": None}
    discounts = [
        always | {
            "account_key": f"{name}A{n}", "discount_key": f"{name}D{n}-{kind}", "kind": kind,
            "position": int(kind != first),
            "rate_ppm": dice.choice([100_000, 125_000, 333_333]) if kind == "percentage" else None,
            "amount_minor": dice.randint(50, 900) if kind == "amount" else None,
        }
        for n in range(accounts)
        for kind in dice.choice([[], ["percentage"], ["percentage", "amount"]])
    ]  # fmt: skip
    usage = [
        {
            "account_key": product["account_key"], "product_key": product["product_key"],
            "offering_code": product["offering_code"], "period_from": period[0],
            "period_to": period[1], "currency": "USD", "events": 3,
            "amount_nanos": dice.randint(1, 3 * 10**10),
        }
        for product in products
        for period in MONTHS
        if dice.random() < 0.4 and product["start_date"] < period[0] and not product["end_date"]
    ]  # fmt: skip
    return {"discount": discounts, "usage_total": usage, "terms": [terms]}


def _payers(dice: Random, name: str, accounts: int) -> list[dict]:
    """The first accounts are paid for by the last one, some of them in part."""
    always = {"category": None, "valid_from": date(2019, 1, 1), "valid_to": None}
    rows, last = [], f"{name}A{accounts - 1}"
    for n in range(accounts // 4):
        own, share = f"{name}A{n}", dice.choice([1_000_000, 600_000, 333_333])
        parts = {last: share, own: 1_000_000 - share}
        rows += [
            always | {"account_key": own, "payer_key": key, "share_ppm": ppm}
            for key, ppm in parts.items()
            if ppm
        ]
    return rows


def together(carriers: list[Carrier]) -> Carrier:
    """Several carriers with different names as one; they have the same tax rates."""
    names = carriers[0].facts
    facts = {name: [row for c in carriers for row in c.facts[name]] for name in names}
    facts["tax_rate"] = carriers[0].facts["tax_rate"]
    lines, bills = ([r for c in carriers for r in getattr(c, n)] for n in ("lines", "bills"))
    return Carrier(facts, lines, bills)


def _account(dice: Random, key: str, policy: str) -> dict:
    code = dice.choice(RATES)["tax_code"]
    return ACCOUNT | {"account_key": key, "tax_code": code, "policy_code": policy}


def _product(dice: Random, key: str, account: str, offering: str) -> dict:
    start, end = date(2021, 5, 7), None
    if dice.random() < 0.6:
        start = date(2024, dice.randint(1, 4), dice.randint(1, 29))
    if dice.random() < 0.4:
        end = date(2024, dice.randint(2, 4), dice.randint(1, 29))
        end = end if end > start else None
    own = dice.random() < 0.2
    return PRODUCT | {
        "product_key": key,
        "account_key": account,
        "offering_code": offering,
        "quantity": dice.choice([1, 1, 1, 2, 3]),
        "start_date": start,
        "end_date": end,
        "price_override_nanos": dice.randint(100, 9000) * NANOS_PER_CENT if own else None,
        "discount_ppm": dice.choice([None, None, 100_000, 125_000, 333_333]),
    }


def _prices(dice: Random, offering: str) -> list[dict]:
    """Two versions of a price; the second holds from a day within the billed months."""
    change = date(2024, dice.choice([2, 3]), 1)
    first, second = (dice.randint(100, 9999) * NANOS_PER_CENT for _ in range(2))
    price = PRICE | {"offering_code": offering}
    return [
        price | {"price_version": "v1", "amount_nanos": first, "valid_to": change},
        price | {"price_version": "v2", "amount_nanos": second, "valid_from": change},
    ]
