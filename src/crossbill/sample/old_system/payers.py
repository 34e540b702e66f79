"""Who pays for whom: the old system moves lines, or parts of them, to the bill of the parent."""

from collections.abc import Iterable
from decimal import Decimal

from .biller import at_price, bill_number
from .places import Payer
from .records import ANYTHING, Account, Bill, Line, Share

CENTS = 100
ALL_PERCENT = 100


def settle(accounts: Iterable[Account]) -> None:
    """Let parents pay what they agreed to pay of their children's bills, all of which are made."""
    by_key = {account.key: account for account in accounts}
    for child in by_key.values():
        if child.paid is not None:
            _share_bills(child, by_key[child.parent], child.paid)


def _share_bills(child: Account, parent: Account, share: Share) -> None:
    for bill in child.bills:
        if bill.period.first >= share.first:
            taken = _take(bill, child, parent, share)
            _put(taken, bill, parent)
    child.bills = [bill for bill in child.bills if bill.lines]


def _take(bill: Bill, child: Account, parent: Account, share: Share) -> list[Line]:
    """The parent's parts of the child's lines; the child's own stay on its bill."""
    own, taken = [], []
    # What is used is taxed where the child is; who is free of a tax is who pays.
    payers = (Payer(child.tax_code, parent.payer.exemptions), child.payer)
    for line in bill.lines:
        parts = _parts(line, share, child_first=child.key < parent.key)
        for part, payer, place in zip(parts, payers, (taken, own), strict=True):
            if part is not None:
                place.append(at_price(line, part, payer, bill.period))
    bill.lines = own
    bill.sum_up()
    return taken


def _parts(line: Line, share: Share, *, child_first: bool) -> tuple[Decimal | None, Decimal | None]:
    """What of a line the parent pays and what the child does; None where it is no part of it.

    Both parts are cut to cents. The cent that is then missing goes to the part that lost more, and
    of two halves to the customer with the lower number.
    """
    if share.kind not in (ANYTHING, line.kind):
        return None, line.priced
    if share.percent == ALL_PERCENT:
        return line.priced, None
    cents = int(abs(line.priced) * CENTS)
    whole, lost = divmod(cents * int(share.percent), ALL_PERCENT)
    gets_it = 2 * lost > ALL_PERCENT or (2 * lost == ALL_PERCENT and not child_first)
    sign = -1 if line.priced < 0 else 1
    parents = Decimal(sign * (whole + gets_it)) / CENTS
    return _cents(parents), _cents(line.priced - parents)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01")) + Decimal("0.00")


def _put(lines: list[Line], from_bill: Bill, parent: Account) -> None:
    """Print the lines behind the parent's own, on a bill of its own where it has none."""
    if not lines:
        return
    bill = parent.bill(from_bill.period)
    if bill is None:
        number = bill_number(parent, from_bill.period)
        bill = Bill(number, from_bill.period, parent.name, parent.postcode, [])
        parent.bills = sorted([*parent.bills, bill], key=lambda each: each.period)
    bill.lines += lines
    bill.sum_up()
