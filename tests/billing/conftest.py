"""The tax provider of the examples, installed as another distribution."""

import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from outside import installed

EXAMPLE = Path(__file__).parents[2] / "examples" / "tax_provider"


def points() -> str:
    """Its entry points, as an installer writes them."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    ((group, named),) = project["entry-points"].items()
    return f"[{group}]\n" + "".join(f"{name} = {module}\n" for name, module in named.items())


@pytest.fixture
def levels(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], ModuleType]]:
    """What gives its module, once something has loaded it."""
    text = (EXAMPLE / "tax_levels.py").read_text("utf-8")
    folder = tmp_path_factory.mktemp("installed")
    installed(monkeypatch, folder, points(), {"tax_levels": text})
    yield lambda: sys.modules["tax_levels"]
    sys.modules.pop("tax_levels", None)
