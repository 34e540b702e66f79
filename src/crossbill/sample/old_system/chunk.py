"""Making one chunk of the estate and writing its rows; run as a module it makes several.

A chunk depends on nothing but the estate's size, its seed and its own number. That is why any
number of processes make the same bytes.
"""

import os
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import NamedTuple

from .accounts import make_account
from .agreements import AGREEMENT_HEADERS, MINIMUMS, agree, minimum_row
from .biller import bill_both_months
from .collection import (
    COLLECTION_HEADERS,
    CONTROLS_HEADER,
    CONTROLS_TRUTH,
    collection_plan,
    collection_rows,
    make_collection,
)
from .discounts import give_discounts, give_exemption
from .faults import FAULTS
from .features import (
    FEATURE_HEADERS,
    FEATURES,
    feature_plan,
    feature_row,
    make_features,
)
from .files import (
    BILLS,
    CUSTOMERS,
    DISCOUNTS,
    ENCODING,
    EXEMPTIONS,
    HEADERS,
    ITEMS,
    LINES,
    SERVICES,
    SHARES,
    bill_row,
    customer_row,
    discount_row,
    exemption_row,
    item_row,
    line_row,
    service_row,
    share_row,
)
from .payers import settle
from .plan import Plan, chunk_bounds, chunk_plan
from .rater import rate_usage
from .records import ZERO, Account
from .terms import CONTACT_HEADERS, CONTACTS, contact_row, make_terms
from .traffic import give_usage
from .usage_files import usage_rows

TRUTH = "defects.csv"
# The truth: which class of difference, and which control, has to find what.
TRUTHS = {
    TRUTH: "class_code,account_key,record,detail",
    CONTROLS_TRUTH: CONTROLS_HEADER,
}
MANY_ROWS = {
    **HEADERS,
    **COLLECTION_HEADERS,
    **FEATURE_HEADERS,
    **CONTACT_HEADERS,
    **AGREEMENT_HEADERS,
}
TOTALS = "totals"
PARTS = ("", ":traffic", ":granted", ":collection", ":features", ":terms", ":agreed")
ATTEMPTS = 2_000  # the rarest opportunity comes about once in fifty accounts


class Draws(NamedTuple):
    """What chance decides by: so that what people use or are given changes nothing else."""

    all: Random
    traffic: Random
    granted: Random
    paying: Random
    able: Random
    terms: Random
    agreed: Random


@dataclass(slots=True)
class Rows:
    """The rows of one file within a chunk, and the sum of their control field."""

    texts: list[str] = field(default_factory=list)
    control: Decimal = ZERO

    def add(self, text: str, control: Decimal | int | None) -> None:
        """One more row."""
        self.texts.append(text)
        self.control += control or ZERO


def make_chunk(
    accounts: int, seed: int, chunk: int
) -> tuple[dict[str, Rows], dict[str, list[str]]]:
    """The rows of each file and the truth rows of one chunk."""
    draws = Draws(*(Random(f"{seed}:{chunk}{part}") for part in PARTS))  # noqa: S311 - a sample, not a secret
    bounds = chunk_bounds(accounts)[chunk]
    plans = chunk_plan(bounds, accounts, {c: f.mid_cycle for c, f in FAULTS.items()}, draws.all)
    unpaid = collection_plan(bounds, accounts, plans, draws.paying)
    unable = feature_plan(bounds, accounts, [*plans, *unpaid], draws.able)
    files = {name: Rows() for name in MANY_ROWS}
    truth: dict[str, list[str]] = {name: [] for name in TRUTHS}
    plain, made = Plan(), []
    for index in range(*bounds):
        account, spoiled = _account(index, plans.get(index, plain), draws)
        truth[TRUTH] += spoiled
        made.append(account)
    settle(made)
    for index, account in enumerate(made, bounds[0]):
        for contact in make_terms(account, draws.terms):
            files[CONTACTS].add(contact_row(contact, account), None)
        _write_account(account, files)
        truth[CONTROLS_TRUTH] += _write_collection(
            account, unpaid.get(index, ""), draws.paying, files
        )
        features, spoiled = make_features(account, index in unable, draws.able)
        truth[CONTROLS_TRUTH] += spoiled
        for feature in features:
            files[FEATURES].add(feature_row(feature, account), None)
    return files, truth


def _account(index: int, plan: Plan, draws: Draws) -> tuple[Account, list[str]]:
    """The account with its bills and, where planned, its defect's truth row."""
    for _ in range(ATTEMPTS):
        account = make_account(index, plan, draws.all)
        agree(account, draws.agreed, is_faulty=bool(plan.fault))
        give_usage(account, draws.traffic)
        give_discounts(account, draws.granted)
        give_exemption(account, draws.granted)
        rate_usage(account)
        bill_both_months(account)
        if not plan.fault:
            return account, []
        spoiled = FAULTS[plan.fault].spoil(account, plan.ordinal, draws.all)
        if spoiled and account.billed_twice:
            detail = spoiled.detail.replace('"', '""')
            return account, [f'{plan.fault},{account.key},{spoiled.record},"{detail}"']
    raise AssertionError(f"no account offers an opportunity for {plan.fault}")


def _write_account(account: Account, files: dict[str, Rows]) -> None:
    """The account's rows in every file."""
    for _ in range(account.copies):
        files[CUSTOMERS].add(customer_row(account), account.balance)
    for service in account.services:
        files[SERVICES].add(service_row(service, account), service.special_price)
    if account.paid is not None:
        files[SHARES].add(share_row(account.paid, account), account.paid.percent)
    for given in account.discounts:
        files[DISCOUNTS].add(discount_row(given, account), given.amount)
    for minimum in account.minimums:
        files[MINIMUMS].add(minimum_row(minimum, account), minimum.amount)
    for exemption in account.exemptions:
        files[EXEMPTIONS].add(exemption_row(exemption, account), None)
    for item in account.items:
        files[ITEMS].add(item_row(item, account), item.left)
    for bill in account.bills:
        files[BILLS].add(bill_row(bill, account), bill.total)
        for number, line in enumerate(bill.lines, 1):
            files[LINES].add(line_row(number, line, bill, account), line.net)
    for calls in account.usage.values():
        for name, text, units in usage_rows(calls):
            files[name].add(text, units)


def _write_collection(
    account: Account, fault: str, rng: Random, files: dict[str, Rows]
) -> list[str]:
    """How the account pays, in its files; gives the truth row of its fault, where it has one."""
    made, spoiled = make_collection(account, fault, rng)
    for name, text, control in collection_rows(account, made):
        files[name].add(text, control)
    return spoiled


def write_chunk(accounts: int, seed: int, chunk: int, folder: Path) -> None:
    """Make the chunk and leave its parts in the folder: the files, the truth and the totals."""
    files, truth = make_chunk(accounts, seed, chunk)
    for name, rows in files.items():
        _write(part(folder, chunk, name), rows.texts, ENCODING)
    for name, texts in truth.items():
        _write(part(folder, chunk, name), texts, "utf-8")
    totals = [f"{name};{len(rows.texts)};{rows.control}" for name, rows in files.items()]
    _write(part(folder, chunk, TOTALS), totals, "utf-8")


def part(folder: Path, chunk: int, name: str) -> Path:
    """Where a chunk leaves its part of a file."""
    return folder / f"{chunk:06}.{name}"


def _write(path: Path, lines: list[str], encoding: str) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))


def main(arguments: list[str]) -> None:
    """Make every `step`-th chunk from `start` on; stop when nobody waits for them."""
    accounts, seed, start, step = map(int, arguments[:4])
    parent = os.getppid()
    for chunk in range(start, len(chunk_bounds(accounts)), step):
        if os.getppid() != parent:
            return
        write_chunk(accounts, seed, chunk, Path(arguments[4]))


if __name__ == "__main__":
    main(sys.argv[1:])
