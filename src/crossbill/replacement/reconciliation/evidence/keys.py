"""The key by which an installation signs its packs: Ed25519, made once and kept in the home."""

import os
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from crossbill.config.environment import Environment, keep_new_secret
from crossbill.core.refusal import Refusal

FILE = "evidence-key.pem"
MOST_KEY_BYTES = 10_000


class EvidenceKeyUnusable(Refusal):
    """The file is no Ed25519 key that can be used here. Name another, or put the right one back."""

    code: ClassVar[str] = "EVIDENCE_KEY_UNUSABLE"


def signing_key(environment: Environment) -> Ed25519PrivateKey:
    """The installation's private key; made where there is none yet."""
    path = environment.folder() / FILE
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        keep_new_secret(
            path,
            made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        )
    _refuse_readable_by_others(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(path, "put the installation's key back from its copy") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(path, "put the installation's key back from its copy")
    return key


def _refuse_readable_by_others(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & 0o077 and os.name == "posix":
        what = "Others can read the private key, so its signatures prove nothing"
        cure = f"chmod 600 {path}; if others had the key, take it away: a new one is made"
        raise EvidenceKeyUnusable(what, file=str(path), cure=cure)


def _unusable(path: Path, cure: str) -> EvidenceKeyUnusable:
    return EvidenceKeyUnusable("This is no Ed25519 key", file=str(path), cure=cure)


def public_pem(key: Ed25519PublicKey) -> bytes:
    """The public key as text."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: Ed25519PublicKey) -> str:
    """The SHA-256 of the public key (DER), to be read out over the telephone."""
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def read_public(path: Path) -> Ed25519PublicKey:
    """A public key that a person names as the one to trust."""
    if not path.is_file() or path.stat().st_size > MOST_KEY_BYTES:
        raise _unusable(path, "name the file that `crossbill reconcile key` printed")
    key = public_key(path.read_bytes())
    if key is None:
        raise _unusable(path, "name the file that `crossbill reconcile key` printed")
    return key


def public_key(pem: bytes) -> Ed25519PublicKey | None:
    """The public key that a text holds, if it holds one."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PublicKey) else None


def signed_by(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether this key made this signature under this message."""
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
