"""How an account is billed beside its prices: medium, language and credit class, checked."""

from collections.abc import Mapping
from typing import ClassVar

from crossbill.core.refusal import Refusal

MEDIA = ("paper", "email", "portal")  # how a bill reaches who pays it
FIELDS = ("bill_medium", "bill_language", "credit_class")
LONGEST_CLASS = 20
USUAL = {"bill_medium": MEDIA[0], "bill_language": "en"}  # of an account of which nothing is said


class BadAccountTerm(Refusal):
    """A medium, language or credit class cannot be that. The message names what can."""

    code: ClassVar[str] = "BAD_ACCOUNT_TERM"


def changed(
    held: Mapping[str, str], wanted: Mapping[str, str], languages: frozenset[str], *, mailed: bool
) -> dict[str, tuple[str, str]]:
    """What ``wanted`` changes of what is ``held``: old and new value by field.

    ``mailed`` says that a billing contact with an e-mail address is there, without which no bill
    can go out by e-mail.
    """
    _refuse_unknown(wanted, languages)
    if wanted.get("bill_medium") == "email" and not mailed:
        what = "No billing contact with an e-mail address"
        cure = "add one with `crossbill account contact` first"
        raise BadAccountTerm(what, field="bill_medium", value="email", cure=cure)
    found = {
        name: (held[name], wanted[name])
        for name in FIELDS
        if name in wanted and wanted[name] != held[name]
    }
    if not found:
        what, cure = "Nothing would change", "give another medium, language or credit class"
        raise BadAccountTerm(what, cure=cure)
    return found


def _refuse_unknown(wanted: Mapping[str, str], languages: frozenset[str]) -> None:
    medium, language = wanted.get("bill_medium"), wanted.get("bill_language")
    if medium is not None and medium not in MEDIA:
        cure = f"use {', '.join(MEDIA)}"
        raise BadAccountTerm("no such medium", field="bill_medium", value=medium, cure=cure)
    if language is not None and language not in languages:
        cure = "use a code such as en, de or pt-br"
        raise BadAccountTerm("no such language", field="bill_language", value=language, cure=cure)
    named = wanted.get("credit_class", "")
    if len(named) > LONGEST_CLASS or named != named.strip():
        cure = f"use at most {LONGEST_CLASS} characters, without blanks around them"
        raise BadAccountTerm("not a credit class", field="credit_class", value=named, cure=cure)
