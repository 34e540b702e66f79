"""Entries balance in every currency, arrive whole, and are corrected only by new ones."""

from uuid import UUID

import pytest
from django.db import connection, transaction
from ledger.books import (
    ACCOUNT,
    BALANCED,
    DAY,
    ENTRY,
    REFUSED,
    entries,
    make_account,
    open_items,
    postings,
)

from crossbill.platform.ledger import queries
from crossbill.platform.ledger.models import JournalEntry, OpenItem, Posting
from crossbill.platform.ledger.operations import post_entries, reverse_openings

pytestmark = pytest.mark.django_db

OTHER = UUID(int=99)


@pytest.fixture
def carrier():
    return make_account()


def post(carrier, *rows, ids=(ENTRY,)):
    with transaction.atomic():
        nothing = open_items(carrier).slice(0, 0)
        return post_entries(
            entries=entries(carrier, *ids), postings=postings(*rows), open_items=nothing
        )


@pytest.mark.parametrize(
    "rows",
    [
        [(ENTRY, "1200", "USD", 1)],
        [(ENTRY, "1200", "USD", 100), (ENTRY, "1290", "USD", -99)],
        [(ENTRY, "1200", "USD", 100), (ENTRY, "1290", "CAD", -100)],
        [(ENTRY, "1200", "USD", 100), (OTHER, "1290", "USD", -100)],
        [(ENTRY, "1200", "USD", 2**63 - 1), (ENTRY, "1290", "USD", 2**63 - 1)],
    ],
    ids=["one side", "a cent short", "across currencies", "across entries", "sum past 64 bits"],
)
def test_entry_that_does_not_balance_is_refused_whole(carrier, rows):
    ids = sorted({row[0] for row in rows})
    with pytest.raises(REFUSED, match="does not balance"):
        post(carrier, *rows, ids=ids)
    assert (JournalEntry.objects.count(), Posting.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "rows",
    [
        BALANCED,
        [*BALANCED, (ENTRY, "1200", "CAD", -5), (ENTRY, "1290", "CAD", 5)],
        [(ENTRY, "1200", "USD", 2**63 - 1), (ENTRY, "1290", "USD", -(2**63 - 1))],
        [],
    ],
    ids=["two sides", "two currencies", "largest amount", "no balance, no postings"],
)
def test_balanced_entry_is_posted(carrier, rows):
    assert post(carrier, *rows) == 1
    assert Posting.objects.count() == len(rows)
    assert queries.unbalanced_entries(carrier.id) == 0


def test_posting_added_later_to_an_entry_is_refused(carrier):
    post(carrier, *BALANCED)
    with pytest.raises(REFUSED, match="is posted already; reverse it"):
        post(carrier, *BALANCED, ids=())
    assert Posting.objects.count() == len(BALANCED)


def test_posting_to_an_entry_that_is_not_there_is_refused(carrier):
    with pytest.raises(REFUSED, match="foreign key"), transaction.atomic():
        post(carrier, *BALANCED, ids=())
        connection.check_constraints()


def test_one_source_is_posted_once_whatever_the_entry_is_called(carrier):
    post(carrier, *BALANCED)
    source = entries(carrier, ENTRY).column("source")
    again = entries(carrier, OTHER).drop("source").append_column("source", source)
    with pytest.raises(REFUSED, match="entry_once_per_source"), transaction.atomic():
        post_entries(entries=again, postings=postings(), open_items=open_items(carrier).slice(0, 0))


@pytest.mark.parametrize("wrong", [{"open_minor": 1_233}, {"paid_minor": 1}, {"open_minor": -1}])
def test_open_item_that_does_not_add_up_is_refused(carrier, wrong):
    with pytest.raises(REFUSED, match="open_item_adds_up"), transaction.atomic():
        post_entries(
            entries=entries(carrier, ENTRY),
            postings=postings(*BALANCED),
            open_items=open_items(carrier, **wrong),
        )
    assert OpenItem.objects.count() == 0


def test_reversal_takes_the_balance_back_and_leaves_the_opening_in_place(carrier):
    post(carrier, *BALANCED)
    opening = JournalEntry.objects.get()
    keys = [opening.source.removeprefix("opening|"), "unknown"]
    assert reverse_openings(carrier_id=carrier.id, account_keys=keys, entry_date=DAY) == 1
    assert JournalEntry.objects.get(reverses=opening).source == f"reversal|{opening.source}"
    assert Posting.objects.filter(account_id=ACCOUNT).count() == 2 * len(BALANCED)
    assert {row["amount_minor"] for row in queries.trial_balance(carrier.id)} == {0}
    assert queries.unbalanced_entries(carrier.id) == 0


def test_opening_is_reversed_once(carrier):
    post(carrier, *BALANCED)
    keys = [JournalEntry.objects.get().source.removeprefix("opening|")]
    reverse_openings(carrier_id=carrier.id, account_keys=keys, entry_date=DAY)
    with pytest.raises(REFUSED), transaction.atomic():
        reverse_openings(carrier_id=carrier.id, account_keys=keys, entry_date=DAY)


def test_trial_balance_adds_up_to_zero_in_each_currency(carrier):
    other = ((OTHER, "1200", "CAD", -70), (OTHER, "1290", "CAD", 70))
    post(carrier, *BALANCED, *other, ids=(ENTRY, OTHER))
    rows = queries.trial_balance(carrier.id)
    found = [(row["currency"], row["gl_account"], row["amount_minor"]) for row in rows]
    assert found == [
        ("CAD", "1200", -70),
        ("CAD", "1290", 70),
        ("USD", "1200", 1_234),
        ("USD", "1290", -1_234),
    ]
