"""Scores what was found in an estate against the truth, which nothing else reads."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq

from .inject import FAULTS

Kinds = dict[str, dict[str, int]]
Described = tuple[str, frozenset[tuple[str, str]]]  # a class, and attributes with their values
NOTHING = "nothing seeded"
FIGURES = ("seeded", "found", "right_class", "false")
CLASSES = {fault.kind: fault.classes for fault in FAULTS}


def score_differences(truth: Path, reported: Iterable[tuple[str, str]]) -> Kinds:
    """Per kind of fault: accounts seeded, found, given exactly the right classes, and false ones.

    `reported` are pairs of account and class. One whose class the account's fault does not have is
    false; in accounts without a fault all are.
    """
    told: dict[str, set[str]] = defaultdict(set)
    for account, code in reported:
        told[account].add(code)
    kinds = {kind: dict.fromkeys(FIGURES, 0) for kind in (*CLASSES, NOTHING)}
    for account, kind in _struck(truth).items():
        found, figures = told.pop(account, set()), kinds[kind]
        figures["seeded"] += 1
        figures["found"] += bool(found)
        figures["right_class"] += found == CLASSES[kind]
        figures["false"] += len(found - CLASSES[kind])
    kinds[NOTHING]["false"] = sum(map(len, told.values()))
    return {kind: figures for kind, figures in kinds.items() if any(figures.values())}


def score_findings(truth: Path, named: Iterable[Described]) -> dict[str, int]:
    """True causes that accounts have in common, those that a finding names, and false findings.

    A finding names a cause where its class is right and its attributes are the cause's, all of
    them and no other. Findings without attributes say that nothing is shared.
    """
    said = {(code, shared) for code, shared in named if shared}
    causes = _causes(truth)
    true = {kind: {(code, shared) for code in CLASSES[kind]} for kind, shared in causes.items()}
    right = {pair for pairs in true.values() for pair in pairs}
    return {
        "true_causes": len(true),
        "named": sum(bool(pairs & said) for pairs in true.values()),
        "false": len(said - right),
    }


def _struck(truth: Path) -> dict[str, str]:
    rows = pq.read_table(truth / "struck.parquet", columns=["account_key", "kind"])
    return dict(zip(rows["account_key"].to_pylist(), rows["kind"].to_pylist(), strict=True))


def _causes(truth: Path) -> dict[str, frozenset[tuple[str, str]]]:
    """Of each kind that struck accounts with something in common, what that is."""
    rows = pq.read_table(truth / "cause.parquet").to_pylist()
    kinds = set(_struck(truth).values()) & {row["kind"] for row in rows}
    return {
        kind: frozenset((r["attribute"], r["value"]) for r in rows if r["kind"] == kind)
        for kind in sorted(kinds)
    }
