"""What a calculation was compiled to is found by the next process, and only by the same code."""

from types import SimpleNamespace

import ibis
import pyarrow as pa
import pytest

from crossbill.engine import compiled
from crossbill.engine.calculation import Calculation, Step, compiled_once
from crossbill.engine.compiled import Compiled, Statement, kept
from crossbill.engine.duckdb_backend import DuckDBBackend

INPUTS = {"amounts": ibis.schema({"amount": "int64"})}
ONE = Compiled([Statement("one", True, False, [], "SELECT 1 AS n")])


@ibis.udf.scalar.python(name="tripled")
def tripled(amount: int) -> int:
    return 3 * amount


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of the test's own, in which nothing is kept yet."""
    folder = tmp_path / "compiled"
    folder.mkdir()
    environment = SimpleNamespace(folder=lambda name: tmp_path / name)
    monkeypatch.setattr(compiled, "read_environment", lambda: environment)
    return folder


class Compiler:
    """Says how often it was asked."""

    def __init__(self):
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return ONE


def summed(column):
    """A calculation as two processes make it: the same name, nothing in common in memory."""

    @compiled_once
    def build(factor):
        step = Step("sums", lambda t: t["amounts"].aggregate(n=(column(t) * factor).sum()))
        return Calculation(INPUTS, [step])

    return build


def result(build, factor):
    backend = DuckDBBackend().connect()
    amounts = ibis.memtable(pa.table({"amount": [2, 5]}))
    done = build(factor).run(backend, {"amounts": amounts})
    return [int(row["n"]) for row in backend.to_pyarrow(done["sums"]).to_pylist()]


def test_it_is_compiled_once_and_then_found():
    compile_now = Compiler()
    assert [kept("a", compile_now), kept("a", compile_now)] == [ONE, ONE]
    assert compile_now.asked == 1


def test_each_name_has_its_own():
    compile_now = Compiler()
    kept("a", compile_now)
    kept("b", compile_now)
    assert compile_now.asked == 2


def test_other_code_finds_nothing_and_forgets_what_was_kept(home, monkeypatch):
    compile_now = Compiler()
    kept("a", compile_now)
    monkeypatch.setattr(compiled, "_state_of_the_code", lambda: "another")
    kept("a", compile_now)
    assert compile_now.asked == 2
    assert [folder.name for folder in home.iterdir()] == ["another"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"statements": [{"name": "one"}]}', "\udcff"])
def test_what_cannot_be_read_is_made_again(home, text):
    compile_now = Compiler()
    kept("a", compile_now)
    (file,) = home.glob("*/*.json")
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert kept("a", compile_now) == ONE
    assert kept("a", compile_now) == ONE
    assert compile_now.asked == 2


def test_the_next_process_executes_what_the_first_has_compiled():
    assert result(summed(lambda t: t["amounts"].amount), 3) == [21]

    def never(_):
        raise AssertionError("built again")

    assert result(summed(never), 3) == [21]
    with pytest.raises(AssertionError, match="built again"):
        result(summed(never), 4)


def test_functions_in_python_are_known_to_the_next_process_too():
    assert result(summed(lambda t: tripled(t["amounts"].amount)), 1) == [21]
    assert result(summed(None), 1) == [21]


def test_an_argument_that_does_not_write_what_it_is_cannot_name_anything():
    with pytest.raises(AssertionError, match="does not write what it is"):
        summed(None)(object())


def test_the_state_of_the_code_follows_from_every_source(tmp_path, monkeypatch):
    (tmp_path / "verb.py").write_text("a = 1\n")
    monkeypatch.setattr(compiled, "PACKAGE", tmp_path)
    before = compiled._state_of_the_code.__wrapped__()
    (tmp_path / "terms.yaml").write_text("digits: 2\n")
    between = compiled._state_of_the_code.__wrapped__()
    (tmp_path / "verb.py").write_text("a = 2\n")
    assert len({before, between, compiled._state_of_the_code.__wrapped__()}) == 3
