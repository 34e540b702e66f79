"""Limits in money: what one account and what one class may differ by on bills that go live."""

from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from crossbill.replacement.migration.models import AccountMove, Wave
from crossbill.replacement.migration.spec import ControlRule, GateSpec
from crossbill.replacement.reconciliation.models import Difference

PPM = 1_000_000
WHOLE_BILL = ("total_minor", "*")


def going_live(wave: Wave) -> dict[str, Any]:
    """What the bills of the accounts that are to go live differ by, never netted.

    ``classes``: by class, accounts and the sums over and under. ``account``: the one whose bills
    are over, or under, by most; none where no bill differs.
    """
    loaded = AccountMove.objects.filter(wave=wave, state=AccountMove.State.LOADED)
    bills = Difference.objects.filter(
        wave=wave,
        entity="bill",
        field__in=WHOLE_BILL,
        amount_minor__isnull=False,
        account_key__in=loaded.values("account_key"),
    ).order_by()
    return {"classes": _by_class(bills), "account": _largest(bills)}


def _sums(bills: "QuerySet[Difference]", *by: str) -> "QuerySet[Difference, dict[str, Any]]":
    """Accounts and amounts by these columns and currency."""
    return bills.values(*by, "currency").annotate(
        accounts=Count("account_key", distinct=True),
        over=Sum("amount_minor", filter=Q(amount_minor__gt=0), default=0),
        under=Sum("amount_minor", filter=Q(amount_minor__lt=0), default=0),
    )


def _by_class(bills: "QuerySet[Difference]") -> dict[str, dict[str, int]]:
    """Amounts of all currencies are added up here: a limit in minor units holds for each."""
    found: dict[str, dict[str, int]] = {}
    for row in _sums(bills, "class_code").order_by("class_code", "currency"):
        into = found.setdefault(
            row["class_code"], {"accounts": 0, "over_minor": 0, "under_minor": 0}
        )
        into["accounts"] += row["accounts"]
        into["over_minor"] += int(row["over"])
        into["under_minor"] -= int(row["under"])
    return found


def _largest(bills: "QuerySet[Difference]") -> dict[str, Any] | None:
    rows = _sums(bills, "account_key").order_by("account_key", "currency")
    worst = max(rows, key=lambda row: max(row["over"], -row["under"]), default=None)
    if worst is None:
        return None
    return {
        "account_key": worst["account_key"],
        "currency": worst["currency"],
        "over_minor": int(worst["over"]),
        "under_minor": -int(worst["under"]),
    }


def trend_rules(spec: GateSpec, found: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Words, limit and finding of what the terms ask of the mocks before this one."""
    if spec.trend is None:
        return []
    before = [each["unexplained_minor"] for each in found["trend"]["earlier"]]
    missing = max(0, spec.trend.at_least - len(before))
    stated = [("Mocks that are missing before this one", 0, missing)]
    if before:
        words = "Unexplained over and under, against the best mock before, in minor units"
        stated.append((words, min(before), found["trend"]["unexplained_minor"]))
    return stated


def control_rules(spec: GateSpec, found: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Words, limit and finding of each control that the terms name.

    Without data a control has not passed, whatever its limit.
    """
    answers = {each["control"]: each for each in found.get("controls", ())}
    return [
        _control_rule(name, rule, answers[name], found["planned"])
        for name, rule in sorted(spec.controls.items())
    ]


def _control_rule(
    name: str, rule: ControlRule, answer: dict[str, Any], planned: int
) -> tuple[str, int, int]:
    if answer["lacking"]:
        return f"Control {name} has no data: {answer['lacking']}", 0, 1
    limit = max(rule.figures, planned * rule.share_ppm // PPM)
    accepted = answer.get("accepted", 0)
    beside = f", beside {accepted:,} that people accepted" if accepted else ""
    left = answer["differ"] - accepted
    first = f", as {answer['first']}" if left > limit else ""
    return f"Figures that differ in control {name}{beside}{first}", limit, left


def rules(spec: GateSpec, found: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Words, limit and finding of each limit that the terms state."""
    stated = []
    if spec.account_limit_minor is not None:
        worst = found["account"]
        most = max(worst["over_minor"], worst["under_minor"]) if worst else 0
        words = "Most by which one account's bills are over or under, in minor units"
        stated.append((words, spec.account_limit_minor, most))
    for code, terms in sorted(spec.classes.items()):
        live = found["classes"].get(code, {"accounts": 0, "over_minor": 0, "under_minor": 0})
        amount = live["over_minor"] + live["under_minor"]
        words = f"{code} on bills that go live"
        if terms.accounts is not None:
            stated.append((f"{words}, accounts", terms.accounts, live["accounts"]))
        if terms.value_minor is not None:
            stated.append((f"{words}, over and under in minor units", terms.value_minor, amount))
    return stated
