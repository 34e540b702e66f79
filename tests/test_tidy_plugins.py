"""Every plug-in of rating has a table of cases, and every such table a plug-in."""

from pathlib import Path

import pytest
from test_tidy import ROOT, SOURCE, plugins_without_table

RATING = SOURCE / "platform" / "rating"


def named(folder: Path, pattern: str) -> list[str]:
    """The public names of a folder's files."""
    return sorted(path.stem for path in folder.glob(pattern) if not path.stem.startswith("_"))


@pytest.mark.parametrize("kind", ["prices", "adjustments"])
def test_every_price_model_and_adjustment_has_a_case_table(kind):
    plugins = named(RATING / kind, "*.py")
    tables = ROOT / "tests" / "cases" / kind
    assert plugins
    assert plugins_without_table(plugins, list(tables.glob("*.md"))) == []
    assert named(tables, "*.md") == plugins, "a table without its plug-in"
