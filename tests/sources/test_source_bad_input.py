"""Each kind of bad input: the bytes that come in, and what is said about them."""

from pathlib import Path

import pytest

from crossbill.core.refusal import Refusal
from crossbill.replacement.migration.sources import ROW_PROBLEMS, SourceFormat, open_source

FIXED = {
    "format": "fixed_width",
    "columns": [
        {"name": "id", "start": 1, "length": 3},
        {"name": "name", "start": 4, "length": 5},
    ],
}
PACKED = {
    "format": "fixed_width",
    "line_ends": False,
    "columns": [
        {"name": "id", "start": 1, "length": 1},
        {"name": "n", "start": 2, "length": 2, "kind": "packed"},
    ],
}
HEAD = b"id,name\n"

# What | format | the file's bytes | code | line | field | raw bytes
ROWS = [
    ("too few values", {}, HEAD + b"1,a\n2\n3,c\n", "RAGGED_ROW", 3, None, b"2"),
    ("too many values", {}, HEAD + b"1,a\n2,b,c\n", "RAGGED_ROW", 3, None, b"2,b,c"),
    ("line ends kept out", {}, HEAD + b"1,a\r\n2\r\n", "RAGGED_ROW", 3, None, b"2"),
    ("quote never closed", {}, HEAD + b'1,"a\n2,b\n', "BAD_QUOTE", 2, None, b'1,"a'),
    ("text after a quote", {}, HEAD + b'1,"a"b\n2,b\n', "BAD_QUOTE", 2, None, b'1,"a"b'),
    ("one bad byte", {}, HEAD + b"1,M\xfcller\n2,b\n", "NOT_DECODABLE", 2, "name", b"1,M\xfcller"),
    (
        "not in cp1252",
        {"encoding": "cp1252"},
        HEAD + b"1,\x81x\n2,\xe9\n",
        "NOT_DECODABLE",
        2,
        "name",
        b"1,\x81x",
    ),
    ("empty line", {}, HEAD + b"1,a\n\n2,b\n", "EMPTY_LINE", 3, None, b""),
    ("NUL", {}, HEAD + b"1,a\n2,b\x00\n", "CONTROL_CHARACTER", 3, None, b"2,b\x00"),
    ("lone return", {}, HEAD + b"1,a\rb\n2,b\n", "CONTROL_CHARACTER", 2, None, b"1,a\rb"),
    ("short record", FIXED, b"001Anna \n002Bo\n", "RECORD_LENGTH", 2, None, b"002Bo"),
    ("long record", FIXED, b"001Anna \n002Bo    \n", "RECORD_LENGTH", 2, None, b"002Bo    "),
    ("empty record", FIXED, b"001Anna \n\n", "EMPTY_LINE", 2, None, b""),
    ("NUL in a record", FIXED, b"001An\x00a \n", "CONTROL_CHARACTER", 1, None, b"001An\x00a "),
    ("no sign", PACKED, b"1\x12\x34", "BAD_DIGITS", 1, "n", b"1\x12\x34"),
    ("no digit", PACKED, b"1\xa2\x3c", "BAD_DIGITS", 1, "n", b"1\xa2\x3c"),
    ("low values", PACKED, b"1\0\0", "BAD_DIGITS", 1, "n", b"1\0\0"),
    ("half a record", PACKED, b"1\x12\x3c2", "RECORD_LENGTH", 2, None, b"2"),
    ("cut character", FIXED, b"001Ann\xc3\xa9\n002A\xe9   \n", "NOT_DECODABLE", 2, "name", None),
]

# What | format | the file's bytes | code | field | a word of the cure
FILES = [
    ("no file", {}, None, "FILE_MISSING", None, "put it at"),
    ("empty file", {}, b"", "FILE_EMPTY", None, "again"),
    ("only a mark", {}, b"\xef\xbb\xbf", "FILE_EMPTY", None, "again"),
    ("doubled column", {}, b"id,id \n1,2\n", "HEADER_DOUBLED", "id", "rename"),
    ("column without name", {}, b"id,,x\n1,2,3\n", "HEADER_BLANK", None, "name it"),
    ("UTF-16 as UTF-8", {}, "id,a\n1,2\n".encode("utf-16"), "ENCODING_WRONG", "encoding", "utf-16"),
    ("UTF-16 unmarked", {}, "id,a\n1,2\n".encode("utf-16-le"), "ENCODING_WRONG", "encoding", "16"),
    ("UTF-8 as UTF-16", {"encoding": "utf-16"}, HEAD, "ENCODING_WRONG", "encoding", "utf-8"),
    (
        "cp1252 header",
        {},
        "id,größe\n1,2\n".encode("cp1252"),
        "ENCODING_WRONG",
        "encoding",
        "cp1252",
    ),
    ("other delimiter", {}, b"id;name\n1;a\n", "DELIMITER_WRONG", "delimiter", "';'"),
    ("old Mac", {}, b"id,name\r1,a\r", "FILE_UNREADABLE", None, "line feeds"),
    ("header not closed", {}, b'id,"name\n1,a\n', "FILE_UNREADABLE", None, "quotes"),
    ("no Parquet", {"format": "parquet"}, HEAD, "FILE_UNREADABLE", None, "format"),
    ("unknown kind", {"format": "excel"}, HEAD, "PLUGIN_UNKNOWN", "format", "delimited"),
]


@pytest.mark.parametrize(("what", "form", "data", "code", "line", "field", "raw"), ROWS)
def test_a_bad_record_is_suspended_alone(tmp_path, what, form, data, code, line, field, raw):
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    source = open_source(path, SourceFormat(**form))
    batches = list(source.batches())
    bad = [row for _, rejects in batches for row in rejects.to_pylist()]
    assert [(row["code"], row["line"], row["field"]) for row in bad] == [(code, line, field)], what
    assert raw is None or bad[0]["raw"] == raw
    assert bad[0]["file"] == "in.csv"
    assert bad[0]["class_code"] == ("ENCODING" if code == "NOT_DECODABLE" else "FORMAT")
    assert bad[0]["message"] == ROW_PROBLEMS[code].message
    assert source.lines == sum(good.num_rows for good, _ in batches) + 1


@pytest.mark.parametrize(("what", "form", "data", "code", "field", "cure"), FILES)
def test_a_bad_file_is_refused_with_its_cure(tmp_path, what, form, data, code, field, cure):
    path = tmp_path / "in.csv"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(Refusal) as refused:
        open_source(path, SourceFormat(**form))
    assert (refused.value.code, refused.value.field) == (code, field), what
    assert cure in refused.value.cure


def test_every_row_problem_has_a_case():
    in_databases = {"NO_TEXT_FORM"}  # see test_source_sqlite.py
    assert {code for _, _, _, code, *_ in ROWS} | in_databases == set(ROW_PROBLEMS)


def test_a_missing_column_names_the_nearest(tmp_path: Path):
    path = tmp_path / "in.csv"
    path.write_bytes(b"customer_id,amount\n1,2\n")
    with pytest.raises(Refusal, match="nearest is 'customer_id'") as refused:
        open_source(path, SourceFormat()).require(["customerid"])
    assert refused.value.field == "customerid"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"delimeter": ";"}, "Extra inputs"),
        ({"encoding": "klingon"}, "no encoding"),
        ({"encoding": "shift_jis"}, "cannot be read record by record"),
        ({"header": False}, "columns"),
        ({"format": "fixed_width"}, "needs `columns`"),
        ({**FIXED, "record_length": 5}, "ends after record_length"),
        ({"delimiter": '"'}, "two different characters"),
        ({**PACKED, "header": True}, "no header line"),
        ({"low_values": "blank"}, "fixed_width only"),
        ({"table": "t"}, "sqlite and postgresql only"),
        ({"format": "postgresql", "table": "t"}, "needs `url_from`"),
        ({"format": "postgresql", "table": "t", "url_from": "postgresql://x"}, "match pattern"),
        ({"format": "sqlite"}, "needs `table`"),
    ],
)
def test_a_format_that_cannot_be_is_refused(form, said):
    with pytest.raises(ValueError, match=said):
        SourceFormat(**form)
