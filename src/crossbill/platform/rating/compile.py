"""Turns a catalogue of rating into the tables by which usage is rated."""

from collections.abc import Collection, Sequence
from datetime import date

import pyarrow as pa

from crossbill.core.versions import Window, windows
from crossbill.engine.rating_datasets import (
    ALLOWANCE,
    BAND,
    DECK_PREFIX,
    PLAN_CHARGE,
    RATING_POLICY,
    SURCHARGE,
)
from crossbill.engine.uncollected import uncollected
from crossbill.platform.rating.calendars import midnight_s
from crossbill.platform.rating.catalogue_format import NO_CALENDAR, AllowanceSpec
from crossbill.platform.rating.catalogue_model import Charge, RatingCatalogue
from crossbill.platform.rating.compile_rates import (
    RateSets,
    Scopes,
    Tariff,
    metered_tariff,
    scopes_of,
    tariff_uses,
)
from crossbill.platform.rating.compile_time import (
    Epoch,
    calendar_spans,
    calendar_tables,
    epoch_tables,
    epochs_of,
    months_of,
    period_table,
    table,
)
from crossbill.platform.rating.metered_terms import MeteredCharge, metered_tables

Row = tuple[object, ...]


@uncollected()
def compiled(
    catalogue: RatingCatalogue, *, from_s: int, to_s: int, time_zones: Collection[str]
) -> dict[str, pa.Table]:
    """Every table for events that start in the time, in local times of these zones.

    The first epoch begins with the first month, whose allowances are granted before the time does.
    """
    assert from_s < to_s, "a time to rate has a second in it"
    months = months_of(catalogue.zone, from_s, to_s)
    first_s = min(midnight_s(months[0].from_date, catalogue.zone), from_s)
    epochs = epochs_of(catalogue.zone, edges(catalogue), first_s, to_s)
    calendars = {charge.spec.calendar or NO_CALENDAR for charge in catalogue.charges}
    spans = calendar_spans(catalogue, calendars, time_zones, from_s, to_s)
    bands = sorted({band for code in calendars for band in catalogue.bands(code)})
    band_ids = {band: number for number, band in enumerate(bands)}
    scopes = scopes_of(each for given in catalogue.spec.allowances.values() for each in given)
    return {
        **epoch_tables(epochs),
        "plan_charge": _plan_charges(catalogue, epochs),
        "deck_prefix": _deck_prefixes(catalogue, epochs),
        **_rates(catalogue, epochs, scopes).tables(band_ids),
        **calendar_tables(spans, band_ids),
        "band": table(BAND, [(number, band) for band, number in band_ids.items()]),
        "surcharge": _surcharges(catalogue, epochs),
        "rating_policy": _policies(catalogue),
        "allowance": _allowances(catalogue, epochs, scopes),
        "period": period_table(months, catalogue.zone, epochs),
        **metered_tables(catalogue, _metered_charges(catalogue, epochs)),
    }


def edges(catalogue: RatingCatalogue) -> set[date]:
    """Every day on which something in the catalogue begins or ends."""
    found: set[date] = set()
    for deck in catalogue.decks.values():
        found |= deck.edges
    for code, tariff in catalogue.spec.tariffs.items():
        found |= Tariff(code, tariff.rates).edges
    for held in (_all_charges(catalogue), _held_surcharges(catalogue), _held_allowances(catalogue)):
        for window, *_ in held:
            found |= window.edges
    return found


# What holds when


def _charges(catalogue: RatingCatalogue) -> list[tuple[Window, Charge]]:
    """The charges of events with their days."""
    return [(window, c) for window, c in _all_charges(catalogue) if not c.spec.is_metered]


def _metered_charges(catalogue: RatingCatalogue, epochs: Sequence[Epoch]) -> list[MeteredCharge]:
    """The charges that price models price, in each epoch."""
    return [
        (charge, epoch.epoch_id)
        for window, charge in _all_charges(catalogue)
        if charge.spec.is_metered
        for epoch in epochs
        if epoch.day in window
    ]


def _all_charges(catalogue: RatingCatalogue) -> list[tuple[Window, Charge]]:
    """All charges with their days; one without an end ends where the next begins."""
    grouped: dict[tuple[str, str], list[Charge]] = {}
    for charge in catalogue.charges:
        grouped.setdefault((charge.plan_code, charge.spec.usage_type), []).append(charge)
    return [
        (window, charge)
        for charges in grouped.values()
        for window, charge in zip(
            windows([(c.spec.valid_from, c.spec.valid_to) for c in charges]), charges, strict=True
        )
    ]


def _held_surcharges(catalogue: RatingCatalogue) -> list[tuple[Window, Row]]:
    """The surcharges with their days, which are within those of their charge."""
    found: list[tuple[Window, Row]] = []
    for held, charge in _charges(catalogue):
        codes = sorted({each.surcharge for each in charge.spec.surcharges})
        for code in codes:
            versions = [each for each in charge.spec.surcharges if each.surcharge == code]
            valid = windows([(each.valid_from, each.valid_to) for each in versions])
            for window, each in zip(valid, versions, strict=True):
                terms = (each.percent, each.rounding_mode, each.rounding_digits)
                row = (charge.plan_code, charge.spec.charge, code, *terms)
                found.append((window.clipped(held), row))
    return found


def _held_allowances(
    catalogue: RatingCatalogue,
) -> list[tuple[Window, str, str, AllowanceSpec]]:
    """The allowances of each plan with their days."""
    found = []
    for plan_code, plan in catalogue.spec.plans.items():
        for code in plan.allowances:
            versions = catalogue.spec.allowances[code]
            valid = windows([(each.valid_from, each.valid_to) for each in versions])
            found += [
                (window, plan_code, code, each)
                for window, each in zip(valid, versions, strict=True)
            ]
    return found


# Tables


def _plan_charges(catalogue: RatingCatalogue, epochs: Sequence[Epoch]) -> pa.Table:
    uses = tariff_uses(catalogue)
    tariff_codes = {(use.tariff, use.usage_type): use.code for use in uses}
    deck_codes = compiled_decks(catalogue)
    rows = []
    for window, charge in _charges(catalogue):
        spec = charge.spec
        tariff = spec.tariff or ""
        deck = catalogue.deck_of(spec)
        by_prefix = catalogue.spec.tariffs[tariff].deck is not None
        rows += [
            (
                charge.plan_code, spec.usage_type, epoch.epoch_id, spec.charge,
                catalogue.zone_by(spec), None if deck is None else deck_codes[deck, by_prefix],
                tariff_codes[tariff, spec.usage_type], spec.calendar or NO_CALENDAR,
                catalogue.is_timed(spec.usage_type),
            )
            for epoch in epochs
            if epoch.day in window
        ]  # fmt: skip
    rows += [
        (
            charge.plan_code, charge.spec.usage_type, epoch_id, charge.spec.charge, "none", None,
            metered_tariff(charge.spec.usage_type), NO_CALENDAR, False,
        )
        for charge, epoch_id in _metered_charges(catalogue, epochs)
    ]  # fmt: skip
    return table(PLAN_CHARGE, rows)


def compiled_decks(catalogue: RatingCatalogue) -> dict[tuple[str, bool], str]:
    """The compiled code of each deck in use, by whether its prefixes have prices of their own.

    A deck that is used both ways becomes two, for a prefix then has two rate zones.
    """
    used = set()
    for charge in catalogue.event_charges:
        deck = catalogue.deck_of(charge.spec)
        if deck is not None:
            used.add((deck, catalogue.spec.tariffs[charge.spec.tariff or ""].deck is not None))
    return {
        (deck, by_prefix): f"{deck}:prefix" if by_prefix and (deck, False) in used else deck
        for deck, by_prefix in sorted(used)
    }


def _deck_prefixes(catalogue: RatingCatalogue, epochs: Sequence[Epoch]) -> pa.Table:
    rows: list[Row] = []
    for (deck, by_prefix), code in compiled_decks(catalogue).items():
        for epoch in epochs:
            _, listed = catalogue.decks[deck].on(epoch.day)
            rows += [
                (
                    code, row.prefix, len(row.prefix), epoch.epoch_id, row.zone,
                    row.prefix if by_prefix else row.zone,
                )
                for row in listed
            ]  # fmt: skip
    return table(DECK_PREFIX, rows)


def _rates(catalogue: RatingCatalogue, epochs: Sequence[Epoch], scopes: Scopes) -> RateSets:
    rates = RateSets(catalogue, scopes)
    for use in tariff_uses(catalogue):
        for epoch in epochs:
            rates.add(use, epoch.epoch_id, epoch.day)
    metered = {(c.spec.usage_type, epoch) for c, epoch in _metered_charges(catalogue, epochs)}
    for usage_type, epoch_id in sorted(metered):
        rates.add_metered(usage_type, epoch_id)
    return rates


def _surcharges(catalogue: RatingCatalogue, epochs: Sequence[Epoch]) -> pa.Table:
    rows = [
        (plan_code, charge_code, code, epoch.epoch_id, *terms)
        for window, (plan_code, charge_code, code, *terms) in _held_surcharges(catalogue)
        for epoch in epochs
        if epoch.day in window
    ]
    return table(SURCHARGE, rows)


def _policies(catalogue: RatingCatalogue) -> pa.Table:
    rows = [
        (
            each.policy_code, each.rounding_scope, each.rounding_mode, each.rounding_digits,
            each.band_crossing, each.local_time,
        )
        for each in catalogue.spec.policies
    ]  # fmt: skip
    return table(RATING_POLICY, rows)


def _allowances(catalogue: RatingCatalogue, epochs: Sequence[Epoch], scopes: Scopes) -> pa.Table:
    position = positions(catalogue)
    rows = [
        (
            plan_code, code, epoch.epoch_id, each.priority, position[code],
            scopes.bit(each.applies_to), scopes.family(each.applies_to), each.quantity,
            each.block, each.charged, each.share, each.prorated, each.rollover_periods,
        )
        for window, plan_code, code, each in _held_allowances(catalogue)
        for epoch in epochs
        if epoch.day in window
    ]  # fmt: skip
    return table(ALLOWANCE, rows)


def positions(catalogue: RatingCatalogue) -> dict[str, int]:
    """A number for each allowance, so that no plan has two of one priority and number.

    Those of one priority pay for different things, so it does not matter which of them is asked
    first, only that each is asked by itself; few numbers are few passes over the usage.
    """
    plans = [set(plan.allowances) for plan in catalogue.spec.plans.values()]
    priorities = {
        code: {each.priority for each in versions}
        for code, versions in catalogue.spec.allowances.items()
    }
    found: dict[str, int] = {}
    for code in sorted(priorities):
        beside = set().union(*(plan for plan in plans if code in plan))
        taken = {found[b] for b in beside if b in found and priorities[b] & priorities[code]}
        found[code] = next(n for n in range(len(found) + 1) if n not in taken)
    return found
