"""A run does each chunk once, whatever stops it, and proves each stage."""

from contextlib import contextmanager, suppress
from dataclasses import replace

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection
from waiting import until

from crossbill.runs import queries
from crossbill.runs.models import LogLine, Run
from crossbill.runs.models import Stage as StoredStage
from crossbill.runs.operations import DatabaseLost, InputsChanged, RunIsBusy, Stage, execute
from crossbill.runs.progress import Silent
from crossbill.runs.receipt import REFUSED, Receipt

pytestmark = pytest.mark.django_db

PARTS = ("north", "south", "west")


class Worker:
    """Does chunks and remembers which; stops at one of them as often as it is told."""

    def __init__(self, *, fails_at: str = "", error: BaseException | None = None) -> None:
        self.done: list[str] = []
        self.fails_at, self.error = fails_at, error

    def __call__(self, key: str) -> Receipt:
        LogLine.objects.create(run=Run.objects.get(), text=f"worked on {key}")
        if key == self.fails_at and self.error:
            raise self.error
        self.done.append(key)
        return Receipt(records_in=10, accepted=7, duplicate=2, suspended=1)


class Listener(Silent):
    """Writes down what the executor told."""

    def __init__(self) -> None:
        self.heard: list[tuple] = []

    def stage_started(self, title, chunks, done):
        self.heard.append((title, chunks, done))

    def stage_done(self, title, summary, *, refused):
        self.heard.append((title, summary, refused))


def stages(*workers: Worker) -> list[Stage]:
    return [
        Stage(f"stage{number}", f"Stage {number}", worker, lambda: PARTS)
        for number, worker in enumerate(workers)
    ]


def run(*workers: Worker, inputs=None, progress=None, **options) -> Run:
    return execute(
        key="move|opticom",
        kind="replacement",
        title="Move OptiCom",
        inputs=inputs or {"CUSTMAST.DAT": "aa"},
        stages=stages(*workers),
        progress=progress or Silent(),
        **options,
    )


@contextmanager
def second_connection(key: str):
    """Another process at the same database, holding the run's lock."""
    other = psycopg.connect(**connection.get_connection_params(), autocommit=True)
    try:
        other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
        yield other
    finally:
        other.execute("SELECT pg_advisory_unlock_all()")  # closing alone takes effect later
        other.close()


def worked_on() -> list[str]:
    lines = LogLine.objects.filter(text__startswith="worked on").order_by("id")
    return [line.text.removeprefix("worked on ") for line in lines]


def test_every_chunk_of_every_stage_is_done_once_and_in_order():
    first, second = Worker(), Worker()
    done = run(first, second)
    assert (done.status, done.attempts, queries.standing(done)) == ("done", 1, "done")
    assert first.done == second.done == list(PARTS)


def test_failing_chunk_leaves_no_trace_and_the_next_attempt_begins_with_it():
    with pytest.raises(ZeroDivisionError):
        run(Worker(fails_at="south", error=ZeroDivisionError()))
    assert worked_on() == ["north"]
    again = Worker()
    done = run(again)
    assert again.done == ["south", "west"]
    assert worked_on() == ["north", "south", "west"]
    assert (done.status, done.attempts, done.failure) == ("done", 2, "")


def test_finished_stage_is_not_asked_for_its_chunks_again():
    with pytest.raises(ZeroDivisionError):
        run(Worker(), Worker(fails_at="north", error=ZeroDivisionError()))
    first, second = Worker(), Worker()
    run(first, second)
    assert (first.done, second.done) == ([], list(PARTS))


def test_progress_tells_what_an_earlier_attempt_did():
    with pytest.raises(ZeroDivisionError):
        run(Worker(fails_at="west", error=ZeroDivisionError()))
    listener = Listener()
    run(Worker(), progress=listener)
    summary = "21 accepted, 6 duplicate, 3 suspended"
    assert listener.heard == [("Stage 0", 3, 2), ("Stage 0", summary, False)]


def test_progress_tells_what_did_not_come_about_in_a_stage():
    listener = Listener()
    said = Receipt(notes={"signatures": 0, REFUSED: "nobody signs"})
    run(lambda key: said, progress=listener)
    assert listener.heard[-1] == ("Stage 0", "nobody signs, signatures 0", True)


def test_done_run_is_given_back_without_work():
    first = run(Worker())
    idle = Worker()
    assert run(idle).finished_at == first.finished_at
    assert idle.done == []


def test_run_waits_before_a_stage_until_people_have_done_their_part():
    first, second, waits = Worker(), Worker(), ["Wave 1 waits for people"]

    def start() -> Run:
        before, after = stages(first, second)
        after = replace(after, waits_for=lambda: " ".join(waits))
        facts = {"key": "move|opticom", "kind": "replacement", "title": "Move OptiCom"}
        return execute(inputs={}, stages=[before, after], progress=Silent(), **facts)

    for _ in range(2):
        waiting = start()
        assert (waiting.status, queries.standing(waiting)) == ("waiting", "waiting")
        assert waiting.finished_at is None
        assert (first.done, second.done) == (list(PARTS), [])
    assert LogLine.objects.last().text == waits.pop()
    assert start().status == "done"
    assert second.done == list(PARTS)


def test_run_is_prepared_once_in_the_transaction_that_makes_it():
    prepared: list[str] = []
    for worker in (Worker(fails_at="north", error=ZeroDivisionError()), Worker()):
        with suppress(ZeroDivisionError):
            run(worker, prepare=lambda made: prepared.append(made.key))
    assert prepared == ["move|opticom"]


def test_preparation_that_fails_leaves_no_run():
    with pytest.raises(ZeroDivisionError):
        run(Worker(), prepare=lambda made: 1 // 0)
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("error", "recorded"),
    [
        (RunIsBusy("the file moved", file="CUSTMAST.DAT", line=7), "(CUSTMAST.DAT:7)"),
        (ZeroDivisionError("account C0001 of Ms Doe"), "ZeroDivisionError"),
    ],
    ids=["a refusal by its message", "a bug by its name, for its text may hold personal data"],
)
def test_failed_run_records_why(error, recorded):
    with pytest.raises(type(error)):
        run(Worker(fails_at="south", error=error))
    failed = Run.objects.get()
    assert (failed.status, queries.standing(failed)) == ("failed", "failed")
    assert recorded in failed.failure
    assert "Doe" not in failed.failure


@pytest.mark.parametrize("inputs", [{"CUSTMAST.DAT": "bb"}, {"CUSTMAST.DAT": "aa", "X": "cc"}])
@pytest.mark.parametrize("error", [None, ZeroDivisionError()], ids=["done", "failed"])
def test_changed_inputs_are_refused_and_change_nothing(inputs, error):
    with suppress(ZeroDivisionError):
        run(Worker(fails_at="west", error=error))
    before = Run.objects.values().get()
    with pytest.raises(InputsChanged, match="began with other inputs"):
        run(Worker(), inputs=inputs)
    assert Run.objects.values().get() == before


def test_totals_of_a_stage_are_those_of_its_chunks():
    big = 2**63 - 1

    def work(key: str) -> Receipt:
        sums = {"ITEM.open_minor": {"in": big, "accepted": big - 5, "duplicate": 5, "suspended": 0}}
        return Receipt(
            4, 3, 1, 0, sums=sums, files={key: f"hash of {key}"}, notes={"bills": 2, "by": key}
        )

    execute(
        key="totals",
        kind="test",
        title="Totals",
        inputs={},
        stages=[Stage("only", "Only", work, lambda: PARTS)],
        progress=Silent(),
    )
    stored = StoredStage.objects.get()
    counts = (stored.records_in, stored.accepted, stored.duplicate, stored.suspended)
    assert counts == (12, 9, 3, 0)
    assert stored.sums == {
        "ITEM.open_minor": {
            "in": 3 * big,
            "accepted": 3 * big - 15,
            "duplicate": 15,
            "suspended": 0,
        }
    }
    assert stored.notes == {"bills": 6, "by": "west"}
    assert set(queries.receipts(Run.objects.get(), "only")) == set(PARTS)


@pytest.mark.parametrize(
    ("counts", "sums"),
    [
        ((3, 1, 1, 0), {}),
        ((1, 1, 1, 0), {}),
        ((0, 0, 0, 0), {"x_minor": {"in": 1, "accepted": 0, "duplicate": 0, "suspended": 0}}),
        ((0, 0, 0, 0), {"x_minor": {"in": 0, "accepted": 2, "duplicate": -1, "suspended": 0}}),
    ],
    ids=["one vanished", "one appeared", "value vanished", "value appeared"],
)
def test_receipt_that_does_not_add_up_cannot_exist(counts, sums):
    with pytest.raises(AssertionError):
        Receipt(*counts, sums=sums)


def test_chunk_without_a_true_receipt_is_not_done():
    execution = Stage("only", "Only", lambda key: Receipt(records_in=1), lambda: PARTS)
    with pytest.raises(AssertionError, match="1 came in, 0 ended in a state"):
        execute(key="k", kind="test", title="T", inputs={}, stages=[execution], progress=Silent())
    assert StoredStage.objects.get().chunks.count() == 0


def test_stage_whose_totals_do_not_add_up_is_refused_by_the_database():
    run(Worker())
    with pytest.raises(Exception, match="stage_nothing_vanishes"):
        StoredStage.objects.update(accepted=5)


@pytest.mark.django_db(transaction=True)
def test_run_that_another_process_does_is_refused():
    with second_connection("move|opticom"):
        with pytest.raises(RunIsBusy, match="being done by another process"):
            run(Worker())
        assert not Run.objects.exists()
    assert run(Worker()).status == "done"


@pytest.mark.django_db(transaction=True)
def test_runs_of_other_keys_do_not_wait_for_each_other():
    with second_connection("move|another"):
        assert run(Worker()).status == "done"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [f"move|carrier{number}" for number in range(6)])
def test_running_run_is_interrupted_as_soon_as_nobody_holds_its_lock(key):
    started = Run.objects.create(key=key, kind="test", title="T", input_hash="")
    with second_connection(key):
        assert queries.standing(started) == "running"
    assert queries.standing(started) == "interrupted"


@pytest.mark.django_db(transaction=True)
def test_killed_run_is_interrupted_and_resumes():
    with pytest.raises(KeyboardInterrupt):
        run(Worker(fails_at="west", error=KeyboardInterrupt()))
    killed = Run.objects.get()
    assert (killed.status, queries.standing(killed)) == ("running", "interrupted")
    again = Worker()
    assert run(again).status == "done"
    assert again.done == ["west"]


@pytest.mark.django_db(transaction=True)
def test_lost_connection_frees_the_lock_and_the_run_resumes():
    def lose_connection(key: str) -> Receipt:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return Receipt()

    lost = Stage("only", "Only", lose_connection)
    options = {"key": "k", "kind": "test", "title": "T", "inputs": {}, "progress": Silent()}
    with pytest.raises(Exception, match="terminat"):
        execute(stages=[lost], **options)
    connection.close()
    until(lambda: not queries.is_alive(Run.objects.get()), seconds=10)
    assert (
        execute(stages=[Stage("only", "Only", lambda key: Receipt())], **options).status == "done"
    )


def test_caller_looks_at_what_is_stored_before_an_unfinished_run_goes_on():
    looked_at: list[int] = []

    def look(begun: Run) -> None:
        looked_at.append(begun.attempts)

    with pytest.raises(ZeroDivisionError):
        run(Worker(fails_at="south", error=ZeroDivisionError()), before_resuming=look)
    assert looked_at == []
    run(Worker(), before_resuming=look)
    run(Worker(), before_resuming=look)
    assert looked_at == [2]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, psycopg.OperationalError])
def test_database_that_cannot_go_on_is_told_in_a_sentence(error):
    with pytest.raises(DatabaseLost, match=r"the connection is lost .*\n.*again to go on"):
        run(Worker(fails_at="south", error=error("the connection is lost\nDETAIL: a customer")))
    assert "customer" not in Run.objects.get().failure
