"""The forms of how an account is billed and whom to reach, each mistake beside its field."""

from collections.abc import Mapping
from typing import Any

from django import forms

from crossbill.console.change_form import MISSING, Day, words
from crossbill.core.refusal import Refusal
from crossbill.platform.allowed import LONGEST_REASON
from crossbill.platform.customer.account_terms import FIELDS, LONGEST_CLASS, MEDIA
from crossbill.platform.customer.models import Contact

MEDIUM_NAMES = [(each, each.title()) for each in MEDIA]


class RefusableForm(forms.Form):
    """A form that shows what an operation refuses; the fields have the names of the operation."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, use_required_attribute=False, **more)
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"about-{self[name].auto_id}"
            field.error_messages["required"] = MISSING
            field.error_messages["invalid_choice"] = "Choose one of the list."

    def refuse(self, refusal: Refusal) -> None:
        """Put a refusal beside the field that it names, else above all of them."""
        self.add_error(refusal.field if refusal.field in self.fields else None, words(refusal))


class TermsForm(RefusableForm):
    """Medium and language of the bills, and the credit class."""

    bill_medium = forms.ChoiceField(label="Bills by", choices=MEDIUM_NAMES)
    bill_language = forms.CharField(
        label="Language of the bills", max_length=10, help_text="a code, as en, de or pt-br"
    )
    credit_class = forms.CharField(
        label="Credit class", required=False, max_length=LONGEST_CLASS,
        help_text="the carrier's own word for the risk; empty: none",
    )  # fmt: skip
    reason = forms.CharField(
        label="Reason", required=False, max_length=LONGEST_REASON,
        help_text="kept with the change, for whoever asks later",
    )  # fmt: skip

    def wanted(self, held: Mapping[str, str]) -> dict[str, str]:
        """What differs from what is held."""
        found = self.cleaned_data
        return {name: found[name] for name in FIELDS if found[name] != held[name]}


class ContactForm(RefusableForm):
    """A person who can be reached at the customer."""

    role = forms.ChoiceField(label="About", choices=Contact.Role.choices, initial="billing")
    name = forms.CharField(label="Name", max_length=200)
    email = forms.CharField(label="E-mail address", required=False, max_length=254)
    phone = forms.CharField(label="Telephone", required=False, max_length=40)
    valid_from = Day(label="From", help_text="first day")


class EndForm(RefusableForm):
    """From which day a person is a contact no longer."""

    contact = forms.IntegerField(widget=forms.HiddenInput)
    day = Day(label="No longer from")
