"""Another distribution: a folder with modules and what an installer writes beside them."""

from pathlib import Path

import pytest


def installed(
    monkeypatch: pytest.MonkeyPatch, folder: Path, points: str, modules: dict[str, str]
) -> Path:
    """Put modules with their entry points where Python looks; gives what the installer wrote."""
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    written = folder / "others-1.0.dist-info"
    written.mkdir()
    (written / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (written / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(folder)
    return written
