"""The reference page names every code and every key; its example is one that is accepted."""

import re
from pathlib import Path

import pytest
import yaml

from crossbill.core.refusal import Refusal
from crossbill.replacement.migration import land, staging, types
from crossbill.replacement.migration.sources import ROW_PROBLEMS, SourceFormat, _problems
from crossbill.replacement.migration.types import FieldType

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "source-formats.md").read_text()
REFUSALS = {
    item.code
    for module in (_problems, land, types)
    for item in vars(module).values()
    if isinstance(item, type) and issubclass(item, Refusal) and item.__module__ == module.__name__
}
CODES = {*ROW_PROBLEMS, *types.FIELD_PROBLEMS, *staging.KEY_PROBLEMS, *REFUSALS}


def test_the_page_lists_exactly_the_codes_that_there_are():
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)) == CODES


@pytest.mark.parametrize("model", [SourceFormat, FieldType])
def test_the_page_names_each_key(model):
    assert all(f"`{name}`" in PAGE for name in model.model_fields)


def test_the_example_is_accepted():
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
    for source in example["sources"].values():
        terms = {k: v for k, v in source.items() if k not in ("file", "key", "fields")}
        SourceFormat(**terms)
        assert {FieldType(**field).name for field in source["fields"]} >= set(source["key"])
