"""Identities made in the engine equal those made in Python, whatever the text."""

import ibis
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.tables import ENGINE

from crossbill.core import ids
from crossbill.engine.identities import identity

# DuckDB, like every database, holds no NUL and no unpaired surrogate in a text.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=100))
def test_the_engine_makes_the_same_identities(rows):
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    t = ibis.memtable(pa.table(columns, names=["a", "b", "c"]))
    found = ENGINE.to_pyarrow(t.select(value=identity(t.a, t.b, t.c)))["value"].to_pylist()
    assert found == [str(ids.identity(*row)) for row in rows]


def test_an_empty_part_gives_no_identity():
    t = ibis.memtable(pa.table({"a": ["x"], "b": pa.array([None], pa.string())}))
    assert ENGINE.to_pyarrow(t.select(value=identity(t.a, t.b)))["value"].to_pylist() == [None]
