"""What the pages say exists: generated pages, links, commands with their options, and targets."""

import re
import shlex
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import generate  # noqa: E402 - found only after the line above

from crossbill.cli import app  # noqa: E402 - as above
from crossbill.cli_reconcile import WithDefault  # noqa: E402 - as above

PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "src/**/*.md", "examples/**/*.md")
    for page in ROOT.glob(pattern)
)
COMMAND = re.compile(r"(?:^|`|\$ |\.venv/bin/)crossbill ((?!=)[a-z][^`\n|&;#]*)", re.MULTILINE)
TARGET = re.compile(r"(?:^|`|\$ )make ([a-z]+)\b(?= *(?:`|$|[A-Z]+=|&))", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("file", generate.PAGES)
def test_generated_page_is_up_to_date(file):
    written = (generate.REFERENCE / file).read_text("utf-8")
    assert written == generate.PAGES[file](), "run `make docs`"


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(text: str) -> set[str]:
    """The places of a page that a link can name, as the usual viewers call them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.casefold()) for heading in HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(page: Path) -> list[str]:
    found = []
    for link in LINK.findall(without_code(page.read_text("utf-8"))):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, place = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (place and place not in anchors(target.read_text("utf-8"))):
            found.append(link)
    return found


@pytest.mark.parametrize("document", PAGES, ids=name)
def test_links_lead_somewhere(document):
    assert broken_links(document) == []


def test_broken_link_is_caught(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A place\n[a](page.md#a-place) [b](gone.md) [c](#nowhere) `[d](code.md)`\n")
    assert broken_links(page) == ["gone.md", "#nowhere"]


FILE = re.compile(r"\.|^[A-Z]")  # what stands for a file; all else is a command's name


def unknown_words(command, words: list[str]) -> list[str]:
    """The subcommand or the options of a command line that do not exist."""
    while subcommands := getattr(command, "commands", None):
        otherwise = getattr(command, "otherwise", None)  # the command that needs no name
        if otherwise and words and words[0] not in subcommands and FILE.search(words[0]):
            words = [otherwise, *words]
        if words and words[0].startswith("-") and command.invoke_without_command:
            break  # a group that is a command by itself
        if not words or words[0] not in subcommands:
            return words[:1]
        command, words = subcommands[words[0]], words[1:]
    options = {"--help", *(option for part in command.params for option in part.opts)}
    options |= {option for part in command.params for option in part.secondary_opts}
    used = re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(words))
    return [option for option in used if option not in options]


def commands(text: str) -> list[list[str]]:
    """The Crossbill commands of a page, without what stands for something (UPPER CASE, ...)."""
    lines = (line.replace("\\", "").strip() for line in COMMAND.findall(text.replace("\\\n", " ")))
    return [shlex.split(line.replace("'", "").replace('"', ""), comments=True) for line in lines]


@pytest.mark.parametrize("document", PAGES, ids=name)
def test_commands_exist(document):
    written = commands(document.read_text("utf-8"))
    if not written:
        return
    group = get_command(app)
    assert not {
        " ".join(words): found for words in written if (found := unknown_words(group, words))
    }


def test_unknown_command_and_option_are_caught():
    database, whole = typer.Typer(), typer.Typer()
    database.command("status")(lambda: None)
    database.command("stop")(lambda force: None)
    database.callback(invoke_without_command=True)(lambda fast: None)
    whole.add_typer(database, name="db")
    either = typer.Typer(cls=WithDefault)
    either.command("extracts")(lambda spec: None)
    either.command("list")(lambda: None)
    whole.add_typer(either, name="either")
    group = get_command(whole)
    text = "`crossbill db status --gone=1`\n```\n$ crossbill db drop\n$ crossbill fly | less\n"
    text += "$ crossbill db --slow\n$ crossbill either a.yaml --gone\n$ crossbill either SPEC\n"
    text += "$ crossbill either shwo\n```\n"
    found = [unknown_words(group, words) for words in commands(text)]
    assert found == [["--gone"], ["drop"], ["fly"], ["--slow"], ["--gone"], [], ["shwo"]]


def targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("document", PAGES, ids=name)
def test_make_targets_exist(document):
    known = targets((ROOT / "Makefile").read_text("utf-8"))
    assert set(TARGET.findall(document.read_text("utf-8"))) <= known


def test_unknown_target_is_caught():
    assert targets("demo: x\n\ttest: no\nlint:\n") == {"demo", "lint"}
    assert TARGET.findall("`make fly`\nmake demo && make test\nwe make sure") == ["fly", "demo"]


def test_every_target_says_what_it_does():
    rules = re.findall(r"^([a-z]+):.*$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    explained = re.findall(
        r"^([a-z]+):.* ## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE
    )
    assert rules == explained
