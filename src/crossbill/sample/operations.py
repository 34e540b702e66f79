"""Making the sample carrier's extract, once for each size and seed."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crossbill.core.refusal import Refusal

from .old_system.chunk import TRUTHS
from .old_system.extract import GenerationError, write_extract

FEWEST_ACCOUNTS = 100
MARKER = ".sample.json"  # what was generated, and each file's size: the folder is complete
GENERATOR = 13  # count up when the same parameters give other bytes


class TooFewAccounts(Refusal):
    """The sample carrier is too small to hold a defect of each class. Ask for more accounts."""

    code = "TOO_FEW_ACCOUNTS"


class NotASampleFolder(Refusal):
    """The folder holds files that are not a generated extract. Name another or empty it."""

    code = "NOT_A_SAMPLE_FOLDER"


class SampleNotMade(Refusal):
    """The extract could not be written. Make room on the disk, and ask again."""

    code = "SAMPLE_NOT_MADE"


def generate(*, accounts: int, seed: int, extract_dir: Path, truth_dir: Path) -> None:
    """Make the extract and the truth about its defects; does nothing when they are already made."""
    if accounts < FEWEST_ACCOUNTS:
        raise TooFewAccounts(
            "Too few accounts for a sample carrier",
            field="accounts",
            value=str(accounts),
            cure=f"Ask for at least {FEWEST_ACCOUNTS}.",
        )
    parameters = {"accounts": accounts, "seed": seed, "generator": GENERATOR}
    try:
        with _alone(extract_dir):
            if not _is_complete(extract_dir, parameters):
                _refuse_foreign(extract_dir)
                _make(parameters, extract_dir, truth_dir)
    except (GenerationError, OSError) as error:
        _remove_unfinished(extract_dir)
        raise SampleNotMade(
            f"The extract could not be written: {error}",
            file=str(extract_dir),
            cure="See that the disk has room and the folder can be written, and ask again.",
        ) from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of several processes one makes the folder, and the others wait and find it made."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = os.open(folder.parent, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)  # the kernel frees it, however the process ends
        yield
    finally:
        os.close(place)


def _make(parameters: dict[str, int], extract_dir: Path, truth_dir: Path) -> None:
    """Write everything beside and let it take its name when it is whole."""
    truth_dir.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(extract_dir)
    fresh = Path(tempfile.mkdtemp(prefix=_prefix(extract_dir), dir=extract_dir.parent))
    truth = Path(tempfile.mkdtemp(prefix=".", dir=truth_dir))
    write_extract(
        accounts=parameters["accounts"],
        seed=parameters["seed"],
        extract_dir=fresh,
        truth_dir=truth,
    )
    sizes = {path.name: path.stat().st_size for path in sorted(fresh.iterdir())}
    (fresh / MARKER).write_text(json.dumps({**parameters, "sizes": sizes}), "utf-8")
    for name in TRUTHS:
        (truth / name).replace(truth_dir / name)
    truth.rmdir()
    _put_in_place(fresh, extract_dir)


def _is_complete(folder: Path, parameters: dict[str, int]) -> bool:
    """Whether the folder holds exactly what these parameters give."""
    marker = folder / MARKER
    if not marker.is_file():
        return False
    made = json.loads(marker.read_text("utf-8"))
    sizes = {p.name: p.stat().st_size for p in folder.iterdir() if p.name != MARKER}
    return bool(made == {**parameters, "sizes": sizes})


def _refuse_foreign(folder: Path) -> None:
    """Never remove a folder that was not made here."""
    if folder.exists() and not (folder / MARKER).is_file() and any(folder.iterdir()):
        raise NotASampleFolder(
            "The folder for the extract holds other files",
            file=str(folder),
            cure="Name another folder, or empty this one.",
        )


def _prefix(folder: Path) -> str:
    return f".{folder.name}."


def _remove_unfinished(folder: Path) -> None:
    """Remove what a killed run has left beside."""
    for path in folder.parent.glob(f"{_prefix(folder)}*"):
        shutil.rmtree(path, ignore_errors=True)


def _put_in_place(fresh: Path, folder: Path) -> None:
    """Let the finished folder take its name; an older one steps aside first."""
    fresh.chmod(0o755)
    if folder.exists():
        folder.rename(fresh.with_name(f"{fresh.name}.old"))
    fresh.rename(folder)
    _remove_unfinished(folder)
