"""Taking over a programme file: whole or not at all, and the newest one counts."""

import pytest
from django.db import IntegrityError, transaction
from small_programme import PROGRAMME

from crossbill.replacement.programme.format import Programme
from crossbill.replacement.programme.models import (
    BookedSpending,
    Milestone,
    PlannedSpending,
    Risk,
    Team,
)
from crossbill.replacement.programme.operations import MilestoneWaveUnknown, take_over_programme


def taken_over(replacement, **changes):
    programme = Programme.model_validate({**PROGRAMME, **changes})
    return take_over_programme(replacement_id=replacement.pk, programme=programme)


def test_amounts_and_posts_are_stored_as_whole_numbers(replacement):
    booked = BookedSpending.objects.order_by("booked_date").values_list("amount_minor", flat=True)
    assert list(booked) == [110_000, 210_000, -5_050, 105_050, 99_900]
    assert set(PlannedSpending.objects.values_list("quarter", "amount_minor")) == {
        ("2024Q1", 100_000), ("2024Q2", 100_000), ("2024Q3", 300_000), ("2024Q2", 200_000)
    }  # fmt: skip
    assert Team.objects.get(name="Platform").filled_fte_hundredths == 450


def test_a_second_file_replaces_the_first(replacement):
    taken_over(replacement)
    assert (Milestone.objects.count(), BookedSpending.objects.count()) == (5, 5)
    plan = taken_over(replacement, milestones=[], budget=[], summary="New")
    assert (Milestone.objects.count(), BookedSpending.objects.count()) == (0, 0)
    assert plan.summary == "New"


def test_a_milestone_on_an_unknown_wave_is_refused_and_nothing_changes(replacement):
    wrong = {"code": "M9", "name": "n", "owner": "o", "due_date": "2024-06-01", "wave": "4 live"}
    with pytest.raises(MilestoneWaveUnknown, match="use a position from 1 to 3"):
        taken_over(replacement, milestones=[wrong])
    assert Milestone.objects.count() == 5


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (Milestone, {"wave_position": 1, "achieved_date": "2024-01-01"}),
        (Risk, {"kind": "risk", "likelihood": ""}),
        (Risk, {"kind": "blocker", "likelihood": "low"}),
        (Risk, {"closed_date": "1999-01-01"}),
        (Team, {"to_date": "1999-01-01"}),
        (PlannedSpending, {"amount_minor": -1}),
    ],
)
def test_the_database_refuses_what_the_format_refuses(replacement, model, changes):
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.update(**changes)
