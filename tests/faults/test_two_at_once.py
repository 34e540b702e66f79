"""Two commands at once: of one change-over the second is refused; two carriers come through."""

import signal

import pytest
from killable import Home, refused
from outcome import assert_same, outcome, unbalanced


@pytest.fixture(scope="module")
def two(home: Home, reference):
    """Two carriers side by side, both at work."""
    both = [home.replace(f"beside-{number}") for number in range(2)]
    for attempt in both:
        assert attempt.wait_for("Land the extract"), attempt.said
    return both


def test_a_second_command_for_the_same_change_over_is_refused(home, two):
    two[0].process.send_signal(signal.SIGSTOP)  # or it might be done before the second comes
    second = home.replace("beside-0")
    assert refused(second, "RUN_IS_BUSY"), second.said
    two[0].process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("number", [0, 1])
def test_two_carriers_at_once_end_as_each_would_alone(home, two, reference, number):
    assert two[number].wait() == 0, two[number].said
    assert_same(outcome(home, f"beside-{number}"), reference.outcome)
    assert unbalanced(home) == []
