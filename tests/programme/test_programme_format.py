"""programme.yaml: what it may say, and how each mistake is named."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from small_programme import PROGRAMME

import crossbill.sample
from crossbill.replacement.migration.spec import BadSpec
from crossbill.replacement.programme.format import read_programme

SAMPLE = Path(crossbill.sample.__file__).parent / "carrier" / "programme.yaml"


def written(folder: Path, document: object) -> Path:
    path = folder / "programme.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def changed(*path: str | int, to: object) -> dict:
    """The small programme with one value changed or added."""
    document = deepcopy(PROGRAMME)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return document


def test_the_sample_carriers_programme_is_read_and_five_percent_over_its_plan():
    programme = read_programme(SAMPLE)
    cents = {"planned": 0, "booked": 0}
    for line in programme.budget:
        to_date = [line.planned[quarter] for quarter in ("2024Q1", "2024Q2")]
        cents["planned"] += sum(int(amount.replace(".", "")) for amount in to_date)
        cents["booked"] += sum(int(booking.amount.replace(".", "")) for booking in line.booked)
    assert cents == {"planned": 240_000_000, "booked": 252_000_000}


def test_a_programme_may_be_empty(tmp_path):
    path = written(tmp_path, {"programme": 1, "currency": "EUR"})
    assert read_programme(path).milestones == []


@pytest.mark.parametrize(
    ("document", "field", "words"),
    [
        (changed("milestons", to=[]), "milestons", "Extra inputs"),
        (changed("programme", to=2), "programme", "Input should be 1"),
        (changed("currency", to="XYZ"), "whole file", "not an active ISO 4217 code"),
        (changed("milestones", 1, "achieved_date", to="2024-05-18"), "milestones.1",
         "achieved by the wave"),
        (changed("milestones", 1, "wave", to="live"), "milestones.1.wave", "match pattern"),
        (changed("milestones", 0, "due_date", to="2024-02-30"), "milestones.0.due_date", "date"),
        (changed("milestones", 3, "code", to="M1"), "whole file", "M1 stands twice"),
        (changed("risks", 0, "likelihood", to="high"), "risks.0", "a blocker must not have one"),
        (changed("risks", 1, "likelihood", to=None), "risks.1", "a risk needs a likelihood"),
        (changed("risks", 1, "impact", to="huge"), "risks.1.impact", "'low', 'medium' or 'high'"),
        (changed("risks", 2, "closed_date", to="2024-01-01"), "risks.2", "before raised_date"),
        (changed("objectives", 0, "quarter", to="Q3"), "objectives.0.quarter", "match pattern"),
        (changed("teams", 1, "to", to="2024-01-08"), "teams.1", "later than from"),
        (changed("teams", 0, "filled_fte", to="4.555"), "teams.0.filled_fte", "match pattern"),
        (changed("teams", 0, "filled_fte", to=4.5), "teams.0.filled_fte", "in quotes"),
        (changed("budget", 0, "planned", "2024Q1", to="-1"), "budget.0.planned", "match pattern"),
        (changed("budget", 0, "planned", "2024Q1", to=1.5), "budget.0.planned", "in quotes"),
        (changed("budget", 0, "planned", "Q1", to="1"), "budget.0.planned", "match pattern"),
        (changed("budget", 0, "booked", 0, "amount", to="1,100.00"), "budget.0.booked.0.amount",
         "match pattern"),
        (changed("budget", 0, "booked", 0, "amount", to="1.005"), "whole file",
         "more than 2 digits"),
        (changed("budget", 0, "booked", 0, "amount", to=True), "amount", "valid string"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_file_place_and_cure(document, field, words, tmp_path):
    with pytest.raises(BadSpec) as refusal:
        read_programme(written(tmp_path, document))
    message = str(refusal.value)
    assert "programme.yaml" in message
    assert field in message
    assert words in message
    assert "docs/reference/programme.md" in message


def test_the_reference_shows_a_file_that_is_read(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "reference" / "programme.md"
    example = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    path = tmp_path / "programme.yaml"
    path.write_text(example, encoding="utf-8")
    assert read_programme(path).budget[0].booked[1].amount == "-200.00"
