"""What commands ask about controls: how each stands, what it found, how it went over time."""

from dataclasses import dataclass
from typing import ClassVar

from django.db.models import QuerySet

from crossbill.core.refusal import Refusal
from crossbill.replacement.migration.models import Wave
from crossbill.replacement.reconciliation.control import OPEN, Control, catalogue
from crossbill.replacement.reconciliation.models import ControlRow, ControlRun


class ControlNotRun(Refusal):
    """This control was not run on this wave yet. Run it first."""

    code: ClassVar[str] = "CONTROL_NOT_RUN"


@dataclass(frozen=True)
class Standing:
    """A control and its last run, if it has one."""

    control: Control
    last: ControlRun | None


def compared_waves(waves: list[Wave]) -> list[Wave]:
    """Those of the waves whose old and new side were compared."""
    return [
        wave
        for wave in waves
        if wave.replacement.run.stages.filter(
            name=f"reconcile-{wave.position}", finished_at__isnull=False
        ).exists()
    ]


def standings(wave: Wave) -> list[Standing]:
    """Every control of the catalogue with its last run on a wave."""
    last = {run.control: run for run in ControlRun.objects.filter(wave=wave).order_by("id")}
    return [Standing(control, last.get(control.id)) for control in catalogue().values()]


def last_run(wave: Wave, control: str) -> ControlRun:
    """The last run of a control on a wave."""
    run = ControlRun.objects.filter(wave=wave, control=control).order_by("-id").first()
    if run is None:
        cure = f"crossbill reconcile run {wave.replacement.carrier.code} {wave.position}"
        what = f"{control} was not run on {wave.name}"
        raise ControlNotRun(what, field="control", value=control, cure=cure)
    return run


def kept_rows(run: ControlRun, *, everything: bool = False) -> "QuerySet[ControlRow]":
    """The figures of a run that differ, or all that are kept; in key order."""
    rows = run.rows.all() if everything else run.rows.filter(verdict__in=OPEN)
    return rows.order_by("key", "unit")


def history(waves: list[Wave], control: str | None = None) -> "QuerySet[ControlRun]":
    """All runs on these waves in time, of all controls or of one."""
    runs = ControlRun.objects.filter(wave__in=waves).select_related("wave")
    return (runs.filter(control=control) if control else runs).order_by(
        "control", "wave__position", "id"
    )


def open_count(run: ControlRun) -> int:
    """How many figures of a run differ beyond its tolerance."""
    return sum(int(unit[verdict]) for unit in run.totals for verdict in OPEN)
