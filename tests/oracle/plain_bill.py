"""A whole bill as plain as can be: one account, one period, exact fractions, day by day."""

from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from math import floor

from oracle.plain_biller import counted, rounded

ONE_DAY = timedelta(days=1)
FOREVER = date(9999, 12, 31)
MILLION = 1_000_000
PLAIN_TERMS = {
    "kind": "recurring",
    "timing": "arrears",
    "months": 1,
    "alignment": "cycle",
    "prorated": True,
    "tax_category": "standard",
    "tax_inclusive": False,
}


@dataclass
class Line:
    """One line of a bill."""

    product: str | None
    category: str
    price_code: str
    charge_from: date
    charge_to: date
    sign: int
    amount: int
    tax_category: str
    tax_inclusive: bool
    counted_as: str
    offering: str | None = None
    base: Fraction = Fraction(0)  # what the product's own discount is a share of
    exact: Fraction = Fraction(0)  # the amount before it is rounded
    net: int = 0
    tax: int = 0

    @property
    def key(self):
        """What tells a line from others."""
        return (
            self.product or "", self.category, self.price_code, self.charge_from, self.charge_to,
            self.sign,
        )  # fmt: skip


@dataclass
class WholeBill:
    """What one account owes for one period, and why."""

    lines: list[Line] = field(default_factory=list)
    taxes: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    credits: dict[str, tuple[int, int]] = field(default_factory=dict)
    net: int = 0
    tax: int = 0
    due: int = 0

    @property
    def total(self) -> int:
        """What is owed before credits."""
        return self.net + self.tax


class Biller:
    """Bills one account at a time; ``rows`` has the tables by name, each a list of rows."""

    def __init__(self, rows: dict[str, list[dict]], period: tuple[date, date], digits: int):
        self.rows = defaultdict(list, rows)
        self.first, self.end = period
        self.digits = digits

    def bill(self, account: dict) -> WholeBill:
        """The account's bill."""
        self.account = account
        (self.policy,) = self._where("policy", policy_code=account["policy_code"])
        found = WholeBill()
        charges = [line for product in self._mine("product") for line in self._charges(product)]
        charges += [self._used(usage) for usage in self._mine("usage_total")]
        if self.policy["rounding_scope"] == "bill":
            self._round_together(charges)
        found.lines = charges + self._own_discounts(charges)
        found.lines += self._discounts(charges)
        found.lines += self._true_ups(found.lines)
        self._tax(found)
        self._pay(found)
        return found

    def taxed(self, account: dict, lines: list[Line]) -> WholeBill:
        """The account's bill of given lines, wherever they come from."""
        self.account, found = account, WholeBill(lines)
        self._tax(found)
        return found

    def _where(self, table: str, **values) -> list[dict]:
        return [r for r in self.rows[table] if all(r[k] == v for k, v in values.items())]

    def _mine(self, table: str) -> list[dict]:
        return self._where(table, account_key=self.account["account_key"])

    def _valid(self, rows: list[dict], day: date | None = None) -> list[dict]:
        day = day or self.first
        return [r for r in rows if r["valid_from"] <= day < (r["valid_to"] or FOREVER)]

    def _money(self, value: Fraction) -> int:
        return rounded(value, self.policy["rounding_mode"])

    # What falls due

    def _charges(self, product: dict) -> list[Line]:
        plain = PLAIN_TERMS | {"price_code": product["offering_code"]}
        stated = self._where("component", offering_code=product["offering_code"])
        stated = [terms for terms in stated if terms["kind"] != "usage"]
        return [line for terms in stated or [plain] for line in self._of_price(product, terms)]

    def _of_price(self, product: dict, terms: dict) -> list[Line]:
        known = self._where(
            "charged", product_key=product["product_key"], price_code=terms["price_code"]
        )
        through = max((row["charged_through"] for row in known), default=None)
        if terms["kind"] == "recurring":
            return self._recurring(product, terms, through)
        return self._once(product, terms, through)

    def _once(self, product: dict, terms: dict, through: date | None) -> list[Line]:
        start, end = product["start_date"], product["end_date"] or FOREVER
        day = start if terms["timing"] == "start" else end - ONE_DAY
        if through is not None or end <= start or not self.first <= day < self.end:
            return []
        times = 1
        if terms["kind"] == "termination":
            times = fees(end, product["contract_end_date"], terms["months"])
        if times == 0:
            return []
        units = product["quantity"] * times
        price = self._price(product, terms)
        return [self._line(product, terms, (day, day + ONE_DAY), 1, price, units)]

    def _recurring(self, product: dict, terms: dict, through: date | None) -> list[Line]:
        start, end = product["start_date"], product["end_date"] or FOREVER
        lines = []
        until = max(self.end, through or self.end)
        for interval in intervals(start, until, self.account["bill_cycle_day"], terms):
            first, last = max(start, interval[0]), min(end, interval[1])
            if self._falls_due(terms, first, last, through):
                fresh = max(first, through or first)
                lines.append(self._part(product, terms, interval, (fresh, last), 1))
            if through is not None and end < self.end:
                back = max(first, end), min(interval[1], through)
                begun = back[0] > first
                if back[0] < back[1] and (terms["prorated"] or not begun):
                    lines.append(self._part(product, terms, interval, back, -1))
        return [line for line in lines if line is not None]

    def _falls_due(self, terms: dict, first: date, last: date, through: date | None) -> bool:
        if first >= last or (through is not None and through >= last):
            return False
        if terms["timing"] == "advance":
            begins = max(first, through or first)
            return begins < self.end and (through is not None or begins >= self.first)
        return last <= self.end and (through is not None or last > self.first)

    def _part(self, product, terms, interval, days, sign) -> Line | None:
        share, times = part_of(interval, days, terms, self.policy)
        if times == 0:
            return None
        price, units = self._price(product, terms), product["quantity"]
        return self._line(product, terms, days, sign, price, units, share, times)

    def _price(self, product: dict, terms: dict) -> int:
        named = product.get("price_override_code") in (None, terms["price_code"])
        if terms["kind"] == "recurring" and named and product["price_override_nanos"] is not None:
            return product["price_override_nanos"]
        by_start = self.policy["price_by"] == "start_time"
        day = product["start_date"] if by_start else self.first
        versions = self._valid(self._where("price", offering_code=terms["price_code"]), day)
        for whom in self._lists():
            found = [v for v in versions if (v.get("segment"), v.get("region")) == whom]
            if found:
                (price,) = found
                return price["amount_nanos"]
        raise LookupError(f"no list has a price of {terms['price_code']} on {day}")

    def _lists(self) -> list[tuple[str | None, str | None]]:
        """Whose price lists the account may pay by, the most specific first."""
        region = self.account.get("region")
        (segment,) = {
            customer["segment"]
            for customer in self._where("customer", customer_key=self.account["customer_key"])
        } or {None}
        return [(segment, region), (segment, None), (None, region), (None, None)]

    def _minor(self, nanos: int) -> Fraction:
        return Fraction(nanos, 10 ** (9 - self.digits))

    def _amounts(self, price: int, units: int, share=Fraction(1), times: int = 1):
        """A charge in minor units, and of what its discount is a share.

        ``share`` is that of a day, of which there are ``times``. One of the three is rounded first.
        """
        minor = self._minor(price)
        first, often = {
            "line": (minor * units * share * times, 1),
            "bill": (minor * units * share * times, 1),  # for the discount of digits alone
            "unit": (minor * share * times, units),
            "day": (minor * share, units * times),
        }[self.policy["rounding_scope"]]
        finer = 10 ** self.policy["rounding_digits"]
        whole = Fraction(self._money(first * finer) * often, finer)
        amount = self._money(whole)
        return amount, whole if self.policy["discount_base"] == "unrounded" else Fraction(amount)

    def _line(self, product, terms, days, sign, price, units, share=Fraction(1), times=1) -> Line:
        category = "recurring" if terms["kind"] == "recurring" else "one_time"
        amount, base = self._amounts(price, units, share, times)
        return Line(
            product["product_key"], category, terms["price_code"], *days, sign, amount * sign,
            terms["tax_category"], terms["tax_inclusive"], category, product["offering_code"],
            base * sign, self._minor(price) * units * share * times * sign,
        )  # fmt: skip

    def _used(self, usage: dict) -> Line:
        amount, _ = self._amounts(usage["amount_nanos"], 1)
        said = self._where("component", offering_code=usage["offering_code"], kind="usage")
        (taxed,) = said or [PLAIN_TERMS]
        return Line(
            usage["product_key"], "usage", usage["offering_code"], self.first, self.end, 1,
            amount, taxed["tax_category"], taxed["tax_inclusive"], "usage", usage["offering_code"],
            exact=self._minor(usage["amount_nanos"]),
        )  # fmt: skip

    def _round_together(self, charges: list[Line]) -> None:
        """Round the sum alone; each line is cut down, and the largest remainders fill it up."""
        finer = 10 ** self.policy["rounding_digits"]
        fine = Fraction(self._money(sum(line.exact for line in charges) * finer), finer)
        for line in charges:
            line.amount = floor(line.exact)
        missing = self._money(fine) - sum(line.amount for line in charges)
        by_rest = sorted(charges, key=lambda line: (line.amount - line.exact, line.key))
        for line in by_rest[:missing]:
            line.amount += 1
        if self.policy["discount_base"] == "rounded":
            for line in charges:
                line.base = Fraction(line.amount)

    # What is taken off, and what is missing

    def _own_discounts(self, charges: list[Line]) -> list[Line]:
        """The discount that a product has by itself, beside each of its recurring charges."""
        found = []
        for line in charges:
            (product,) = self._where("product", product_key=line.product)
            ends = product["discount_end_date"] or FOREVER
            if line.category != "recurring" or ends <= self.first:
                continue
            off = self._money(line.base * (product["discount_ppm"] or 0) / MILLION)
            if off != 0:
                found.append(like(line, "discount", line.price_code, -off))
            line.net = off  # what it is less, for the discounts of the bill
        return found

    def _discounts(self, charges: list[Line]) -> list[Line]:
        """The discounts of the bill, each on what those before it left."""
        left = {line.key: line.amount - line.net for line in charges}
        found = []
        for discount in sorted(self._valid(self._mine("discount")), key=lambda d: d["position"]):
            lines = [c for c in charges if left[c.key] > 0 and applies(discount, c)]
            off = self._off(discount, sum(left[c.key] for c in lines))
            for line, share in shared(off, lines, left).items():
                left[line] -= share
                (whole,) = [c for c in charges if c.key == line]
                found.append(like(whole, "discount", discount["discount_key"], -share))
        return [line for line in found if line.amount != 0]

    def _off(self, discount: dict, base: int) -> int:
        if base < (discount["spend_minor"] or 0):
            return 0
        if discount["kind"] == "percentage":
            off = self._money(Fraction(base * discount["rate_ppm"], MILLION))
        else:
            off = discount["amount_minor"]
        limits = [discount["most_minor"], discount["left_minor"], base]
        return min(off, *(limit for limit in limits if limit is not None))

    def _true_ups(self, lines: list[Line]) -> list[Line]:
        """What is missing of each promise, after discounts."""
        found = []
        for promise in self._mine("commitment"):
            first = max(promise["valid_from"], self.first)
            last = min(promise["valid_to"] or FOREVER, self.end)
            if first >= last:
                continue
            due = promise["amount_minor"]
            if promise["prorated"]:
                days = counted(first, last, self.policy["day_count"])
                whole = counted(self.first, self.end, self.policy["day_count"])
                due = self._money(due * Fraction(min(days, whole), whole))
            short = due - sum(line.amount for line in lines if counts(promise, line))
            if short > 0:
                found.append(self._missing(promise, short))
        return found

    def _missing(self, promise: dict, short: int) -> Line:
        return Line(
            promise["product_key"], "commitment", promise["commitment_key"], self.first, self.end,
            1, short, promise["tax_category"], False, "commitment",
        )  # fmt: skip

    # Tax, sums, credits

    def _tax(self, bill: WholeBill) -> None:
        sums = defaultdict(lambda: [0, 0, defaultdict(int)])  # net, tax of lines, net taxed in sums
        for line in bill.lines:
            rates = self._rates(line.tax_category)
            all_of_them = sum(stated for _, stated, _ in rates)
            line.net = line.amount
            if line.tax_inclusive:
                line.net = self._taxed(line.amount, Fraction(MILLION, MILLION + all_of_them))
            line.tax = 0
            for place, (name, _, due) in enumerate(rates):
                tax = self._taxed(line.net, Fraction(due, MILLION))
                if line.tax_inclusive and place == 0 and due:
                    others = [self._taxed(line.net, Fraction(r, MILLION)) for _, r, _ in rates[1:]]
                    tax = line.amount - line.net - sum(others)
                by_line = line.tax_inclusive or self.policy["tax_scope"] == "line"
                entry = sums[name, due]
                entry[0] += line.net
                line.tax += tax if by_line else 0
                entry[1] += tax if by_line else 0
                together = line.product if self.policy["tax_scope"] == "product" else ""
                entry[2][together] += 0 if by_line else line.net
        bill.taxes = {
            key: (net, tax + sum(self._taxed(n, Fraction(key[1], MILLION)) for n in rest.values()))
            for key, (net, tax, rest) in sums.items()
        }
        bill.net = sum(line.net for line in bill.lines)
        bill.tax = sum(tax for _, tax in bill.taxes.values())

    def _taxed(self, value: int, share: Fraction) -> int:
        return rounded(value * share, self.policy["tax_rounding_mode"])

    def _rates(self, category: str) -> list[tuple[str, int, int]]:
        """Each tax of the category: its name, its rate, and what of it this account owes."""
        code = self.account["tax_code"]
        rates = self._valid(self._where("tax_rate", tax_code=code, tax_category=category))
        free = {row["tax_name"] for row in self._valid(self._mine("exemption"))}
        highest_first = sorted((-rate["rate_ppm"], rate["tax_name"]) for rate in rates)
        return [(n, -ppm, 0 if n in free or None in free else -ppm) for ppm, n in highest_first]

    def _pay(self, bill: WholeBill) -> None:
        bill.due = bill.total
        for credit in sorted(self._mine("credit"), key=lambda row: row["position"]):
            used = min(credit["left_minor"], max(bill.due, 0))
            if used > 0:
                bill.credits[credit["credit_key"]] = (used, credit["left_minor"] - used)
                bill.due -= used


def intervals(start: date, until: date, cycle: int, terms: dict):
    """The intervals that touch the days from the start up to ``until`` or begin there."""
    anchor, month = cycle, 12 * start.year + start.month - 1
    if terms["alignment"] == "start":
        anchor = start.day
    if terms["alignment"] == "calendar":
        anchor, month = 1, 12 * start.year
    month -= terms["months"]  # the bill day of the month may lie after the start
    while in_month(month, anchor) <= until:
        yield in_month(month, anchor), in_month(month + terms["months"], anchor)
        month += terms["months"]


def in_month(month: int, anchor: int) -> date:
    """The anchor's day of the month, or the last of a shorter one."""
    year, number = month // 12, month % 12 + 1
    return date(year, number, min(anchor, monthrange(year, number)[1]))


def part_of(interval, days, terms: dict, policy: dict) -> tuple[Fraction, int]:
    """Which part of an interval's price one of some days costs, and how many they count for."""
    if days == interval or not terms["prorated"]:
        return Fraction(1), 1
    first, end = days
    if end < interval[1] and not policy["end_day_counts"]:
        end -= ONE_DAY
    active = counted(first, end, policy["day_count"])
    if policy["day_count"] == "actual_365":
        return Fraction(12, 365 * terms["months"]), active
    return Fraction(1, counted(*interval, policy["day_count"])), active


def fees(end: date, contract_end: date | None, months: int) -> int:
    """How many fees of so many months the rest of a contract takes."""
    left = 0
    while contract_end is not None and moved(end, left) < contract_end:
        left += 1
    return -(-left // months)


def moved(day: date, months: int) -> date:
    """The same day so many months later."""
    return in_month(12 * day.year + day.month - 1 + months, day.day)


def applies(discount: dict, line: Line) -> bool:
    """Whether the discount is on what the line is for."""
    stated = (
        (discount["product_key"], line.product),
        (discount["offering_code"], line.offering),
        (discount["category"], line.category),
    )
    return all(only is None or only == value for only, value in stated)


def counts(promise: dict, line: Line) -> bool:
    """Whether the line helps to keep the promise."""
    return promise["product_key"] in (None, line.product) and promise["category"] in (
        None,
        line.counted_as,
    )


def shared(off: int, lines: list[Line], left: dict) -> dict:
    """What each line bears: its part cut down, and one more for the largest of what was cut."""
    base = sum(left[line.key] for line in lines)
    exact = {line.key: Fraction(off * left[line.key], base) for line in lines}
    shares = {key: part.numerator // part.denominator for key, part in exact.items()}
    by_rest = sorted(exact, key=lambda key: (shares[key] - exact[key], key))
    for key in by_rest[: off - sum(shares.values())]:
        shares[key] += 1
    return shares


def like(line: Line, category: str, price_code: str, amount: int) -> Line:
    """A line beside another, for what is taken off it."""
    return Line(
        line.product, category, price_code, line.charge_from, line.charge_to, line.sign, amount,
        line.tax_category, line.tax_inclusive, line.counted_as, line.offering,
    )  # fmt: skip
