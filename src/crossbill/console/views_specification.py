"""The mapping and the rules of a change-over, as they are written: where most fixes are made."""

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from crossbill.console.access import page
from crossbill.console.pages import replacement_of
from crossbill.core.refusal import Refusal
from crossbill.platform.billing.rule_words import NAMES, said
from crossbill.replacement.migration.models import Replacement
from crossbill.replacement.migration.spec import FieldRule, Mapping, read


@page("migration.view_replacement")
def specification(request: HttpRequest, carrier: str) -> HttpResponse:
    """Code tables and fields of the mapping, and the rules of old and new bills."""
    replacement = replacement_of(carrier)
    terms = replacement.spec["replacement"]
    old, new = terms.get("old_policy") or {}, terms.get("new_policy") or {}
    context = {
        "replacement": replacement,
        "files": {name: terms.get(name, "") for name in ("mapping", "catalogue")},
        "policies": [policy.get("policy_code") for policy in (old, new)],
        "rules": [
            (name, *(said(rule, policy[rule]) if rule in policy else None for policy in (old, new)))
            for rule, name in NAMES.items()
        ],
        "has_new": bool(new),
        **_mapping(replacement),
    }
    return render(request, "console/specification.html", context)


def _mapping(replacement: Replacement) -> dict[str, object]:
    """The mapping as its file says it now, or why it cannot be read."""
    spec = replacement.spec
    path = Path(spec.get("spec_path", "")).parent / spec["replacement"].get("mapping", "")
    try:
        mapping = read(path, Mapping)
    except Refusal as refusal:
        return {"unread": str(refusal)}
    fields = [
        (entity, rule.source, column, _way(each))
        for entity, rules in mapping.entities.items()
        for rule in rules
        for column, each in rule.fields.items()
    ]
    return {"codes": mapping.codes, "fields": fields}


def _way(rule: FieldRule) -> str:
    """Where a field comes from, as the file says it."""
    given = rule.model_dump(exclude_none=True)
    return ", ".join(f"{name} {value}" for name, value in given.items())
