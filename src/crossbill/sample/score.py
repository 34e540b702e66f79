"""Scoring what was found against the truth about the seeded defects."""

import csv
from collections.abc import Iterable
from pathlib import Path

from .old_system.chunk import CONTROLS_TRUTH, TRUTH
from .old_system.collection import FAULTS as OF_COLLECTION
from .old_system.faults import FAULTS
from .old_system.features import CONTROL as OF_FEATURES

FOR_CONTROLS = (*OF_COLLECTION, OF_FEATURES)
Score = dict[str, int]
FIGURES = ("seeded", "found", "right_class", "false")


def score(truth_dir: Path, reported: Iterable[tuple[str, str]]) -> dict[str, Score]:
    """Per class: accounts seeded, found under any class, found under this one, falsely reported.

    `reported` are pairs of account and class. A pair whose class was not seeded in its account is
    false, and counts under the class that was reported.
    """
    seeded = _seeded(truth_dir / TRUTH)
    pairs = set(reported)
    accounts = {account for account, _ in pairs}
    codes = sorted(set(FAULTS) | {code for _, code in seeded | pairs})
    scores = {code: dict.fromkeys(FIGURES, 0) for code in codes}
    for account, code in seeded:
        scores[code]["seeded"] += 1
        scores[code]["found"] += account in accounts
        scores[code]["right_class"] += (account, code) in pairs
    for _, code in pairs - seeded:
        scores[code]["false"] += 1
    return scores


def control_score(truth_dir: Path, broken: Iterable[tuple[str, str]]) -> dict[str, Score]:
    """Per control that has something to find: accounts seeded, found, and falsely reported.

    `broken` are pairs of control and account, of every control that was run.
    """
    with (truth_dir / CONTROLS_TRUTH).open(encoding="utf-8", newline="") as file:
        seeded = {(row["control"], row["account_key"]) for row in csv.DictReader(file)}
    pairs = {pair for pair in broken if pair[0] in FOR_CONTROLS}
    scores = {name: dict.fromkeys(("seeded", "found", "false"), 0) for name in sorted(FOR_CONTROLS)}
    for pair in seeded | pairs:
        scores[pair[0]]["seeded"] += pair in seeded
        scores[pair[0]]["found"] += pair in seeded & pairs
        scores[pair[0]]["false"] += pair in pairs - seeded
    return scores


def _seeded(path: Path) -> set[tuple[str, str]]:
    """Account and class of each seeded defect."""
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["account_key"], row["class_code"]) for row in csv.DictReader(file)}
