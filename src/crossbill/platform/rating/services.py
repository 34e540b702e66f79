"""Who holds which service under which plan, as the catalogue's own table says."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from crossbill.core.versions import DAY, read_day
from crossbill.engine.rating_datasets import SERVICE
from crossbill.platform.rating.calendars import is_zone, midnight_s
from crossbill.platform.rating.catalogue_model import BadRatingCatalogue, RatingCatalogue

COLUMNS = tuple(column.name for column in SERVICE.columns)
NEEDED = ("service_key", "valid_from", "plan_code")
LEGS = ("retail", "wholesale")

Values: TypeAlias = "pa.Array[Any]"


def services(catalogue: RatingCatalogue) -> pa.Table:
    """The rows of SERVICE that the catalogue names; empty where it names none."""
    return catalogue.service


def read_services(catalogue: RatingCatalogue) -> pa.Table:
    """Read and check the services of a catalogue, written in it or in a file beside it."""
    given = catalogue.spec.services
    if isinstance(given, str):
        return _table(_from_file(catalogue, given), catalogue)
    return _table(_from_rows(catalogue, given), catalogue) if given else SERVICE.empty()


@dataclass(frozen=True)
class _Rows:
    """The values as text, and how the fault of a row is placed."""

    columns: Mapping[str, Values]
    count: int
    refuse: Callable[[int, str, str, object, str], Exception]


def _from_file(catalogue: RatingCatalogue, name: str) -> _Rows:
    path = catalogue.path.parent / name
    if not path.is_file():
        cure = "name a file beside the catalogue"
        raise catalogue.file.refuse(["services"], "The file does not exist", value=name, cure=cure)
    header = _header(path)
    as_text = csv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    try:
        table = csv.read_csv(path, convert_options=as_text).combine_chunks()
    except pa.ArrowInvalid as error:
        what = f"The file is not CSV: {str(error).splitlines()[0]}"
        raise BadRatingCatalogue(what, file=path.name, cure="mend the line") from error

    def refuse(row: int, field: str, what: str, value: object, cure: str) -> BadRatingCatalogue:
        line, shown = _line_of_row(path, row), None if value is None else str(value)[:80]
        return BadRatingCatalogue(
            what, file=path.name, line=line, field=field, value=shown, cure=cure
        )

    columns = {name: _one(table[name]) for name in header}
    return _Rows(columns, table.num_rows, refuse)


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace") as text:
        header = [name.strip().strip('"') for name in text.readline().rstrip("\n").split(",")]
    alien = [name for name in header if name not in COLUMNS or header.count(name) > 1]
    missing = [name for name in NEEDED if name not in header]
    if alien or missing:
        what = "The column is unknown or doubled" if alien else "The column is missing"
        cure = f"needed: {', '.join(NEEDED)}; known: {', '.join(COLUMNS)}"
        field = (alien or missing)[0]
        raise BadRatingCatalogue(what, file=path.name, line=1, field=field, cure=cure)
    return header


def _line_of_row(path: Path, row: int) -> int:
    """The line of a row from 0 in a file with a header; empty lines are none."""
    with path.open(encoding="utf-8-sig", errors="replace") as text:
        filled = [number for number, line in enumerate(text, 1) if line.strip()]
    return filled[row + 1]


def _from_rows(catalogue: RatingCatalogue, rows: Sequence[dict[str, Any]]) -> _Rows:
    for number, row in enumerate(rows):
        alien = [name for name in row if name not in COLUMNS]
        missing = [name for name in NEEDED if name not in row]
        for name in [*alien, *missing]:
            what = "The key is unknown" if alien else "The key is missing"
            cure = f"needed: {', '.join(NEEDED)}; known: {', '.join(COLUMNS)}"
            raise catalogue.file.refuse(["services", number, name], what, cure=cure)

    def refuse(row: int, field: str, what: str, value: object, cure: str) -> Exception:
        return catalogue.file.refuse(["services", row, field], what, value=value, cure=cure)

    named = [name for name in COLUMNS if any(name in row for row in rows)]
    columns = {
        name: pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in named
    }
    return _Rows(columns, len(rows), refuse)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _table(rows: _Rows, catalogue: RatingCatalogue) -> pa.Table:
    """The table: each distinct value is read once, what is left out is filled in."""
    spec = catalogue.spec
    readers = _readers(catalogue)
    found = {
        name: _read(rows, name, readers.get(name, _trimmed), SERVICE.arrow.field(name).type)
        for name in COLUMNS
    }
    for name in NEEDED:
        _refuse_missing(rows, name, found[name])
    found["account_key"] = pc.coalesce(found["account_key"], found["service_key"])
    found["product_key"] = pc.coalesce(found["product_key"], found["service_key"])
    defaults = {
        "leg": LEGS[0],
        "policy_code": spec.policies[0].policy_code,
        "time_zone": spec.time_zone,
        "currency": spec.currency,
    }
    for name, default in defaults.items():
        found[name] = found[name].fill_null(default)
    _refuse_backwards(rows, found)
    table = pa.table([found[name] for name in COLUMNS], schema=SERVICE.arrow)
    return table.sort_by([(name, "ascending") for name in SERVICE.key])


Reader = Callable[[str], Any]


class _Unreadable(Exception):
    """A value that a column cannot hold: what is wrong, and the cure."""


def _read(rows: _Rows, name: str, reader: Reader, kind: pa.DataType) -> Values:
    if name not in rows.columns:
        return pa.array([None] * rows.count, kind)
    encoded = rows.columns[name].dictionary_encode()
    values = []
    for number, text in enumerate(encoded.dictionary.to_pylist()):
        assert text is not None, "a dictionary holds no empty values"
        try:
            values.append(reader(text))
        except _Unreadable as fault:
            what, cure = fault.args
            row = pc.index(encoded.indices, number).as_py()
            raise rows.refuse(row, name, what, text, cure) from None
    return pa.array(values, kind).take(encoded.indices)


def _readers(catalogue: RatingCatalogue) -> dict[str, Reader]:
    spec = catalogue.spec

    def instant(text: str) -> datetime:
        return _instant(text, catalogue)

    return {
        "leg": _one_of(LEGS),
        "valid_from": instant,
        "valid_to": instant,
        "plan_code": _one_of(spec.plans),
        "policy_code": _one_of([policy.policy_code for policy in spec.policies]),
        "time_zone": _zone,
        "currency": _one_of([spec.currency]),
        "start_date": _date,
    }


def _trimmed(text: str) -> str | None:
    return text.strip() or None


def _one_of(known: Iterable[str]) -> Reader:
    def read(text: str) -> str:
        if text not in known:
            raise _Unreadable("The value is not known", f"one of {', '.join(known)}")
        return text

    return read


def _zone(text: str) -> str:
    if not is_zone(text):
        raise _Unreadable("The time zone is not known", "use an IANA name such as Europe/Zurich")
    return text


def _date(text: str) -> date:
    try:
        return read_day(text)
    except ValueError:
        raise _Unreadable("Not a date", "write it as 2024-01-31") from None


def _instant(text: str, catalogue: RatingCatalogue) -> datetime:
    """A date is its midnight in the catalogue's zone, an instant says its offset from UTC."""
    try:
        if DAY.fullmatch(text):
            found = datetime.fromtimestamp(midnight_s(read_day(text), catalogue.zone), UTC)
        else:
            found = datetime.fromisoformat(text)
            read_day(text[:10])
    except ValueError:
        found = datetime.min
    if found.tzinfo is None:
        cure = "write a date, or an instant with its offset: 2024-01-31T08:00:00Z"
        raise _Unreadable("Neither a date nor an instant", cure)
    return found.astimezone(UTC).replace(tzinfo=None)


def _refuse_missing(rows: _Rows, name: str, values: Values) -> None:
    if values.null_count:
        row = pc.index(pc.is_null(values), True).as_py()
        raise rows.refuse(row, name, "The value is missing", None, "fill it in")


def _refuse_backwards(rows: _Rows, found: Mapping[str, Values]) -> None:
    backwards = pc.less_equal(found["valid_to"], found["valid_from"])
    row = pc.index(backwards, True).as_py()
    if row >= 0:
        cure = "valid_to is the first instant at which the product no longer holds the service"
        value = rows.columns["valid_to"][row].as_py()
        raise rows.refuse(row, "valid_to", "The service is never held", value, cure)


def _one(column: "pa.ChunkedArray[Any]") -> Values:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)
