"""A question about the small change-over's draft of its catalogue, with its answer."""

from collections.abc import Sequence

from django.contrib.auth import get_user_model

from crossbill.platform.billing.models import WhatIf
from crossbill.platform.billing.preview import NEW_RULES
from crossbill.platform.customer.models import Carrier
from crossbill.platform.product.models import CatalogueVersion


def add(carrier: Carrier, accounts: Sequence[str]) -> None:
    """Ask what the draft does to these accounts, and answer: three dollars more each."""
    first, draft = CatalogueVersion.objects.filter(carrier=carrier).order_by("number")
    user, _ = get_user_model().objects.get_or_create(username="product.manager")
    rules = NEW_RULES.as_row()
    WhatIf.objects.create(
        carrier=carrier, period="2099-01", version=draft, compared_with=first, policy=rules,
        other_policy=rules, asked_by=user, part_count=1, answer=answer(accounts),
    )  # fmt: skip


def answer(accounts: Sequence[str], more_minor: int = 300) -> dict:
    """What each account is billed: 70.66, and then so much more."""
    number = len(accounts)
    before, more = 7066, more_minor
    sums = {"before_minor": number * before, "after_minor": number * (before + more)}
    changed = number if more else 0
    total = {
        "currency": "USD", "bills": number, "unchanged": number - changed,
        "dearer": changed if more > 0 else 0, "cheaper": changed if more < 0 else 0,
        **sums, "difference_minor": number * more,
    }  # fmt: skip
    largest = [
        {"account_key": key, "period_from": "2099-01-01", "currency": "USD",
         "before_minor": before, "after_minor": before + more, "difference_minor": more}
        for key in accounts
    ]  # fmt: skip
    return {
        "totals": [total],
        "spread": [{"currency": "USD", "step": 2 if more else 0, "bills": number,
                    "difference_minor": number * more}],
        "categories": [
            {"currency": "USD", "category": "recurring", "before_minor": number * 6490,
             "after_minor": number * (6490 + more)},
            {"currency": "USD", "category": "tax", "before_minor": number * 576,
             "after_minor": number * 576},
        ],
        "largest": largest if more else [],
        "unresolved": {"before": 0, "after": 1},
    }  # fmt: skip
