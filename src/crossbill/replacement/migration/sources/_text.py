"""Reads a text file as blocks of whole lines in UTF-8, whatever its encoding, losing no byte."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from crossbill.replacement.migration.sources._problems import EncodingWrong, LineTooLong

BLOCK_BYTES = 4 * 1024 * 1024
LINE_LIMIT_BYTES = 16 * 1024 * 1024
_BOM = codecs.BOM_UTF8


class TextFile:
    """A text file in some encoding, seen as UTF-8.

    Bytes that mean nothing in the encoding come out as lone surrogates, which are invalid UTF-8:
    so they spoil their own record only, and `original` gives them back unchanged.
    """

    def __init__(self, path: Path, encoding: str, label: str) -> None:
        """Look at the first bytes; a file that is plainly in another encoding is refused."""
        self.path, self.encoding, self.label = path, encoding, label
        with path.open("rb") as file:
            self._refuse_other_encoding(file.read(4096))

    def _refuse_other_encoding(self, head: bytes) -> None:
        self.has_bom = head.startswith(_BOM)
        marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        wide = marked or head[1::2].count(0) > len(head) // 8 or head[::2].count(0) > len(head) // 8
        if wide and not self.encoding.startswith("utf-16"):
            self._refuse("the file seems to be UTF-16", "say encoding: utf-16")
        if not wide and self.encoding.startswith("utf-16"):
            self._refuse("the file does not seem to be UTF-16", "say encoding: utf-8 (or cp1252)")

    def _refuse(self, what: str, cure: str) -> None:
        raise EncodingWrong(what, file=self.label, field="encoding", value=self.encoding, cure=cure)

    def blocks(self) -> Iterator[bytes]:
        """Whole lines, each with its line feed; the last one gets one where it has none."""
        rest = b""
        for chunk in self._utf8():
            data = rest + chunk
            cut = data.rfind(b"\n") + 1
            if cut:
                yield data[:cut]
            rest = data[cut:]
            self._refuse_endless(rest)
        if rest:
            yield rest + b"\n"

    def _refuse_endless(self, rest: bytes) -> None:
        if len(rest) > LINE_LIMIT_BYTES:
            raise LineTooLong(
                f"a line has no end within {LINE_LIMIT_BYTES} bytes",
                file=self.label,
                value=rest[:40].decode("utf-8", "backslashreplace"),
                cure="check that this is a text file whose lines end with a line feed",
            )

    def _utf8(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            if self.encoding == "utf-8":
                file.seek(len(_BOM) if self.has_bom else 0)
                yield from iter(lambda: file.read(BLOCK_BYTES), b"")
                return
            decoder = codecs.getincrementaldecoder(self.encoding)(self._errors)
            for chunk in iter(lambda: file.read(BLOCK_BYTES), b""):
                yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
            yield self._decoded_end(decoder)

    def _decoded_end(self, decoder: codecs.IncrementalDecoder) -> bytes:
        try:
            return decoder.decode(b"", True).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            self._refuse("the file ends in the middle of a character", "export it again")
            raise

    @property
    def _errors(self) -> str:
        return "surrogatepass" if self.encoding.startswith("utf-16") else "surrogateescape"

    def original(self, utf8: bytes) -> bytes:
        """The bytes of the file that came out as these."""
        if self.encoding == "utf-8":
            return utf8
        name = self.encoding
        if name == "utf-16":  # the plain name would write a byte-order mark before each record
            name = "utf-16-le" if self._little_endian() else "utf-16-be"
        return utf8.decode("utf-8", "surrogatepass").encode(name, self._errors)

    def _little_endian(self) -> bool:
        with self.path.open("rb") as file:
            return file.read(2) != codecs.BOM_UTF16_BE

    def shown(self, utf8: bytes) -> str:
        """The text for a person, with undecodable bytes as ``\\x81``."""
        return self.original(utf8).decode(self.encoding, "backslashreplace")


def without_line_end(line: bytes) -> bytes:
    """The line without its line feed and the carriage return before it."""
    return line.removesuffix(b"\n").removesuffix(b"\r")
