"""A change-over that is killed again and again, anywhere, ends as one that nobody disturbed.

At least fifteen kills, at moments that a seed gives, spread over the whole length: of the command,
of PostgreSQL under it, and of both. CROSSBILL_KILLS=300 does more.
"""

import os
import random
import time
from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate

import pytest
from conftest import Reference
from killable import Attempt, Home, gave_up
from outcome import assert_same, outcome, unbalanced

KILLS = int(os.environ.get("CROSSBILL_KILLS", "15"))
PER_COMPLETION = 15  # what is begun anew costs more than a restart
# Who dies: the command, it and the server, or the server alone, so that the command has to cope.
VICTIMS = ("command", "command", "command", "both", "both", "server")


@dataclass(frozen=True)
class Moment:
    """When to strike: after a stage has ended (or at the start), and so many seconds later."""

    after: str | None
    seconds: float
    victim: str


def moments(reference: Reference, random_: random.Random, count: int) -> list[Moment]:
    """Moments spread evenly over start and stages, in order, each with its victim."""
    titles = [None, *reference.stages]
    begins = list(accumulate(reference.stages.values(), initial=reference.start))
    starts = [0.0, *begins[:-1]]
    points = sorted(random_.uniform(0, begins[-1]) for _ in range(count))
    victims = [*VICTIMS] * (count // len(VICTIMS) + 1)
    random_.shuffle(victims)
    found = []
    for point, victim in zip(points, victims, strict=False):
        segment = bisect(starts, point) - 1
        after = titles[max(segment - 1, 0)]
        found.append(Moment(after, point - (starts[segment] if after else 0), victim))
    return found


def strike(home: Home, attempt: Attempt, moment: Moment) -> bool:
    """Kill at the moment; False where the work was over before."""
    time.sleep(moment.seconds)
    if attempt.process.poll() is not None:
        assert attempt.wait() == 0, attempt.said
        return False
    if moment.victim == "command":
        return attempt.kill()
    if moment.victim == "both":
        home.kill_server()
        return attempt.kill()
    home.kill_server()
    assert attempt.wait() == 0 or gave_up(attempt), attempt.said
    return attempt.wait() != 0


def disturb(home: Home, carrier: str, plan: list[Moment], start: float) -> int:
    """Run to the end through the planned kills; how many met the work."""
    kills, seen = 0, set()
    for moment in plan:
        attempt = home.replace(carrier)
        if moment.after in seen:
            time.sleep(start)  # that stage ended in an earlier attempt, and is not said again
        elif moment.after is not None and not attempt.wait_for(moment.after):
            assert attempt.wait() == 0, attempt.said
        kills += strike(home, attempt, moment)
        seen |= set(attempt.ended)
    last = home.replace(carrier)
    assert last.wait() == 0, last.said
    return kills


@pytest.mark.parametrize("seed", range(-(-KILLS // PER_COMPLETION)))
def test_kills_and_restarts_change_nothing(home, reference, seed):
    random_ = random.Random(seed)
    kills, rounds = 0, 0
    while kills < PER_COMPLETION:
        carrier = f"killed-{seed}-{rounds}"
        plan = moments(reference, random_, PER_COMPLETION - kills + 1)  # one may come too late
        kills += disturb(home, carrier, plan, reference.start)
        rounds += 1
        assert_same(outcome(home, carrier), reference.outcome)
        assert rounds < 2 * PER_COMPLETION, "hardly a kill meets the work"
    assert unbalanced(home) == []
