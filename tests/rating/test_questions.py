"""A question about an event that nobody has made is answered as the same event of a file is."""

from datetime import UTC, datetime

import ibis
import pyarrow as pa
from rating.example import CATALOGUE

from crossbill.engine.duckdb import connect
from crossbill.engine.rating_datasets import SERVICE, USAGE
from crossbill.platform.rating.ask import Question, ask
from crossbill.platform.rating.current import current
from crossbill.platform.rating.explain import explain
from crossbill.platform.rating.rate_files import Rated, rate_tables

MONTH = (datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 31, tzinfo=UTC))
HOME = "41443001122"
EVENTS = [  # plan, type, day and hour, quantity, destination
    ("mobile-s", "voice", (4, 10), 185, HOME),
    ("mobile-s", "voice", (4, 10), 7000, HOME),  # more than the allowance holds
    ("mobile-s", "voice", (5, 18), 7200, "4930901820"),  # into another band and step
    ("mobile-s", "voice", (5, 18), 60, "99912345"),
    ("developer", "message", (6, 12), 1, None),  # with a surcharge, without allowances
    ("mobile-s", "message", (6, 12), 3, None),
    ("mobile-s", "voice", (4, 10), 185, HOME),
]


def questions() -> list[Question]:
    return [
        Question(
            plan_code=plan, policy_code="cents-1", usage_type=usage_type,
            started_at=datetime(2024, 3, *at), time_zone="Europe/Zurich", quantity=quantity,
            destination=destination,
        )
        for plan, usage_type, at, quantity, destination in EVENTS
    ]  # fmt: skip


def named(number: int) -> str:
    """Somebody who asks one question only."""
    return f"asker-{number}"


def as_file() -> tuple[pa.Table, pa.Table]:
    """The services and the usage of a file in which each question is an event."""
    common = {"source_file": "f", "source_line": 1}
    everyone = [(named(number), each) for number, each in enumerate(questions())]
    usage = [
        {"usage_key": name, "service_key": name, **vars(each), **common} for name, each in everyone
    ]
    service = [
        {
            **dict.fromkeys(("service_key", "account_key", "product_key"), name),
            "leg": "retail", "valid_from": datetime(1970, 1, 1), "currency": "EUR", **vars(each),
        }
        for name, each in everyone
    ]  # fmt: skip
    return pa.Table.from_pylist(service, SERVICE.arrow), pa.Table.from_pylist(usage, USAGE.arrow)


def test_answers_are_those_of_a_file_whatever_was_asked_before():
    known = current(CATALOGUE)
    service, usage = as_file()
    span = tuple(int(at.timestamp()) for at in MONTH)
    with connect() as backend:
        tables = rate_tables(
            backend, known.catalogue, ibis.memtable(usage), service, span=span, detail=True
        )
        rated = Rated(backend, known.catalogue, tables | {"accepted_usage": tables["usage"]})
        for number, question in enumerate(questions()):
            expected = explain(rated, named(number))
            answer = ask(known, question)
            assert answer.agrees
            assert answer.amount_nanos == expected.amount_nanos
            told = [(head, text.replace(named(number), "anybody")) for head, text in expected.steps]
            assert list(answer.steps) == told
