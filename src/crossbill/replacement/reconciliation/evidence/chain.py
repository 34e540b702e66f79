"""How the parts of a pack hang together: each line of the chain names the hash of the one before.

A line is the SHA-256 of a part, its name, and the SHA-256 of the line before (zeros for the first).
So the hash of the last line, the *head*, stands for every byte of every part and for their order,
and one signature under the head is a signature under all of it.
"""

from collections.abc import Sequence
from hashlib import sha256

from crossbill.replacement.reconciliation.evidence.container import Part

CHAIN, HEAD, SIGNATURE = "chain.txt", "head.txt", "signature.bin"
CLOSING = (CHAIN, HEAD, SIGNATURE)
NOTHING_BEFORE = "0" * 64


def chain(parts: Sequence[Part]) -> list[bytes]:
    """The lines of the chain, in the order of the parts."""
    lines: list[bytes] = []
    before = NOTHING_BEFORE
    for part in parts:
        lines.append(f"{part.sha256}  {part.name}  {before}\n".encode())
        before = sha256(lines[-1]).hexdigest()
    return lines


def head(lines: Sequence[bytes]) -> bytes:
    """What is signed: that this is a pack of evidence of this form, and the hash of its chain."""
    return f"Crossbill evidence pack 1\n{sha256(lines[-1]).hexdigest()}\n".encode()
