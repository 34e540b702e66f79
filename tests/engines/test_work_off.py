"""Items are worked off once each, and a failure ends the work."""

import threading

import pytest

from crossbill.engine.work_off import work_off


def test_every_item_is_taken_once():
    taken = work_off(range(100), 4, list)
    assert sorted(item for part in taken for item in part) == list(range(100))


def test_when_one_fails_the_others_take_nothing_more():
    failed, done = threading.Event(), []

    def work(items):
        for item in items:
            if item == 0:
                failed.set()
                raise ValueError("broken")
            failed.wait(10)
            threading.Event().wait(0.2)  # until the list is cleared
            done.append(item)

    with pytest.raises(ValueError, match="broken"):
        work_off(range(100), 2, work)
    assert len(done) <= 1
