"""One account's old and new bills beside each other: line matched to line, difference to line."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, Protocol

from crossbill.platform.billing.rule_words import NAMES, rule_sentence
from crossbill.replacement.reconciliation.compare import written_part

Row = Mapping[str, Any]
SPLIT = "SPLIT"
LINE_KEY = (
    *("product_key", "category", "price_code", "charge_from"),
    *("discount_key", "discounted"),
)


class Differing(Protocol):
    """What is asked of a difference: where it stands."""

    entity: str
    account_key: str
    record_key: str
    class_code: str
    evidence: str
    owner: str

    @property
    def standing(self) -> str:
        """What terms or people say of it: accept, accepted or block."""


@dataclass
class Reason:
    """Why some values of one line or bill differ: said once for all of them."""

    class_code: str
    evidence: str
    decision: str
    owner: str
    differences: list[Any] = field(default_factory=list)


@dataclass
class LinePair:
    """A charge on both bills, or on one of them, with what differs."""

    product_key: str | None
    category: str
    price_code: str
    charge_from: date
    discount_key: str | None
    discounted: str | None
    old: Row | None = None
    new: Row | None = None
    differences: list[Any] = field(default_factory=list)
    has_others: bool = False  # of the same product and category, at another price

    @property
    def some(self) -> Row:
        """Whichever side stands: both name the same offering unless that is what differs."""
        row = self.new or self.old
        assert row is not None
        return row

    @property
    def price(self) -> str:
        """Which of the offering's prices it is, where the product has several lines of the kind."""
        return self.price_code.rpartition("/")[2] if self.has_others else ""

    @property
    def amount_minor(self) -> int:
        """New minus old, net and tax."""
        return _amount(self.new) - _amount(self.old)

    @property
    def is_split(self) -> bool:
        """Whether it is one of several lines that together agree with one, or that one."""
        return any(each.class_code == SPLIT for each in self.differences)

    @property
    def reasons(self) -> list[Reason]:
        """The line's differences by reason."""
        return by_reason(self.differences)


class RuleChanged(NamedTuple):
    """What one rule of the new policy changes of a bill, tax included."""

    sentence: str
    amount_minor: int


@dataclass
class BillPair:
    """The bills of one period: heads, lines, and the differences of the heads."""

    period_from: date
    period_to: date
    currency: str
    old: list[Row] = field(default_factory=list)
    new: list[Row] = field(default_factory=list)
    lines: list[LinePair] = field(default_factory=list)
    differences: list[Any] = field(default_factory=list)
    rule_changes: list[RuleChanged] = field(default_factory=list)

    def total(self, side: str, column: str) -> int | None:
        """The sum of a column over the side's bills of the period; None where it has none."""
        bills = self.old if side == "old" else self.new
        return sum(int(bill[column]) for bill in bills) if bills else None

    @property
    def amount_minor(self) -> int | None:
        """New total minus old total, where both bills stand."""
        old, new = self.total("old", "total_minor"), self.total("new", "total_minor")
        return None if old is None or new is None else new - old

    @property
    def by_new_rules_minor(self) -> int:
        """The total of the new bill once the new rules hold."""
        return (self.total("new", "total_minor") or 0) + sum(
            c.amount_minor for c in self.rule_changes
        )

    @property
    def reasons(self) -> list[Reason]:
        """The differences of the bills' heads by reason."""
        return by_reason(self.differences)


def by_reason(differences: Iterable[Differing]) -> list[Reason]:
    """Differences with one class, evidence, decision and owner together, in order."""
    reasons: dict[tuple[str, ...], Reason] = {}
    for d in differences:
        same = (d.class_code, d.evidence, d.standing, d.owner)
        reasons.setdefault(same, Reason(*same)).differences.append(d)
    return list(reasons.values())


def _amount(line: Row | None) -> int:
    return int(line["net_minor"]) + int(line["tax_minor"]) if line else 0


def pair_bills(
    old: Mapping[str, Sequence[Row]],
    new: Mapping[str, Sequence[Row]],
    differences: Iterable[Differing],
) -> tuple[list[BillPair], list[Differing]]:
    """Pairs by period, the newest first, and the differences that are of no bill shown.

    ``old`` and ``new`` hold rows of ``bill`` and ``bill_line``, ``new`` of ``rule_change`` where
    there are new rules. Every difference comes out once: at its line, at its bill, or in the rest.
    """
    bills = _heads(old["bill"], new["bill"])
    lines = _lines(old["bill_line"], new["bill_line"])
    rest = _place(bills, lines, differences)
    for (period, *_), pair in sorted(lines.items(), key=lambda item: _order(item[0])):
        bills.setdefault(period, _bill_of(pair.some)).lines.append(pair)
    for row in sorted(new.get("rule_change", ()), key=lambda row: list(NAMES).index(row["rule"])):
        bills.setdefault(row["period_from"], _bill_of(row)).rule_changes.append(_rule_changed(row))
    return [bills[period] for period in sorted(bills, reverse=True)], rest


def _bill_of(row: Row) -> BillPair:
    return BillPair(row["period_from"], row["period_to"], row["currency"])


def _rule_changed(row: Row) -> RuleChanged:
    sentence = rule_sentence(row["rule"], row["was"], row["becomes"])
    return RuleChanged(sentence, row["net_minor"] + row["tax_minor"])


def _heads(old: Sequence[Row], new: Sequence[Row]) -> dict[date, BillPair]:
    bills: dict[date, BillPair] = {}
    for side, rows in (("old", old), ("new", new)):
        for row in rows:
            pair = bills.setdefault(row["period_from"], _bill_of(row))
            getattr(pair, side).append(row)
    return bills


def _lines(old: Sequence[Row], new: Sequence[Row]) -> dict[tuple[Any, ...], LinePair]:
    """Lines by period, key and, where a key stands twice on a side, the how-manieth it is."""
    pairs: dict[tuple[Any, ...], LinePair] = {}
    for side, rows in (("old", old), ("new", new)):
        seen: dict[tuple[Any, ...], int] = defaultdict(int)
        for row in rows:
            key = (row["period_from"], *(row.get(name) for name in LINE_KEY))
            place = (*key, seen[key])
            seen[key] += 1
            pair = pairs.setdefault(place, LinePair(*key[1:]))
            setattr(pair, side, row)
    _tell_apart(pairs)
    return pairs


def _tell_apart(pairs: Mapping[tuple[Any, ...], LinePair]) -> None:
    """Mark the lines that only their price tells apart."""
    prices: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for period, product, category, price_code, *_ in pairs:
        prices[period, product, category].add(price_code)
    for (period, product, category, *_), pair in pairs.items():
        pair.has_others = len(prices[period, product, category]) > 1


def _order(place: tuple[Any, ...]) -> tuple[str, ...]:
    """Lines in the order of their product, the recurring charge before its discount."""
    period, product, category, price_code, charge_from, discount, discounted, number = place
    recurring_first = "0" if category == "recurring" else f"1{category}"
    off = (discount or "", discounted or "")
    first = (str(period), product or "", str(charge_from), price_code, recurring_first)
    return (*first, *off, str(number))


def _place(
    bills: dict[date, BillPair],
    lines: dict[tuple[Any, ...], LinePair],
    differences: Iterable[Differing],
) -> list[Differing]:
    """Hang each difference on its line or its bill; what finds no place is returned."""
    by_key = {_line_key(place): pair for place, pair in reversed(lines.items())}
    by_period = {period.isoformat(): bill for period, bill in bills.items()}
    rest = []
    for difference in differences:
        account = written_part(difference.account_key) + "|"
        key = difference.record_key.removeprefix(account)
        line = by_key.get(key) if difference.entity == "bill_line" else None
        billed = difference.entity in ("bill", "bill_line")
        place = line or (by_period.get(key.split("|")[0]) if billed else None)
        (place.differences if place else rest).append(difference)
    return rest


def _line_key(place: tuple[Any, ...]) -> str:
    """The key as the comparison writes it, without the account."""
    *needed, discount, discounted = place[:-1]
    optional = [] if discount is discounted is None else [discount, discounted]
    parts = (None if part is None else str(part) for part in [*needed, *optional])
    return "|".join(map(written_part, parts))
