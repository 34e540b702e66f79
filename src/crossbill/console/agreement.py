"""What a person agrees to on a page that shows a cost: signed, so that nothing else is made."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

from django.core import signing
from django.http import HttpRequest

from crossbill.core.refusal import Refusal
from crossbill.platform.billing.quotes import Seen

SALT = "crossbill.console.agreement"
FRESH_SECONDS = 3600


class AgreementNotReadable(Refusal):
    """What was agreed to is not what the page had shown. Open the form again, look at the cost."""

    code: ClassVar[str] = "AGREEMENT_NOT_READABLE"


@dataclass(frozen=True)
class Agreement:
    """The answers of the form whose cost was shown, and what was seen of it.

    ``is_fresh`` is false of one that lay about for more than an hour.
    """

    answers: Mapping[str, str]
    seen: Seen
    is_fresh: bool


def signed(request: HttpRequest, answers: Mapping[str, str], seen: Seen) -> str:
    """An agreement for the person signed in and the page's address, to be sent back by the page."""
    document = {"answers": dict(answers), "seen": asdict(seen), **_bound(request)}
    return signing.dumps(document, salt=SALT, compress=True)


def agreed(request: HttpRequest, written: str) -> Agreement:
    """What a page has sent back; refused where it is not ours, or another person's or page's."""
    try:
        document, is_fresh = _read(written)
    except signing.BadSignature:
        document, is_fresh = {}, False
    if {name: document.get(name) for name in ("person", "place")} != _bound(request):
        what = "What was agreed to is not what this page had shown"
        raise AgreementNotReadable(what, cure="open the form again and look at the cost")
    return Agreement(document["answers"], Seen.from_mapping(document["seen"]), is_fresh)


def _read(written: str) -> tuple[dict[str, object], bool]:
    try:
        return signing.loads(written, salt=SALT, max_age=FRESH_SECONDS), True
    except signing.SignatureExpired:
        return signing.loads(written, salt=SALT), False


def _bound(request: HttpRequest) -> dict[str, object]:
    return {"person": str(request.user.pk), "place": request.path}
