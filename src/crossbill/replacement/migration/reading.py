"""The stages that read an extract: landed, typed, held to its totals, mapped and checked."""

from functools import partial

from crossbill.replacement.migration import transform
from crossbill.replacement.migration.extract import land_chunk, manifest_holds, stage_chunk
from crossbill.replacement.migration.workspace import Workspace
from crossbill.runs.operations import Stage


def reading_stages(workspace: Workspace) -> list[Stage]:
    """From the extract's files to its valid canonical rows."""
    sources = list(workspace.mapping.sources)
    return [
        Stage("land", "Land the extract", partial(land_chunk, workspace), lambda: sources),
        Stage("stage", "Type the records", partial(stage_chunk, workspace), lambda: sources),
        *([_manifest_stage(workspace)] if workspace.spec.manifest else []),
        Stage(
            "map",
            "Map to the canonical tables",
            partial(transform.map_chunk, workspace),
            partial(transform.map_chunks, workspace),
        ),
        Stage(
            "validate",
            "Check the records at entry",
            partial(transform.validate_chunk, workspace),
            partial(transform.validate_chunks, workspace),
        ),
    ]


def _manifest_stage(workspace: Workspace) -> Stage:
    return Stage(
        "manifest",
        "Check the extract's own control totals",
        partial(manifest_holds, workspace),
    )
