"""Who pays and who is paid for move in one wave, and are billed by new rules in one part."""

import ibis
import pyarrow as pa
import pytest

from crossbill.engine.datasets import PAYER, SUSPENDED
from crossbill.replacement.migration import plan
from crossbill.replacement.reconciliation import new_rules

PLANNED = ibis.memtable(
    pa.table(
        {
            "account_key": ["child", "parent", "other", "lone"],
            "wave": pa.array([1, 2, 2, None], pa.int64()),
            "hard_reasons": [""] * 4,
        }
    )
)


def payer(*pairs: tuple[str, str]) -> ibis.Table:
    rows = [{"account_key": one, "payer_key": other} for one, other in pairs]
    schema = pa.schema([field.with_nullable(True) for field in PAYER.arrow])
    return ibis.memtable(pa.Table.from_pylist(rows, schema))


@pytest.mark.parametrize(
    ("pairs", "staying"),
    [
        ([("child", "parent")], {"child": "Another wave takes parent, which pays for it"}),
        ([("other", "parent"), ("other", "other")], {}),
        ([], {}),
    ],
    ids=["in another wave", "in one wave", "nobody pays for anybody"],
)
def test_who_is_paid_for_moves_with_the_payer(engine, pairs, staying):
    apart = plan.apart_from_payer(PLANNED, payer(*pairs))
    keys = PLANNED.select("account_key")
    moves = plan.moves(PLANNED, ibis.memtable(SUSPENDED.empty()), keys, apart)
    rows = {row["account_key"]: row for row in engine.to_pyarrow(moves).to_pylist()}
    assert rows["lone"]["reason"].startswith("No wave takes this account")
    for key, row in rows.items():
        if key != "lone":
            assert (row["state"] == "fallout") == (key in staying)
            assert row["reason"].startswith(staying.get(key, ""))
            assert row["class_code"] == ("MAPPING" if key in staying else "")


def test_a_family_is_billed_in_one_part(monkeypatch, engine):
    monkeypatch.setattr(new_rules, "ACCOUNTS_AT_ONCE", 2)
    account = ibis.memtable(pa.table({"account_key": ["a", "b", "c", "d", "e", "f"]}))
    tables = {"account": account, "payer": payer(("a", "e"), ("a", "a"), ("d", "e"))}
    family = new_rules._family(tables).order_by("first_key", "account_key")
    parts = [
        part["account_key"].to_pylist() for part in new_rules._parted(engine.to_pyarrow(family))
    ]
    assert parts == [["b", "c"], ["a", "d", "e"], ["f"]]
    assert [part.num_rows for part in new_rules._parted(engine.to_pyarrow(family.limit(0)))] == [0]
