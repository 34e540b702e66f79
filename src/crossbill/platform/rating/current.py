"""A catalogue as its files stand now, read again only after one of them has changed."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from crossbill.platform.rating.catalogue import read_catalogue
from crossbill.platform.rating.catalogue_model import RatingCatalogue

Stamp = tuple[tuple[str, int, int], ...]
KEPT = 16

_turn = threading.Lock()
_read: "dict[Path, Current]" = {}


@dataclass(frozen=True, eq=False)
class Current:
    """A catalogue that was read, told apart from a later reading of the same file."""

    catalogue: RatingCatalogue
    stamp: Stamp


def current(path: Path) -> Current:
    """The catalogue of a file; a fault in the file is refused as when it is rated by."""
    with _turn:
        known = _read.get(path)
        if known is None or _stamp(files_of(known.catalogue)) != known.stamp:
            catalogue = read_catalogue(path)
            known = Current(catalogue, _stamp(files_of(catalogue)))
            _read.pop(path, None)
            _read[path] = known
            for oldest in list(_read)[:-KEPT]:
                del _read[oldest]
        return known


def files_of(catalogue: RatingCatalogue) -> list[Path]:
    """The file of the catalogue and those that it names."""
    spec = catalogue.spec
    decks = {deck.file for versions in spec.decks.values() for deck in versions if deck.file}
    services = {spec.services} if isinstance(spec.services, str) else set()
    return [catalogue.path, *(catalogue.path.parent / name for name in sorted(decks | services))]


def _stamp(files: Iterable[Path]) -> Stamp:
    found = ((file, file.stat()) for file in files if file.exists())
    return tuple((str(file), stat.st_mtime_ns, stat.st_size) for file, stat in found)
