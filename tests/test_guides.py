"""Guides: their commands, run in a copy of the examples, print what the page shows."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from product.shop import person

from crossbill import cli_catalogue
from crossbill.cli import main
from crossbill.platform.customer.models import Carrier

ROOT = Path(__file__).parents[1]
GUIDES = ("rating", "billing")
SHORT_GUIDES = ("infer-policy", "compare-two-systems")  # without a script of their own
WITH_BOOKS = "catalogue"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
SCRIPT = re.compile(r"```python\n(.*?)```\n+```\n(.*?)```", re.DOTALL)
ELSEWHERE = re.compile(r"\.\./shared|benchmarks/")  # what a copy of the examples does not hold
CROSSBILL, PYTHON = ".venv/bin/crossbill", ".venv/bin/python"


def page(guide: str) -> str:
    return (ROOT / "docs" / "how-to" / f"{guide}.md").read_text("utf-8")


def console(guide: str) -> list[tuple[str, str]]:
    """Each command of the page with what the page says it prints."""
    return [pair for block in BLOCK.findall(page(guide)) for pair in COMMAND.findall(block)]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder as the page means it: the examples, a console 100 signs wide."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def run(command: str, monkeypatch, capsys) -> str:
    """What a command prints: ours in this process, which is faster, all others in a shell."""
    words = shlex.split(command.replace("\\\n", " "))
    if words[0] not in (CROSSBILL, PYTHON):
        shell = ["bash", "-c", command]
        return subprocess.run(shell, capture_output=True, text=True, check=True).stdout
    monkeypatch.setattr(sys, "argv", words if words[0] == CROSSBILL else words[1:])
    try:
        main() if words[0] == CROSSBILL else runpy.run_path(words[1], run_name="__main__")
    except SystemExit as end:
        assert end.code in (None, 0, 1), capsys.readouterr().err
    return capsys.readouterr().out


def trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


@pytest.mark.parametrize("guide", GUIDES + SHORT_GUIDES)
def test_the_commands_print_what_the_page_shows(guide, project, monkeypatch, capsys):
    """In one folder and in the page's order, for later ones read what earlier ones wrote."""
    commands = [
        (command, shown) for command, shown in console(guide) if not ELSEWHERE.search(command)
    ]
    assert len(commands) > (2 if guide in SHORT_GUIDES else 8)
    for command, shown in commands:
        assert trimmed(run(command, monkeypatch, capsys)) == trimmed(shown), command


@pytest.mark.django_db
def test_the_commands_on_a_carriers_books_print_what_the_page_shows(project, monkeypatch, capsys):
    """The carrier and its two users are there, as the page says."""
    monkeypatch.setattr(cli_catalogue, "ready", lambda: None)
    person("ann", "operator")
    person("ben", "approver")
    Carrier.objects.create(code="opticom", name="OptiCom Networks Inc.")
    commands = console(WITH_BOOKS)
    assert len(commands) > 8
    for command, shown in commands:
        assert trimmed(run(command, monkeypatch, capsys)) == trimmed(shown), command


@pytest.mark.shared_data
def test_the_benchmark_prints_what_the_page_shows(shared_data, monkeypatch, capsys):
    found = [(command, shown) for command, shown in console("rating") if "../shared" in command]
    assert found
    monkeypatch.chdir(ROOT)
    for command, shown in found:
        here = command.replace("../shared/data", str(shared_data))
        assert trimmed(run(here, monkeypatch, capsys)) == trimmed(shown)


@pytest.mark.parametrize("guide", GUIDES)
def test_the_script_prints_what_the_page_shows(guide, project, capsys):
    ((script, shown),) = SCRIPT.findall(page(guide))
    (project / "script.py").write_text(script, "utf-8")
    runpy.run_path("script.py")
    assert trimmed(capsys.readouterr().out) == trimmed(shown)


@pytest.mark.parametrize(
    ("guide", "commands"),
    [
        ("rating", ("rate --", "rate explain", "rate again", "rate deck check", "rate deck diff")),
        ("billing", ("bill compute", "bill preview", "bill explain", "bill what-if")),
        ("infer-policy", ("reconcile infer-policy",)),
    ],
)
def test_the_page_shows_each_command(guide, commands):
    for command in commands:
        written = (written for written, _ in console(guide))
        assert any(f"{CROSSBILL} {command}" in each for each in written), command
