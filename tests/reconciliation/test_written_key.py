"""The key of a record as text is the same whether the engine or Python writes it."""

import ibis
import pyarrow as pa
import pytest

from crossbill.replacement.reconciliation.compare import record_key, written_part

PARTS = [
    ("plain", "C1", "S1"),
    ("a separator", "C|1", "S1"),
    ("a backslash", "C\\1", "S\\"),
    ("both", "\\|", "|\\"),
    ("empty", "C1", ""),
    ("none", "C1", None),
]


@pytest.mark.parametrize(("name", "first", "second"), PARTS, ids=[p[0] for p in PARTS])
def test_python_writes_a_key_as_the_engine_does(engine, name, first, second):
    parts = {name: pa.array([part], pa.string()) for name, part in (("a", first), ("b", second))}
    rows = ibis.memtable(pa.table(parts))
    by_engine = engine.to_pyarrow(rows.select(key=record_key(lambda n: rows[n], ("a", "b"))))
    assert by_engine["key"].to_pylist() == [f"{written_part(first)}|{written_part(second)}"]


def test_optional_parts_are_left_out_where_all_are_empty(engine):
    columns = pa.schema([(name, pa.string()) for name in "abc"])
    rows = [{"a": "1", "b": b, "c": c} for b, c in ((None, None), ("x", None), ("x", "y"))]
    table = ibis.memtable(pa.Table.from_pylist(rows, columns))
    keyed = table.select(key=record_key(lambda n: table[n], ("a", "b", "c"), ("b", "c")))
    assert engine.to_pyarrow(keyed)["key"].to_pylist() == ["1", "1|x|", "1|x|y"]
