"""A sample of bills on paper, read back: what stands there beside what is stored."""

import io
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from pypdf import PdfReader

from crossbill.core.money import minor_digits, parse_minor
from crossbill.engine.integers import sum_int64
from crossbill.engine.store import Store
from crossbill.platform.product.queries import offering_names
from crossbill.replacement.document.pdf import pdf
from crossbill.replacement.migration.models import AccountMove, Wave
from crossbill.replacement.reconciliation.compared_account import compared_account
from crossbill.replacement.reconciliation.comparison_document import comparison

MOST = 20  # papers of a wave: each is set, and read again
BILL = ("account_key", "period_from")
PRINTED_BILL = pa.schema(
    [
        ("account_key", pa.string()),
        ("period_from", pa.date32()),
        ("what", pa.string()),
        ("currency", pa.string()),
        ("stored_minor", pa.int64()),
        ("printed_minor", pa.int64()),
    ]
)
AMOUNT = r"(-?[\d,]+(?:\.\d+)?|-)"
PERIOD = re.compile(r"^(\d{4}-\d\d-\d\d) to \d{4}-\d\d-\d\d$", re.MULTILINE)
TOTAL = re.compile(rf"^Total {AMOUNT} {AMOUNT} ", re.MULTILINE)
LINE = re.compile(
    rf" ?{AMOUNT} {AMOUNT} {AMOUNT} {AMOUNT} (?:(?:together )?equal|[+]?{AMOUNT})$", re.MULTILINE
)


def sample(old: ir.Table, new: ir.Table, lines: ir.Table) -> ir.Table:
    """Bills of every kind there is, one of each: which one, their keys decide.

    Reads BILL of both sides and BILL_LINE of the new one. A kind is what a bill charges, how many
    digits it has, and whether it differs from the old one. Gives what the paper has to say:
    ``account_key period_from currency old_total new_total new_lines``, in minor units.
    """
    charged = lines.group_by(*BILL).aggregate(
        new_lines=sum_int64(lines.net_minor + lines.tax_minor),
        categories=lines.category.collect(distinct=True).sort().join(" "),
    )
    bills = _totals(new, "new_total").left_join(charged, BILL).drop("account_key_right")
    bills = bills.drop("period_from_right").left_join(
        _totals(old, "old_total"), BILL, rname="o_{name}"
    )
    size = bills.new_total.cast("string").length()
    kind = [bills.currency, bills.categories, size, bills.new_total.identical_to(bills.old_total)]
    order = (bills.account_key + bills.period_from.cast("string")).hexdigest("sha256")
    ranked = bills.mutate(
        place=ibis.row_number().over(ibis.window(group_by=kind, order_by=order)), order=order
    )
    first = ranked.filter(ranked.place == 0).order_by("order").limit(MOST)
    return first.select(*BILL, "currency", "old_total", "new_total", "new_lines")


def _totals(bills: ir.Table, name: str) -> ir.Table:
    whole = {name: sum_int64(bills.total_minor)}
    return bills.group_by(*BILL).aggregate(currency=bills.currency.min(), **whole)


def printed_bills(store: Store, wave: Wave, chosen: Iterable[Mapping[str, Any]]) -> pa.Table:
    """The papers of the chosen bills' accounts, set and read back: rows of PRINTED_BILL."""
    names = offering_names(wave.replacement.carrier_id)
    rows = []
    for bill in chosen:
        move = AccountMove.objects.select_related("replacement__carrier", "wave").get(
            wave=wave, account_key=bill["account_key"]
        )
        paper = pdf(comparison(compared_account(store, wave.replacement, move), names))
        rows += _rows(bill, read_back(paper, bill["currency"]).get(bill["period_from"], {}))
    return pa.Table.from_pylist(rows, PRINTED_BILL)


def _rows(bill: Mapping[str, Any], printed: Mapping[str, int | None]) -> list[dict[str, Any]]:
    same = {name: bill[name] for name in (*BILL, "currency")}
    return [
        same | {"what": what, "stored_minor": bill[what], "printed_minor": printed.get(what)}
        for what in ("old_total", "new_total", "new_lines")
    ]


def read_back(paper: bytes, currency: str) -> dict[date, dict[str, int | None]]:
    """What a paper says of the bill of each period, by the first day of the period.

    ``old_total`` and ``new_total`` as its last row says them, and ``new_lines`` as its lines add up
    to; in minor units, and nothing where there is none.
    """
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(paper)).pages)
    _, *parts = PERIOD.split(text)
    found = zip(parts[::2], parts[1::2], strict=True)
    return {date.fromisoformat(day): _read_bill(body, currency) for day, body in found}


def _read_bill(body: str, currency: str) -> dict[str, int | None]:
    total = TOTAL.search(body)
    lines = [
        (_minor(net, currency), _minor(tax, currency)) for _, _, net, tax, _ in LINE.findall(body)
    ]
    amounts = [amount for line in lines for amount in line if amount is not None]
    old, new = (_minor(text, currency) for text in total.groups()) if total else (None, None)
    return {"old_total": old, "new_total": new, "new_lines": sum(amounts) if amounts else None}


def _minor(text: str, currency: str) -> int | None:
    return None if text == "-" else parse_minor(text.replace(",", ""), minor_digits(currency))
