"""Puts a folder of vectors to the engine and says what passes: run.py FOLDER --json.

Exit code 0 also where vectors are not covered: each is told with its reason. 1 if any fails, 2 if
what was given is no folder of vectors.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # the tests' shared modules, not this folder

from crossbill.core.rounding import divide_rounded
from vectors import bill_terms, charge, periods, proration, rounding, telecom
from vectors.answers import ROUNDING, Answers, Semantics, Uncovered, halves, text

SEMANTICS: dict[str, Semantics] = {
    **charge.SEMANTICS,
    **rounding.SEMANTICS,
    **telecom.SEMANTICS,
    **proration.SEMANTICS,
    **periods.CYCLES,
    **periods.PERIODS,
    **bill_terms.DISCOUNTS,
    **bill_terms.TAXES,
    **bill_terms.CREDIT_NOTES,
}
# Whose figures are floats: so near is equal to the peer itself.
WITHIN = {"months_inclusive_per_calendar_month": Fraction(1, 10**6)}
NUMBER = re.compile(r"-?\d+(\.\d+)?")


class NotVectors(Exception):
    """What was given is no folder of files of vectors; says where and what."""


@dataclass
class Outcome:
    """What became of the vectors of one semantics id."""

    passed: int = 0
    failed: list[dict] = field(default_factory=list)
    uncovered: list[dict] = field(default_factory=list)


def read(folder: Path) -> list[dict]:
    """The vectors of every file in the folder; a record that is none is told as one not covered."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise NotVectors(f"{folder}: no file *.json in this folder")
    return [vector for path in files for vector in _of_file(path)]


def _of_file(path: Path) -> list[dict]:
    try:
        found = json.loads(path.read_text("utf-8"), parse_float=str)
    except (OSError, ValueError, RecursionError) as error:
        raise NotVectors(f"{path.name}: cannot be read as JSON: {error}") from error
    records = found.get("vectors") if isinstance(found, dict) else found
    if not isinstance(records, list):
        raise NotVectors(f"{path.name}: neither a list of vectors nor an object with one")
    return [_vector(record, f"{path.name} {place}") for place, record in enumerate(records, 1)]


def _vector(record: object, place: str) -> dict:
    """The record; where it lacks a name, it is called by its place."""
    if not isinstance(record, dict):
        return {"id": place, "semantics": "", "input": None}
    return record | {"id": str(record.get("id", place)), "semantics": str(record.get("semantics"))}


def outcomes(vectors: Sequence[dict]) -> dict[str, Outcome]:
    """All vectors, those of one semantics at once; by semantics id."""
    grouped: dict[str, list[dict]] = defaultdict(list)
    for vector in vectors:
        grouped[vector["semantics"]].append(vector)
    found: dict[str, Outcome] = {}
    for semantics, group in sorted(grouped.items()):
        outcome = found.setdefault(semantics, Outcome())
        keyed = [vector | {"id": str(number)} for number, vector in enumerate(group)]
        answers = _answers(semantics, keyed)
        for asked, vector in zip(keyed, group, strict=True):
            _judge(vector, answers[asked["id"]], outcome)
    return found


def _answers(semantics: str, group: Sequence[dict]) -> Answers:
    """What the engine says; ids are those of this run, since those of files may occur twice."""
    odd = {vector["id"]: Uncovered(why) for vector in group if (why := _oddity(vector))}
    known = SEMANTICS.get(semantics)
    if known is None:
        nameless = Uncovered("the engine has no rule of this name")
        return {vector["id"]: nameless for vector in group} | odd
    sound = [vector for vector in group if vector["id"] not in odd]
    return odd | _asked(known, sound)


def _oddity(vector: dict) -> str | None:
    """What makes the record no vector, if anything does."""
    compare, expected = vector.get("compare") or {}, _expected(vector)
    if not isinstance(vector.get("input"), dict):
        return "not a vector: it has no input"
    if not isinstance(expected, dict) or not expected:
        return "not a vector: it asserts nothing"
    if not isinstance(compare, dict):
        return "not a vector: how to compare is no object"
    if compare and compare.get("round") not in ROUNDING:
        return f"rounds before comparing in a way that is not known: {compare.get('round')}"
    if compare and not NUMBER.fullmatch(str(compare.get("round_places"))):
        return f"rounds to {compare.get('round_places')} digits before comparing"
    return None


def _asked(known: Semantics, group: Sequence[dict]) -> Answers:
    """All at once; what breaks is a failure of its own vector only."""
    try:
        return {v["id"]: Uncovered("not answered") for v in group} | known(group) if group else {}
    except Exception as error:  # noqa: BLE001 - a defect of ours, told as a failure
        if len(group) > 1:
            return {
                key: each for half in halves(group) for key, each in _asked(known, half).items()
            }
        broken = f"{type(error).__name__}: {error}".splitlines()[0]
        return {vector["id"]: dict.fromkeys(_expected(vector), broken) for vector in group}


def _judge(vector: dict, answer: object, outcome: Outcome) -> None:
    """Count a vector; one that its own authors could not reproduce can only pass."""
    expected = _expected(vector)
    if isinstance(answer, dict):
        missing = sorted(set(expected) - set(answer))
        if missing:
            answer = Uncovered(f"the engine gives no {', '.join(missing)}")
    if isinstance(answer, dict):
        answer = {name: _compared(vector, figure) for name, figure in answer.items()}
    within = WITHIN.get(vector["semantics"], Fraction(0))
    if isinstance(answer, dict) and _agree(expected, answer, within):
        outcome.passed += 1
    elif isinstance(answer, Uncovered):
        outcome.uncovered.append({"id": vector["id"], "reason": str(answer)})
    elif not vector.get("verified", True):
        why = vector.get("note") or "its authors could not reproduce it"
        outcome.uncovered.append({"id": vector["id"], "reason": f"not verified: {why}"})
    else:
        got = {name: answer[name] for name in expected}
        outcome.failed.append({"id": vector["id"], "expected": expected, "got": got})


def _compared(vector: dict, figure: str) -> str:
    """The figure as it is to be compared; an exact one is expected exactly."""
    compare = vector.get("compare")
    if not compare or vector.get("expected_exact") or not NUMBER.fullmatch(figure):
        return figure
    scale = 10 ** int(compare["round_places"])
    scaled = Fraction(figure) * scale
    mode = ROUNDING[compare["round"]]
    return text(Fraction(divide_rounded(scaled.numerator, scaled.denominator, mode), scale))


def _expected(vector: dict) -> dict:
    """What is asserted: the exact figures where there are any."""
    return vector.get("expected_exact") or vector.get("expected") or {}


def _agree(expected: dict, got: dict, within: Fraction) -> bool:
    return all(_same(value, got[name], within) for name, value in expected.items())


def _same(one: object, other: object, within: Fraction) -> bool:
    """Equal as numbers, or as near as is told; as text where they are none."""
    try:
        return abs(Fraction(str(one)) - Fraction(str(other))) <= within
    except ValueError:
        return str(one) == str(other)


def totals(found: dict[str, Outcome]) -> dict[str, int]:
    """How many passed, failed and are not covered."""
    return {
        "passed": sum(outcome.passed for outcome in found.values()),
        "failed": sum(len(outcome.failed) for outcome in found.values()),
        "uncovered": sum(len(outcome.uncovered) for outcome in found.values()),
    }


# What is printed


PAGE = """\
<!-- Written by `python tests/vectors/run.py FOLDER --markdown`: run it again after a change. -->
# What other billing systems assert

The figures come from the test suites of open billing systems. Each semantics id is one convention
of one of them; the engine answers under the policy or price model that expresses it.

| semantics | pass | fail | not covered, and why |
|---|---|---|---|"""


def markdown(found: dict[str, Outcome]) -> str:
    """The outcomes as a page."""
    rows = [
        f"| `{semantics}` | {outcome.passed} | {len(outcome.failed)} | {_reasons(outcome)} |"
        for semantics, outcome in sorted(found.items())
    ]
    sums = totals(found)
    last = f"| all | {sums['passed']} | {sums['failed']} | {sums['uncovered']} |"
    return "\n".join([PAGE, *rows, last, ""])


def _reasons(outcome: Outcome) -> str:
    counted: dict[str, int] = defaultdict(int)
    for row in outcome.uncovered:
        counted[row["reason"].splitlines()[0]] += 1
    return "; ".join(f"{count}: {why}".replace("|", r"\|") for why, count in counted.items())


def main() -> int:
    """Read the command line, answer, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder with *.json files of vectors")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--markdown", action="store_true", help="print the page of the docs")
    arguments = parser.parse_args()
    try:
        found = outcomes(read(arguments.folder))
    except NotVectors as why:
        print(f"Refused: {why}", file=sys.stderr)
        return 2
    if arguments.json:
        by_semantics = {semantics: asdict(outcome) for semantics, outcome in sorted(found.items())}
        print(json.dumps({"semantics": by_semantics, "totals": totals(found)}, indent=1))
    else:
        print(markdown(found), end="")
    return 1 if totals(found)["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
