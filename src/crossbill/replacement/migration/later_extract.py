"""Reads a later extract of a system that is being replaced: beside what was loaded, as a run."""

from collections.abc import Set
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import ClassVar

from crossbill.core.ids import fingerprint
from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.replacement.migration.models import AccountMove, LaterExtract, Replacement
from crossbill.replacement.migration.reading import reading_stages
from crossbill.replacement.migration.spec import Entity
from crossbill.replacement.migration.transform import plan_moves
from crossbill.replacement.migration.workspace import Workspace, open_workspace
from crossbill.runs.models import Run
from crossbill.runs.operations import Stage, execute
from crossbill.runs.progress import Progress
from crossbill.runs.receipt import Receipt

# What the books hold of an account, and an extract says again on a later day.
STATE: tuple[Entity, ...] = (
    *("customer", "contact", "account", "payer", "product", "feature", "discount", "exemption"),
    *("commitment", "open_item", "balance", "collection", "mandate", "deposit"),
)


class NotLater(Refusal):
    """This is no later extract of the same system. Give the one that was taken at the freeze."""

    code: ClassVar[str] = "NOT_LATER"


def read_later_extract(
    *, replacement: Replacement, data: Path, as_of_date: date, store: Store, progress: Progress
) -> LaterExtract:
    """Land, type, map and check what a later extract says of accounts; nothing is loaded.

    Done again with the same files it changes nothing; killed, it goes on where it was.
    """
    if as_of_date <= replacement.as_of_date:
        raise NotLater(
            f"The extract that was loaded is of {replacement.as_of_date}",
            field="as-of",
            value=str(as_of_date),
            cure="give an extract of a later day, and its day",
        )
    workspace = _workspace(replacement, data.resolve(), as_of_date, store)
    run = execute(
        key=workspace.run_key,
        kind="later extract",
        title=f"{replacement.name}: extract of {as_of_date}",
        inputs=workspace.inputs | {"as of": str(as_of_date)},
        stages=[*reading_stages(workspace), _plan_stage(workspace, replacement)],
        progress=progress,
        prepare=lambda run: _on_record(workspace, replacement, run, as_of_date),
    )
    return LaterExtract.objects.select_related("replacement__carrier").get(run=run)


def _on_record(workspace: Workspace, replacement: Replacement, run: Run, day: date) -> None:
    LaterExtract.objects.create(
        replacement=replacement, run=run, as_of_date=day, folder=workspace.apart
    )


def _workspace(replacement: Replacement, data: Path, day: date, store: Store) -> Workspace:
    """The extract by the specification of the change-over, apart from what was loaded."""
    workspace = open_workspace(
        spec_path=Path(replacement.spec["spec_path"]),
        data=data,
        store=store,
        carrier_code=replacement.carrier.code,
        only=STATE,
    )
    _refuse_other_specification(workspace, replacement)
    _refuse_the_same_files(workspace, replacement)
    digest = fingerprint(workspace.inputs)[:12]
    return replace(workspace, apart=f"later/{day}-{digest}")


def _refuse_other_specification(workspace: Workspace, replacement: Replacement) -> None:
    then = _inputs_then(replacement)
    now = {name: sha for name, sha in workspace.inputs.items() if name.startswith("spec/")}
    changed = sorted(name for name, sha256 in now.items() if then.get(name) != sha256)
    if changed:
        raise NotLater(
            "The specification is not the one by which the change-over was begun",
            file=changed[0].removeprefix("spec/"),
            cure="put back the specification; what the old system says now needs the same reading",
        )


def _refuse_the_same_files(workspace: Workspace, replacement: Replacement) -> None:
    then = _inputs_then(replacement)
    files = {name: sha for name, sha in workspace.inputs.items() if name.startswith("data/")}
    if all(then.get(name) == sha256 for name, sha256 in files.items()):
        raise NotLater(
            "Every file is byte for byte the one that was loaded",
            file=str(workspace.data),
            cure="give the folder of the later extract",
        )


def _inputs_then(replacement: Replacement) -> dict[str, str]:
    """What the change-over was begun with, by name and hash."""
    if "inputs" not in replacement.spec:
        raise NotLater(
            "The change-over was begun by a version that did not keep what it was begun with",
            cure="begin a mock with this version; later extracts are read for that one",
        )
    return dict(replacement.spec["inputs"])


def _plan_stage(workspace: Workspace, replacement: Replacement) -> Stage:
    return Stage("plan", "Plan by what the extract says", partial(_plan, workspace, replacement))


def _plan(workspace: Workspace, replacement: Replacement, key: str) -> Receipt:
    """Which accounts would move now, and in which wave; refused where none of them is known."""
    written = plan_moves(workspace)
    with workspace.engine() as backend:
        moves = backend.to_pyarrow(workspace.scan(backend, "plan", "move"))
    states = dict(zip(moves["account_key"].to_pylist(), moves["state"].to_pylist(), strict=True))
    known = set(
        AccountMove.objects.filter(replacement=replacement).values_list("account_key", flat=True)
    )
    refuse_strangers(known, set(states))
    planned = sum(state == AccountMove.State.PLANNED for state in states.values())
    return Receipt(
        records_in=len(states),
        accepted=planned,
        suspended=len(states) - planned,
        files={"plan/move.parquet": written.sha256},
        notes={"new accounts": len(set(states) - known), "gone": len(known - set(states))},
    )


def refuse_strangers(known: Set[str], found: Set[str]) -> None:
    """Refuse accounts of which the change-over knows none: they are of another system."""
    if not known & found:
        raise NotLater(
            f"It has none of the {len(known):,} accounts of the change-over",
            cure="give an extract of the same carrier's system",
        )


def latest_of(replacement: Replacement) -> LaterExtract | None:
    """The later extract that was read last, to its end."""
    done = replacement.later_extracts.filter(run__status=Run.Status.DONE)
    return done.order_by("as_of_date", "id").last()
