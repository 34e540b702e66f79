"""The main job on the sample carrier, from the extract to the score."""

from pathlib import Path
from typing import Any

from crossbill.replacement import operations, queries
from crossbill.runs.progress import Progress
from crossbill.sample import carrier_folder
from crossbill.sample.operations import generate
from crossbill.sample.score import control_score, score


def demo(*, accounts: int, seed: int, home: Path, progress: Progress) -> dict[str, Any]:
    """Generate the sample carrier, replace its billing system, and score what was found.

    Only the score reads the truth. Doing it again with the same numbers changes nothing.
    """
    name = f"{accounts}-{seed}"
    extract, truth = home / "sample" / name / "extract", home / "sample" / name / "truth"
    generate(accounts=accounts, seed=seed, extract_dir=extract, truth_dir=truth)
    replacement = operations.replace(
        spec_path=carrier_folder() / "replacement.yaml",
        data=extract,
        carrier_code=f"opticom-{name}",
        progress=progress,
    )
    return queries.summary(replacement) | {
        "defects": score(truth, queries.reported(replacement)),
        "control_defects": control_score(truth, queries.broken(replacement)),
    }


def went_as_designed(result: dict[str, Any]) -> bool:
    """Every seeded defect found, named or controlled, none invented; gates passed, all settled."""
    found = all(
        defect["seeded"] == defect["found"] == defect["right_class"] and defect["false"] == 0
        for defect in result["defects"].values()
    )
    controlled = all(
        defect["seeded"] == defect["found"] and defect["false"] == 0
        for defect in result["control_defects"].values()
    )
    settled = set(result["states"]) <= {"live", "fallout"}
    return bool(found and controlled and settled and result["gate"] == "passed")
