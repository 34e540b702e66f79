"""The result of an inference as plain values, and as the YAML that the engine takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import yaml

from crossbill.core.money import format_minor, minor_digits
from crossbill.core.policy import Policy
from crossbill.core.refusal import Refusal
from crossbill.replacement.reconciliation.inference import (
    amounts,
    bill_discounts,
    space,
    taxes,
)
from crossbill.replacement.reconciliation.inference.counts import (
    account_policies,
    bill_counts,
    by_code,
    document_of,
    line_counts,
)
from crossbill.replacement.reconciliation.inference.derivations import derivations
from crossbill.replacement.reconciliation.inference.details import (
    Row,
    in_words,
    set_aside,
    unfit_discounts,
    unfit_lines,
    unfit_taxes,
)
from crossbill.replacement.reconciliation.inference.discount_example import discount_example
from crossbill.replacement.reconciliation.inference.examples import Money, Told, telling_examples
from crossbill.replacement.reconciliation.inference.infer import NET_KINDS, FamilyFit, Inference
from crossbill.replacement.reconciliation.inference.read_folder import OldBooks
from crossbill.replacement.reconciliation.inference.space import Choice, Outcome, Rules

USUAL_RATE_PPM = 190_000  # of the examples, where no tax rate is known
MOST_SHOWN = 20
MOST_OF_A_REASON = 3

Items = tuple[tuple[str, Any], ...]  # rules of a policy
Pair = tuple[str, Items, Items]  # currency, the chosen policy, another one
Examples = Mapping[Pair, Told | None]


class NothingToCompare(Refusal):
    """No line of the old bills can be compared. Mend what the message names, the first of it."""

    code: ClassVar[str] = "NOTHING_TO_COMPARE"


@dataclass(frozen=True)
class Report:
    """All that is told of an inference; ``document`` is its JSON."""

    policies: tuple[tuple[Policy, tuple[str, ...]], ...]  # each with its families
    document: Mapping[str, Any]
    unfit: Sequence[Row]
    unfit_taxes: Sequence[Row]
    unfit_discounts: Sequence[Row]
    aside: Sequence[Row]
    account_policy: Mapping[str, str]  # of the accounts whose products have one policy

    @property
    def complete(self) -> bool:
        """Whether every line and bill was compared and is reproduced by one policy."""
        return bool(self.document["complete"])


def report(found: Inference, books: OldBooks, policy_code: str) -> Report:
    """Everything about an inference; where nothing could be compared it is refused."""
    aside = set_aside(found, books.aside)
    if not found.fits:
        raise _nothing(aside)
    policies = _policies(found.fits, policy_code)
    by_family = {family: policy for policy, names in policies for family in names}
    unfit, wrong, off = unfit_lines(found), unfit_taxes(found), unfit_discounts(found)
    own, mixed = account_policies(found, by_family)
    examples = _examples(found)
    document = {
        "complete": not (unfit or wrong or off or aside or books.untaxed) and len(policies) == 1,
        "policies": [
            {"policy": policy.as_row(), "families": list(names)} for policy, names in policies
        ],
        "families": [_family(found, fit, examples) for fit in found.fits],
        "lines": line_counts(found, books, [*unfit, *off]),
        "bills": bill_counts(found, books, wrong),
        "tables": document_of(books),
        "set_aside": _some(aside),
        "set_aside_by_code": by_code(aside),
        "unexplained": _explained(found, unfit[:MOST_SHOWN], by_family),
        "unexplained_taxes": [in_words(row) for row in wrong[:MOST_SHOWN]],
        "unexplained_discounts": [in_words(row) for row in off[:MOST_SHOWN]],
        "accounts_of_several_policies": len(mixed),
        "notes": list(books.notes),
    }
    return Report(policies, document, unfit, wrong, off, aside, own)


def _some(aside: Sequence[Row]) -> list[Row]:
    """The first rows of each reason."""
    shown: list[Row] = []
    for code in by_code(aside):
        shown += [row for row in aside if row["code"] == code][:MOST_OF_A_REASON]
    return shown


def _nothing(aside: Sequence[Row]) -> NothingToCompare:
    of_lines = [row for row in aside if row["code"] not in taxes.REASONS]
    if not of_lines:
        return NothingToCompare(
            "there is no line of an old bill", cure="check the file of the table bill_line"
        )
    first = of_lines[0]
    return NothingToCompare(
        f"all lines are set aside, the first with {first['code']}", file=first["file"],
        line=first["line"], field=first["field"], value=first["value"],
        cure=f"{first['what']}; {first['cure']}",
    )  # fmt: skip


def _policies(fits: Sequence[FamilyFit], code: str) -> tuple[tuple[Policy, tuple[str, ...]], ...]:
    """The different policies, each with the families that it explains best."""
    families: dict[tuple[Any, ...], list[str]] = {}
    for fit in fits:
        families.setdefault(tuple(fit.rules.items()), []).append(fit.family)
    codes = [code] if len(families) == 1 else [f"{code}-{n + 1}" for n in range(len(families))]
    return tuple(
        (Policy.from_mapping({"policy_code": named, **dict(rules)}), tuple(names))
        for named, (rules, names) in zip(codes, families.items(), strict=True)
    )


def policy_yaml(policy: Policy) -> str:
    """The policy as ``bill compute --policy`` takes it."""
    text: str = yaml.safe_dump(policy.as_row(), sort_keys=False, allow_unicode=True)
    return text


# Fits by family


def _family(found: Inference, fit: FamilyFit, examples: Examples) -> dict[str, Any]:
    net, tax = fit.net.number, fit.tax.number
    return {
        "family": fit.family,
        "policy": fit.rules,
        "lines": _fit(fit.outcomes, amounts.LINE, net),
        "charged_without_a_line": _misses(fit.outcomes, amounts.EXTRA, net),
        "line_taxes": _fit(fit.outcomes, taxes.TAXED_LINE, tax),
        "bill_taxes": _fit(fit.outcomes, taxes.BILL, tax),
        "margin": {"net": fit.net.margin, "tax": fit.tax.margin},
        "bill_discounts": _bill_discounts(fit, found.shape.stated),
        "not_told_apart": [
            *(told for choice in (fit.net, fit.tax) for told in _not_told(examples, fit, choice)),
            *_terms_not_told(found, fit),
        ],
        "other_rules": _other_rules(fit),
        "only_jointly": [_joint(choice) for choice in (fit.net, fit.tax) if choice.joint_fields],
    }


def _other_rules(fit: FamilyFit) -> dict[str, Any] | None:
    """Other rules that explain most of the lines that do not fit; none where no rules do.

    Then two systems, or two kinds of contracts, are mixed in the family.
    """
    rest = [o for o in fit.outcomes if o.kind == amounts.LINE and not o.fits(fit.net.number)]
    if not rest:
        return None
    second = space.chosen(space.NET, rest, NET_KINDS, fit.net.best)
    found = _fit(rest, amounts.LINE, second.number)
    if found["reproduced"] < MOST_SHOWN or 2 * found["reproduced"] < found["compared"]:
        return None
    rules = {name: v for name, v in second.best.items() if v != fit.net.best[name]}
    return {"lines": found["reproduced"], "of": found["compared"], "rules": rules}


def _fit(outcomes: Sequence[Outcome], kind: str, number: int) -> dict[str, Any]:
    """Lines or bills that are compared and those that are reproduced: their number and value."""
    mine = [outcome for outcome in outcomes if outcome.kind == kind]
    fitting = [outcome for outcome in mine if outcome.fits(number)]
    return {
        "compared": sum(outcome.lines for outcome in mine),
        "reproduced": sum(outcome.lines for outcome in fitting),
        "value": {
            currency: {
                "compared": _value(mine, currency),
                "reproduced": _value(fitting, currency),
            }
            for currency in sorted({outcome.currency for outcome in mine})
        },
    }


def _bill_discounts(fit: FamilyFit, stated: Sequence[str]) -> dict[str, Any]:
    """Discounts of whole bills, and those terms that are not stated by which most of them fit."""
    number = fit.discount.number
    return {
        **_fit(fit.outcomes, bill_discounts.OFF, number),
        "due_without_a_line": _misses(fit.outcomes, bill_discounts.NOT_OFF, number),
        "terms": {name: fit.discount.best[name] for name in space.TERMS if name not in stated},
    }


def _value(outcomes: Sequence[Outcome], currency: str) -> str:
    size = sum(outcome.size_minor for outcome in outcomes if outcome.currency == currency)
    return format_minor(size, minor_digits(currency))


def _misses(outcomes: Sequence[Outcome], kind: str, number: int) -> int:
    return sum(o.rows for o in outcomes if o.kind == kind and not o.fits(number))


# What the data does not tell


def _joint(choice: Choice) -> dict[str, Any]:
    """Fields that depend on each other: the combinations that reproduce the same rows."""
    names = choice.joint_fields
    return {"fields": list(names), "combinations": choice.combinations(names)}


def _not_told(examples: Examples, fit: FamilyFit, choice: Choice) -> Iterator[dict[str, Any]]:
    """Each open field with its other values, and an example for each that would tell."""
    asked = _others(choice)
    for name in choice.open_fields:
        yield {
            "field": name,
            "chosen": choice.best[name],
            "alternatives": [
                {
                    "value": value,
                    "policy": dict(rules),
                    "example": _words(examples[_pair(fit, rules)], rules, choice),
                }
                for field, value, rules in asked
                if field == name
            ],
        }


def _others(choice: Choice) -> list[tuple[str, Any, Rules]]:
    """The other values of each open field, with the nearest candidate that has it."""
    return [
        (name, value, _nearest(choice, name, value))
        for name in choice.open_fields
        for value in choice.alternatives(name)[1:]
    ]


def _terms_not_told(found: Inference, fit: FamilyFit) -> Iterator[dict[str, Any]]:
    """Each term of discounts that the data leaves open, and a bill that would tell it."""
    choice = fit.discount
    if not any(outcome.kind == bill_discounts.OFF for outcome in fit.outcomes):
        return
    for name in (name for name in choice.open_fields if name in space.TERMS):
        others = [(v, _nearest(choice, name, v)) for v in choice.alternatives(name)[1:]]
        rules = [choice.best, *(rules for _, rules in others)]
        told = discount_example(found.backend, [dict(each) for each in rules], _currency(fit))
        yield {
            "field": name,
            "chosen": choice.best[name],
            "alternatives": [
                {"value": value, "policy": dict(rules), "example": sentence}
                for (value, rules), sentence in zip(others, told, strict=True)
            ],
        }


def _nearest(choice: Choice, name: str, value: Any) -> Rules:
    """Of the candidates with that value the one that has most in common with the chosen one."""
    having = [rules for rules in choice.alike if rules[name] == value]
    return min(having, key=lambda rules: sum(rules[n] != choice.best[n] for n in rules))


def _pair(fit: FamilyFit, rules: Rules) -> Pair:
    """The policy of a family, and the one that other rules make of it."""
    return (_currency(fit), (*fit.rules.items(),), (*{**fit.rules, **rules}.items(),))


def _currency(fit: FamilyFit) -> str:
    return fit.outcomes[0].currency


def _examples(found: Inference) -> Examples:
    """A telling example for each pair of policies that some family does not tell apart.

    The families of one policy are asked for together: trying examples costs more than all else.
    """
    pairs = dict.fromkeys(
        _pair(fit, rules)
        for fit in found.fits
        for choice in (fit.net, fit.tax)
        for _, _, rules in _others(choice)
    )
    told: dict[Pair, Told | None] = {}
    for currency, chosen in dict.fromkeys(pair[:2] for pair in pairs):
        mine = [pair for pair in pairs if pair[:2] == (currency, chosen)]
        told |= zip(mine, _tried(found, currency, [chosen, *(p[2] for p in mine)]), strict=True)
    return told


def _tried(found: Inference, currency: str, rules: Sequence[Items]) -> list[Told | None]:
    rates, periods = found.tables["tax_rate"], found.tables["periods"]
    asked = periods.aggregate(first=periods.period_from.min()).cross_join(
        rates.aggregate(rate_ppm=rates.rate_ppm.max())
    )
    (row,) = found.backend.to_pyarrow(asked).to_pylist()
    first: date = row["first"]
    money = Money(currency, row["rate_ppm"] or USUAL_RATE_PPM)
    chosen, *others = (Policy.from_mapping({"policy_code": "tried", **dict(r)}) for r in rules)
    return telling_examples(chosen, others, first=first, money=money)


def _words(told: Told | None, rules: Rules, choice: Choice) -> str | None:
    """The example as a sentence."""
    if told is None:
        return None
    differing = [name for name in rules if rules[name] != choice.best[name]]
    named = [", ".join(f"{n} {_plain(r[n])}" for n in differing) for r in (choice.best, rules)]
    return told.sentence(*named)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# What does not fit


def _explained(
    found: Inference, rows: Sequence[Row], by_family: Mapping[str, Policy]
) -> list[dict[str, Any]]:
    """The lines that do not fit, each with the steps that lead to the policy's amount."""
    steps = derivations(found, rows, by_family)
    return [{**in_words(row), "derivation": told} for row, told in zip(rows, steps, strict=True)]
