"""The example of the docs, rated as the command line does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from crossbill.platform.rating.rate_files import Rated, rated_files

FOLDER = Path(__file__).parents[2] / "examples" / "rating"
CATALOGUE, USAGE = FOLDER / "catalogue.yaml", FOLDER / "usage.csv"
HEADER = USAGE.read_text("utf-8").splitlines()[0]
UNTIL = datetime(2024, 6, 1, tzinfo=UTC)


@contextmanager
def rated(usage: Path = USAGE, **options: object) -> Iterator[Rated]:
    """The usage of a file, rated in detail by the example's catalogue."""
    with rated_files(
        catalogue=CATALOGUE, usage=usage, until=UNTIL, detail=True, **options
    ) as result:
        yield result


def written(folder: Path, *rows: str) -> Path:
    """A usage file with these rows."""
    path = folder / "usage.csv"
    path.write_text("\n".join([HEADER, *rows, ""]), "utf-8")
    return path
