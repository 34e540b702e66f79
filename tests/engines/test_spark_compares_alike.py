"""Two extracts met on Spark tell what they tell met here, byte by byte."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from reconciliation.test_as_stored import prepared
from typer.testing import CliRunner

from crossbill.cli_reconcile import reconcile_app
from crossbill.replacement.reconciliation import reconcile_extracts
from crossbill.replacement.reconciliation.as_stored import opened_part
from crossbill.replacement.reconciliation.on_spark import NotOnSpark

pytestmark = [
    pytest.mark.skipif(find_spec("pyspark") is None, reason="needs pyspark: make spark"),
    pytest.mark.skipif(shutil.which("java") is None, reason="needs Java, on which Spark runs"),
]
ON_SPARK = ("--spark", "local[2]")


def told(spec: Path, out: Path, *options: str) -> tuple[dict, dict[str, bytes]]:
    """What the command prints, and the bytes of the files that it writes."""
    sides = ("--left", str(spec.parent), "--right", str(spec.parent))
    arguments = [str(spec), *sides, "--json", "--out", str(out), *options]
    done = CliRunner().invoke(reconcile_app, arguments)
    assert done.exit_code == 1, done.output
    return json.loads(done.stdout), {path.name: path.read_bytes() for path in out.iterdir()}


ODD = """
name: odd keys
left: {file: left.parquet, format: parquet}
right: {file: right.parquet, format: parquet}
key:
  - {name: k, left: k, right: k, normalise: {left: [trim, upper, strip_zeros], right: [upper]}}
  - {name: n, left: n, right: n, normalise: []}
fields:
  - {name: v, normalise: [upper, collapse_blanks], codes: {"STRASSE": ["É", null], "É": X}}
  - {name: owed, type: money, currency: EUR}
"""
# key and text on the left, and on the right, of the record of each number
KEYS = [
    ("c1", "x", "C1", "x"), ("c2", "x", "C2", "y"), (" 007", "x", "7", "x"), ("0", "", "0", ""),
    ("\u017f8", "x", "S8", "x"), ("ß9", "x", "SS9", "x"), ("é10", "x", "É10", "x"),
    ("v11f", "x", "11", "x"), ("\v12\f", "x", "12", "x"), ("a-13", "x", "A13", "x"),
    ("14", "straße", "14", "É"), ("15", "strasse", "15", "É"), ("16", "é", "16", "é"),
    ("17", "É", "17", "X"), ("18", "Strasse", "18", None), ("", "x", "", "x"),
    (None, "x", "x", "x"),
]  # fmt: skip


def odd(folder: Path) -> Path:
    """Keys and codes that engines are known to read differently, one a number."""
    sides = {"left": [row[:2] for row in KEYS], "right": [row[2:] for row in KEYS]}
    for side, rows in sides.items():
        each = [{"k": k, "n": n, "v": v, "owed": 2**62 + n % 2} for n, (k, v) in enumerate(rows)]
        kinds = pa.schema({"k": pa.string(), "n": pa.uint64(), "v": pa.string(), "owed": "int64"})
        parquet.write_table(pa.Table.from_pylist(each, kinds), folder / f"{side}.parquet")
    (folder / "spec.yaml").write_text(ODD, "utf-8")
    return folder / "spec.yaml"


@pytest.mark.parametrize("made", [odd, lambda folder: prepared(folder, 1)])
def test_both_engines_write_the_same_bytes_though_few_records_come_from_spark(
    tmp_path, monkeypatch, made
):
    came = {}

    def counting(spec, side, files, part, engine):
        came[side] = opened_part(spec, side, files, part, engine)
        return came[side]

    monkeypatch.setattr(reconcile_extracts, "opened_part", counting)
    spec = made(tmp_path)
    here, there = told(spec, tmp_path / "here"), told(spec, tmp_path / "there", *ON_SPARK)
    assert here == there
    assert 0 < came["left"].records < there[0]["left"]["rows"]


REFUSED = [
    (".parquet, format: parquet", ".csv, format: delimited, delimiter: ','", "left.format"),
    ("normalise: [upper, collapse_blanks]", "normalise: {left: [upper]}", "fields.v"),
    ("left.parquet, format", "left.parquet, where: n > '3', format", "left.where"),
]


@pytest.mark.parametrize(("said", "instead", "field"), REFUSED)
def test_what_has_to_be_read_as_text_is_refused_before_spark_is_started(
    tmp_path, said, instead, field
):
    spec = odd(tmp_path)
    spec.write_text(ODD.replace(said, instead), "utf-8")
    with (
        pytest.raises(NotOnSpark) as refused,
        reconcile_extracts.reconciled(spec, tmp_path, tmp_path, spark="sc://nobody"),
    ):
        pass
    assert (refused.value.field, "--spark" in refused.value.cure) == (field, True)
