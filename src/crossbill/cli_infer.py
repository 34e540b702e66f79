"""``crossbill reconcile infer-policy``: the rules of an old billing system, from its bills.

What is printed is YAML: the policies, and all else as comments, so that it can go into a file.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from crossbill.cli_infer_orders import order_lines
from crossbill.cli_input import ONE_OBJECT
from crossbill.cli_json import print_json
from crossbill.replacement.reconciliation.inference.infer_all import Inferred, infer_all, write_all
from crossbill.replacement.reconciliation.inference.report import Report, policy_yaml

OPEN_EXIT = 1
SHOWN = 5
NO_EXAMPLE = "no bill that was tried costs something else"


def infer_policy_command(
    folder: Annotated[Path, typer.Argument(help="The folder of old bills and facts.")],
    spec: Annotated[
        Path | None, typer.Option(help="How its files are written; without it by the usual names.")
    ] = None,
    json: Annotated[bool, ONE_OBJECT] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for all that was found.")] = None,
) -> None:
    """Find the policy that reproduces most lines of old bills, and where the specification has
    `rating` the order of allowances; 1 where something is left open.
    """
    found = infer_all(folder, spec)
    if out is not None:
        write_all(found, out)
    document = found.document
    if json:
        print_json(document)
    else:
        typer.echo("\n".join(_all_lines(found, document)))
    if not document["complete"]:
        raise typer.Exit(OPEN_EXIT)


def _all_lines(found: Inferred, document: Mapping[str, Any]) -> Iterator[str]:
    """The order of allowances first, for what follows a policy is the next one."""
    if "allowances" in document:
        yield from (f"# {line}".rstrip() for line in order_lines(document["allowances"]))
        yield "#"
    if found.policy is not None:
        yield from _lines(found.policy)


def _lines(found: Report) -> Iterator[str]:
    document = found.document
    yield from (f"# {line}".rstrip() for line in _summary(document))
    for number, (policy, families) in enumerate(found.policies):
        if number:
            yield "---"
        yield from (f"# {line}".rstrip() for line in _told(document, families))
        yield policy_yaml(policy).rstrip()


def _summary(document: Mapping[str, Any]) -> Iterator[str]:
    """What was read, compared, reproduced and left."""
    for name in ("lines", "bills"):
        counts = document[name]
        if counts["read"]:
            named = name if counts["read"] > 1 else name.removesuffix("s")
            yield (
                f"{counts['read']:,} {named} read: {counts['compared']:,} compared, "
                f"{counts['set_aside']:,} set aside; {counts['reproduced']:,} reproduced"
            )
    extra = document["lines"]["charged_without_a_line"]
    if extra:
        yield f"charges of the policy that stand on no old bill: {extra:,}"
    yield from document["notes"]
    for code, count in document["set_aside_by_code"].items():
        first = next((row for row in document["set_aside"] if row["code"] == code), None)
        yield f"set aside: {count:,} {code}" + (f", as {_place(first)}" if first else "")
    for row in document["unexplained"][:SHOWN]:
        yield f"does not fit: {_place(row)} {row['product_key']}, {row['period_from']}: " + (
            f"old {_of_lines(row)}, computed {row['computed']}"
        )
        yield from (f"    {step}" for step in row["derivation"])
    for row in document["unexplained_taxes"][:SHOWN]:
        yield f"tax does not fit: {_place(row)}: old {row['old']}, computed {row['computed']}"
    for row in document["unexplained_discounts"][:SHOWN]:
        named = f"{_place(row)} {row['account_key']} {row['discount_key']}".rstrip()
        yield f"discount does not fit: {named}, {row['period_from']}: " + (
            f"old {row['old']}, computed {row['computed']}"
        )
    if len(document["policies"]) > 1:
        yield from _several(document)
    yield ""


def _of_lines(row: Mapping[str, Any]) -> str:
    """The old amount, and how many lines it is the sum of."""
    return f"{row['old']} ({row['lines']} lines)" if row["lines"] > 1 else str(row["old"])


def _place(row: Mapping[str, Any]) -> str:
    if row["file"] is None:
        return "no old line"
    place = f"{row['file']}:{row['line']}"
    if "cure" in row:
        return f"{place}, {row['field']} {row['value']!r}: {row['what']}; {row['cure']}"
    return place


def _several(document: Mapping[str, Any]) -> Iterator[str]:
    """How the engine takes several policies."""
    mixed = document["accounts_of_several_policies"]
    yield "No one policy explains all families. The engine bills each account by one policy: put"
    yield "policy.csv into the snapshot, and the policy_code of account_policy.csv (both by --out)"
    yield "into its account table."
    if mixed:
        yield f"{mixed:,} accounts hold products of several policies: no one policy bills them."


def _told(document: Mapping[str, Any], families: tuple[str, ...]) -> Iterator[str]:
    """How well a policy fits its families, and what the data of none of them tells."""
    fits = [fit for fit in document["families"] if fit["family"] in families]
    in_all = set.intersection(*(_open_values(fit) for fit in fits))
    for fit in fits:
        yield from _fit(fit)
        elsewhere = dict.fromkeys(name for name, _ in sorted(_open_values(fit) - in_all))
        if elsewhere:
            yield f"  told by other families: {', '.join(elsewhere)}"
    yield _rules_told(fits[0], {name for name, _ in in_all})
    for field in fits[0]["not_told_apart"]:
        for other in field["alternatives"]:
            if (field["field"], _plain(other["value"])) in in_all:
                yield from _alternative(field, other)
    for joint in (joint for fit in fits for joint in fit["only_jointly"]):
        yield f"{', '.join(joint['fields'])} are told only together:"
        for rules in joint["combinations"][:SHOWN]:
            yield "  " + ", ".join(f"{name} {_plain(value)}" for name, value in rules.items())
        further = len(joint["combinations"]) - SHOWN
        if further > 0:
            yield f"  and {further:,} combinations more (all by --json or --out)"


def _rules_told(fit: Mapping[str, Any], left_open: set[str]) -> str:
    """Which rules of the policy rest on the bills, and are not just the first of what fits."""
    told = [name for name in fit["policy"] if name not in left_open]
    return f"told by these bills: {', '.join(told) or 'no rule, every policy explains as much'}"


def _open_values(fit: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The fields that a family does not tell, each with its other values."""
    return {
        (field["field"], _plain(other["value"]))
        for field in fit["not_told_apart"]
        for other in field["alternatives"]
    }


def _fit(fit: Mapping[str, Any]) -> Iterator[str]:
    """How much of a family is reproduced."""
    lines = fit["lines"]
    values = "".join(
        f", {value['reproduced']} of {value['compared']} {currency}"
        for currency, value in lines["value"].items()
    )
    counts = f"{lines['reproduced']:,} of {lines['compared']:,} lines"
    yield f"family {fit['family']}: {counts}{values}"
    for name, words in (("line_taxes", "line taxes"), ("bill_taxes", "bill taxes")):
        if fit[name]["compared"]:
            yield f"  {fit[name]['reproduced']:,} of {fit[name]['compared']:,} {words}"
    off = fit["bill_discounts"]
    if off["compared"]:
        terms = ", ".join(f"{name} {value}" for name, value in off["terms"].items())
        yield (
            f"  {off['reproduced']:,} of {off['compared']:,} discounts of whole bills: "
            f"{terms or 'by the terms that are stated'}"
        )
    if off["due_without_a_line"]:
        yield f"  discounts of whole bills that stand on no old bill: {off['due_without_a_line']:,}"
    other = fit["other_rules"]
    if other:
        rules = ", ".join(f"{name} {_plain(value)}" for name, value in other["rules"].items())
        yield f"  {other['lines']:,} of {other['of']:,} lines that do not fit are reproduced by"
        yield f"  {rules}: where two sets of rules are mixed, state a family for each"


def _alternative(field: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    """A value that the data does not tell from the chosen one, and a bill that would."""
    chosen, value = _plain(field["chosen"]), _plain(other["value"])
    yield f"not told apart: {field['field']} {chosen} from {value}"
    yield f"  {other['example'] or NO_EXAMPLE}"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
