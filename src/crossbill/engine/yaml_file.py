"""One YAML file as plain values that know the line on which each was written.

Read as YAML 1.2 with fewer types: keys, dates and decimal numbers stay the text that they are, so
that ``off``, ``no``, ``20:00`` and ``0.05`` mean what is written; only whole numbers, true, false
and null are more than text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from crossbill.core.refusal import Refusal

MAXIMUM_BYTES = 16 * 1024 * 1024

Place = Sequence[str | int]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class YamlFile:
    """A file that was read: its values, the nodes that know their lines, how it is refused."""

    name: str
    value: Any
    root: yaml.Node | None
    refusal: type[Refusal]
    cure: str

    def line(self, place: Place) -> int:
        """The line of a place; parts that the file does not hold (a missing key) are skipped."""
        return [1, *(line for _, line in self._steps(place))][-1]

    def field(self, place: Place) -> str:
        """The place as text: the parts that the file holds, and the last in any case."""
        held = [str(part) for part, _ in self._steps(place)]
        missing = [str(place[-1])] if place and held[-1:] != [str(place[-1])] else []
        return ".".join([*held, *missing]) or "(the whole file)"

    def _steps(self, place: Place) -> Iterator[tuple[str | int, int]]:
        node = self.root
        for part in place:
            found = _child(node, part)
            if found is not None:
                node, line = found
                yield part, line

    def refuse(
        self, place: Place, what: str, *, value: object = None, cure: str | None = None
    ) -> Refusal:
        """The refusal of what stands at the place, for the caller to raise."""
        return self.refusal(
            what,
            file=self.name,
            line=self.line(place),
            field=self.field(place),
            value=None if value is None else _shown(value),
            cure=cure or self.cure,
        )

    def checked(self, model: type[Model]) -> Model:
        """The values as the model, or the refusal of the first fault."""
        try:
            return model.model_validate(self.value)
        except ValidationError as error:
            raise self.first_fault(error) from error

    def first_fault(self, error: ValidationError, within: Place = ()) -> Refusal:
        """The refusal for the first fault of a model that was checked at a place of the file."""
        first, more = error.errors()[0], error.error_count() - 1
        said = _OWN_WORDS.get(first["type"], first["msg"])
        what = said + (f" (and {more} more)" if more else "")
        context: dict[str, Any] = first.get("ctx", {})
        place = [*within, *first["loc"], *context.get("within", ())]
        value = context.get("value", first.get("input"))
        if first["type"] == "missing" or (context and isinstance(value, dict | list)):
            value = None
        cure = context.get("cure") or _cure(context)
        return self.refuse(place, what, value=value, cure=cure)


def fault(
    what: str, *, within: Place = (), value: object = None, cure: str | None = None
) -> PydanticCustomError:
    """A fault for a model's own validators to raise, with what a refusal can tell."""
    known = {"value": value, "cure": cure}
    context: dict[str, Any] = {"what": what, "within": tuple(within)}
    context |= {name: given for name, given in known.items() if given is not None}
    return PydanticCustomError("fault", "{what}", context)


# What pydantic says of fields, inputs and dictionaries, in words for those who write the file.
_OWN_WORDS = {
    "missing": "The key is missing",
    "extra_forbidden": "The key is not known here",
    "literal_error": "The value is not known",
    "string_type": "Not a text",
    "int_type": "Not a whole number",
    "bool_type": "Neither true nor false",
    "list_type": "Not a list",
    "dict_type": "Not a mapping of keys to values",
    "model_type": "Not a mapping of keys to values",
    "too_short": "The list is empty",
    "string_too_short": "The text is empty",
    "string_too_long": "The text is too long",
    "string_pattern_mismatch": "The text has signs that may not stand here",
    "greater_than_equal": "The number is too small",
    "less_than_equal": "The number is too large",
}


def _cure(context: Mapping[str, Any]) -> str | None:
    """What would be right, where pydantic knows it."""
    for name, words in (
        ("expected", "one of {}"), ("ge", "at least {:,}"), ("le", "at most {:,}"),
        ("max_length", "at most {:,} signs"),
    ):  # fmt: skip
        if name in context:
            return words.format(context[name])
    return None


def read_yaml(path: Path, *, refusal: type[Refusal], cure: str) -> YamlFile:
    """Read one file; what is not readable is refused, as are keys that are written twice."""
    if not path.is_file():
        raise refusal("The file does not exist", file=str(path), cure="check the path")
    if path.stat().st_size > MAXIMUM_BYTES:
        raise refusal("The file is too large", file=str(path), cure="move its tables to CSV files")
    try:
        text = path.read_text(encoding="utf-8")
    except (ValueError, OSError) as error:
        raise _unreadable(path.name, error, refusal, cure) from error
    return parse_yaml(text, name=path.name, refusal=refusal, cure=cure)


def parse_yaml(text: str, *, name: str, refusal: type[Refusal], cure: str) -> YamlFile:
    """As ``read_yaml``, of a text that is at hand; ``name`` is what refusals call it."""
    try:
        loader = _PlainLoader(text)
        root = loader.get_single_node()
        value = None if root is None else loader.construct_document(root)
    except RecursionError as error:
        raise refusal("The file nests too deeply", file=name, cure="write it flat") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        what = f"The file is not readable YAML: {error.problem}"
        raise refusal(what, file=name, line=line, cure=cure) from error
    except (yaml.YAMLError, ValueError) as error:
        raise _unreadable(name, error, refusal, cure) from error
    return YamlFile(name, value, root, refusal, cure)


def _unreadable(name: str, error: Exception, refusal: type[Refusal], cure: str) -> Refusal:
    what = f"The file is not readable YAML: {' '.join(str(error).split())}"
    return refusal(what, file=name, cure=cure)


class _PlainLoader(yaml.SafeLoader):
    """Text, whole numbers, true, false and null; keys are text, each written once."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping, its keys as they are written."""
        found: dict[Any, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _broken("a key is one word", key)
            if key.value in found:
                raise _broken(f"the key {key.value!r} is written twice", key)
            found[key.value] = self.construct_object(value, deep=True)
        return found


_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|false|False)$"), list("tTfF")
)
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile("^[-+]?(?:0|[1-9][0-9_]*)$"), list("-+0123456789")
)
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile("^(?:~|null|)$"), ["~", "n", ""]
)


def _broken(problem: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, int] | None:
    """What stands under a key or a number of a node, and the line where it begins."""
    if isinstance(node, yaml.MappingNode):
        pairs: Iterable[tuple[yaml.Node, yaml.Node]] = node.value
        named = {key.value: (value, key.start_mark.line + 1) for key, value in pairs}
        return named.get(str(part))
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item, item.start_mark.line + 1
    return None


def _shown(value: object) -> str:
    """A plain value as it is; of a nested one only its kind, for it may be without end."""
    return f"a {type(value).__name__}" if isinstance(value, dict | list) else str(value)[:80]
