"""What differing accounts share is named where most that share it differ, and nothing else is."""

from functools import cache

import ibis
import pyarrow as pa
import pytest
from oracle.tables import ACCOUNT

from crossbill.engine.calculation import Calculation
from crossbill.engine.datasets import ACCOUNT as ACCOUNTS
from crossbill.engine.datasets import CHARGE, DIFFERENCE, PRODUCT
from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.replacement.reconciliation.finding_calculation import finding_steps
from crossbill.replacement.reconciliation.finding_rows import worth
from crossbill.replacement.reconciliation.findings import PAIR, Found

ENGINE = DuckDBBackend().connect()
MANY = 1_000  # accounts: 10 agents with 100 each, 5 regions with 200, 20 for each pair of them


def agent(n: int) -> int:
    return n % 10


def region(n: int) -> int:
    return n // 10 % 5


@cache
def chain() -> Calculation:
    inputs = {
        "difference": DIFFERENCE.ibis, "new_account": ACCOUNTS.ibis, "product": PRODUCT.ibis,
        "charge": CHARGE.ibis, "known": ibis.schema({"account_key": "string", "agent": "string"}),
    }  # fmt: skip
    return Calculation(inputs, finding_steps((), ("agent",)))


def told(differences: list[dict], **account) -> list[dict]:
    """The findings of these differences among all accounts."""
    accounts = [
        ACCOUNT | {"account_key": key(n), "customer_key": f"C{n}", "region": f"R{region(n)}"}
        | {name: value(n) for name, value in account.items()}
        for n in range(MANY)
    ]  # fmt: skip
    known = [{"account_key": key(n), "agent": f"{agent(n)}"} for n in range(MANY)]
    sources = {
        "difference": _rows(DIFFERENCE, differences),
        "new_account": _rows(ACCOUNTS, accounts),
        "product": _rows(PRODUCT, []),
        "charge": _rows(CHARGE, []),
        "known": ibis.memtable(pa.Table.from_pylist(known)),
    }
    done = chain().run(ENGINE, sources)
    return ENGINE.to_pyarrow(done["finding"].order_by("number")).to_pylist()


def _rows(dataset, rows: list[dict]) -> ibis.Table:
    schema = pa.schema([field.with_nullable(True) for field in dataset.arrow])
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema))


def key(n: int) -> str:
    return f"A{n:04}"


def difference(n: int, **said) -> dict:
    return {
        "entity": "bill", "account_key": key(n), "record_key": f"{key(n)}|2024-05-01",
        "field": "total_minor", "kind": "different", "amount_minor": -5, "currency": "USD",
        "class_code": "TAX", "evidence": "taxed elsewhere",
    } | said  # fmt: skip


SCATTERED = {7 * n for n in range(60)}  # of all agents and all regions

CASES = {
    "one attribute": (lambda n: agent(n) == 3, [("agent 3", 100)]),
    "two together": (lambda n: agent(n) == 3 and region(n) == 1, [("agent 3, region R1", 20)]),
    "two causes": (
        lambda n: agent(n) == 3 or region(n) == 1,
        [("region R1", 200), ("agent 3", 80)],
    ),
    "nothing": (lambda n: n in SCATTERED, [("", 60)]),
    "a cause among what is scattered": (
        lambda n: agent(n) == 3 or n in SCATTERED,
        [("agent 3", 100), ("", 54)],
    ),
    "most who share it": (lambda n: agent(n) == 3 and n % 100 < 70, [("agent 3", 70)]),
    "half of those who share it": (lambda n: agent(n) == 3 and n % 20 < 10, [("", 50)]),
    "too few to tell": (lambda n: agent(n) == 3 and n < 70, [("", 7)]),
    "everybody": (lambda n: True, [("", 1_000)]),
    "nobody": (lambda n: False, []),
}


@pytest.mark.parametrize("case", CASES)
def test_what_differing_accounts_share(case):
    differs, expected = CASES[case]
    found = told([difference(n) for n in range(MANY) if differs(n)])
    assert [(row["shared"], row["accounts"]) for row in found] == expected
    assert sum(row["under_minor"] for row in found) == -5 * sum(map(differs, range(MANY)))


def test_each_class_and_each_field_has_its_own_cause():
    found = told(
        [difference(n) for n in range(MANY) if agent(n) == 3]
        + [difference(n, class_code="ROUNDING") for n in range(MANY) if region(n) == 4]
        + [
            difference(n, entity="account", field=field, class_code="FORMAT", amount_minor=None)
            for n in range(MANY)
            for field, wrong in (("street", agent(n) == 5), ("city", agent(n) == 6))
            if wrong
        ]
    )
    assert {(row["class_code"], row["subject"], row["shared"]) for row in found} == {
        ("TAX", "", "agent 3"),
        ("ROUNDING", "", "region R4"),
        ("FORMAT", "account street", "agent 5"),
        ("FORMAT", "account city", "agent 6"),
    }


def test_money_of_two_currencies_is_never_added():
    found = told(
        [difference(n) for n in range(MANY) if agent(n) == 3],
        currency=lambda n: "USD" if region(n) else "EUR",
    )
    assert {(row["currency"], row["accounts"], row["under_minor"]) for row in found} == {
        ("USD", 80, -400),
        ("EUR", 20, -100),
    }


def test_what_some_pay_more_does_not_make_up_for_what_others_pay_less():
    found = told(
        [difference(n, amount_minor=9 if n % 20 == 3 else -5) for n in range(MANY) if agent(n) == 3]
    )
    assert [(row["over_minor"], row["under_minor"]) for row in found] == [(450, -250)]


LINE = {"entity": "bill_line", "record_key": "A0005|2024-05-01|S1"}
WHOLE = LINE | {"field": "*", "amount_minor": -990}


@pytest.mark.parametrize(
    ("differing", "taxes", "over", "under"),
    [
        ([WHOLE | {"kind": "missing"}], (79, 0), 0, -1_069),
        ([WHOLE | {"kind": "extra", "amount_minor": 990}], (0, 79), 1_069, 0),
        (
            [LINE | {"field": "net_minor"}, LINE | {"field": "tax_minor", "amount_minor": -2}],
            (79, 77),
            0,
            -7,
        ),
        ([LINE | {"field": "tax_minor", "amount_minor": -2}], (79, 77), 0, -2),
    ],
    ids=["on the old side only", "on the new side only", "on both", "tax alone"],
)
def test_what_a_line_is_worth_bears_its_tax(differing, taxes, over, under):
    rows = _rows(DIFFERENCE, [difference(5, **each) for each in differing])
    marked = rows.mutate(subject=ibis.literal(""))
    member = marked.select("class_code", "subject", "currency", "account_key").distinct()
    member = member.mutate(**dict.fromkeys(PAIR, ibis.literal("")))
    cause = member.drop("account_key").mutate(number=ibis.literal(1))
    line = {"record_key": LINE["record_key"], "old_tax": taxes[0], "new_tax": taxes[1]}
    lines = ibis.memtable(pa.Table.from_pylist([line]))
    found = worth(Found(cause, member, member, marked), lines)
    (row,) = ENGINE.to_pyarrow(found).to_pylist()
    assert (row["over_minor"], row["under_minor"]) == (over, under)


def test_a_finding_is_a_sentence_with_an_owner_and_a_fix():
    (row,) = told([difference(n) for n in range(MANY) if agent(n) == 3])
    assert row["description"] == "100 accounts: agent 3; as in A0003: taxed elsewhere"
    assert (row["owner"], row["matching"], row["left_accounts"]) == ("tax", 100, None)
    (row,) = told([difference(5)])
    assert row["description"] == "1 account; as in A0005: taxed elsewhere"
    (row,) = told([difference(5), difference(8)])
    said = "2 accounts that nothing sets apart; as in A0005: taxed elsewhere"
    assert row["description"] == said


def test_a_bill_that_follows_from_its_lines_is_told_once():
    found = told([difference(5, evidence="follows from its lines: taxed elsewhere")])
    assert found == []
