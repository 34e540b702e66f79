"""The key of a record as text is the same whether the engine or Python writes it."""

import ibis
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
    rows = ibis.memtable({"a": [first], "b": [second]}, schema={"a": "string", "b": "string"})
    by_engine = engine.to_pyarrow(rows.select(key=record_key(lambda n: rows[n], ("a", "b"))))
    assert by_engine["key"].to_pylist() == [f"{written_part(first)}|{written_part(second)}"]
