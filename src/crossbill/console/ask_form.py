"""The form of a question: which event, whose, when and how much, with an answer to each mistake."""

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from crossbill.core.money import parse_nanos
from crossbill.core.refusal import Refusal
from crossbill.platform.product.queries import offering_of_product
from crossbill.platform.rating.ask import Question
from crossbill.platform.rating.calendars import is_zone
from crossbill.platform.rating.current import Current
from crossbill.platform.rating.queries import charges_for_events
from crossbill.platform.rating.rate import LARGEST_CARRIED_NANOS
from crossbill.platform.usage.guide import LARGEST_QUANTITY, RETAIL

FIRST_YEAR, LAST_YEAR = 2000, 2060
DIGITS = re.compile(r"\d{1,15}", re.ASCII)
WHOLE_NUMBER = f"Write a whole number of base units, from 0 to {LARGEST_QUANTITY:,}."
UNTOUCHED, USED_UP = "untouched", "used up"


class LocalTime(forms.CharField):
    """A date and time without a zone, as the browser's own field gives it."""

    def to_python(self, value: Any) -> datetime | None:  # type: ignore[override] # Django's own fields do so
        """The time, or an error in words."""
        text = super().to_python(value)
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            found = None
        if found is None or found.tzinfo is not None:
            raise forms.ValidationError("Not a date and time. Write it as 2024-05-14T18:30.")
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            raise forms.ValidationError(f"Choose a year from {FIRST_YEAR} to {LAST_YEAR}.")
        return found


class AskForm(forms.Form):
    """What would this event cost."""

    plan = forms.ChoiceField(label="Plan", required=False)
    service = forms.CharField(
        label="or service", required=False, max_length=60,
        help_text="a number or product: then its own plan counts",
    )  # fmt: skip
    usage_type = forms.ChoiceField(label="What is used")
    quantity = forms.IntegerField(
        label="Quantity", min_value=0, max_value=LARGEST_QUANTITY,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), WHOLE_NUMBER),
    )  # fmt: skip
    destination = forms.CharField(
        label="Number called", required=False, max_length=30, help_text="with its country code"
    )
    network = forms.CharField(
        label="Network visited", required=False, max_length=20,
        help_text="country and network code, for roaming",
    )  # fmt: skip
    started_at = LocalTime(
        label="Starts at", widget=forms.TextInput(attrs={"type": "datetime-local", "step": "1"})
    )
    time_zone = forms.CharField(label="Local time of", max_length=60)
    policy = forms.ChoiceField(label="Rounding and splitting")
    allowances = forms.ChoiceField(
        label="Allowances", required=False,
        choices=[(UNTOUCHED, "untouched this month"), (USED_UP, "used up already")],
    )  # fmt: skip
    carried = forms.CharField(
        label="Own price", required=False, max_length=30,
        help_text="of an event that carries its price",
    )  # fmt: skip

    def __init__(self, data: Any, *, current: Current, carrier_id: int, initial: Any) -> None:
        super().__init__(data, initial=initial, use_required_attribute=False)
        self.current, self.carrier_id = current, carrier_id
        spec = current.catalogue.spec
        plans = dict.fromkeys(charge.plan_code for charge in current.catalogue.event_charges)
        types = {charge.spec.usage_type for charge in current.catalogue.event_charges}
        self.fields["plan"].choices = [("", "of the service"), *((plan, plan) for plan in plans)]
        self.fields["usage_type"].choices = [
            (code, f"{code}, in {kind.unit}")
            for code, kind in spec.usage_types.items()
            if code in types
        ]
        self.fields["policy"].choices = [(p.policy_code, p.policy_code) for p in spec.policies]
        self.fields["time_zone"].widget.attrs["list"] = "time-zones"
        for name in ("destination", "network"):
            self.fields[name].widget.attrs["inputmode"] = "tel"
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"about-{name}"
            field.error_messages["required"] = "This has to be said."
            field.error_messages["invalid_choice"] = "Choose one of the list."

    @property
    def time_zones(self) -> list[str]:
        """Zones to choose from; any other may be typed."""
        catalogue = self.current.catalogue
        used = set(catalogue.service["time_zone"].to_pylist())
        return sorted({catalogue.spec.time_zone, "UTC", *used})

    def clean_destination(self) -> str | None:
        """Digits only; what people put between them is taken out."""
        return self._digits("destination")

    def clean_network(self) -> str | None:
        """Digits only."""
        return self._digits("network")

    def _digits(self, name: str) -> str | None:
        digits = re.sub(r"[\s+()./-]", "", self.cleaned_data[name])
        if digits and not DIGITS.fullmatch(digits):
            raise forms.ValidationError("Write 1 to 15 digits, with the country code first.")
        return digits or None

    def clean_time_zone(self) -> str:
        """An IANA name."""
        zone: str = self.cleaned_data["time_zone"]
        if not is_zone(zone):
            raise forms.ValidationError("No such time zone. Use a name such as Europe/Zurich.")
        return zone

    def clean_carried(self) -> int | None:
        """An amount in nanos."""
        text: str = self.cleaned_data["carried"]
        if not text:
            return None
        try:
            nanos = parse_nanos(text)
        except Refusal as refusal:
            raise forms.ValidationError(f"{refusal.what.capitalize()}.") from None
        if not 0 <= nanos <= LARGEST_CARRIED_NANOS:
            raise forms.ValidationError("Write an amount from 0 to 1000000.")
        return nanos

    def clean(self) -> dict[str, Any]:
        """What several fields say together."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        self._find_plan(found)
        self._find_instant(found)
        self._find_charge(found)
        return found

    def _find_plan(self, found: dict[str, Any]) -> None:
        service = found.get("service", "")
        if service:
            plan = self._plan_of(service)
            if plan is None:
                self.add_error(
                    "service", "Nobody holds this service. Leave it out and choose a plan."
                )
            found["plan"] = plan
        elif not service and found.get("plan") == "":
            self.add_error("plan", "Choose a plan, or write a service number.")

    def _plan_of(self, service: str) -> str | None:
        """The plan on which somebody holds a service, if it prices events."""
        catalogue = self.current.catalogue
        rows = catalogue.service.to_pylist()
        named = [r for r in rows if r["service_key"] == service and r["leg"] == RETAIL]
        plan = named[-1]["plan_code"] if named else offering_of_product(self.carrier_id, service)
        return plan if plan and charges_for_events(catalogue, plan) else None

    def _find_instant(self, found: dict[str, Any]) -> None:
        """The instant of a local time; one that the clocks skip is refused."""
        local, zone = found.get("started_at"), found.get("time_zone")
        if local is None or zone is None:
            return
        instant = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local:
            self.add_error("started_at", "The clocks skip this time there. Choose a later one.")
        found["instant"] = instant.replace(tzinfo=None)

    def _find_charge(self, found: dict[str, Any]) -> None:
        """The plan must charge such usage, and what it looks up must be there."""
        plan, usage_type = found.get("plan"), found.get("usage_type")
        if not plan or not usage_type:
            return
        charges = charges_for_events(self.current.catalogue, plan)
        fitting = [each for each in charges if each.spec.usage_type == usage_type]
        if not fitting:
            known = ", ".join(dict.fromkeys(each.spec.usage_type for each in charges))
            self.add_error("usage_type", f"The plan {plan} charges {known} only.")
        for place in {self.current.catalogue.zone_by(each.spec) for each in fitting} - {"none"}:
            if place not in self.errors and not found.get(place):
                words = {"destination": "Which number?", "network": "Which network?"}[place]
                self.add_error(place, f"{words} The price depends on it.")

    def question(self) -> Question:
        """The question of a form without errors."""
        found = self.cleaned_data
        return Question(
            plan_code=found["plan"],
            policy_code=found["policy"],
            usage_type=found["usage_type"],
            started_at=found["instant"],
            time_zone=found["time_zone"],
            quantity=found["quantity"],
            destination=found["destination"],
            network=found["network"],
            carried_nanos=found["carried"],
            untouched_allowances=found["allowances"] != USED_UP,
        )
