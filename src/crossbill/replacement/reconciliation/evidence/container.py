"""The file of a pack: a zip archive without compression, each byte of which follows from its parts.

Any program opens it. Because nothing in it is left to choice, whoever reads it can say of each byte
what it has to be: the heads, the order, the directory at the end. So a changed byte is found even
where an archive program would not look.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from crossbill.core.refusal import Refusal

BLOCK_BYTES = 1 << 20
LONGEST_NAME = 100
MOST_BYTES = (1 << 32) - 1  # what the archive's four-byte fields can tell
LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")
LOCAL_MARK, CENTRAL_MARK, END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
VERSION, STORED, FIRST_DAY = 20, 0, 0x21  # of a time, an archive must name one: 1980-01-01
UNIX, PRIVATE_FILE = 3 << 8, 0o100600 << 16


class PackTooLarge(Refusal):
    """A pack has at most 4 GiB. Split the wave, so that each pack stays below."""

    code: ClassVar[str] = "PACK_TOO_LARGE"


class Damaged(Exception):
    """Where an archive is not what its parts make it, and how."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place, self.why = place, why


@dataclass(frozen=True)
class Part:
    """One part as it lies in the file: ``offset`` of its head, ``size`` in bytes."""

    name: str
    offset: int
    size: int
    crc: int
    sha256: str

    @property
    def start(self) -> int:
        """Where its bytes begin."""
        return self.offset + LOCAL.size + len(self.name.encode())


def write_part(file: BinaryIO, name: str, blocks: Iterable[bytes]) -> Part:
    """Append one part; its head is written last, when size and checksum are known."""
    offset, digest, size, crc = file.tell(), hashlib.sha256(), 0, 0
    file.write(bytes(LOCAL.size + len(name.encode())))
    for block in blocks:
        digest.update(block)
        size, crc = size + len(block), zlib.crc32(block, crc)
        if file.tell() + len(block) > MOST_BYTES:
            raise PackTooLarge("The pack would pass 4 GiB", field="part", value=name)
        file.write(block)
    part = Part(name, offset, size, crc, digest.hexdigest())
    end = file.tell()
    file.seek(offset)
    file.write(_head(part))
    file.seek(end)
    return part


def write_end(file: BinaryIO, parts: list[Part]) -> None:
    """Append the directory that closes the archive."""
    file.write(_directory(parts, file.tell()))


def read_parts(file: BinaryIO) -> list[Part]:
    """Read the parts from the beginning, each whole; raises `Damaged` at the first wrong byte."""
    total = file.seek(0, os.SEEK_END)
    file.seek(0)
    parts: list[Part] = []
    while file.read(len(LOCAL_MARK)) == LOCAL_MARK:
        parts.append(_read_part(file, total, after(parts)))
    return parts


def check_end(file: BinaryIO, parts: list[Part]) -> None:
    """Refuse anything but the directory after the last part; raises `Damaged`."""
    start = parts[-1].start + parts[-1].size
    file.seek(start)
    expected = _directory(parts, start)
    if file.read(len(expected) + 1) != expected:
        raise Damaged(after(parts), "the file does not end as it has to: it was cut or changed")


def blocks_of(file: BinaryIO, part: Part) -> Iterator[bytes]:
    """The bytes of one part."""
    file.seek(part.start)
    left = part.size
    while left and (block := file.read(min(left, BLOCK_BYTES))):
        left -= len(block)
        yield block


def content(file: BinaryIO, part: Part) -> bytes:
    """The bytes of one part, at once."""
    return b"".join(blocks_of(file, part))


def after(parts: list[Part]) -> str:
    """The place behind the last part, in words."""
    return f"after {parts[-1].name}" if parts else "the beginning of the file"


def _read_part(file: BinaryIO, total: int, place: str) -> Part:
    """The part whose head has begun; its place is told by the one before until it has a name."""
    offset = file.tell() - len(LOCAL_MARK)
    rest = file.read(LOCAL.size - len(LOCAL_MARK))
    if len(rest) < LOCAL.size - len(LOCAL_MARK):
        raise Damaged(place, "the file ends within the head of a part")
    *_, crc, size, _, name_bytes, _ = LOCAL.unpack(LOCAL_MARK + rest)
    if not 0 < name_bytes <= LONGEST_NAME or file.tell() + name_bytes + size > total:
        raise Damaged(place, "the head of the next part is not as it was written")
    name = file.read(name_bytes).decode("ascii", "replace")
    part = _measured(file, Part(name, offset, size, crc, ""))
    if part.crc != crc:
        raise Damaged(name, "its bytes are not those that were packed")
    file.seek(offset)
    if file.read(LOCAL.size + name_bytes) != _head(part):
        raise Damaged(name, "its head is not as it was written")
    file.seek(part.start + size)
    return part


def _measured(file: BinaryIO, part: Part) -> Part:
    """The part with the checksum and the hash of what lies there."""
    digest, crc = hashlib.sha256(), 0
    for block in blocks_of(file, part):
        digest.update(block)
        crc = zlib.crc32(block, crc)
    return Part(part.name, part.offset, part.size, crc, digest.hexdigest())


def _head(part: Part) -> bytes:
    """What stands before the bytes of a part."""
    name = part.name.encode("ascii", "replace")
    facts = (VERSION, 0, STORED, 0, FIRST_DAY, part.crc, part.size, part.size, len(name), 0)
    return LOCAL.pack(LOCAL_MARK, *facts) + name


def _directory(parts: list[Part], start: int) -> bytes:
    """The list of parts at the end of the archive, and the end's own mark."""
    rows = b"".join(_row(part) for part in parts)
    count = len(parts)
    return rows + END.pack(END_MARK, 0, 0, count, count, len(rows), start, 0)


def _row(part: Part) -> bytes:
    name = part.name.encode("ascii", "replace")
    versions = (UNIX | VERSION, VERSION, 0, STORED, 0, FIRST_DAY)
    sizes = (part.crc, part.size, part.size, len(name))
    return CENTRAL.pack(
        CENTRAL_MARK, *versions, *sizes, 0, 0, 0, 0, PRIVATE_FILE, part.offset
    ) + name  # fmt: skip
