"""The SQL that a calculation was compiled to, kept on disk: compiling takes longer than most work.

What is kept belongs to one state of the code, and is forgotten with it.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.expr.operations import ScalarUDF
from ibis.expr.operations.udf import InputType

from crossbill.config.environment import read_environment

PACKAGE = Path(__file__).parents[1]
COMPILERS = ("ibis-framework", "sqlglot", "duckdb")
SOURCES = {".py", ".yaml", ".csv"}
FOLDER = "compiled"


@dataclass(frozen=True)
class Statement:
    """One step as SQL: a table that is stored, or a view; and the inputs that it follows from.

    What is ``packed`` is stored as one column of whole rows, with a view that shows their columns:
    the engine counts the different values of every column that it stores by itself, which takes
    twice as long as storing them.
    """

    name: str
    stored: bool
    packed: bool
    follows_from: list[str]
    select: str

    @property
    def sql(self) -> str:
        """The statement as it is executed."""
        if self.packed:
            rows = _made("TABLE", self.held, f'FROM ({self.select}) AS "row" SELECT "row"')
            shown = _made("VIEW", self.name, f'FROM "{self.held}" SELECT unnest("row")')
            return f"{rows}; {shown}"
        return _made("TABLE" if self.stored else "VIEW", self.name, self.select)

    @property
    def held(self) -> str:
        """The table that holds the rows of what is stored."""
        return f"{self.name} packed" if self.packed else self.name


def _made(kind: str, name: str, select: str) -> str:
    return f'CREATE OR REPLACE TEMP {kind} "{name}" AS {select}'


@dataclass(frozen=True)
class Function:
    """A function in Python that statements call, with the types of its arguments."""

    module: str
    name: str
    types: list[str]

    def called(self) -> ir.Expr:
        """A call of it, by which Ibis can make it known to an engine."""
        function = getattr(import_module(self.module), self.name)
        call: ir.Expr = function(*(ibis.null(kind) for kind in self.types))
        return call


@dataclass(frozen=True)
class Compiled:
    """All statements of a calculation in their order, and the functions that they call."""

    statements: list[Statement]
    functions: list[Function] = field(default_factory=list)


def functions_of(expressions: Iterable[ir.Table]) -> list[Function]:
    """The functions in Python that expressions call, each once."""
    calls = (call for each in expressions for call in each.op().find(ScalarUDF))
    found = {
        call.__func__: Function(
            call.__func__.__module__,
            call.__func__.__name__,
            [str(argument.dtype) for argument in call.args],
        )
        for call in calls
        if call.__input_type__ is not InputType.BUILTIN
    }
    return list(found.values())


def kept(name: str, compile_now: Callable[[], Compiled]) -> Compiled:
    """What is kept under a name by this state of the code; else it is compiled and kept."""
    folder = read_environment().folder(FOLDER) / _state_of_the_code()
    path = folder / f"{sha256(name.encode()).hexdigest()[:32]}.json"
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        return _read(path)  # what cannot be read is made again
    compiled = compile_now()
    _make(folder)
    _write(path, json.dumps(asdict(compiled)))
    return compiled


def _read(path: Path) -> Compiled:
    written: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return Compiled(
        [Statement(**each) for each in written["statements"]],
        [Function(**each) for each in written["functions"]],
    )


def _make(folder: Path) -> None:
    """Make the folder of this state of the code, and forget what others have kept."""
    if folder.exists():
        return
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _write(path: Path, text: str) -> None:
    """Whole or not at all; another process may write the same at once, or take the folder away."""
    with suppress(FileNotFoundError):
        with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            file.write(text)
        Path(file.name).replace(path)


@cache
def _state_of_the_code() -> str:
    """What SQL follows from beside the arguments: our code, and the libraries that compile."""
    digest = sha256(sys.version.encode())
    for library in COMPILERS:
        digest.update(f"{library} {version(library)}\n".encode())
    sources = (path for path in PACKAGE.rglob("*") if path.suffix in SOURCES)
    for path in sorted(sources):
        digest.update(f"{path.relative_to(PACKAGE)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]
