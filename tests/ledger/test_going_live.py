"""A wave goes live only behind a passed gate that two people signed on the same evidence."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from ledger.books import go_live, make_books, make_gate, sign

from crossbill.replacement.migration.models import Wave

pytestmark = pytest.mark.django_db

REFUSED: dict[str, Callable[[Wave], object]] = {
    "no gate": lambda wave: None,
    "passed, nobody signed": make_gate,
    "passed, one signed": lambda wave: sign(make_gate(wave), "lead"),
    "refused, two signed": lambda wave: [
        sign(gate, name) for gate in [make_gate(wave, result="refused")] for name in ("a", "b")
    ],
    "passed, one of two signed other evidence": lambda wave: [
        sign(gate, name, saw=saw)
        for gate in [make_gate(wave)]
        for name, saw in (("a", gate.evidence_sha256), ("b", "cd" * 32))
    ],
}


@pytest.fixture
def wave():
    return make_books()


@pytest.mark.parametrize("prepare", REFUSED.values(), ids=REFUSED)
def test_wave_is_refused_to_go_live(wave, prepare):
    prepare(wave)
    with (
        pytest.raises(IntegrityError, match="no passed gate that two people"),
        transaction.atomic(),
    ):
        go_live(wave)
    wave.refresh_from_db()
    assert wave.live_at is None


def test_wave_goes_live_when_two_people_signed_its_passed_gate(wave):
    gate = make_gate(wave)
    sign(gate, "lead")
    sign(gate, "finance")
    assert go_live(wave) == 1


def test_gate_of_another_wave_opens_nothing(wave):
    other = Wave.objects.create(
        replacement=wave.replacement, position=2, name="wave 2", cutover_date=wave.cutover_date
    )
    gate = make_gate(other)
    sign(gate, "lead")
    sign(gate, "finance")
    with (
        pytest.raises(IntegrityError, match="wave wave 1 has no passed gate"),
        transaction.atomic(),
    ):
        go_live(wave)


def test_wave_cannot_be_made_live_from_the_start(wave):
    with pytest.raises(IntegrityError, match="no passed gate"), transaction.atomic():
        Wave.objects.create(
            replacement=wave.replacement,
            position=2,
            name="wave 2",
            cutover_date=wave.cutover_date,
            live_at=wave.replacement.created_at,
        )


def test_nobody_signs_twice(wave):
    gate = make_gate(wave)
    sign(gate, "lead")
    with pytest.raises(IntegrityError, match="signature_once_per_person"), transaction.atomic():
        sign(gate, "lead")


def test_one_gate_per_wave(wave):
    make_gate(wave, result="refused")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_gate(wave)
