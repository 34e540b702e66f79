"""Two databases compared by buckets: the result of the full comparison, for far fewer bytes."""

import dataclasses
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources.other_database import other_database

from crossbill.core.refusal import Refusal
from crossbill.replacement.reconciliation import buckets
from crossbill.replacement.reconciliation.reconcile_extracts import document, reconciled
from crossbill.replacement.reconciliation.spec import read_spec

SPEC = """
name: two databases
left: {format: postgresql, url_from: LEFT_URL, table: account}
right: {format: postgresql, url_from: RIGHT_URL, table: account}
key: [{name: id, left: id, right: id, normalise: [trim, strip_zeros, upper]}]
fields:
  - {name: owed, type: money, currency: EUR}
  - {name: lines, type: integer}
  - {name: since, type: date, null_values: [""]}
  - {name: plan}
"""
COLUMNS = "id {key}, owed {money}, lines int, since date, plan text, n int"


@pytest.fixture(scope="module")
def databases():
    """Two databases whose tables were made by different hands."""
    with (
        other_database("left") as left,
        other_database("right", encoding="LATIN1") as right,
        psycopg.connect(left, autocommit=True) as one,
        psycopg.connect(right, autocommit=True) as two,
    ):
        one.execute(f"CREATE TABLE account ({COLUMNS.format(key='text', money='numeric(12, 2)')})")
        two.execute(f"CREATE TABLE account ({COLUMNS.format(key='char(12)', money='numeric')})")
        yield (left, one), (right, two)


@pytest.fixture
def places(databases, monkeypatch, tmp_path):
    (left, one), (right, two) = databases
    monkeypatch.setenv("LEFT_URL", left)
    monkeypatch.setenv("RIGHT_URL", right)
    (tmp_path / "spec.yaml").write_text(SPEC)
    return one, two, tmp_path / "spec.yaml"


def filled(connection, rows) -> None:
    connection.execute("TRUNCATE account")
    with connection.cursor().copy("COPY account FROM STDIN") as copy:
        for number, row in enumerate(rows):
            copy.write_row((*row, number))


def found(spec, *, whole: bool) -> tuple[dict, list, list, dict]:
    """The result, its differences, what was suspended, and the bytes that travelled."""
    with reconciled(spec, None, None, whole=whole) as result:
        rows = result.differences.order_by("record_key", "field").to_pyarrow().to_pylist()
        apart = [{**r, "line": 0} for r in result.suspended.to_pylist()]
        made = document(result)
        assert made["matched"] == dataclasses.asdict(result.tally)["matched"]
    travelled = {side: made[side].pop("travelled_bytes") for side in ("left", "right")}
    return made, rows, sorted(apart, key=str), travelled


def agreed(spec) -> tuple[dict, dict]:
    """The result of both ways, which is one, and the bytes of the shorter one."""
    in_buckets, whole = found(spec, whole=False), found(spec, whole=True)
    assert in_buckets[:3] == whole[:3]
    assert None not in in_buckets[3].values()
    return in_buckets[0], in_buckets[3]


# Equal once normalised, equal but for a sign, alike to PostgreSQL only, blank.
KEYS = [" k1", "K1 ", "k-1", "k1", "0k1", "k2", "x", "é", "É", "", " ", None, "00", "a b"]
ROW = st.tuples(
    st.sampled_from(KEYS),
    st.sampled_from(["1", "1.00", "1.5", "4611686018.43", None, "NaN"]),
    st.sampled_from([1, 2, None]),
    st.sampled_from(["2026-01-31", None]),
    st.sampled_from(["A", "a", "", None, " A", "é"]),
)


Row = tuple[str | None, ...]


def meant(row: Row) -> tuple[str, tuple]:
    """The key and the values that the comparison sees, by plain Python."""
    key, owed, *rest = row
    bare = (key or "").strip()
    number = None if owed is None else Decimal(owed)
    return (bare.lstrip("0") or bare[-1:]).upper(), (
        str(number) if number is not None and number.is_nan() else number,
        *rest,
    )


def kept(rows: list[Row], travelled: Path) -> dict[str, tuple]:
    """What stayed in a database; no key of it is blank or doubled."""
    gone = {int(n) for n in pq.read_table(travelled)["n"].to_pylist()}
    stayed = [meant(row) for n, row in enumerate(rows) if n not in gone]
    assert len(dict(stayed)) == len(stayed)
    every = Counter(key for key, _ in map(meant, rows))
    assert all(key and every[key] == 1 for key, _ in stayed)
    return dict(stayed)


@settings(max_examples=40)
@given(left=st.lists(ROW, max_size=9), right=st.lists(ROW, max_size=9), both=st.lists(ROW))
def test_what_does_not_travel_is_equal_on_both_sides_whatever_they_hold(
    databases, tmp_path_factory, left, right, both
):
    (left_url, one), (right_url, two) = databases
    folder = tmp_path_factory.mktemp("ways")
    (folder / "spec.yaml").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEFT_URL", left_url)
        patch.setenv("RIGHT_URL", right_url)
        patch.setattr(buckets, "FEW_ROWS", 1)
        filled(one, left + both)
        filled(two, right + both)
        with buckets.fetched_apart(read_spec(folder / "spec.yaml"), folder) as beyond:
            stayed = [
                kept(rows + both, beyond.files[side])
                for side, rows in (("left", left), ("right", right))
            ]
    assert stayed[0] == stayed[1]
    assert beyond.rows == len(stayed[0])
    amounts = [owed for owed, *_ in stayed[0].values() if isinstance(owed, Decimal)]
    readable = [amount for amount in amounts if amount < 10**9]
    assert beyond.totals["owed"] == sum(readable) * 10**9


def test_both_ways_find_the_same_in_tables_that_hold_everything(places):
    one, two, spec = places
    draw = random.Random(8)
    fields = ["1", "1.00", "4611686018.43", None], [1, None], ["2026-01-31", None], ["a", "", " A"]
    every = [
        (key, *(draw.choice(f) for f in fields)) for key in [*KEYS, *(f"q{n}" for n in range(90))]
    ]
    filled(one, every + every[:3])
    changed = [(*row[:4], "é") if n % 9 == 0 else row for n, row in enumerate(every)]
    filled(two, changed[2:])
    made, _ = agreed(spec)
    assert made["duplicate_keys"] > 1
    assert made["left"]["suspended"] > 2


def rows(count: int) -> list[tuple]:
    draw = random.Random(3)
    return [
        (f"K{n}", f"{draw.randint(0, 10**6) / 100:.2f}", n % 7, "2026-01-31", "ABC"[n % 3])
        for n in range(1, count + 1)
    ]


def test_few_bytes_travel_where_few_rows_differ(places):
    one, two, spec = places
    left = rows(5000)
    right = [(f" k{key[1:]}", f"{owed}00", *rest) for key, owed, *rest in left]
    right[77] = (*right[77][:4], "changed")
    filled(one, left)
    filled(two, [*right, ("k9000", "1", 1, None, None)])
    made, travelled = agreed(spec)
    assert (made["matched"], made["extra"], made["fields"]["plan"]["different"]) == (5000, 1, 1)
    whole = sum(len("\t".join(map(str, row))) for row in left)
    assert sum(travelled.values()) < whole / 4


def test_where_most_rows_differ_the_whole_tables_travel(places, monkeypatch):
    one, two, spec = places
    monkeypatch.setattr(buckets, "MANY_ROWS", 40)
    filled(one, rows(50))
    filled(two, [(*row[:4], "changed") for row in rows(50)])
    made, _, _, travelled = found(spec, whole=False)
    assert made["fields"]["plan"]["different"] == 50
    assert travelled == {"left": None, "right": None}


def test_a_database_that_goes_away_is_named_and_asked_again(places, monkeypatch):
    one, two, spec = places
    filled(one, rows(50))
    filled(two, rows(50))
    sums, killed = buckets._Side.sums, []

    def killed_before(side, *asked):
        if side.side == "right" and not killed:
            pid = side.database.info.backend_pid
            two.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
            killed.append(pid)
        return sums(side, *asked)

    monkeypatch.setattr(buckets._Side, "sums", killed_before)
    with pytest.raises(Refusal, match="run the same command again") as refused:
        found(spec, whole=False)
    assert (refused.value.code, refused.value.file) == ("SOURCE_LOST", "RIGHT_URL/account")
    assert found(spec, whole=False)[0]["matched"] == 50


def test_a_code_that_is_another_code_is_counted_over_all_rows(places):
    """Rows that did not travel tell a mapping from a slip: A stands as Z in all, B in some."""
    one, two, spec = places
    left = rows(120)
    changed = {"A": "Z"}
    right = [
        (*row[:4], "Y" if row[4] == "B" and n < 75 else changed.get(row[4], row[4]))
        for n, row in enumerate(left)
    ]
    filled(one, left)
    filled(two, right)
    made, _ = agreed(spec)
    assert made["fields"]["plan"]["classes"] == {"MAPPING": 40, "UNEXPLAINED": 25}


def test_in_one_database_only_what_differs_travels(places, databases, monkeypatch):
    one, _, spec = places
    monkeypatch.setenv("RIGHT_URL", databases[0][0])
    one.execute("DROP TABLE IF EXISTS other")
    filled(one, rows(3000))
    one.execute("CREATE TABLE other AS SELECT * FROM account")
    one.execute("UPDATE other SET owed = owed + 0.01 WHERE id = 'K5'")
    spec.write_text(SPEC.replace("RIGHT_URL, table: account", "RIGHT_URL, table: other"))
    made, travelled = agreed(spec)
    assert made["fields"]["owed"] == {
        "different": 1, "value": "0.01", "over": "0.01", "under": "0.00",
        "classes": {"UNEXPLAINED": 1},
    }  # fmt: skip
    assert travelled["right"] < 2000
    one.execute("DROP TABLE other")
