"""Files from systems that nobody here wrote are read whole."""

import csv
from pathlib import Path

import pytest

from crossbill.replacement.migration.sources import SourceFormat, open_source

DATA = Path(__file__).parents[3] / "shared" / "data"
FILES = sorted([*DATA.glob("telco_*/*.csv"), *DATA.glob("jbilling2/*.csv")])

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_real_file_gives_what_the_csv_module_gives(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        expected = list(csv.reader(file))
    source = open_source(path, SourceFormat())
    rows = [row for good, bad in source.batches() for row in good.to_pylist() if not bad.num_rows]
    assert list(source.columns) == [name.strip() for name in expected[0]]
    assert [list(row.values())[:-1] for row in rows] == expected[1:]


def test_mainframe_accounts_are_cut_by_their_layout():
    with (DATA / "carddemo" / "layouts.csv").open(newline="") as file:
        layout = [row for row in csv.DictReader(file) if row["record"] == "account"]
    columns = [
        {"name": row["field"], "start": int(row["offset"]) + 1, "length": int(row["length"])}
        for row in layout
        if "ACCTDATA" in row["file"]
    ]
    form = SourceFormat(format="fixed_width", columns=columns, record_length=300)
    source = open_source(DATA / "carddemo" / "acctdata.txt", form)
    rows = [row for good, _ in source.batches() for row in good.to_pylist()]
    assert source.lines == len(rows) == 50
    assert rows[0]["account_id"] == "00000000001"
    assert rows[0]["current_balance"] == "00000001940{"
    assert rows[0]["open_date"] == "2014-11-20"
