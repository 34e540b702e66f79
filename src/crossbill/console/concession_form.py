"""The forms of what an account need not pay and who pays for it, each mistake beside its field."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms

from crossbill.console.change_form import AskingForm, Day, Names, reason_field, words
from crossbill.core.money import minor_digits, parse_scaled
from crossbill.core.refusal import Refusal
from crossbill.platform.concession.grants import (
    LONGEST_REASON,
    MOST_POSITION,
    WHOLE_PPM,
    DiscountAsked,
    ExemptionAsked,
)
from crossbill.platform.concession.words import EVERYTHING, OF
from crossbill.platform.customer.payer_rules import PayersAsked

PERCENT_DIGITS = 4
CATEGORIES = [("", EVERYTHING), *OF.items()]


class Decimal(forms.CharField):
    """Decimal text as a whole number of its smallest part; none where nothing is written."""

    def __init__(self, *, digits: int = PERCENT_DIGITS, **more: Any) -> None:
        super().__init__(required=False, max_length=30, **more)
        self.digits = digits
        self.widget.attrs["inputmode"] = "decimal"

    def clean(self, value: Any) -> int | None:
        """The number; what is no decimal amount is refused as the command line refuses it."""
        written = super().clean(value).strip()
        try:
            return parse_scaled(written, digits=self.digits) if written else None
        except Refusal as refusal:
            raise forms.ValidationError(words(refusal)) from None


class FromForm(AskingForm):
    """What holds from a day on."""

    valid_from = Day(
        label="From", help_text="first felt by the bill period that begins then or next"
    )

    def __init__(self, data: Any, *, account_key: str, **more: Any) -> None:
        super().__init__(data, **more)
        self.account_key = account_key


class GrantForm(FromForm):
    """What holds from a day on, perhaps up to another one."""

    valid_to = Day(
        label="Up to", required=False, help_text="first day no longer; empty: until it is ended"
    )


class DiscountForm(GrantForm):
    """A discount on the bills of an account."""

    places: Mapping[str, str] = {
        "rate_ppm": "percent", "amount_minor": "amount", "spend_minor": "spend",
        "most_minor": "most", "product_key": "product", "offering_code": "offering",
    }  # fmt: skip
    percent = Decimal(label="Percent", help_text="as 12.5; or an amount")
    amount = Decimal(label="Amount", help_text="off each bill, as 10.00")
    category = forms.ChoiceField(label="Off", choices=CATEGORIES, required=False)
    offering = forms.ChoiceField(label="Only of the offering", required=False)
    product = forms.ChoiceField(label="Only of the product", required=False)
    spend = Decimal(label="Only from", help_text="where at least so much is there to be discounted")
    most = Decimal(label="At most", help_text="so much a bill")
    position = forms.IntegerField(
        label="Position", required=False, min_value=0, max_value=MOST_POSITION,
        help_text="which is taken off first, second ...; empty: the last",
    )  # fmt: skip
    reason = reason_field()
    field_order = (
        "percent", "amount", "category", "offering", "product", "spend", "most", "position",
        "valid_from", "valid_to", "reason",
    )  # fmt: skip

    def __init__(
        self, data: Any, *, currency: str, offerings: Names, products: Names, **more: Any
    ) -> None:
        super().__init__(data, **more)
        self.fields["offering"].choices = [("", "any"), *offerings]
        self.fields["product"].choices = [("", "any"), *products]
        for name in ("amount", "spend", "most"):
            self.fields[name].digits = minor_digits(currency)
            self.fields[name].label += f", {currency}"

    def asked(self) -> DiscountAsked:
        """The discount of a form without errors."""
        found = self.cleaned_data
        return DiscountAsked(
            self.account_key, found["valid_from"], found["valid_to"], found["percent"],
            found["amount"], None, found["category"] or None, found["product"] or None,
            found["offering"] or None, found["spend"], found["most"], found["position"],
        )  # fmt: skip


class ExemptionForm(GrantForm):
    """An exemption from a tax, or from all."""

    places: Mapping[str, str] = {"tax_name": "tax"}
    tax = forms.ChoiceField(label="Tax", required=False)
    certificate = forms.CharField(label="Number of the certificate", required=False, max_length=60)
    issued_date = Day(label="Its date", required=False)
    ground = forms.CharField(
        label="Or why there is none", required=False, max_length=LONGEST_REASON,
        help_text="as the bill says it, such as reverse charge",
    )  # fmt: skip
    reason = reason_field()
    field_order = (
        "tax", "certificate", "issued_date", "ground", "valid_from", "valid_to", "reason",
    )  # fmt: skip

    def __init__(self, data: Any, *, taxes: list[str], **more: Any) -> None:
        super().__init__(data, **more)
        self.fields["tax"].choices = [("", "every tax"), *((each, each) for each in taxes)]

    def asked(self) -> ExemptionAsked:
        """The exemption of a form without errors."""
        found = self.cleaned_data
        return ExemptionAsked(
            self.account_key, found["valid_from"], found["valid_to"], found["tax"] or None,
            found["certificate"].strip(), found["issued_date"], found["ground"].strip(),
        )  # fmt: skip


class PayersForm(FromForm):
    """Another account that pays all or a share; the rest stays with the account itself."""

    places: Mapping[str, str] = {"payer_key": "payer", "share_ppm": "share"}
    payer = forms.CharField(
        label="Account that pays", required=False, max_length=40,
        help_text="its key, as its page shows it; empty: the account itself",
    )  # fmt: skip
    share = Decimal(label="Percent", help_text="the rest is paid by the account itself; empty: all")
    category = forms.ChoiceField(
        label="Of", required=False,
        choices=[("", "all that has no payer of its own"), *OF.items()],
    )  # fmt: skip
    reason = reason_field()
    field_order = ("payer", "share", "category", "valid_from", "reason")

    def asked(self) -> PayersAsked:
        """The payers of a form without errors."""
        found = self.cleaned_data
        payer, share = found["payer"].strip(), found["share"]
        share = WHOLE_PPM if share is None else share
        rest = [(self.account_key, WHOLE_PPM - share)] if share < WHOLE_PPM else []
        shares = ((payer, share), *rest) if payer else ()
        return PayersAsked(self.account_key, found["valid_from"], shares, found["category"] or None)


class EndForm(AskingForm):
    """From which day something holds no longer."""

    valid_to = Day(label="No longer from", help_text="the bill period that begins then or next")
    reason = reason_field()

    def asked(self) -> date:
        """The first day of a form without errors on which it holds no longer."""
        day: date = self.cleaned_data["valid_to"]
        return day
