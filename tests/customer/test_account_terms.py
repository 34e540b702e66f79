"""What of an account's terms can be changed into what."""

import pytest

from crossbill.core.refusal import Refusal
from crossbill.platform.customer.account_terms import changed

HELD = {"bill_medium": "paper", "bill_language": "en", "credit_class": ""}
LANGUAGES = frozenset({"en", "de", "pt-br"})

CHANGES = [
    ({"bill_language": "de"}, {"bill_language": ("en", "de")}),
    ({"bill_medium": "portal", "bill_language": "en"}, {"bill_medium": ("paper", "portal")}),
    ({"bill_medium": "email"}, {"bill_medium": ("paper", "email")}),
    ({"credit_class": "B2"}, {"credit_class": ("", "B2")}),
]
REFUSED = [
    ({}, "Nothing would change"),
    ({"bill_language": "en"}, "Nothing would change"),
    ({"bill_language": "xx"}, "no such language"),
    ({"bill_language": ""}, "no such language"),
    ({"bill_medium": "fax"}, "no such medium"),
    ({"credit_class": "x" * 21}, "not a credit class"),
    ({"credit_class": " B2"}, "not a credit class"),
]


@pytest.mark.parametrize(("wanted", "expected"), CHANGES)
def test_only_what_differs_is_changed(wanted, expected):
    assert changed(HELD, wanted, LANGUAGES, mailed=True) == expected


@pytest.mark.parametrize(("wanted", "said"), REFUSED)
def test_refused_with_reason(wanted, said):
    with pytest.raises(Refusal, match=said):
        changed(HELD, wanted, LANGUAGES, mailed=True)


def test_bill_goes_by_mail_only_to_somebody():
    with pytest.raises(Refusal, match="No billing contact"):
        changed(HELD, {"bill_medium": "email"}, LANGUAGES, mailed=False)
