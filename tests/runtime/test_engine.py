"""The engine: bounded, without extensions, and sealed against what an expression may try."""

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossbill.engine.duckdb import SPILL, connect, read_parquet


@pytest.fixture
def sealed(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "seen.csv").write_text("number\n7\n")
    (tmp_path / "secret.csv").write_text("number\n8\n")
    with connect(temp_dir=tmp_path, sealed_to=[tmp_path / "in"]) as engine:
        yield engine


def test_limits_are_as_asked(tmp_path):
    with connect(memory="512MiB", threads=1, temp_dir=tmp_path) as engine:
        assert engine.settings["memory_limit"] == "512.0 MiB"
        assert engine.settings["threads"] == "1"
        assert engine.settings["autoinstall_known_extensions"] == "false"


def test_work_beyond_the_memory_spills_and_is_cleaned_up(tmp_path):
    with connect(memory="150MB", threads=1, temp_dir=tmp_path) as engine:
        query = "SELECT max(h) FROM (SELECT md5(i::text) h FROM range(5000000) t(i) ORDER BY h)"
        assert engine.con.execute(query).fetchone()[0].startswith("ffff")
    assert list(tmp_path.glob(f"{SPILL}*")) == []


def test_the_spill_of_a_killed_process_is_taken_away_and_that_of_a_living_one_kept(tmp_path):
    left = tmp_path / f"{SPILL}left"
    left.mkdir()
    (left / "block").write_bytes(b"x")
    with connect(temp_dir=tmp_path):
        living = set(tmp_path.glob(f"{SPILL}*"))
        assert left not in living
        with connect(temp_dir=tmp_path):
            assert living < set(tmp_path.glob(f"{SPILL}*"))


def test_a_sealed_engine_reads_what_it_was_given(sealed, tmp_path):
    assert sealed.read_csv(tmp_path / "in" / "seen.csv").number.sum().to_pyarrow().as_py() == 7


def test_a_column_of_a_file_without_any_value_has_a_type(tmp_path):
    pq.write_table(pa.table({"key": [1], "nothing": pa.nulls(1)}), tmp_path / "rows.parquet")
    with connect(temp_dir=tmp_path) as engine:
        for read in (engine.read_parquet, lambda path: read_parquet(engine, [path])):
            rows = read(str(tmp_path / "rows.parquet"))
            asked = rows.select(same=rows.key.identical_to(rows.nothing))
            assert engine.to_pyarrow(asked).to_pylist() == [{"same": False}]


@pytest.mark.parametrize(
    "attempt",
    [
        "SELECT (SELECT content FROM read_text('/etc/passwd'))",
        "SELECT count(*) FROM '{folder}/secret.csv'",
        "SELECT count(*) FROM '{folder}/in/../secret.csv'",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/out.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM 'https://example.com/x.csv'",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET memory_limit = '1TB'",
        "SELECT getenv('HOME')",
        "CREATE SECRET s (TYPE http)",
        "EXPORT DATABASE '{folder}/out'",
        "CREATE EXTENSION REPOSITORY 'example.com'",
        "CALL enable_logging(storage = 'file', storage_config = {{'path': '{folder}/out'}})",
    ],
)
def test_a_sealed_engine_reaches_nothing_else(sealed, tmp_path, attempt):
    with pytest.raises(duckdb.Error):
        sealed.con.execute(attempt.format(folder=tmp_path)).fetchall()
