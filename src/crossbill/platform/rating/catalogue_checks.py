"""What a catalogue of rating must hold as a whole, before anything is rated by it."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from crossbill.core.money import minor_digits
from crossbill.core.refusal import Refusal
from crossbill.core.versions import Given, Misfit, misfits
from crossbill.engine.yaml_file import Place
from crossbill.platform.rating.calendars import (
    ANY_DAY,
    DAY_S,
    Undecided,
    first_undecided,
    is_zone,
)
from crossbill.platform.rating.catalogue_format import ANY_ZONE, AllowanceSpec
from crossbill.platform.rating.catalogue_model import Charge, RatingCatalogue
from crossbill.platform.rating.compile import edges
from crossbill.platform.rating.compile_rates import (
    MAXIMUM_SCOPES,
    RateSets,
    Tariff,
    scopes_of,
    tariff_uses,
    zones_of,
)
from crossbill.platform.rating.metered_terms import check_metered

FIRST_DAY = date(2000, 1, 1)
# After 28 years every date has fallen on every weekday.
ROUND_OF_CALENDARS = 28 * 366


def check_catalogue(catalogue: RatingCatalogue) -> None:
    """Refuse the first thing that does not fit, from what stands alone to what hangs together."""
    _check_head(catalogue)
    for code in catalogue.spec.tariffs:
        _check_versions_of_tariff(catalogue, code)
    for charge in catalogue.charges:
        _check_references(catalogue, charge)
    _check_plans(catalogue)
    _check_allowances(catalogue)
    for code in catalogue.spec.calendars:
        _check_calendar(catalogue, code)
    _check_uses(catalogue)
    for charge in catalogue.metered_charges:
        check_metered(catalogue, charge)


def _refuse(
    catalogue: RatingCatalogue, place: Place, what: str, value: object, cure: str
) -> Refusal:
    return catalogue.file.refuse(place, what, value=value, cure=cure)


def _known(catalogue: RatingCatalogue, place: Place, name: str, known: Iterable[str]) -> None:
    """Refuse a name that stands for nothing."""
    names = sorted(known)
    if name not in names:
        cure = f"one of {', '.join(names[:20])}" if names else f"define {name} first"
        raise _refuse(catalogue, place, "The name is not known", name, cure)


def _check_head(catalogue: RatingCatalogue) -> None:
    spec = catalogue.spec
    if not is_zone(spec.time_zone):
        cure = "use an IANA name such as Europe/Zurich"
        raise _refuse(catalogue, ["time_zone"], "The time zone is not known", spec.time_zone, cure)
    try:
        minor_digits(spec.currency)
    except Refusal as refusal:
        raise _refuse(
            catalogue, ["currency"], refusal.what, spec.currency, refusal.cure or ""
        ) from refusal
    codes = [policy.policy_code for policy in spec.policies]
    for number, code in enumerate(codes):
        if code in codes[:number]:
            place: Place = ["policies", number, "policy_code"]
            raise _refuse(catalogue, place, "Two policies have one name", code, "rename one")
    for code, deck in catalogue.decks.items():
        if ANY_ZONE in deck.zones:
            place = ["decks", code]
            raise _refuse(catalogue, place, "No zone can be called so", ANY_ZONE, "rename it")


# Calendars


def _check_calendar(catalogue: RatingCatalogue, code: str) -> None:
    for number, rule in enumerate(catalogue.spec.calendars[code]):
        if rule.on != ANY_DAY and catalogue.spec.holidays is None:
            raise _refuse(
                catalogue, ["calendars", code, number, "on"],
                "The rule asks for holidays, and the catalogue has none", rule.on,
                "add holidays, as in {country: CH}",
            )  # fmt: skip
    first = min(edges(catalogue), default=FIRST_DAY)
    days = (first + timedelta(days=number) for number in range(ROUND_OF_CALENDARS))
    found = first_undecided(catalogue.calendars[code], days, catalogue.holidays)
    if found is not None:
        raise _undecided(catalogue, code, found)


def _undecided(catalogue: RatingCatalogue, code: str, found: Undecided) -> Refusal:
    second = found.second % DAY_S
    at = f"{found.day:%A} {found.day} {second // 3600:02}:{second // 60 % 60:02}"
    if not found.bands:
        what = "No rule of the calendar holds"
        cure = "add a rule without conditions and with the lowest weight"
        return _refuse(catalogue, ["calendars", code], what, at, cure)
    what = f"Several rules compete for {' and '.join(found.bands)}"
    cure = "give one of them more weight, or have it begin later in the day"
    return _refuse(catalogue, ["calendars", code], what, at, cure)


# Versions


def _check_versions(
    catalogue: RatingCatalogue, given: Sequence[Given], places: Sequence[Place], what: str = ""
) -> None:
    """Refuse versions that overlap or are never valid; days without any may be meant so."""
    for misfit in misfits(given):
        if not misfit.is_gap:
            raise _misfit(catalogue, misfit, places[misfit.number], what)


def _misfit(catalogue: RatingCatalogue, misfit: Misfit, place: Place, what: str) -> Refusal:
    backwards = misfit.to_date <= misfit.from_date
    cure = (
        "valid_to is the first day no longer valid, so it comes after valid_from"
        if backwards
        else "end one version where the next begins, or leave its valid_to out"
    )
    return _refuse(catalogue, place, misfit.what, f"{what}{misfit.days}", cure)


def _check_versions_of_tariff(catalogue: RatingCatalogue, code: str) -> None:
    """Of a rate, days without a version are a gap unless a more general rate holds on them."""
    tariff = Tariff(code, catalogue.spec.tariffs[code].rates)
    for (zone, band), numbers in tariff.numbers.items():
        given = [(tariff.rates[n].valid_from, tariff.rates[n].valid_to) for n in numbers]
        for misfit in misfits(given):
            days = {day for day in tariff.edges if misfit.from_date <= day < misfit.to_date}
            days |= {misfit.from_date}
            if misfit.is_gap and all(tariff.is_priced(zone, band, day) for day in days):
                continue
            what = f"zone {zone}, band {band or 'any'}: "
            place: Place = ["tariffs", code, numbers[misfit.number]]
            raise _misfit(catalogue, misfit, place, what)


# References of charges


def _check_references(catalogue: RatingCatalogue, charge: Charge) -> None:
    spec, place = charge.spec, charge.place
    _known(catalogue, [*place, "usage_type"], spec.usage_type, catalogue.spec.usage_types)
    if spec.tariff is None:
        return
    _known(catalogue, [*place, "tariff"], spec.tariff, catalogue.spec.tariffs)
    if spec.calendar is not None:
        _known(catalogue, [*place, "calendar"], spec.calendar, catalogue.spec.calendars)
    if spec.deck is not None:
        _known(catalogue, [*place, "deck"], spec.deck, catalogue.spec.decks)
    _check_deck_of_tariff(catalogue, charge)
    looks_up = catalogue.zone_by(spec) != "none"
    if looks_up != (catalogue.deck_of(spec) is not None):
        raise _refuse(
            catalogue, [*place, "zone_by"], "A deck and what is looked up in it go together",
            spec.zone_by, "name a deck and zone_by: destination or network, or neither",
        )  # fmt: skip


def _check_deck_of_tariff(catalogue: RatingCatalogue, charge: Charge) -> None:
    tariff = charge.spec.tariff or ""
    deck_code = catalogue.spec.tariffs[tariff].deck
    if deck_code is None:
        return
    place = ["tariffs", tariff, "deck"]
    _known(catalogue, place, deck_code, catalogue.spec.decks)
    for version in catalogue.decks[deck_code].versions:
        if not version.is_priced:
            raise _refuse(
                catalogue, place, "The prefixes of the deck have no prices",
                f"{deck_code}, {version.file}",
                "add rate_per_minute and its fellows to the file, or write the tariff's rates",
            )  # fmt: skip
    if charge.spec.deck not in (None, deck_code):
        raise _refuse(
            catalogue, [*charge.place, "deck"], "The tariff has the prices of another deck",
            charge.spec.deck, f"name {deck_code}, or leave it out",
        )  # fmt: skip


# Plans


def _check_plans(catalogue: RatingCatalogue) -> None:
    for code, plan in catalogue.spec.plans.items():
        charges = [charge for charge in catalogue.charges if charge.plan_code == code]
        _check_usage_types(catalogue, charges)
        for charge in charges:
            _check_surcharges(catalogue, charge)
        for number, allowance in enumerate(plan.allowances):
            place: Place = ["plans", code, "allowances", number]
            _known(catalogue, place, allowance, catalogue.spec.allowances)
            if allowance in plan.allowances[:number]:
                cure = "a plan grants an allowance once; raise its quantity"
                raise _refuse(catalogue, place, "The allowance is doubled", allowance, cure)


def _check_usage_types(catalogue: RatingCatalogue, charges: Sequence[Charge]) -> None:
    """One charge prices a usage type on each day, and has a name of its own."""
    types = {charge.spec.charge: charge.spec.usage_type for charge in reversed(charges)}
    for charge in charges:
        if types[charge.spec.charge] != charge.spec.usage_type:
            raise _refuse(
                catalogue, [*charge.place, "charge"], "Two usage types have a charge of one name",
                charge.spec.charge, "rename one: a charge prices one usage type",
            )  # fmt: skip
    for usage_type in sorted(set(types.values())):
        alike = [charge for charge in charges if charge.spec.usage_type == usage_type]
        given = [(charge.spec.valid_from, charge.spec.valid_to) for charge in alike]
        places: list[Place] = [[*charge.place, "usage_type"] for charge in alike]
        _check_versions(catalogue, given, places, f"{usage_type}: ")


def _check_surcharges(catalogue: RatingCatalogue, charge: Charge) -> None:
    given = charge.spec.surcharges
    for code in sorted({each.surcharge for each in given}):
        numbers = [number for number, each in enumerate(given) if each.surcharge == code]
        _check_versions(
            catalogue,
            [(given[number].valid_from, given[number].valid_to) for number in numbers],
            [[*charge.place, "surcharges", number] for number in numbers],
        )


# Allowances


def _check_allowances(catalogue: RatingCatalogue) -> None:
    for code, versions in catalogue.spec.allowances.items():
        place = ["allowances", code]
        given = [(each.valid_from, each.valid_to) for each in versions]
        places: list[Place] = [[*place, number] for number in range(len(versions))]
        _check_versions(catalogue, given, places)
        for number, each in enumerate(versions):
            _check_scope(catalogue, [*place, number, "applies_to"], each)
    scopes = scopes_of(each for given in catalogue.spec.allowances.values() for each in given)
    if len(scopes.scopes) > MAXIMUM_SCOPES:
        raise _refuse(
            catalogue, ["allowances"], "The allowances pay for too many different things",
            len(scopes.scopes), f"at most {MAXIMUM_SCOPES} different applies_to",
        )  # fmt: skip


def _check_scope(catalogue: RatingCatalogue, place: Place, allowance: AllowanceSpec) -> None:
    scope, spec = allowance.applies_to, catalogue.spec
    zones = {zone for deck in catalogue.decks.values() for zone in deck.zones}
    bands = {band for code in catalogue.calendars for band in catalogue.bands(code)}
    for key, names, known in (
        ("usage_types", scope.usage_types, set(spec.usage_types)),
        ("zones", scope.zones, zones),
        ("bands", scope.bands, bands),
    ):
        for number, name in enumerate(names or ()):
            _known(catalogue, [*place, key, number], name, known)


# Tariffs with those who use them


def _check_uses(catalogue: RatingCatalogue) -> None:
    """Each rate can apply, and a zone that has a price has one in every band, on every day."""
    _check_rates_apply(catalogue)
    scopes = scopes_of(each for given in catalogue.spec.allowances.values() for each in given)
    rates = RateSets(catalogue, scopes)
    for use in tariff_uses(catalogue):
        tariff = Tariff(use.tariff, catalogue.spec.tariffs[use.tariff].rates)
        for day in sorted({date.min} | tariff.edges) if tariff.rates else ():
            rates.add(use, 0, day)


def _check_rates_apply(catalogue: RatingCatalogue) -> None:
    uses = tariff_uses(catalogue)
    for code, tariff in catalogue.spec.tariffs.items():
        mine = [use for use in uses if use.tariff == code]
        zones = {zone for use in mine for zone in zones_of(catalogue, use)}
        calendars = {charge.spec.calendar for use in mine for charge in use.charges}
        bands = {band for calendar in calendars for band in catalogue.bands(calendar)}
        for number, rate in enumerate(tariff.rates if mine else ()):
            place: Place = ["tariffs", code, number]
            for zone in rate.zone_names:
                if zone not in (ANY_ZONE, *zones):
                    _known(catalogue, [*place, "zone"], zone, zones - {ANY_ZONE})
            if rate.band is not None:
                _known(catalogue, [*place, "band"], rate.band, bands)
