"""Files that go with comments: which are taken, and their bytes in the store under their hash."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar

from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.replacement.reconciliation.models import Attachment

MOST_BYTES = 5 * 1024 * 1024
LONGEST_NAME = 200
TEXT = b""
# By ending: the type under which it is handed out, and how its bytes begin. A browser runs none of
# these, and none is handed out to be shown in a page.
TYPES = {
    ".txt": ("text/plain; charset=utf-8", TEXT),
    ".csv": ("text/csv; charset=utf-8", TEXT),
    ".pdf": ("application/pdf", b"%PDF-"),
    ".png": ("image/png", b"\x89PNG\r\n\x1a\n"),
    ".jpg": ("image/jpeg", b"\xff\xd8\xff"),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\x03\x04"),
}


class BadAttachment(Refusal):
    """The file cannot be attached. Attach a small text, CSV, PDF, PNG, JPEG or XLSX file."""

    code: ClassVar[str] = "BAD_ATTACHMENT"


class AttachmentLost(Refusal):
    """The stored file is not what was attached. Restore the store from a backup."""

    code: ClassVar[str] = "ATTACHMENT_LOST"


@dataclass(frozen=True)
class File:
    """A file that somebody hands over: its name without folders, and its bytes."""

    name: str
    content: bytes


def content_type(file: File) -> str:
    """The type under which a file is handed out; a refusal of what is not taken."""
    found = TYPES.get(PurePath(file.name).suffix.lower())
    cure = f"attach one of {', '.join(TYPES)} of at most {MOST_BYTES:,} bytes"
    wrong = _wrong(file, found[1] if found else None)
    if found is None or wrong:
        raise BadAttachment(wrong, field="file", value=file.name[:LONGEST_NAME], cure=cure)
    return found[0]


def _wrong(file: File, start: bytes | None) -> str:
    """What keeps a file out; empty where nothing does."""
    if start is None:
        return "Files of this kind are not attached"
    if len(file.name) > LONGEST_NAME or not file.name.isprintable():
        return "The file's name is too long or not readable"
    if not 0 < len(file.content) <= MOST_BYTES:
        return f"The file has {len(file.content):,} bytes"
    readable = _is_text(file.content) if start == TEXT else file.content.startswith(start)
    return "" if readable else "The file is not what its name says"


def _is_text(content: bytes) -> bool:
    try:
        return "\x00" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def keep(store: Store, carrier: str, file: File) -> str:
    """Store a file's bytes, once however often it is attached; gives their SHA-256."""
    sha256 = hashlib.sha256(file.content).hexdigest()
    path = _place(store, carrier, sha256)
    if not store.exists(path):
        with store.open(path, "wb") as stored:
            stored.write(file.content)
    return sha256


def content(store: Store, attachment: Attachment) -> bytes:
    """The bytes of an attachment, when they are still those that were attached."""
    carrier = attachment.comment.finding.wave.replacement.carrier.code
    path = _place(store, carrier, attachment.sha256)
    cure = "restore the store from a backup"
    if not store.exists(path):
        raise AttachmentLost("The file is not in the store", file=path, cure=cure)
    with store.open(path) as stored:
        found = bytes(stored.read())
    if hashlib.sha256(found).hexdigest() != attachment.sha256:
        raise AttachmentLost("The file was changed in the store", file=path, cure=cure)
    return found


def _place(store: Store, carrier: str, sha256: str) -> str:
    return store.path(carrier, "attachments", sha256)
