"""How we write, as a test: each rule turns text into violations, and is tested itself."""

import ast
import configparser
import re
import subprocess
import tokenize
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "crossbill"
LONGEST_FUNCTION, LONGEST_FILE, LONGEST_LINE = 70, 500, 100

# A comment to a tool: its reason may run past the end of the line.
EXCEPTION = re.compile(r"# (noqa|type: ignore|pragma|ruff:|mypy:)")

Rule = Callable[[str], list[str]]


def python_files(*folders: str) -> list[Path]:
    """The Python files below some folders, without what Django generates."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts)


OURS = python_files("src", "tests", "docs", "benchmarks")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# Rules for every file


def too_long(text: str) -> list[str]:
    lines = [re.sub(EXCEPTION.pattern + ".*", "", line) for line in text.splitlines()]
    found = [f"{len(lines)} lines"] if len(lines) > LONGEST_FILE else []
    long_lines = [n for n, line in enumerate(lines, 1) if len(line) > LONGEST_LINE]
    found += [f"line {n} is too long" for n in long_lines]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            found += [f"{node.name} has {length} lines"] if length > LONGEST_FUNCTION else []
    return found


def opens_without_sentence(text: str) -> list[str]:
    if not text.strip():
        return []
    docstring = ast.get_docstring(ast.parse(text)) or ""
    first = docstring.split("\n\n", maxsplit=1)[0]
    return [] if first.endswith((".", "?", "!")) else ["does not open with a sentence"]


def comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


# What these say is all there is to say: Ibis declares functions of the engine as bodies without
# text under its own decorator, and some libraries ship without annotations.
SPEAK_FOR_THEMSELVES = {"empty-body", "untyped-decorator", "import-untyped"}
REASONED = re.compile(r"# (noqa: [A-Z0-9, ]+|type: ignore\[[a-z, -]+\]) (- |# )\w.{4,}")


def exceptions_without_reason(text: str) -> list[str]:
    found = []
    for line, comment in comments(text):
        ignored = re.search(r"type: ignore\[(.+?)\]", comment)
        codes = set(ignored.group(1).split(", ")) if ignored else {"none"}
        if (
            EXCEPTION.search(comment)
            and not REASONED.search(comment)
            and not codes <= SPEAK_FOR_THEMSELVES
        ):
            found.append(f"line {line}: {comment}")
    return found


EVERYWHERE: dict[str, Rule] = {
    "too long": too_long,
    "no opening sentence": opens_without_sentence,
    "exception without a reason": exceptions_without_reason,
}


@pytest.mark.parametrize("rule", EVERYWHERE.values(), ids=EVERYWHERE)
def test_every_file_is_tidy(rule):
    found = {name(path): rule(path.read_text("utf-8")) for path in OURS}
    assert not {file: faults for file, faults in found.items() if faults}


@pytest.mark.parametrize(
    ("rule", "text", "fault"),
    [
        (too_long, "x = 1\n" * 501, "501 lines"),
        (too_long, f"x = '{'x' * 96}'", "line 1 is too long"),
        (too_long, "def f():\n" + "    x = 1\n" * 70, "f has 71 lines"),
        (too_long, "class A:\n    async def g(self):\n" + "        x = 1\n" * 70, "g has 71"),
        (opens_without_sentence, "x = 1", "sentence"),
        (opens_without_sentence, '"""No end"""', "sentence"),
        (opens_without_sentence, '# A comment.\n"""Title\n\nThen text."""', "sentence"),
        (exceptions_without_reason, "x = 1  # noqa", "line 1"),
        (exceptions_without_reason, "x = 1  # noqa: S101", "line 1"),
        (exceptions_without_reason, "x = 1  # type: ignore[override]", "line 1"),
        (exceptions_without_reason, "x = 1  # type: ignore", "line 1"),
        (exceptions_without_reason, "# ruff: noqa", "line 1"),
    ],
)
def test_rules_for_every_file_catch_a_planted_fault(rule, text, fault):
    assert fault in " ".join(rule(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"""One sentence."""\nx = 1  # noqa: S608 - the name is a constant of ours\n',
        '"""One sentence,\nover two lines."""\nx = "# noqa"  # type: ignore[empty-body]\n',
    ],
)
def test_rules_for_every_file_leave_tidy_text_alone(text):
    assert not [rule(text) for rule in EVERYWHERE.values() if rule(text)]


# Rules for verbs and rules


def pure_modules() -> list[str]:
    """The modules that the import contract calls pure, with what is below them."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    return contracts["importlinter:contract:pure"]["source_modules"].split()


def pure_files() -> list[Path]:
    places = [ROOT / "src" / Path(*module.split(".")) for module in pure_modules()]
    found = [path for place in places for path in (*place.rglob("*.py"), place.with_suffix(".py"))]
    return sorted(path for path in found if path.exists())


CLOCKS = {"now", "today", "utcnow", "time", "monotonic", "perf_counter", "localtime"}


def impure(text: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(text)):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Constant(value=float()):
                found.append(f"line {line}: float {node.value}")
            case ast.Call(func=ast.Name(id="print" | "float" | "round" as called)):
                found.append(f"line {line}: {called}()")
            case ast.Call(func=ast.Attribute(attr="round")):
                found.append(f"line {line}: .round()")
            case ast.Call(func=ast.Attribute(attr=called), args=[]) if called in CLOCKS:
                found.append(f"line {line}: clock .{called}()")
            case ast.Constant(value="float64" | "float32" | "double"):
                found.append(f"line {line}: type {node.value}")
    return found


def test_verbs_and_rules_know_no_clock_print_float_or_foreign_rounding():
    files = pure_files()
    assert len(files) > 20
    found = {name(path): impure(path.read_text("utf-8")) for path in files}
    assert not {file: faults for file, faults in found.items() if faults}


@pytest.mark.parametrize(
    "text",
    [
        "x = 1.5",
        "x = 1e9",
        "print(1)",
        "x = float('1')",
        "x = round(y)",
        "x = table.amount.round(2)",
        "x = datetime.now()",
        "x = date.today()",
        "x = time.monotonic()",
        "x = ibis.now()",
        "x = column.cast('float64')",
    ],
)
def test_impurity_is_caught(text):
    assert impure(text)


def test_pure_text_is_left_alone():
    assert not impure("x = 10**9 // 3\ny = half_up(x, 2)\nz = column.cast('int64')\n")


# Rules for the house


def contexts() -> list[Path]:
    """The rooms that own something: each needs a page that says what."""
    rooms = [SOURCE / "runs", SOURCE / "sample"]
    for wing in ("platform", "replacement"):
        rooms += [room.parent for room in (SOURCE / wing).glob("*/__init__.py")]
    return sorted(rooms)


PARTS_OF_README = ("Owns", "Does not own", "Invariants", "Kinds of time")


def missing_parts(text: str) -> list[str]:
    lines = (line.lstrip("# ").strip() for line in text.splitlines() if line.startswith("#"))
    headings = {line.casefold().removeprefix("its ") for line in lines}
    bold = {found.strip(".: ").casefold() for found in re.findall(r"\*\*(.+?)\*\*", text)}
    return [part for part in PARTS_OF_README if part.casefold() not in headings | bold]


def test_every_context_says_what_it_owns():
    pages = {room: room / "README.md" for room in contexts()}
    found = {
        name(page): missing_parts(page.read_text("utf-8")) if page.exists() else ["the page"]
        for page in pages.values()
    }
    assert not {page: faults for page, faults in found.items() if faults}


def test_missing_part_of_a_readme_is_caught():
    whole = "\n".join(f"## {part}\nText." for part in PARTS_OF_README)
    assert not missing_parts(whole)
    assert missing_parts(whole.replace("## Invariants", "")) == ["Invariants"]


def plugins(package: str) -> list[str]:
    """The names of a package's plug-ins: its public modules."""
    found = (SOURCE / "replacement" / package).glob("*.py")
    return sorted(path.stem for path in found if not path.stem.startswith("_"))


def plugins_without_table(names: list[str], tables: list[Path]) -> list[str]:
    return sorted(set(names) - {table.stem for table in tables})


@pytest.mark.parametrize("package", ["causes", "line_causes", "record_causes", "controls"])
def test_every_cause_has_a_case_table(package):
    names = plugins(f"reconciliation/{package}")
    assert names
    places = {"line_causes": "cases/line_causes"}
    place = places.get(package, f"reconciliation/{package}")
    tables = list((ROOT / "tests" / place).iterdir())
    assert plugins_without_table(names, tables) == []


def test_every_source_format_has_cases():
    names = plugins("migration/sources")
    assert names
    assert unspoken(names, texts("tests/sources/*.py")) == []


def test_plugin_without_a_table_is_caught():
    tables = [Path("rounding.txt"), Path("parquet.md")]
    assert plugins_without_table(["rounding", "parquet", "tax"], tables) == ["tax"]


# Codes, words and modules that must be alive

CODE = re.compile(r"[A-Z]{2,}(?:_[A-Z0-9]+)+")


def refusal_codes(text: str) -> list[str]:
    """The codes of the exceptions that a module defines for people."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                target = part.target if isinstance(part, ast.AnnAssign) else None
                target = part.targets[0] if isinstance(part, ast.Assign) else target
                named = isinstance(target, ast.Name) and target.id == "code"
                if named and isinstance(part.value, ast.Constant):
                    found.append(part.value.value)
    return found


def row_codes(text: str) -> list[str]:
    """The codes under which rows are suspended: what looks like one in the code that suspends."""
    words = (n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant))
    return [word for word in words if isinstance(word, str) and CODE.fullmatch(word)]


def unspoken(words: list[str], texts: list[str]) -> list[str]:
    """The words that stand, as whole words, in none of the texts."""
    spoken = {word for text in texts for word in re.findall(r"\w+", text)}
    return sorted(set(words) - spoken)


def texts(*patterns: str) -> list[str]:
    paths = (path for pattern in patterns for path in ROOT.glob(pattern))
    kept = (path for path in paths if path.name != Path(__file__).name)
    return [path.read_text("utf-8", errors="replace") for path in kept if path.is_file()]


SUSPENDERS = (
    "src/crossbill/replacement/migration/**/*.py",
    "src/crossbill/platform/billing/*.py",
    "src/crossbill/replacement/reconciliation/**/*.py",
)
CASES_AND_PAGES = ("tests/**/*.*", "docs/**/*.md", "src/crossbill/**/README.md")


def test_every_code_is_documented_or_asserted():
    codes = [code for text in texts("src/crossbill/**/*.py") for code in refusal_codes(text)]
    codes += [code for text in texts(*SUSPENDERS) for code in row_codes(text)]
    assert len(codes) > 50
    assert unspoken(codes, texts(*CASES_AND_PAGES)) == []


def test_unspoken_code_is_caught():
    planted = (
        'class A(Refusal):\n    code: ClassVar[str] = "A_B"\nclass C(Refusal):\n    code = "AB"\n'
    )
    assert refusal_codes(planted) == ["A_B", "AB"]
    assert row_codes("Check('KEY_BLANK', 'ROUNDING', 'key', 'text')") == ["KEY_BLANK"]
    assert unspoken(["KEY_BLANK"], ["KEY_BLANKS are", "x_KEY_BLANK"]) == ["KEY_BLANK"]


def glossary_terms(text: str) -> list[str]:
    return re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE)


def unused_terms(terms: list[str], texts_: list[str]) -> list[str]:
    """Terms that nobody writes, whatever their case, ending or separator."""
    everything = re.sub(r"[_\s-]+", "", " ".join(texts_).casefold())
    return [term for term in terms if re.sub(r"[_\s-]+", "", term.casefold()) not in everything]


def test_every_glossary_term_is_in_use():
    pages = (path for path in ROOT.glob("docs/**/*.md") if path.name != "glossary.md")
    used = texts("src/crossbill/**/*.py", "src/crossbill/**/*.html") + [
        path.read_text("utf-8") for path in pages
    ]
    terms = glossary_terms((ROOT / "docs" / "glossary.md").read_text("utf-8"))
    assert len(terms) > 30
    assert terms == sorted(terms, key=str.casefold)
    assert unused_terms(terms, used) == []


def test_unused_term_is_caught():
    terms = glossary_terms("# Words\n\n**billing account** who pays\n**phlogiston** is not\n")
    assert unused_terms(terms, ["class BillingAccount:"]) == ["phlogiston"]


# Django, Python and the plug-in loader find these by their place.
FOUND_BY_PLACE = re.compile(
    r"\.(apps|models|admin|migrations|templatetags|settings|urls|__main__|cli)(\.|$)"
    r"|\.(causes|line_causes|record_causes|controls|sources)\.[a-z]"
    r"|\.(prices|adjustments|tax_providers)\.[a-z]"
)


def dead_modules(imports: dict[str, set[str]], packages: set[str], named: str) -> list[str]:
    """Modules that no other imports, names as text, or finds by place; packages do not count."""
    imported = set().union(*imports.values())
    return sorted(
        module
        for module in imports
        if module not in imported | packages
        and not FOUND_BY_PLACE.search(module)
        and f'"{module}' not in named
    )


def test_every_module_is_in_use():
    graph = grimp.build_graph("crossbill", cache_dir=None)
    imports = {
        module: graph.find_modules_directly_imported_by(module) - {module}
        for module in graph.modules
    }
    packages = {module for module in graph.modules if graph.find_children(module)}
    packages |= {
        ".".join(p.parent.relative_to(ROOT / "src").parts) for p in SOURCE.rglob("__init__.py")
    }
    named = " ".join([*texts("src/crossbill/**/*.py"), (ROOT / "pyproject.toml").read_text()])
    assert dead_modules(imports, packages, named) == []


def test_dead_module_is_caught():
    imports = {
        "crossbill.a": {"crossbill.b"},
        "crossbill.b": set(),
        "crossbill.named": set(),
        "crossbill.x.models": set(),
        "crossbill.replacement.causes.tax": set(),
    }
    assert dead_modules(imports, {"crossbill"}, '"crossbill.named.thing"') == ["crossbill.a"]


# What must not leave a developer's machine

PRIVATE = re.compile(
    "|".join(
        [
            r"py" + r"pi\.org|pythonhosted\.org|registry\.npmjs",
            r"(?<![\w.~$}-])/(?:work|root|Users|home/\w+)/",
            r"--(?:extra-)?index-url\s*[= ]\s*http",
        ]
    )
)
BINARY = {".png", ".pdf", ".parquet", ".woff2", ".ico"}


def private_words(text: str) -> list[str]:
    return [f"{found.group()!r}" for found in PRIVATE.finditer(text)]


def test_tracked_files_name_no_registry_and_no_developers_machine():
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone: only tracked files count")
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / path for path in done.stdout.split("\0") if path]
    kept = [path for path in paths if path.suffix not in BINARY and path.is_file()]
    assert kept
    found = {
        name(path): private_words(path.read_text("utf-8", errors="replace"))
        for path in kept
        if path != Path(__file__)
    }
    assert not {file: words for file, words in found.items() if words}


@pytest.mark.parametrize(
    "text",
    [
        "https://py" + "pi.org/simple",
        "see https://files.python" + "hosted.org/x.whl",
        "cd /wo" + "rk/main",
        'HOME = "/ro' + 'ot/.cache"',
        "/home/a" + "da/code",
        "pip install --index-url https://x",
    ],
)
def test_private_word_is_caught(text):
    assert private_words(text)


def test_common_paths_are_left_alone():
    assert not private_words("GET /accounts/work/ and ~/.local/share/home/ and src/root/x")
