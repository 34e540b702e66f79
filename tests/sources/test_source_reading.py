"""Files are read as they were written: values, line numbers, raw bytes, control lines."""

import csv
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbill.replacement.migration.sources import LINE_COLUMN, SourceFormat, _text, open_source
from crossbill.replacement.migration.sources.delimited import Delimited

NAMES = ["id", "name", "note"]


def read(path, **form):
    """The source after reading, its accepted rows and its rejects."""
    source = open_source(path, SourceFormat(**form))
    good, bad = [], []
    for accepted, rejects in source.batches():
        good += accepted.to_pylist()
        bad += rejects.to_pylist()
    assert source.lines == len(good) + len(bad)
    return source, good, bad


def written(rows, delimiter=",", line_end="\r\n"):
    """The rows as CSV text, and the physical line on which each starts."""
    text, starts = io.StringIO(newline=""), []
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end)
    writer.writerow(NAMES)
    for row in rows:
        starts.append(text.getvalue().count("\n") + 1)
        writer.writerow(row)
    return text.getvalue(), starts


# A first value that is never blank: a row of blanks alone would be an empty line to some writers.
VALUE = st.text(st.sampled_from(list("ab7é€,;\"' \t\n")), max_size=6)
ROW = st.tuples(st.sampled_from(["1", "A-2"]), VALUE, VALUE)


@given(
    rows=st.lists(ROW, max_size=30),
    delimiter=st.sampled_from(",;"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16"]),
    block_bytes=st.sampled_from([7, 64, 4096]),
)
def test_what_a_csv_writer_wrote_is_read_back(
    tmp_path_factory, rows, delimiter, line_end, encoding, block_bytes
):
    path = tmp_path_factory.mktemp("round") / "in.csv"
    text, starts = written(rows, delimiter, line_end)
    path.write_bytes(text.encode(encoding))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_text, "BLOCK_BYTES", block_bytes)
        source, good, bad = read(path, delimiter=delimiter, encoding=encoding)
        raw = source.raw(starts)
    assert not bad
    assert [tuple(row[name] for name in NAMES) for row in good] == rows
    assert [row[LINE_COLUMN] for row in good] == starts
    codec = "utf-16-le" if encoding == "utf-16" else encoding
    again = (row for line in starts for row in csv.reader(
        io.StringIO(raw[line].decode(codec), newline=""), delimiter=delimiter
    ))  # fmt: skip
    assert [tuple(row) for row in again] == rows


@given(st.binary(max_size=200).map(lambda data: data.translate(bytes(b'1a,"\n\r\xe9\x00' * 32))))
def test_fast_and_careful_way_agree_and_lose_nothing(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("ways") / "in.csv"
    path.write_bytes(b"id,name,note\n" + data)
    fast = read(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Delimited, "_fast", lambda *_: None)
        careful = read(path)
    assert fast[1:] == careful[1:]


@given(
    st.lists(st.sampled_from(["1,a,b\n", '2,"c",d\n', "3,x\n", '4,"y\n', '5,"e\n""",f\n', "\n"]))
)
def test_each_physical_line_is_in_exactly_one_record(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("lines") / "in.csv"
    path.write_text("id,name,note\n" + "".join(lines))
    source, good, bad = read(path)
    raw = source.raw(row[LINE_COLUMN] for row in good) | {row["line"]: row["raw"] for row in bad}
    assert b"".join(raw[line] + b"\n" for line in sorted(raw)) == "".join(lines).encode()


def test_a_mark_and_blanks_in_the_header_are_taken_off_and_said(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(b"\xef\xbb\xbfid , name\r\n1,a\r\n")
    source, good, _ = read(path)
    assert source.columns == ("id", "name")
    assert source.notes == ["it begins with a byte-order mark, which was taken off"]
    assert good == [{"id": "1", "name": "a", LINE_COLUMN: 2}]


def test_a_header_alone_is_a_file_without_records(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(b"id,name\n")
    source, good, bad = read(path)
    assert (source.lines, good, bad) == (0, [], [])


@pytest.mark.parametrize("form", [{}, {"header": False, "columns": ["id", "name"]}])
def test_control_lines_may_stand_before_the_header_and_are_not_counted(tmp_path, form):
    path = tmp_path / "in.csv"
    path.write_bytes(b"99HEAD;x\n" + (b"" if form else b"id,name\n") + b"1,a\n99END;1\n")
    source, good, bad = read(path, trailer={"starts_with": "99"}, **form)
    assert good == [{"id": "1", "name": "a", LINE_COLUMN: 2 if form else 3}]
    assert (source.lines, bad, source.trailers) == (1, [], ["99HEAD;x", "99END;1"])


def test_trailers_are_what_begins_with_their_text(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(b'id,name\n1,a\n2,"b\n99TRAILER"\n99TRAILER;2;49,90\n')
    source, good, bad = read(path, trailer={"starts_with": "99"})
    assert [row["id"] for row in good] == ["1", "2"]
    assert (bad, source.trailers) == ([], ["99TRAILER;2;49,90"])


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_fixed_width_is_cut_by_bytes(tmp_path, encoding, line_end):
    path = tmp_path / "in.dat"
    lines = [b"001 Anna  ", b"002 " + "J\xfcrg".encode(encoding).ljust(6), b"99 2      "]
    path.write_bytes(line_end.join(lines) + line_end)
    columns = [{"name": "id", "start": 1, "length": 4}, {"name": "name", "start": 5, "length": 6}]
    source, good, bad = read(
        path, format="fixed_width", encoding=encoding, columns=columns, record_length=10,
        trailer={"starts_with": "99"},
    )  # fmt: skip
    assert [tuple(row.values()) for row in good] == [("001", "Anna", 1), ("002", "J\xfcrg", 2)]
    assert (bad, source.trailers) == ([], ["99 2      "])
    assert source.raw([2]) == {2: lines[1]}


def test_fixed_width_fast_and_careful_way_agree(tmp_path):
    path = tmp_path / "in.dat"
    path.write_bytes(b"".join(b"%03d n%-5d\n" % (i, i) for i in range(500)))
    columns = [{"name": "id", "start": 1, "length": 4}, {"name": "name", "start": 5, "length": 6}]
    _, plain, _ = read(path, format="fixed_width", columns=columns)
    path.write_bytes(path.read_bytes() + b"\n")
    _, careful, bad = read(path, format="fixed_width", columns=columns)
    assert plain == careful
    assert [row["code"] for row in bad] == ["EMPTY_LINE"]


def test_parquet_is_seen_as_text(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": [1, 2], "name": ["a", None]}), path)
    source, good, bad = read(path, format="parquet")
    assert [tuple(row.values()) for row in good] == [("1", "a", 1), ("2", None, 2)]
    assert not bad
    assert source.raw([2]) == {2: b'{"id": "2", "name": null}'}
