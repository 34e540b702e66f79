"""The same rows are stored in the same order, however the engine came by them."""

import itertools

import ibis
import pyarrow as pa

from crossbill.engine.dataset import described
from crossbill.engine.duckdb import connect
from crossbill.replacement.migration.workspace import in_order

SAID = described(
    "said",
    "key",
    """
    key          text     stands twice where it came twice
    quantity     integer  what was said
    source_file  text     where it was said
    source_line  integer  and in which line
    """,
)
# Line 10 comes after line 9, and a file after another by its name.
STORED = [("A", 1, "1.csv", 2), ("B", 1, "1.csv", 9), ("B", 1, "1.csv", 10), ("B", 0, "2.csv", 1)]


def test_rows_of_one_key_stand_as_they_came_in():
    rows = [dict(zip(SAID.arrow.names, row, strict=True)) for row in STORED]
    with connect() as backend:
        for mixed in itertools.permutations(rows):
            table = ibis.memtable(pa.Table.from_pylist(list(mixed), SAID.arrow))
            assert backend.to_pyarrow(in_order(table, SAID)).to_pylist() == rows
