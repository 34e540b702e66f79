"""Two commands at once: of one change-over the second is refused; two carriers come through."""

import pytest
from killable import Home, refused
from outcome import assert_same, outcome, unbalanced


@pytest.fixture(scope="module")
def three(home: Home, reference):
    """Two carriers side by side, and a second command for the first while it works."""
    one, other = home.replace("beside-1"), home.replace("beside-2")
    assert one.wait_for("Land the extract"), one.said
    second = home.replace("beside-1")
    return one, other, second


def test_a_second_command_for_the_same_change_over_is_refused(three):
    one, _, second = three
    assert refused(second, "RUN_IS_BUSY"), second.said
    assert one.process.poll() is None, "it has to come while the first is at work"


@pytest.mark.parametrize("number", [0, 1])
def test_two_carriers_at_once_end_as_each_would_alone(home, three, reference, number):
    assert three[number].wait() == 0, three[number].said
    assert_same(outcome(home, f"beside-{number + 1}"), reference.outcome)
    assert unbalanced(home) == []
