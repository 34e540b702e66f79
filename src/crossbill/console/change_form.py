"""The forms that change what an account holds: each answer a mistake beside its own field."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django import forms

from crossbill.core.money import parse_nanos
from crossbill.core.refusal import Refusal
from crossbill.platform.allowed import LONGEST_REASON
from crossbill.platform.billing.quotes import Asked
from crossbill.platform.product.changes import MOST_QUANTITY, Kind, Terms, Wanted
from crossbill.platform.product.orders import Change, Order

KINDS = {
    Kind.OFFERING: "Another offering",
    Kind.QUANTITY: "Another quantity",
    Kind.PRICE: "Own price",
    Kind.SUSPEND: "Suspend",
    Kind.RESUME: "Resume",
    Kind.CANCEL: "Cancel",
    Kind.MOVE: "Move to another account",
}
# The field that asks for the new value of a kind.
VALUES = {
    Kind.OFFERING: "offering",
    Kind.QUANTITY: "quantity",
    Kind.PRICE: "price",
    Kind.MOVE: "account",
}
# Where the form asks for what a refusal names.
FIELDS = {
    "effective_date": "on",
    "offering_code": "offering",
    "price_override_nanos": "price",
    "price_override_code": "price_of",
    "account_key": "account",
    "contract_end_date": "contract_end",
}
# Cures of the command line, as a page words them.
CURES = {
    "say --again if one more is wanted": "tick that one more is meant, if it is wanted",
    "write it as -1234.50": "write it as 9.90",
    "see `crossbill account show`": "see the contacts below",
    "see `crossbill product show`": "choose one that the account holds",
    "add one with `crossbill account contact` first": "add one on this page first",
}
MISSING = "This has to be said."
NOT_A_DAY = "Not a date. Write it as 2026-03-31."
NOT_A_NUMBER = f"Write a whole number from 1 to {MOST_QUANTITY:,}."

Names = Iterable[tuple[str, str]]


class Day(forms.DateField):
    """A day as the browser's own field gives it."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    input_formats = ("%Y-%m-%d",)
    default_error_messages = {"invalid": NOT_A_DAY, "required": MISSING}


def reason_field() -> forms.CharField:
    """Why; asked last."""
    return forms.CharField(
        label="Reason", required=False, max_length=LONGEST_REASON,
        help_text="kept with the change, for whoever asks later",
    )  # fmt: skip


class AskingForm(forms.Form):
    """A form that asks for something with a cost, and why; ``reason`` is one of its fields.

    ``places`` has the field that asks for what a refusal names, where it has another name.
    """

    places: Mapping[str, str] = {}

    def __init__(self, data: Any, **more: Any) -> None:
        super().__init__(data, use_required_attribute=False, **more)
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"about-{name}"
            field.error_messages["invalid_choice"] = "Choose one of the list."

    def asked(self) -> Any:
        """What a form without errors asks for."""
        raise NotImplementedError

    def answers(self) -> dict[str, str]:
        """What was written, to be sent again."""
        return {name: str(self.data.get(name, "")) for name in self.fields}

    def refuse(self, refusal: Refusal) -> None:
        """Put a refusal beside the field that it names, else above all of them."""
        name = self.places.get(refusal.field or "", refusal.field or "")
        self.add_error(name if self.asks_for(name) else None, words(refusal))

    def asks_for(self, name: str) -> bool:
        """Whether a field is shown."""
        return name in self.fields


class HoldingForm(AskingForm):
    """What changing and ordering ask alike."""

    places = FIELDS
    offering = forms.ChoiceField(label="Offering", required=False)
    quantity = forms.IntegerField(
        label="Quantity", required=False, min_value=1, max_value=MOST_QUANTITY,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), NOT_A_NUMBER),
    )  # fmt: skip
    price = forms.CharField(
        label="Own price a month", required=False, max_length=30,
        help_text="as 9.90; empty: the price of the list",
    )  # fmt: skip
    price_of = forms.CharField(
        label="Own price instead of", required=False, max_length=121,
        help_text="the code of the price, where there are several recurring ones",
    )  # fmt: skip
    on = Day(label="From", help_text="first day on which it holds")
    also = forms.ChoiceField(
        label="Order together with it", required=False,
        help_text="one of it, at its price, from the same day: all or nothing",
    )  # fmt: skip
    reason = reason_field()

    def __init__(self, data: Any, *, account_key: str, offerings: Names, **more: Any) -> None:
        super().__init__(data, **more)
        self.account_key = account_key
        self.fields["offering"].choices = [("", "Choose one"), *offerings]
        self.fields["also"].choices = [("", "nothing else"), *offerings]
        self.fields["quantity"].widget.attrs["inputmode"] = "numeric"
        self.fields["price"].widget.attrs["inputmode"] = "decimal"

    def beside(self) -> list[Order]:
        """What is ordered together with what the form is for."""
        code, day = self.cleaned_data["also"], self.cleaned_data["on"]
        return [Order(Terms(self.account_key, code, 1), day)] if code else []

    def clean_price(self) -> int | None:
        """An amount in nanos; none is the price of the list."""
        written: str = self.cleaned_data["price"].strip()
        if not written:
            return None
        try:
            return parse_nanos(written)
        except Refusal as refusal:
            raise forms.ValidationError(words(refusal)) from None


def words(refusal: Refusal) -> str:
    """What is wrong and what to do about it; the value stands in the field beside."""
    what, cure = refusal.what, CURES.get(refusal.cure or "", refusal.cure)
    if not what.startswith(refusal.value or "\n"):  # a code stays as it is written
        what = what[:1].upper() + what[1:]
    return f"{what.rstrip('.')}." + (f" What to do: {cure}." if cure else "")


class ChangeForm(HoldingForm):
    """One change of one product."""

    kind = forms.ChoiceField(
        label="What changes", choices=[(kind.value, name) for kind, name in KINDS.items()],
        widget=forms.RadioSelect, error_messages={"required": "Choose what changes."},
    )  # fmt: skip
    account = forms.CharField(
        label="Account that pays from then on", required=False, max_length=60,
        help_text="its key, as its page shows it",
    )  # fmt: skip
    field_order = (
        "kind", "offering", "quantity", "price", "price_of", "account", "on", "also", "reason",
    )  # fmt: skip

    def __init__(self, data: Any, *, product_key: str, **more: Any) -> None:
        super().__init__(data, **more)
        self.product_key = product_key

    def clean(self) -> dict[str, Any]:
        """A kind that gives a value another one needs the new one; a price may be the list's."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        name = VALUES.get(Kind(found["kind"])) if "kind" in found else None
        shown = {name, "price_of"} if name == "price" else {name}
        for other in {*VALUES.values(), "price_of"} - shown:
            self.errors.pop(other, None)  # what the kind does not ask for is not shown, nor read
        if name and name != "price" and name not in self.errors and not found.get(name):
            self.add_error(name, MISSING)
        return found

    def asks_for(self, name: str) -> bool:
        """Whether the chosen kind shows the field."""
        if name in (*VALUES.values(), "price_of"):
            asked = VALUES.get(self.cleaned_data["kind"])
            return asked == ("price" if name == "price_of" else name)
        return super().asks_for(name)

    def asked(self) -> Asked:
        """The change of a form without errors."""
        found = self.cleaned_data
        kind = Kind(found["kind"])
        value = found[VALUES[kind]] if kind in VALUES else None
        of = found["price_of"] or None if kind is Kind.PRICE else None
        return [Change(self.product_key, Wanted(kind, found["on"], value, of)), *self.beside()]

    @classmethod
    def initial_of(cls, wanted: Wanted) -> dict[str, Any]:
        """What the form begins with, to ask for a change."""
        begun: dict[str, Any] = {"kind": wanted.kind.value, "on": wanted.effective_date}
        begun |= {"price_of": wanted.price_code} if wanted.price_code else {}
        return begun | ({VALUES[wanted.kind]: wanted.value} if wanted.kind in VALUES else {})


class OrderForm(HoldingForm):
    """One more product of an account."""

    contract_end = Day(
        label="Contract ends", required=False, help_text="first day on which leaving is free"
    )
    again = forms.BooleanField(
        label="One more of what was ordered for the same day", required=False
    )
    field_order = (
        "offering", "quantity", "price", "price_of", "on", "contract_end", "also", "reason",
        "again",
    )  # fmt: skip

    def __init__(self, data: Any, **more: Any) -> None:
        super().__init__(data, **more)
        for name in ("offering", "quantity"):
            self.fields[name].required = True
            self.fields[name].error_messages["required"] = MISSING

    def asked(self) -> Asked:
        """The order of a form without errors."""
        found = self.cleaned_data
        terms = Terms(
            self.account_key, found["offering"], found["quantity"], found["price"],
            found["price_of"] or None, contract_end_date=found["contract_end"],
        )  # fmt: skip
        day: date = found["on"]
        return [Order(terms, day, found["again"]), *self.beside()]
