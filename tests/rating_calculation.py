"""The engine's rating of a small world, as the platform does it: read files, compile, run."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import ibis
import yaml

from crossbill.engine.duckdb_backend import DuckDBBackend
from crossbill.platform.rating.catalogue import read_catalogue
from crossbill.platform.rating.compile import compiled
from crossbill.platform.rating.rate import rating
from crossbill.platform.rating.rate_compiled import with_buckets
from crossbill.platform.rating.rate_files import mediation, span_of, time_zones
from crossbill.platform.rating.services import services
from crossbill.platform.rating.shape import Shape, shape_of
from crossbill.platform.usage.read import COLUMNS, read_usage

ENGINE = DuckDBBackend().connect()
RANKS = 20  # passes over the allowances; compiling a chain takes longer than running it
RESULTS = ("rated_usage", "suspended_usage", "bucket_use")
CAME = ("accepted_usage", "duplicate_usage", "unreadable_usage")


def results(world: dict, folder: Path) -> dict[str, list[dict]]:
    """The rows of ``RESULTS`` and ``CAME`` for a world: a catalogue, services and usage."""
    catalogue = read_catalogue(written(world, folder))
    came = mediation().run(ENGINE, {"raw_usage": read_usage(ENGINE, folder / "usage.csv")})
    found = {name: ENGINE.to_pyarrow(came[name]) for name in CAME}
    held = {
        "service": ibis.memtable(services(catalogue)),
        "usage": ibis.memtable(found["accepted_usage"]),
    }
    from_s, to_s = span_of(ENGINE, held["usage"], world["end"].replace(tzinfo=UTC))
    zones = time_zones(ENGINE, *held.values())
    tables = compiled(catalogue, from_s=from_s, to_s=to_s, time_zones=zones)
    held |= {name: ibis.memtable(rows) for name, rows in tables.items()}
    held = with_buckets(ENGINE, held)
    chain = rating(_roomy(shape_of(ENGINE, held)))
    done = chain.run(ENGINE, {name: held[name] for name in chain.inputs})
    found |= {name: ENGINE.to_pyarrow(done[name]) for name in RESULTS}
    return {name: rows.to_pylist() for name, rows in found.items()}


def seconds(at: datetime) -> int:
    """Whole seconds since 1970 of an instant in UTC that does not say so."""
    return int(at.replace(tzinfo=UTC).timestamp())


def _roomy(shape: Shape) -> Shape:
    """A shape that fits most worlds."""
    return Shape(
        max(shape.ranks, RANKS), wholesale=shape.wholesale, surcharges=True, carried=True,
        capped=True, switched=True,
    )  # fmt: skip


def written(world: dict, folder: Path) -> Path:
    """The catalogue as a file with its decks and the usage beside it."""
    catalogue = world["catalogue"]
    decks = {code: _deck(code, deck, folder) for code, deck in catalogue["decks"].items()}
    rows = [_row(row) for row in world["services"]]
    _table(folder / "usage.csv", [_row(row) for row in world["usage"]], COLUMNS)
    path = folder / "catalogue.yaml"
    text = yaml.safe_dump(_texts({**catalogue, "decks": decks, "services": rows}), sort_keys=False)
    path.write_text(text, "utf-8")
    return path


def _deck(code: str, deck: dict | list, folder: Path) -> dict | list:
    if isinstance(deck, list) or "rows" not in deck:
        return deck
    names = dict.fromkeys(name for row in deck["rows"] for name in row)
    _table(folder / f"{code}.csv", deck["rows"], tuple(names))
    return {"file": f"{code}.csv", **{name: deck[name] for name in deck if name != "rows"}}


def _table(path: Path, rows: list[dict], names: tuple[str, ...]) -> None:
    with path.open("w", encoding="utf-8", newline="") as text:
        lines = csv.DictWriter(text, names, extrasaction="ignore")
        lines.writeheader()
        lines.writerows(rows)


def _row(row: dict) -> dict:
    """What a row states, instants with their offset."""
    return {
        name: f"{value.isoformat()}Z" if isinstance(value, datetime) else value
        for name, value in row.items()
        if value is not None
    }


def _texts(value):
    """Plain values as YAML writes them, dates as text."""
    if isinstance(value, dict):
        return {str(name): _texts(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_texts(each) for each in value]
    return value if isinstance(value, bool | int) else str(value)
