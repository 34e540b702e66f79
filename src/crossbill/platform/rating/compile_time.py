"""The times of a compiled catalogue: epochs, months and the bands of each calendar."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from operator import itemgetter
from zoneinfo import ZoneInfo

import pyarrow as pa

from crossbill.core.period import Period, month_period
from crossbill.engine.dataset import Dataset
from crossbill.engine.rating_datasets import (
    BAND_CELL,
    BAND_SPAN,
    CALENDAR_ZONE,
    EPOCH,
    EPOCH_CELL,
    PERIOD,
)
from crossbill.platform.rating.calendars import (
    DAY_S,
    BandSpan,
    band_spans,
    is_zone,
    local_date,
    local_time,
    midnight_s,
)
from crossbill.platform.rating.catalogue_model import BadRatingCatalogue, RatingCatalogue

CELL_S = 900
# An event that starts in the last second may last seven days; the eighth spares every edge case.
BEYOND_S = 8 * DAY_S


@dataclass(frozen=True)
class Epoch:
    """A time without any change of version, and its first day in the catalogue's zone."""

    epoch_id: int
    from_s: int
    to_s: int
    day: date


def months_of(zone: ZoneInfo, from_s: int, to_s: int) -> list[Period]:
    """The calendar months that share a second with a time."""
    first, last = local_date(from_s, zone), local_date(to_s - 1, zone)
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [month_period(number // 12, number % 12 + 1) for number in numbers]


def epochs_of(zone: ZoneInfo, edges: Iterable[date], from_s: int, to_s: int) -> list[Epoch]:
    """A time cut at the midnights on which a version begins or ends."""
    cuts = {midnight_s(day, zone) for day in edges}
    inside = sorted(cut for cut in cuts if from_s < cut < to_s)
    return [
        Epoch(number, start, end, local_date(start, zone))
        for number, (start, end) in enumerate(pairwise([from_s, *inside, to_s]))
    ]


def table(dataset: Dataset, rows: Collection[tuple[object, ...]]) -> pa.Table:
    """Rows in the order of the dataset's columns as its table, in the order of its key."""
    names = [column.name for column in dataset.columns]
    places = [names.index(name) for name in dataset.key]
    ordered = sorted(rows, key=itemgetter(*places))
    columns = list(zip(*ordered, strict=True)) or [()] * len(names)
    arrays = [
        pa.array(values, field.type) for values, field in zip(columns, dataset.arrow, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=dataset.arrow)


def epoch_tables(epochs: Sequence[Epoch]) -> dict[str, pa.Table]:
    """EPOCH, and which one each quarter of an hour is in."""
    cells = [
        (cell, epoch.epoch_id)
        for epoch in epochs
        for cell in range(epoch.from_s // CELL_S, -(-epoch.to_s // CELL_S))
    ]
    return {
        "epoch": table(EPOCH, [(epoch.epoch_id, epoch.from_s, epoch.to_s) for epoch in epochs]),
        "epoch_cell": table(EPOCH_CELL, cells),
    }


def period_table(months: Sequence[Period], zone: ZoneInfo, epochs: Sequence[Epoch]) -> pa.Table:
    """PERIOD: the months, each with the epoch of its first second."""
    rows = []
    for month in months:
        from_s, to_s = midnight_s(month.from_date, zone), midnight_s(month.to_date, zone)
        epoch_id = next(each.epoch_id for each in epochs if each.from_s <= from_s < each.to_s)
        rows.append((month.from_date, month.to_date, from_s, to_s, epoch_id))
    return table(PERIOD, rows)


Spans = tuple[BandSpan, ...]


def calendar_spans(
    catalogue: RatingCatalogue,
    calendar_codes: Collection[str],
    time_zones: Collection[str],
    from_s: int,
    to_s: int,
) -> dict[tuple[str, str], Spans]:
    """The bands of each calendar in each local time, for events that start in a time."""
    return {
        (code, time_zone): _spans(catalogue, code, time_zone, from_s, to_s + BEYOND_S)
        for code in sorted(calendar_codes)
        for time_zone in sorted(set(time_zones))
    }


def calendar_tables(
    found: Mapping[tuple[str, str], Spans], band_ids: Mapping[str, int]
) -> dict[str, pa.Table]:
    """CALENDAR_ZONE, BAND_SPAN and BAND_CELL; calendars that never differ share their spans."""
    ids: dict[Spans, int] = {}
    zones = [(*key, ids.setdefault(spans, len(ids))) for key, spans in found.items()]
    rows = [
        (number, place, span.from_s, span.to_s, band_ids[span.band or ""])
        for spans, number in ids.items()
        for place, span in enumerate(spans)
    ]
    return {
        "calendar_zone": table(CALENDAR_ZONE, zones),
        "band_span": table(BAND_SPAN, rows),
        "band_cell": _band_cells(rows),
    }


def _spans(catalogue: RatingCatalogue, code: str, time_zone: str, from_s: int, to_s: int) -> Spans:
    if not is_zone(time_zone):
        raise BadRatingCatalogue(
            "The time zone is not known", field="time_zone", value=time_zone,
            cure="use an IANA name such as Europe/Zurich",
        )  # fmt: skip
    zone, rules = ZoneInfo(time_zone), catalogue.calendars[code]
    spans = tuple(band_spans(rules, zone, from_s, to_s, catalogue.holidays))
    for span in spans:
        if span.band is None:
            raise catalogue.file.refuse(
                ["calendars", code], "No rule of the calendar holds",
                value=f"{local_time(span.from_s, zone):%Y-%m-%d %H:%M}",
                cure="add a rule without conditions and with the lowest weight",
            )  # fmt: skip
    return spans


def _band_cells(rows: Sequence[tuple[int, int, int, int, int]]) -> pa.Table:
    """Every quarter of an hour of every span; column by column, for there are many."""
    columns: list[list[int]] = [[] for _ in BAND_CELL.columns]
    for calendar_id, span, from_s, to_s, band_id in rows:
        cells = range(from_s // CELL_S, -(-to_s // CELL_S))
        columns[1].extend(cells)
        values = {0: calendar_id, 2: span, 3: from_s, 4: to_s, 5: band_id}
        for place, value in values.items():
            columns[place].extend([value] * len(cells))
    return pa.table([pa.array(each, pa.int64()) for each in columns], schema=BAND_CELL.arrow)
