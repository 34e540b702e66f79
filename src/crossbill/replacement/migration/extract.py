"""Stages land, stage and manifest: the old files, copied, typed and held to their totals."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from crossbill.core.money import parse_nanos
from crossbill.core.refusal import Refusal
from crossbill.replacement.migration.land import ManifestRow, SourceChanged, check_manifest, land
from crossbill.replacement.migration.spec import ManifestSpec
from crossbill.replacement.migration.stage import stage_file
from crossbill.replacement.migration.workspace import Workspace
from crossbill.runs.models import Chunk
from crossbill.runs.receipt import Receipt


class ManifestDiffers(Refusal):
    """The extract does not hold what its manifest says. Have it exported again, whole."""

    code: ClassVar[str] = "MANIFEST_DIFFERS"


def land_chunk(workspace: Workspace, name: str) -> Receipt:
    """Copy one file of the extract, byte for byte."""
    path = workspace.source_file(workspace.mapping.sources[name])
    landed = land(path, workspace.store, f"{workspace.folder}/land", root=workspace.data)
    if landed.sha256 != workspace.inputs[f"data/{landed.name}"]:
        raise SourceChanged(
            "the file changed after the run began with it",
            file=landed.name,
            cure="wait until its export has ended, and start again under another carrier code",
        )
    return Receipt(files={f"land/{landed.name}": landed.sha256}, notes={"bytes": landed.bytes})


def landed_path(workspace: Workspace, name: str) -> Path:
    """Where the landed copy of a source's file lies."""
    path = workspace.source_file(workspace.mapping.sources[name])
    return Path(workspace.path("land", path.relative_to(workspace.data).as_posix()))


def stage_chunk(workspace: Workspace, name: str) -> Receipt:
    """Type the records of one landed file."""
    source = workspace.mapping.sources[name]
    with workspace.engine() as backend:
        receipt = stage_file(
            landed_path(workspace, name),
            source,
            source.fields,
            source.key,
            store=workspace.store,
            folder=f"{workspace.folder}/stage/{name}",
            backend=backend,
            label=source.called(workspace.source_file(source).name),
            account=source.account,
        )
    ours = {path.removeprefix(f"{workspace.folder}/"): h for path, h in receipt.files.items()}
    return replace(receipt, files=ours)


def manifest_holds(workspace: Workspace, key: str) -> Receipt:
    """Hold the staged files to the counts and sums that the old system states, or refuse."""
    rows = [row for row in _manifest(workspace) if row.file in _sources(workspace)]
    differences = check_manifest(rows, _staged(workspace))
    if differences:
        first = differences[0]
        raise ManifestDiffers(
            f"The manifest states {first.stated}, the file has {first.found}"
            + (f" (and {len(differences) - 1} more differences)" if len(differences) > 1 else ""),
            file=first.file,
            field=first.what,
            cure="have the extract exported again; until then nothing of it can be trusted",
        )
    return Receipt(records_in=len(rows), accepted=len(rows))


def _sources(workspace: Workspace) -> dict[str, str]:
    """Source by what its file and table are called."""
    sources = workspace.mapping.sources
    return {s.called(workspace.source_file(s).name): name for name, s in sources.items()}


def _staged(workspace: Workspace) -> dict[str, Receipt]:
    """The receipts of the staged files by file name."""
    chunks = Chunk.objects.filter(stage__name="stage", stage__run__key=workspace.run_key)
    receipts = dict(chunks.values_list("key", "receipt"))
    return {file: Receipt(**receipts[name]) for file, name in _sources(workspace).items()}


def _manifest(workspace: Workspace) -> list[ManifestRow]:
    """The rows of the manifest; sums only of fields that are typed as money."""
    spec = workspace.spec.manifest
    assert spec is not None, "asked only where there is one"
    path = workspace.data / spec.file
    if not path.is_file():
        raise ManifestDiffers(
            "The manifest is missing", file=str(path), cure="have the extract exported again"
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter=spec.delimiter))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ManifestDiffers(
            "The manifest cannot be read", file=path.name, value=str(error),
            cure="have it exported again, as text in UTF-8",
        ) from error  # fmt: skip
    return [
        _manifest_row(workspace, spec, row, path.name, number)
        for number, row in enumerate(rows, start=2)
    ]


def _manifest_row(
    workspace: Workspace, spec: ManifestSpec, row: dict[str, str], file: str, line: int
) -> ManifestRow:
    try:
        name, records = row[spec.name].strip(), int(row[spec.records])
        field = row[spec.field].strip() if spec.field else None
        output = _money_field(workspace, name, field)
        text = row[spec.sum].strip() if spec.sum and output else None
        amount = parse_nanos(text.replace(",", ".") if spec.decimal_comma else text) if text else 0
    except (KeyError, ValueError, AttributeError) as error:
        raise ManifestDiffers(
            "The manifest's row cannot be read",
            file=file,
            line=line,
            value=str(error),
            cure="compare the columns that replacement.yaml names with the file",
        ) from error
    return ManifestRow(name, records, output, amount if output and text else None)


def _money_field(workspace: Workspace, file: str, field: str | None) -> str | None:
    """The typed column of a money field; other fields have no sum."""
    name = _sources(workspace).get(file)
    fields = workspace.mapping.sources[name].fields if name else []
    return next((f.output for f in fields if f.name == field and f.type == "money"), None)
