"""Reads the files of old systems: each kind of file is a plug-in named as its module."""

from pathlib import Path
from types import ModuleType

from crossbill.core import plugins
from crossbill.replacement.migration.sources._format import FixedColumn, SourceFormat, Trailer
from crossbill.replacement.migration.sources._problems import ROW_PROBLEMS, RowProblem
from crossbill.replacement.migration.sources._source import LINE_COLUMN, Source, require_columns

__all__ = [
    "LINE_COLUMN",
    "ROW_PROBLEMS",
    "FixedColumn",
    "RowProblem",
    "Source",
    "SourceFormat",
    "Trailer",
    "fetch_source",
    "is_elsewhere",
    "open_source",
    "require_columns",
]


def open_source(path: Path, format: SourceFormat, *, label: str | None = None) -> Source:
    """Open a file in its format; messages call it by the label, or by what the format says."""
    kind = _kind(format)
    source: Source = kind.open_file(path, format, label or format.called(path.name))
    return source


def is_elsewhere(format: SourceFormat) -> bool:
    """Whether a source is no file, and has to be fetched into one before it is opened."""
    return hasattr(_kind(format), "fetch")


def fetch_source(format: SourceFormat, target: Path) -> None:
    """Fetch a source that is elsewhere into a file, which appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.part")
    try:  # a draft that a killed process left is written over
        _kind(format).fetch(format, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _kind(format: SourceFormat) -> ModuleType:
    return plugins.chosen(plugins.load(__name__), format.format, field="format")
