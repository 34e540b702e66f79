"""Reads the files of old systems: each kind of file is a plug-in named as its module."""

from pathlib import Path

from crossbill.core import plugins
from crossbill.replacement.migration.sources._format import FixedColumn, SourceFormat, Trailer
from crossbill.replacement.migration.sources._problems import ROW_PROBLEMS, RowProblem
from crossbill.replacement.migration.sources._source import LINE_COLUMN, Source

__all__ = [
    "LINE_COLUMN",
    "ROW_PROBLEMS",
    "FixedColumn",
    "RowProblem",
    "Source",
    "SourceFormat",
    "Trailer",
    "open_source",
]


def open_source(path: Path, format: SourceFormat, *, label: str | None = None) -> Source:
    """Open a file in its format; messages call it by the label, or by what the format says."""
    kind = plugins.chosen(plugins.load(__name__), format.format, field="format")
    source: Source = kind.open_file(path, format, label or format.called(path.name))
    return source
