"""Writing the whole extract: chunks made side by side, their parts joined in order, a manifest."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from . import chunk as chunks
from .agreements import AGREEMENT_CONTROL_FIELDS
from .calendar import AS_OF
from .collection import COLLECTION_CONTROL_FIELDS
from .features import FEATURE_CONTROL_FIELDS
from .files import (
    CHARGE_HEADER,
    CHARGE_TABLE,
    CONTROL_FIELDS,
    CUSTOMERS,
    ENCODING,
    MANIFEST,
    MANIFEST_HEADER,
    TARIFF_HEADER,
    TARIFF_TABLE,
    TAX_HEADER,
    TAX_TABLE,
    amount,
    charge_rows,
    tariff_rows,
    tax_rows,
    trailer_row,
)
from .plan import chunk_bounds
from .terms import CONTACT_CONTROL_FIELDS
from .usage_files import (
    RATE_HEADER,
    RATE_TABLE,
    ZONE_HEADER,
    ZONE_TABLE,
    rate_rows,
    zone_rows,
)

PROCESSES = 2
SMALL_TABLES = {
    TARIFF_TABLE: (TARIFF_HEADER, tariff_rows),
    CHARGE_TABLE: (CHARGE_HEADER, charge_rows),
    TAX_TABLE: (TAX_HEADER, tax_rows),
    ZONE_TABLE: (ZONE_HEADER, zone_rows),
    RATE_TABLE: (RATE_HEADER, rate_rows),
}

Total = tuple[int, Decimal]


class GenerationError(Exception):
    """A process that made chunks ended before its time; says how."""


def write_extract(
    *, accounts: int, seed: int, extract_dir: Path, truth_dir: Path, processes: int = PROCESSES
) -> None:
    """Fill an empty folder with the extract and write the truth about its defects elsewhere."""
    parts = extract_dir / "parts"
    parts.mkdir()
    count = len(chunk_bounds(accounts))
    _make_chunks(accounts, seed, parts, min(processes, count))
    totals = _totals(parts, count)
    for name, header in chunks.MANY_ROWS.items():
        last = trailer_row(*totals[name]) if name == CUSTOMERS else ""
        _join(parts, name, extract_dir / name, _encoded(header), _encoded(last))
    for name, header in chunks.TRUTHS.items():
        _join(parts, name, truth_dir / name, f"{header}\n".encode(), b"")
    parts_left = list(parts.glob(f"*.{chunks.TOTALS}"))
    for path in parts_left:
        path.unlink()
    parts.rmdir()
    for name, (header, rows) in SMALL_TABLES.items():
        totals[name] = _write_table(extract_dir / name, header, rows())
    _write_manifest(extract_dir / MANIFEST, totals)


def _make_chunks(accounts: int, seed: int, parts: Path, processes: int) -> None:
    """Make all chunks, in this process or dealt out to several."""
    if processes == 1:
        for chunk in range(len(chunk_bounds(accounts))):
            chunks.write_chunk(accounts, seed, chunk, parts)
        return
    common = [str(processes), str(parts)]
    with _workers([[str(accounts), str(seed), str(w), *common] for w in range(processes)]) as all_:
        said = [worker.communicate()[1] for worker in all_]
    for worker, words in zip(all_, said, strict=True):
        if worker.returncode:
            last = words.decode(errors="replace").strip().splitlines()[-1:]
            raise GenerationError(*(last or [f"exit code {worker.returncode}"]))


@contextmanager
def _workers(arguments: list[list[str]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """One process for each list of arguments, none of which outlives the block.

    Not `multiprocessing`: its spawned children first import the caller's main module, which here is
    the whole command line and costs more than ten thousand accounts.
    """
    command = [sys.executable, "-m", chunks.__name__]
    started = [
        subprocess.Popen([*command, *own], stderr=subprocess.PIPE)  # noqa: S603 - our own module
        for own in arguments
    ]
    try:
        yield started
    finally:
        for worker in started:
            worker.kill()
            worker.wait()


def _totals(parts: Path, count: int) -> dict[str, Total]:
    """Rows and control sum of each file over all chunks."""
    totals: dict[str, Total] = {}
    for number in range(count):
        for line in chunks.part(parts, number, chunks.TOTALS).read_text("utf-8").splitlines():
            name, rows, control = line.split(";")
            before = totals.get(name, (0, Decimal(0)))
            totals[name] = before[0] + int(rows), before[1] + Decimal(control)
    return totals


def _join(parts: Path, name: str, target: Path, head: bytes, tail: bytes) -> None:
    """Put the parts of a file together in order of the chunks and remove them."""
    with target.open("wb") as file:
        file.write(head)
        for path in sorted(parts.glob(f"*.{name}")):
            with path.open("rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
            path.unlink()
        file.write(tail)


def _encoded(line: str) -> bytes:
    return f"{line}\n".encode(ENCODING) if line else b""


def _write_table(path: Path, header: str, rows: list[tuple[str, Decimal]]) -> Total:
    """A small table, whole."""
    path.write_bytes(b"".join(_encoded(line) for line in [header, *(text for text, _ in rows)]))
    return len(rows), sum((value for _, value in rows), Decimal(0))


def _control_fields() -> dict[str, str]:
    """Which field of each file the old system adds up."""
    return {
        **CONTROL_FIELDS,
        **COLLECTION_CONTROL_FIELDS,
        **FEATURE_CONTROL_FIELDS,
        **CONTACT_CONTROL_FIELDS,
        **AGREEMENT_CONTROL_FIELDS,
    }


def _write_manifest(path: Path, totals: dict[str, Total]) -> None:
    """What the old system says that it has written."""
    rows = [
        f"{name};{totals[name][0]};{AS_OF};{field};{amount(totals[name][1])}"
        for name, field in _control_fields().items()
    ]
    path.write_bytes(b"".join(_encoded(line) for line in [MANIFEST_HEADER, *rows]))
