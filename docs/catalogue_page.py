"""The reference page of the catalogue of rating, from its models, plug-ins and refusals."""

import ast
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from catalogue_keys import DECK_COLUMNS, KEYS, PRODUCT_KEYS, SERVICE_DEFAULTS
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from crossbill.core.money import NANO_DIGITS, format_nanos
from crossbill.engine.rating_datasets import SERVICE
from crossbill.platform.product import taxes
from crossbill.platform.rating import catalogue_format as form
from crossbill.platform.rating import decks, price_models, services, terms

RATING = Path(form.__file__).parent

HEAD = """\
<!-- Written by `make docs` from src/crossbill/platform/rating: change it there. -->
# The catalogue of rating

What usage costs: one YAML file, and CSV files beside it that hold long tables.
`examples/rating/catalogue.yaml` is a whole one; [rating](../how-to/rating.md) shows its use.

- Quantities are whole *base units* of a usage type: seconds, bytes, messages.
- Amounts and percentages are decimal text: `"0.25"`. Keys, dates and decimals need no quotes; only
  whole numbers, `true`, `false` and `null` are more than text.
- Days are days in the catalogue's `time_zone`; a time ends on the
  first day on which it no longer holds.
- A mistake is refused before anything is rated, with file, line, key, value and cure.

## Values
"""

PRODUCT_HEAD = """\
<!-- Written by `make docs` from src/crossbill/platform/product: change it there. -->
# The catalogue of products

What is sold, what it costs, and how it is taxed: one YAML file. `examples/billing` has four whole
ones; [computing bills](../how-to/billing.md) shows their use.

- Amounts and percentages are decimal text: `"29.90"`. Days are half-open: a time ends on the first
  day on which it no longer holds.
- A mistake is refused with file, line, key, value and cure.

## Values
"""

PRODUCT_REFUSED = """\
## What is refused

Unknown and doubled keys, missing keys and values of another type; codes that stand twice;
versions of one list that overlap or leave a gap; a segment or region left blank; a list that stands
twice, or has other terms than its price; a tax category that no jurisdiction taxes; parts that are
not offerings, bundles that contain themselves, and bundles that do not say how usage is taxed where
their parts differ; offerings with neither a price nor parts; a
timing that does not fit what is charged; a tax provider that is not installed.
"""

PRODUCT_LISTS = """\
## Price lists

A price may be written several times under one name: once for all, the *general price*, and once for
each segment, region, or pair of both that pays another amount. A list states only whom it is for
and its versions; its other keys are those of the general price, and need not be written again.

```yaml
prices:
  - price: channel
    versions: [{version: "2026", from: 2026-01-01, amount: "4.50"}]
  - price: channel
    segment: business
    versions: [{version: "2026", from: 2026-01-01, amount: "4.20"}]
```

- The segment is that of the account's customer, the region that of the account's address, as both
  are when the bill is computed; of the account that holds the product, whoever pays for it. They
  are compared sign by sign.
- Of the lists that match and have a version on the day, the most specific wins: segment and region,
  then segment, then region, then the general price. What was agreed with a kind of customer
  stands before what holds where they live; who wants the region to win writes the pair.
- A product's own price beats every list. It is for recurring prices, as without lists.
- A list that has ended leaves its customers to the next one that matches. Where none does, the
  product is `unresolved` with `PRICE_MISSING`, never billed at 0.
- A price with lists and no general price is allowed; `crossbill catalogue check` warns whom it is
  only for.
- Usage has no lists here: the catalogue of rating prices it by plan, and another plan is how a
  segment pays other rates.
- Accounts without a region, and customers without a segment, pay the general price.
"""

PROVIDERS_HEAD = """\
## Who says the taxes

```yaml
tax_providers:
  US: levels
  US-AK: table
taxes:
  - {jurisdiction: US, tax: federal-usf, from: 2026-01-01, percent: "3.6"}
```

A provider says the taxes of the jurisdiction that it is chosen for, and of all whose codes begin
with that and a hyphen; of several the nearest is asked. Elsewhere it is `table`. A provider is told
what `taxes` states, and what it answers is all that holds there. [Taxes by a
provider](../how-to/tax-providers.md) shows the use of one, and how to write one: another
distribution may bring it by the entry point group `crossbill.tax_providers`, and `make docs` then
lists it here. Where there are providers, `taxes` may be empty and a category may be one that no tax
here has.

| provider | says |
|---|---|"""

PLUGIN_HEAD = """\
What `model` names, with its `terms`. A quantity may have decimals, as in `up_to: "0.5"` of a unit.
Another distribution may bring a model by the entry point group `crossbill.prices`, an adjustment by
`crossbill.adjustments`; `make docs` then lists it here.
"""

REFUSED_HEAD = """\
## What is refused

Unknown and doubled keys, missing keys and values of another type are refused everywhere. Further:
"""

DAY_MEANS = "`2024-01-31`, a day from 1900 on"
WORDS = {
    form.Amount: ("amount", "decimal text, `\"0.25\"`; 0 to a billion, at most nine decimals"),
    form.Percent: ("percent", "decimal text, `\"6.75\"`; at most four decimals"),
    form.Day: ("day", DAY_MEANS),
    form.SecondOfDay: ("time of day", '`"08:00"` or `"08:00:30"`, to `"24:00"`'),
    form.Code: (
        "code", "letters, digits, blanks, `_ . + / -`; begins with a letter or digit; 60 at most"
    ),
    form.Text: ("text", f"not empty, at most {form.LONGEST_FILE_NAME} signs"),
    form.Flag: ("flag", "`true` or `false`"),
    form.Quantity: ("quantity", f"whole base units, 0 to {form.HIGHEST_QUANTITY:,}"),
    form.Whole: ("positive quantity", f"whole base units, 1 to {form.HIGHEST_QUANTITY:,}"),
    form.Names: ("list: text", ""),
}  # fmt: skip

# Versions that do not fit are found in one place and refused in others.
MISFIT_CURE = "end one version where the next begins"
# Passed on with the words of the function that found it, which are not in the code that refuses.
WHAT_ANOTHER_SAYS = re.compile(r"Not \.\.\.|.*: \.\.\.$")

SOURCES = {
    "Keys and values": ("catalogue_format.py", "../../engine/yaml_values.py"),
    "The catalogue as a whole": (
        "catalogue_checks.py", "compile_rates.py", "../../core/versions.py", "catalogue.py",
    ),
    "Decks": ("decks.py",),
    "Services": ("services.py",),
    "Price models and adjustments": (
        "metered_terms.py", "price_models.py", "terms.py", "prices/*.py", "adjustments/*.py",
    ),
}  # fmt: skip


KNOWN = KEYS | PRODUCT_KEYS


def product_page() -> str:
    """The keys of a catalogue of products."""
    written = [row for row in WORDS.values() if row[0] in ("amount", "percent", "day", "code")]
    parts = [PRODUCT_HEAD, *_table("value", "how it is written"), *map(_row, written), ""]
    for model, (heading, _) in PRODUCT_KEYS.items():
        parts += [f"## {heading}", "", _about(model), "", *_keys(model), ""]
    said = [PROVIDERS_HEAD, *map(_row, _providers()), ""]
    return "\n".join([*parts, PRODUCT_LISTS, *said, PRODUCT_REFUSED])


def _providers() -> Iterator[tuple[str, str]]:
    for name, plugin in taxes.providers().items():
        about = " ".join((plugin.__doc__ or "").split("\n\n", maxsplit=1)[0].split())
        yield f"`{name}`", about


def page() -> str:
    """The whole page."""
    written = [row for row in WORDS.values() if row[1]]
    parts = [HEAD, *_table("value", "how it is written"), *map(_row, written), ""]
    for model, (heading, _) in KEYS.items():
        parts += [f"## {heading}", "", _about(model), "", *_keys(model), ""]
        if model is form.DeckSpec:
            parts += ["### Columns of a deck file", "", *_deck_columns(), ""]
    parts += ["## services", "", "Rows of a CSV file, or of the list.", "", *_service_columns(), ""]
    parts += ["## Price models", "", PLUGIN_HEAD, *_plugins(price_models.price_models())]
    parts += ["## Adjustments", "", "What `adjustments` lists, each with its terms.", ""]
    parts += _plugins(price_models.adjustments())
    return "\n".join([*parts, REFUSED_HEAD, *_refusals()])


def _about(model: type[BaseModel]) -> str:
    said = " ".join((model.__doc__ or "").split("\n\n", maxsplit=1)[0].split())
    whole = model.__name__ in ("CatalogueSpec", "ProductCatalogueSpec")
    return "The keys of the file itself." if whole else said


def _table(*headings: str) -> list[str]:
    return [_row(headings), "|---" * len(headings) + "|"]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _meanings(text: str) -> dict[str, str]:
    """Key and meaning of each line; a line that is indented further goes on with the one before."""
    lines = re.sub(r"\n\s{2,}", " ", dedent(text).strip()).splitlines()
    return {
        key: " ".join(meaning.split())
        for key, meaning in (line.split(maxsplit=1) for line in lines)
    }


# The keys of a model


def _keys(model: type[BaseModel]) -> list[str]:
    fields = {field.alias or name: (name, field) for name, field in model.model_fields.items()}
    meanings = _meanings(KNOWN[model][1])
    assert set(meanings) == set(fields), (model, set(meanings) ^ set(fields))
    hints = get_type_hints(model, include_extras=True)
    rows = []
    for key, meaning in meanings.items():
        name, field = fields[key]
        rows.append(_row((f"`{key}`", _kind(hints[name]), _default(hints[name], field), meaning)))
    return [*_table("key", "value", "default", "meaning"), *rows]


def _kind(hint: Any) -> str:
    """A type in words."""
    for alias, (word, _) in WORDS.items():
        if hint == alias:
            return word
    if hint in KNOWN:
        heading = KNOWN[hint][0]
        return f"[{heading}](#{heading.replace(':', '').replace(' ', '-')})"
    return WHOLE[hint] if hint in WHOLE else COMPOSED[get_origin(hint)](hint)


def _any_of(hint: Any) -> str:
    return " or ".join(_kind(part) for part in get_args(hint) if part is not types.NoneType)


def _bounded(hint: Any) -> str:
    """A type with limits: a whole number, or what it is without them."""
    inner = get_args(hint)[0]
    limits = {
        type(limit).__name__: limit
        for extra in get_args(hint)[1:]
        for limit in (extra.metadata if isinstance(extra, FieldInfo) else [extra])
    }
    if inner is int and {"Ge", "Le"} <= set(limits):
        return f"whole number, {limits['Ge'].ge:,} to {limits['Le'].le:,}"
    return _kind(inner)


WHOLE = {
    str: "text",
    dict[str, Any]: "keys and values",
    form.TariffSpec: "list of [rates](#tariffs-a-rate), or a deck",
}
COMPOSED = {
    Annotated: _bounded,
    Literal: lambda hint: ", ".join(f"`{part}`" for part in get_args(hint)),
    Union: _any_of,
    types.UnionType: _any_of,
    list: lambda hint: f"list: {_kind(get_args(hint)[0])}",
    dict: lambda hint: "mapping of {} to {}".format(*map(_kind, get_args(hint))),
}


def _default(hint: Any, field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "**needed**"
    if value is None or value in ([], {}) or isinstance(value, BaseModel):
        return ""
    if hint == form.SecondOfDay:
        return f"`{value // 3600:02}:{value % 3600 // 60:02}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


# Tables beside the catalogue


def _deck_columns() -> list[str]:
    meanings = _meanings(DECK_COLUMNS)
    assert tuple(meanings) == (*decks.NEEDED, *decks.PRICES, *decks.DAYS)
    needed = dict.fromkeys(decks.NEEDED, "**needed**")
    needed |= dict.fromkeys(decks.PRICES, "all four, or none where a tariff prices the zones")
    rows = [(f"`{name}`", needed.get(name, ""), what) for name, what in meanings.items()]
    return [*_table("column", "", "meaning"), *map(_row, rows)]


def _service_columns() -> list[str]:
    defaults = SERVICE_DEFAULTS | dict.fromkeys(services.NEEDED, "**needed**")
    kinds = {"instant": "day, or instant with its offset from UTC", "date": "day"}
    rows = [
        (f"`{c.name}`", kinds.get(c.type, c.type), defaults.get(c.name, ""), c.meaning)
        for c in SERVICE.columns
    ]
    return [*_table("column", "value", "default", "meaning"), *map(_row, rows)]


# Plug-ins


def _plugins(plugins: Mapping[str, types.ModuleType]) -> Iterator[str]:
    for name, plugin in plugins.items():
        found = price_models.form(plugin)
        yield from (f"### {name}", "", " ".join(found["about"].split()), "")
        yield from _table("term", "value", "default", "meaning")
        yield from map(_row, _terms(found["schema"], found["schema"].get("$defs", {})))
        yield ""


def _terms(
    schema: Mapping[str, Any], parts: Mapping[str, Any], within: str = ""
) -> Iterator[tuple[str, ...]]:
    """The terms of a form, and below a list the terms of each of its rows."""
    for name, asked in schema["properties"].items():
        kinds = asked.get("anyOf", [asked])
        kind = next(each for each in kinds if each.get("type") != "null")
        below = kind.get("items", {}).get("$ref", "").rpartition("/")[2]
        default = _term_default(asked, kind) if name not in schema.get("required", ()) else (
            "**needed**"
        )  # fmt: skip
        yield f"`{within}{name}`", _asked(kind), default, asked.get("description", "")
        if below:
            yield from _terms(parts[below], parts, f"{within}{name}.")


def _asked(kind: Mapping[str, Any]) -> str:
    if "enum" in kind:
        return ", ".join(f"`{each}`" for each in kind["enum"])
    words = {"money": "amount", "integer": "whole number", "array": "list", "string": "text"}
    word = str(kind.get("format") or kind["type"])
    limits = [kind[name] for name in ("minimum", "maximum") if name in kind]
    return words.get(word, word) + (f", {limits[0]:,} to {limits[1]:,}" if limits[1:] else "")


def _term_default(asked: Mapping[str, Any], kind: Mapping[str, Any]) -> str:
    """A default as people would write it: the terms hold money and quantities as whole numbers."""
    value = asked.get("default")
    if value is None:
        return ""
    digits = {"money": NANO_DIGITS, "quantity": NANO_DIGITS, "percent": terms.PERCENT_DIGITS}
    scale = NANO_DIGITS - digits.get(kind.get("format", ""), NANO_DIGITS)
    is_text = kind.get("format") in digits
    return f"`{format_nanos(value * 10**scale, 0) if is_text else value}`"


# Refusals


def _refusals() -> Iterator[str]:
    for heading, patterns in SOURCES.items():
        paths = [path for pattern in patterns for path in sorted(RATING.glob(pattern))]
        found = dict(pair for path in paths for pair in _faults(ast.parse(path.read_text("utf-8"))))
        assert found, heading
        yield from (f"### {heading}", "", *_table("what is wrong", "cure"))
        yield from (_row(pair) for pair in sorted(found.items()))
        yield ""


def _faults(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What is said and the cure, of every fault and refusal that a module raises."""
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        local = {
            target.id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and _raises(node.func):
                said = [text for arg in node.args for text in _texts(local, arg)[:1]]
                named = [k.value for k in node.keywords if k.arg == "cure"]
                cures = [text for arg in named for text in _texts(local, arg)] or said[1:][-1:]
                if said and said[0][:1].isupper() and not WHAT_ANOTHER_SAYS.match(said[0]):
                    yield said[0], (cures or [MISFIT_CURE])[0]


def _raises(called: ast.expr) -> bool:
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in ("fault", "refuse", "_refuse", "_Unreadable", "BadDeck", "BadRatingCatalogue",
                    "Misfit")  # fmt: skip


def _texts(local: Mapping[str, ast.expr], node: ast.expr) -> list[str]:
    """The sentence that an expression makes, with ... for what is put in; none for a mere word."""
    if isinstance(node, ast.Name) and node.id in local:
        node = local[node.id]
    if isinstance(node, ast.IfExp):
        return _texts(local, node.body) + _texts(local, node.orelse)
    text = ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    if isinstance(node, ast.JoinedStr):
        text = "".join(
            str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values
        )
    return [text] if " " in text else []
