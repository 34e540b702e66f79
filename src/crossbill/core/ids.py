"""Deterministic identities: the same parts give the same UUID, on every machine and every run."""

from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID

# The two highest bits of this hexadecimal digit mark the layout of a UUID (RFC 9562): binary 10.
VARIANT_FROM, VARIANT_TO = "0123456789abcdef", "89ab" * 4


def identity(*parts: str) -> UUID:
    """A UUID (version 8) made from the parts; no two different lists of parts share one."""
    digest = sha256(joined(*parts).encode()).hexdigest()
    variant = VARIANT_TO[VARIANT_FROM.index(digest[16])]
    return UUID(f"{digest[:12]}8{digest[13:16]}{variant}{digest[17:32]}")


def joined(*parts: str) -> str:
    """The parts as one text, each after its length, so that ("a", "bc") is not ("ab", "c")."""
    return "".join(f"{len(part)}:{part}" for part in parts)


def fingerprint(values: Mapping[str, str]) -> str:
    """One SHA-256 over named values, whatever their order."""
    parts = [part for name in sorted(values) for part in (name, values[name])]
    return sha256(joined(*parts).encode()).hexdigest()
