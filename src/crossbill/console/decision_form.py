"""The forms by which people decide of findings, each mistake beside its field."""

import re
from collections.abc import Callable
from typing import Any

from django import forms

from crossbill.console.change_form import Day
from crossbill.console.terms_and_contacts import RefusableForm
from crossbill.core.refusal import Refusal
from crossbill.platform.allowed import LONGEST_REASON
from crossbill.replacement.reconciliation.attachments import TYPES
from crossbill.replacement.reconciliation.deciding import Limits, read_limits
from crossbill.replacement.reconciliation.deciding_operations import LONGEST_OWNER, LONGEST_TEXT


class AcceptForm(RefusableForm):
    """Why findings are accepted, up to how much, and until when."""

    reason = forms.CharField(
        label="Reason", max_length=LONGEST_REASON, help_text="kept for whoever asks later"
    )
    limit = forms.CharField(
        label="Most that one finding may be worth", max_length=200,
        help_text="as 5.00 USD; further currencies after a comma",
    )  # fmt: skip
    account_limit = forms.CharField(
        label="Most for one account", required=False, max_length=200,
        help_text="as 1.00 USD; empty: as much as for the finding",
    )  # fmt: skip
    until = Day(label="Until", help_text="the last day on which it counts")

    def limits(self) -> dict[str, Limits]:
        """The limits that were written, by currency."""
        found = self.cleaned_data
        return read_limits(_parts(found["limit"]), _parts(found["account_limit"]))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split("[,;]", text) if part.strip()]


class AcceptControlForm(RefusableForm):
    """Why what a control found is accepted, up to how much, and until when."""

    reason = forms.CharField(
        label="Reason", max_length=LONGEST_REASON, help_text="kept for whoever asks later"
    )
    figures = forms.IntegerField(
        label="Most figures that may differ", min_value=0, help_text="in each unit"
    )
    limit = forms.CharField(
        label="Most by which amounts may differ", required=False, max_length=200,
        help_text="as 5.00 USD; further currencies after a comma; empty: where no amount differs",
    )  # fmt: skip
    until = Day(label="Until", help_text="the last day on which it counts")

    def limits(self) -> dict[str, Limits]:
        """The limits that were written, by currency."""
        return read_limits(_parts(self.cleaned_data["limit"]), [])


class RevokeForm(RefusableForm):
    """Why what was accepted is accepted no longer."""

    reason = forms.CharField(label="Why no longer", max_length=LONGEST_REASON)


class AssignForm(RefusableForm):
    """Who has to act."""

    owner = forms.CharField(label="Owner", max_length=LONGEST_OWNER, help_text="a person or a team")


class CommentForm(RefusableForm):
    """What there is to say, and a file that shows it."""

    text = forms.CharField(
        label="Comment", max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 3})
    )
    file = forms.FileField(
        label="File", required=False, allow_empty_file=True, help_text=f"{', '.join(TYPES)}"
    )

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.fields["file"].widget.attrs["accept"] = ",".join(TYPES)


def done(form: RefusableForm, do: Callable[[], None]) -> bool:
    """Whether a deed was done; what refuses it stands in the form."""
    if not form.is_valid():
        return False
    try:
        do()
    except Refusal as refusal:
        form.refuse(refusal)
        return False
    return True
