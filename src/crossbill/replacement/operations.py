"""The change-over from the extract to the signed gates: one run, its stages in order."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from crossbill.config.environment import read_environment
from crossbill.engine.store import Store
from crossbill.replacement.migration import operations as migration
from crossbill.replacement.migration.models import Replacement, Wave
from crossbill.replacement.migration.reading import reading_stages
from crossbill.replacement.migration.workspace import Workspace, open_workspace
from crossbill.replacement.programme import operations as programme
from crossbill.replacement.programme.format import read_programme
from crossbill.replacement.reconciliation import gate_controls, new_rules
from crossbill.replacement.reconciliation import operations as reconciliation
from crossbill.replacement.reconciliation.deciding_queries import waits_for
from crossbill.replacement.reconciliation.models import Gate
from crossbill.runs.models import Run
from crossbill.runs.operations import Stage, execute
from crossbill.runs.progress import Progress, Silent
from crossbill.runs.receipt import REFUSED, Receipt

_BY_NEW_RULES = ("rules", "bill by the new rules", new_rules.bill_by_new_rules)


def replace(
    *,
    spec_path: Path,
    data: Path,
    carrier_code: str | None = None,
    progress: Progress | None = None,
) -> Replacement:
    """Do the whole change-over, or what is left of it after a stop."""
    workspace = open_workspace(
        spec_path=spec_path.resolve(),
        data=data.resolve(),
        store=Store(read_environment().store_url),
        carrier_code=carrier_code,
    )
    gate_controls.refuse_unknown(workspace.spec.gate)
    execute(
        key=workspace.run_key,
        kind="replacement",
        title=f"{workspace.spec.name} ({workspace.carrier})",
        inputs=workspace.inputs,
        stages=stages(workspace),
        progress=progress or Silent(),
        prepare=lambda run: _prepare(workspace, run),
        before_resuming=lambda run: migration.refuse_changed_files(workspace=workspace, run=run),
    )
    return _replacement(workspace)


def resume(*, run_id: int, progress: Progress | None = None) -> Replacement:
    """Go on with a change-over that was interrupted, from what was written down at its start."""
    replacement = Replacement.objects.select_related("carrier").get(run_id=run_id)
    return replace(
        spec_path=Path(replacement.spec["spec_path"]),
        data=Path(replacement.spec["data"]),
        carrier_code=replacement.carrier.code,
        progress=progress,
    )


def _prepare(workspace: Workspace, run: Run) -> None:
    _rehearsal_users(workspace)
    replacement = migration.create_replacement(workspace=workspace, run=run)
    if workspace.spec.programme is not None:
        path = workspace.spec_path.parent / workspace.spec.programme
        programme.take_over_programme(replacement_id=replacement.id, programme=read_programme(path))


def _rehearsal_users(workspace: Workspace) -> None:
    """The sample users that sign in a rehearsal; without a password nobody can sign in as them."""
    rehearsal = workspace.spec.rehearsal
    for name in rehearsal.signers if rehearsal else []:
        user, created = get_user_model().objects.get_or_create(username=name)
        if created:
            user.set_unusable_password()
            user.save()
        user.user_permissions.add(Permission.objects.get(codename="sign_gate"))


def _replacement(workspace: Workspace) -> Replacement:
    return Replacement.objects.select_related("carrier", "run").get(carrier__code=workspace.carrier)


def stages(workspace: Workspace) -> list[Stage]:
    """All stages: the extract's, then those of each wave in turn."""
    return [
        *reading_stages(workspace),
        Stage("catalogue", "Publish the catalogue", _for(workspace, _publish)),
        Stage("plan", "Plan the move of every account", _for(workspace, _plan)),
        *(
            s
            for position in range(1, len(workspace.spec.waves) + 1)
            for s in _wave_stages(workspace, position)
        ),
    ]


def _wave_stages(workspace: Workspace, position: int) -> list[Stage]:
    name = workspace.spec.waves[position - 1].name
    of_wave: Callable[[Callable[[Workspace, Wave], Receipt]], Callable[[str], Receipt]] = partial(
        _for_wave, workspace, position
    )
    steps = [
        ("snapshot", "take the snapshot", reconciliation.take_snapshot),
        ("bill", "bill in the shadow", reconciliation.bill_in_shadow),
        ("reconcile", "compare old and new", reconciliation.reconcile_wave),
        *([_BY_NEW_RULES] if workspace.new_policy else []),
        ("gate", "decide at the gate", reconciliation.decide_gate),
    ]
    rehearsal = [("sign", "sign the gate and go live", _sign)] if workspace.spec.rehearsal else []
    return [
        Stage(
            f"load-{position}",
            f"{name}: load",
            partial(_load, workspace, position),
            partial(migration.load_chunks, workspace, position),
        ),
        *(
            Stage(
                f"{step}-{position}",
                f"{name}: {title}",
                of_wave(work),
                waits_for=partial(_waits_for, workspace, position, step),
            )
            for step, title, work in [*steps, *rehearsal]
        ),
    ]


def _waits_for(workspace: Workspace, position: int, step: str) -> str:
    """What people have to do before a step; only before a gate that they decide with the terms."""
    if step != "gate" or workspace.spec.gate.decide != "people":
        return ""
    return waits_for(_replacement(workspace).waves.get(position=position))


def _for(
    workspace: Workspace, work: Callable[[Workspace, Replacement], Receipt]
) -> Callable[[str], Receipt]:
    return lambda key: work(workspace, _replacement(workspace))


def _for_wave(
    workspace: Workspace, position: int, work: Callable[..., Receipt]
) -> Callable[[str], Receipt]:
    def one(key: str) -> Receipt:
        wave = Wave.objects.select_related("replacement__carrier", "replacement__run").get(
            replacement__carrier__code=workspace.carrier, position=position
        )
        return work(workspace=workspace, wave=wave)

    return one


def _publish(workspace: Workspace, replacement: Replacement) -> Receipt:
    return migration.publish_catalogue(workspace=workspace, replacement=replacement)


def _plan(workspace: Workspace, replacement: Replacement) -> Receipt:
    return migration.plan_accounts(workspace=workspace, replacement=replacement)


def _load(workspace: Workspace, position: int, key: str) -> Receipt:
    return migration.load_chunk(
        workspace=workspace, replacement=_replacement(workspace), position=position, key=key
    )


def _sign(workspace: Workspace, wave: Wave) -> Receipt:
    """In a rehearsal, its sample users sign each passed gate; a refused one stays refused."""
    gate = Gate.objects.get(wave=wave)
    rehearsal = workspace.spec.rehearsal
    if gate.result != Gate.Result.PASSED or rehearsal is None:
        return Receipt(notes={REFUSED: "refused at the gate, so nobody signs and none goes live"})
    users = get_user_model().objects.filter(username__in=rehearsal.signers).order_by("username")
    for user in users:
        reconciliation.sign_gate(gate_id=gate.id, user=user)
    moved = wave.moves.filter(state="live").count()
    return Receipt(notes={"signatures": len(users), "accounts live": moved})
