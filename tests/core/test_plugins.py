"""A plug-in is a file in a folder, or an entry point; two of one name are refused."""

import sys
from importlib.metadata import EntryPoint

import pytest

from crossbill.core import plugins


@pytest.fixture
def folder(tmp_path, monkeypatch):
    package = tmp_path / "sorts_of_bird"
    package.mkdir()
    for name in ("__init__", "finch", "crossbill_red", "_helper"):
        (package / f"{name}.py").write_text(f'"""{name}."""\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield "sorts_of_bird"
    for name in [n for n in sys.modules if n.startswith("sorts_of_bird")]:
        del sys.modules[name]


def registered(monkeypatch, *points):
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)


def test_the_file_name_is_the_registered_name(folder):
    assert list(plugins.load(folder)) == ["crossbill_red", "finch"]


def test_other_distributions_add_theirs(folder, monkeypatch):
    registered(monkeypatch, EntryPoint("eagle", "json", "birds"))
    assert list(plugins.load(folder, group="birds")) == ["crossbill_red", "eagle", "finch"]


def test_two_of_one_name_are_refused(folder, monkeypatch):
    registered(monkeypatch, EntryPoint("finch", "json", "birds"))
    with pytest.raises(plugins.PluginDoubled) as caught:
        plugins.load(folder, group="birds")
    assert caught.value.value == "finch"
    assert "json" in str(caught.value)


def test_an_unknown_name_is_refused_with_those_that_exist(folder):
    with pytest.raises(plugins.PluginUnknown) as caught:
        plugins.chosen(plugins.load(folder), "sparrow", field="bird")
    assert "crossbill_red, finch" in str(caught.value)
