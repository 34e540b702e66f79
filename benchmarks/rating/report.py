"""The section on rating of the page of results."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from benchmarks.tables import facts, table

Run = dict[str, Any]
SECTION = """\
## Rating

A made-up carrier rates a month of traffic: a deck of 36,000 nested prefixes, each with its own
price; three plans with peak and off-peak prices, connect fees, minimums and increments; two
allowances of a product and one of an account; a hundred events a service, 60 % calls at home, 25 %
data, 11 % messages and 4 % calls abroad. `crossbill rate shards` reads them from Parquet,
compressed by Snappy as by default, in shards of four million at most, as many for each core, with
one worker a core, each a process with an engine of one thread, and 8 GB for all of them.

{machine}

{sizes}

*Rolled up* gives one usage charge a product, charge and month; *every event* also writes each rated
event to Parquet. Seconds run from reading the catalogue to the last receipt, with the proof that
all events and all quantity that came in were rated or suspended; the median of three runs, and one
run of the largest. What comes before the first event and after the last (the deck is read and
compiled, workers begin) takes the same at every size, so it weighs most in the smallest{further}.
The SQL of the chain was written by a run before, as by the first one of each version. *Bare scan*
reads the same columns of the same files in the same engine and only takes their maximum: what is
between it and rating is the work of rating. Memory is the peak of all processes, file pages not
counted.

### Where the time goes

One shard on one thread that has done the same before, in seconds of the processor per million
events. What is not stored is part of the statements that read it.

{stages}

The same engine needs the following for the same events with SQL that is written by hand for this
carrier alone, with nothing checked that its usage cannot break, no allowance and no call cut at the
edge of a band. It finds the same service, route, band and rate for every event, or the run stops.
Two million events a second on two cores would leave one second for all of it.

{by_hand}

### Against a loop

The same {plain_events} events one at a time in Python, on one core. *Decimal loop* is what one
would write by hand for this carrier alone. *Oracle* is the rater that the tests trust: exact
fractions, prefixes tried one after the other; so that it does not mostly look for services, each
account has an oracle of its own. Both give every event the same amount as the engine, to the last
digit; a run in which they do not stops.

{plain}

### One event

`ask` prices one event that nobody has made, with its bands, prefixes and allowances, and explains
it in sentences. In a process that has answered before it takes {warm_ms} milliseconds (median); the
first answer, which reads the catalogue and builds the chain, takes {first_s} seconds.
"""


def section(measured: Run) -> str:
    """The section in Markdown."""
    return SECTION.format(
        machine=facts(measured),
        sizes=sizes_table(measured),
        further=_further(measured["runs"]),
        stages=_stages_table(measured["stages"]["events"], measured["stages"]["cpu_seconds"]),
        by_hand=_stages_table(
            measured["stages"]["events"], {"seconds": measured["stages"]["by_hand"]}
        ),
        plain=_plain_table(measured),
        plain_events=f"{measured['plain']['events']:,}",
        warm_ms=f"{measured['ask']['warm_ms']:,.0f}",
        first_s=f"{measured['ask']['first_ms'] / 1000:,.1f}",
    )


def sizes_table(measured: Run) -> str:
    """The main table."""
    head = ["events", "rolled up: seconds", "events/s", "MB", "every event: seconds", "events/s"]
    head += ["MB", "bare scan: seconds", "rolled up / scan"]
    return table(head, [_size_row(run["events"], run["parts"]) for run in measured["runs"]])


def _further(runs: Sequence[Run]) -> str:
    """What each further million took, rolled up, from one size to the next."""
    took = [
        (more["parts"]["charges"]["seconds"] - less["parts"]["charges"]["seconds"])
        * 1_000_000
        / (more["events"] - less["events"])
        for less, more in pairwise(runs)
    ]
    if not took:
        return ""
    said = " and ".join(f"{seconds:.2f}" for seconds in took)
    return f":\nfrom one size to the next, each further million takes {said} seconds"


def _size_row(events: int, parts: Run) -> list[str]:
    row = [f"{events:,}"]
    for part in ("charges", "events"):
        seconds = parts[part]["seconds"]
        row += [f"{seconds:,.1f}", f"{events / seconds:,.0f}"]
        row.append(f"{parts[part]['memory_kb'] / 1024:,.0f}")
    scan = parts["scan"]["seconds"]
    return [*row, f"{scan:,.1f}", f"{parts['charges']['seconds'] / scan:,.1f}"]


def _stages_table(events: int, ways: dict[str, dict[str, float]]) -> str:
    """A column for each way, a line for each statement that takes time in one of them."""
    took = {
        way: {name: f"{1_000_000 * seconds / events:.2f}" for name, seconds in laps.items()}
        for way, laps in ways.items()
    }
    names = dict.fromkeys(name for laps in took.values() for name in laps)
    rows = [[name, *(_shown(laps.get(name, "0.00")) for laps in took.values())] for name in names]
    sums = [f"{1_000_000 * sum(laps.values()) / events:.2f}" for laps in ways.values()]
    head = ["statement", *(way.replace("_", " ") for way in ways)]
    return table(head, [*(row for row in rows if any(row[1:])), ["all", *sums]])


def _shown(seconds: str) -> str:
    return "" if seconds == "0.00" else seconds


def _plain_table(measured: Run) -> str:
    plain, run = measured["plain"], measured["runs"][-1]
    speed = run["events"] / run["parts"]["events"]["seconds"]
    workers = run["parts"]["events"]["workers"]
    rows = [[f"the engine, every event, {workers} workers", f"{speed:,.0f}", "1"]]
    for name, words in (("decimal", "decimal loop"), ("oracle", "oracle")):
        slow = plain["events"] / plain[name]["seconds"]
        rows.append([words, f"{slow:,.0f}", f"{speed / slow:,.0f}"])
    return table(["", "events/s", "the engine is so many times as fast"], rows)
