"""Any line of any price model costs what the plain prices say, to the last part of a nano."""

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metering import Line, priced
from oracle.plain_prices import MODELS, PlainUse, as_text, plain_line, rounded

from crossbill.core.money import INT64_MAX
from crossbill.core.rounding import RoundingMode
from crossbill.engine.integers import AmountOverflow
from crossbill.platform.rating.price_models import adjustments, price_models

LINES = 30
BY_EVENT = ("percentage", "percentage_per_event", "event_price", "graduated_prorated")
UNITS = st.sampled_from([1, 1, 10, 1000, 10**6])
# Prices cluster where rounding decides: whole cents, halves of one, nanos.
PRICES = st.one_of(
    st.integers(0, 2000).map(lambda cents: as_text(Fraction(cents, 100))),
    st.sampled_from(["0", "0.005", "0.000000001", "0.333333333", "12.5"]),
    st.integers(0, 10**12).map(lambda nanos: as_text(Fraction(nanos, 10**9))),
)
PERCENTS = st.sampled_from(["0", "1.3", "2.99", "12.5", "33.3333333", "100"])


def units(base: int, unit: int) -> str:
    return as_text(Fraction(base, unit))


@st.composite
def edges(draw, unit: int, least: int = 0) -> list[int]:
    """Where tiers end, in base units: some ends apart, some next to each other."""
    gaps = draw(st.lists(st.sampled_from([1, 2, 5, 10, unit, 3 * unit]), max_size=3))
    ends = [draw(st.integers(least, 4 * unit))] if gaps else []
    for gap in gaps[1:]:
        ends.append(ends[-1] + gap)
    return ends


def near(ends: list[int], unit: int) -> st.SearchStrategy[int]:
    """Quantities at and beside the ends of tiers, nothing, and others."""
    beside = [end + step for end in ends for step in (-1, 0, 1) if end + step >= 0]
    return st.sampled_from([0, 1, *beside]) | st.integers(0, 30 * unit)


@st.composite
def tiered(draw, price: str) -> tuple[dict, list[int], int]:
    unit = draw(UNITS)
    ends = draw(edges(unit))
    tiers = [{"up_to": units(end, unit)} for end in ends] + [{}]
    prices = PERCENTS if price == "percent" else PRICES
    tiers = [tier | {price: draw(prices), "flat": draw(PRICES)} for tier in tiers]
    return {"unit": unit, "tiers": tiers}, ends, unit


@st.composite
def blocked(draw) -> tuple[dict, list[int], int]:
    unit = draw(UNITS)
    ends, tiers = [0], []
    for last in [False] * draw(st.integers(0, 2)) + [True]:
        size = draw(st.integers(1, 3 * unit))
        blocks = None if last else draw(st.integers(1, 3))
        tiers.append({"size": units(size, unit), "price": draw(PRICES), "blocks": blocks})
        ends.append(ends[-1] + size * (blocks or 0))
    charged = draw(st.sampled_from(["all_tiers", "top_tier"]))
    return {"unit": unit, "tiers": tiers, "charged": charged}, ends[1:], unit


@st.composite
def packaged(draw) -> tuple[dict, list[int], int]:
    unit = draw(UNITS)
    size, free = draw(st.integers(1, 3 * unit)), draw(st.integers(0, 2 * unit))
    terms = {"size": units(size, unit), "free": units(free, unit), "price": draw(PRICES)}
    return {"unit": unit, **terms}, [free, free + size], unit


@st.composite
def shared(draw, *, limited: bool) -> tuple[dict, list[int], int]:
    unit = draw(UNITS)
    free = draw(st.none() | st.integers(1, 8 * unit))
    terms = {
        "unit": unit,
        "percent": draw(PERCENTS),
        "fixed": draw(PRICES),
        "free_events": draw(st.none() | st.integers(1, 4)),
        "free_units": None if free is None else units(free, unit),
    }
    if limited:
        limits = sorted(draw(st.tuples(PRICES, PRICES)), key=Fraction)
        terms |= {"minimum": limits[0], "maximum": draw(st.sampled_from([None, limits[1]]))}
    return terms, [free or 0, (free or 0) // 2], unit


@st.composite
def simple(draw, price: str) -> tuple[dict, list[int], int]:
    unit = draw(UNITS | st.sampled_from([3, 7, 60]))
    return {"unit": unit, price: draw(PRICES)}, [unit], unit


TERMS = {
    "per_unit": simple("price"),
    "event_price": simple("multiplier"),
    "graduated": tiered("price"),
    "graduated_percentage": tiered("percent"),
    "graduated_prorated": tiered("price"),
    "volume": tiered("price"),
    "package": packaged(),
    "blocks": blocked(),
    "percentage": shared(limited=False),
    "percentage_per_event": shared(limited=True),
}
ADJUSTMENTS = st.lists(
    st.one_of(
        st.builds(lambda percent: {"discount": {"percent": percent}}, PERCENTS),
        st.builds(lambda amount: {"maximum": {"amount": amount}}, PRICES),
        st.builds(lambda amount: {"minimum": {"amount": amount}}, PRICES),
    ),
    max_size=2,
)


@st.composite
def periods(draw, model: str) -> tuple[dict, list[tuple[int, int]], int]:
    """The terms of a period, its events (prorated and full), and the size of a unit."""
    terms, ends, unit = draw(TERMS[model])
    sizes = near(ends, unit)
    if model == "graduated_prorated":
        full = st.integers(-8 * unit, 20 * unit) | sizes
        events = draw(st.lists(st.tuples(st.integers(-5 * unit, 9 * unit), full), max_size=4))
    else:
        events = [(moved, moved) for moved in draw(st.lists(sizes, max_size=5))]
    return terms, events, unit


@st.composite
def lines(draw, number: int) -> tuple[Line, PlainUse]:
    """A line of any model, the first of its period or a later one."""
    model = draw(st.sampled_from(sorted(MODELS)))
    terms, events, unit = draw(periods(model))
    cut = draw(st.integers(0, len(events)))
    before = draw(st.none() | st.just(sum(moved for moved, _ in events[:cut])))
    cut = 0 if before is None else cut
    quantity = sum(moved for moved, _ in events[cut:])
    full = draw(st.just(quantity) | near([unit], unit)) if model == "volume" else quantity
    line = Line(
        key=str(number),
        model=model,
        terms=terms,
        quantity=quantity,
        selecting_quantity=full,
        events=[moved for moved, _ in events],
        selecting_events=[held for _, held in events],
        earlier_quantity=before,
        earlier_events=cut,
        earlier_nanos=draw(st.integers(0, 10**11)),
        last_line=draw(st.booleans()),
        adjustments=draw(ADJUSTMENTS),
        rounding_mode=str(draw(st.sampled_from(list(RoundingMode)))),
        rounding_digits=draw(st.sampled_from([9, 6, 4, 3, 2, 2, 0, -1, -9])),
    )
    use = PlainUse(
        quantity=quantity + (before or 0),
        selecting=full + (before or 0),
        event_count=len(events),
        events=tuple(events),
    )
    return line, use


@st.composite
def populations(draw) -> list[tuple[Line, PlainUse]]:
    return [draw(lines(number)) for number in range(LINES)]


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@settings(max_examples=25, suppress_health_check=SLOW)
@given(populations())
def test_every_line_costs_what_the_plain_prices_say(population):
    found = priced([line for line, _ in population])
    for line, use in population:
        earlier = None
        if line.earlier_quantity is not None:
            earlier = (line.earlier_quantity, line.earlier_events)
        exact = plain_line(
            line.model,
            line.terms,
            use,
            earlier=earlier,
            adjustments=line.adjustments,
            earlier_nanos=line.earlier_nanos,
            last_line=line.last_line,
        )
        got = found[line.key]
        assert got.whole_nanos + Fraction(got.part, got.parts) == exact, (line, use)
        assert abs(got.part) < got.parts
        assert got.part * got.whole_nanos >= 0
        assert got.amount_nanos == rounded(exact, line.rounding_mode, line.rounding_digits), line
        assert sum(nanos for _, nanos in got.steps) == got.amount_nanos
        names = [name for adjustment in line.adjustments for name in adjustment]
        assert [name for name, _ in got.steps] == [line.model, *names]


@st.composite
def split_periods(draw) -> list[Line]:
    """Periods of each model as one line, and as lines that are billed one after the other."""
    found = []
    for model in sorted(MODELS):
        terms, events, _ = draw(periods(model))
        moved, held = [m for m, _ in events], [h for _, h in events]
        cuts = sorted(draw(st.lists(st.integers(0, len(events)), max_size=3)))
        for first, last in [(None, len(events)), *zip([None, *cuts], [*cuts, len(events)])]:  # noqa: B905 - the longer list has the period's last cut
            billed = 0 if first is None else first
            found.append(
                Line(
                    key=f"{model} {len(found)}",
                    model=model,
                    terms=terms,
                    quantity=sum(moved[billed:last]),
                    events=moved[:last],
                    selecting_events=held[:last],
                    earlier_quantity=None if first is None else sum(moved[:first]),
                    earlier_events=billed,
                )
            )
    return found


@settings(max_examples=15, suppress_health_check=SLOW)
@given(split_periods())
def test_the_lines_of_a_period_add_up_whatever_the_model(parts):
    found = priced(parts)
    exact = {key: p.whole_nanos + Fraction(p.part, p.parts) for key, p in found.items()}
    for model in MODELS:
        whole, *later = (exact[line.key] for line in parts if line.model == model)
        assert sum(later) == whole, [line for line in parts if line.model == model]


HUGE = st.integers(-(2**63) + 1, INT64_MAX) | st.sampled_from([2**62, INT64_MAX, 10**18])


@settings(max_examples=40, suppress_health_check=SLOW)
@given(quantity=HUGE, price=st.integers(0, 10**18) | st.sampled_from([1, 2, 10**9]), unit=UNITS)
def test_a_huge_quantity_is_exact_or_an_overflow(quantity, price, unit):
    nanos = price // unit  # a price that is not refused for its unit
    terms = {"unit": unit, "price": as_text(Fraction(nanos, 10**9))}
    exact = Fraction(quantity * nanos, unit)
    line = Line("huge", "per_unit", terms, quantity)
    if abs(int(exact)) > INT64_MAX:
        with pytest.raises(AmountOverflow):
            priced([line])
    else:
        got = priced([line])["huge"]
        assert got.whole_nanos + Fraction(got.part, got.parts) == exact


def test_the_plain_prices_know_every_model_and_adjustment():
    assert set(MODELS) == set(price_models()) == set(TERMS)
    assert set(adjustments()) == {"discount", "maximum", "minimum"}
