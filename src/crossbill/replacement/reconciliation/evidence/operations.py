"""Makes the pack of a wave: one file, signed by the key of this installation."""

import filecmp
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction

from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.replacement.migration.models import Wave
from crossbill.replacement.reconciliation.evidence import chain as chains
from crossbill.replacement.reconciliation.evidence import container, keys
from crossbill.replacement.reconciliation.evidence.contents import parts_of
from crossbill.replacement.reconciliation.evidence.verify import PUBLIC_KEY, Verified, verify_file
from crossbill.replacement.reconciliation.models import Gate


class NothingToPack(Refusal):
    """The wave has no gate yet, so there is no evidence. Run the change-over up to its gate."""

    code: ClassVar[str] = "NOTHING_TO_PACK"


class PackNotWritten(Refusal):
    """The file was not written, and nothing was changed. Name another with --out."""

    code: ClassVar[str] = "PACK_NOT_WRITTEN"


def pack_wave(*, wave_id: int, store: Store, key: Ed25519PrivateKey, out: Path) -> Verified:
    """Write the pack of a wave and verify it; the same books give the same bytes.

    The gate is locked, so that nobody signs between one part and the next.
    """
    with transaction.atomic():
        gate = Gate.objects.select_for_update().filter(wave_id=wave_id).first()
        wave = Wave.objects.select_related("replacement__carrier", "replacement__run").get(
            id=wave_id
        )
        if gate is None:
            cure = "run `crossbill replace` until the wave has its gate"
            raise NothingToPack("There is no gate yet", field="wave", value=wave.name, cure=cure)
        with _appearing_whole(out) as file:
            _write(file, wave, gate, store, key)
            return verify_file(file, out, trusted=key.public_key())


def _write(file: BinaryIO, wave: Wave, gate: Gate, store: Store, key: Ed25519PrivateKey) -> None:
    """The parts, the chain of their hashes, and the signature under its head."""
    parts = []
    for name, blocks in parts_of(wave, gate, store):
        parts.append(container.write_part(file, name, blocks))
        if len(parts) == 1:
            pem = keys.public_pem(key.public_key())
            parts.append(container.write_part(file, PUBLIC_KEY, [pem]))
    lines = chains.chain(parts)
    head = chains.head(lines)
    closing = zip(chains.CLOSING, (b"".join(lines), head, key.sign(head)), strict=True)
    parts += [container.write_part(file, name, [text]) for name, text in closing]
    container.write_end(file, parts)


@contextmanager
def _appearing_whole(out: Path) -> Iterator[BinaryIO]:
    """A private file that is there at the end, or not at all; another one is never replaced."""
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if out.exists() and not filecmp.cmp(out, draft, shallow=False):
            cure = "name another file with --out, or move that one away"
            raise PackNotWritten("Another file is there", file=str(out), cure=cure)
        draft.replace(out)
    except OSError as error:
        cure = "name another file with --out"
        raise PackNotWritten(f"{error.strerror}", file=str(out), cure=cure) from error
    finally:
        draft.unlink(missing_ok=True)
