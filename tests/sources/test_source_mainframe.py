"""Fixed-width files as mainframes send them: numbers by kind, records by type, no line ends."""

import pytest

from crossbill.replacement.migration.sources import SourceFormat, open_source

# kind | scale | encoding | bytes | the text that is read
NUMBERS = [
    ("packed", 2, "cp037", "12345c", "123.45"),
    ("packed", 2, "cp037", "00005d", "-0.05"),
    ("packed", 0, "cp037", "00000f", "0"),
    ("zoned", 2, "cp037", "f0f1f9f4c0", "19.40"),
    ("zoned", 0, "cp037", "f0f0d7", "-7"),
    ("zoned", 0, "cp037", "f0f0f7", "7"),
    ("zoned", 2, "ascii", b"0194{".hex(), "19.40"),
    ("zoned", 2, "ascii", b"0194}".hex(), "-19.40"),
    ("zoned", 0, "ascii", b"12J".hex(), "-121"),
    ("binary", 0, "cp037", "00000032", "50"),
    ("binary", 2, "cp037", "ffffff9c", "-1.00"),
    ("text", 0, "cp037", "c1404040", "A"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "scale", "encoding", "raw", "text"), NUMBERS)
def test_a_number_is_read_by_its_kind_digit_by_digit(tmp_path, kind, scale, encoding, raw, text):
    data = bytes.fromhex(raw)
    (tmp_path / "in.dat").write_bytes(data)
    column = {"name": "n", "start": 1, "length": len(data), "kind": kind, "scale": scale}
    form = SourceFormat(
        format="fixed_width", encoding=encoding, line_ends=False, columns=[column]
    )  # fmt: skip
    ((good, bad),) = open_source(tmp_path / "in.dat", form).batches()
    assert (good["n"].to_pylist(), bad.num_rows) == ([text], 0)


def test_records_of_other_types_are_passed_over_and_counted(tmp_path):
    path = tmp_path / "in.dat"
    path.write_bytes("A01B\0\0A02C99A\0\0".encode("cp037"))
    columns = [{"name": "id", "start": 2, "length": 2}]
    form = {"format": "fixed_width", "encoding": "cp037", "line_ends": False, "columns": columns}
    source = open_source(
        path, SourceFormat(**form, records={"starts_with": "A"}, low_values="blank")
    )
    ((good, bad),) = source.batches()
    assert good["id"].to_pylist() == ["01", "02", ""]
    assert good["_line"].to_pylist() == [1, 3, 5]
    assert (source.lines, source.passed_over, bad.num_rows) == (3, 2, 0)
    assert source.raw([3]) == {3: "A02".encode("cp037")}
