"""Numbers as mainframes store them, as decimal text: every digit is read, none is rounded."""

from collections.abc import Callable, Iterable

_SIGNS = {0xA: "", 0xB: "-", 0xC: "", 0xD: "-", 0xE: "", 0xF: ""}
_UNSIGNED = 0xF  # the high half of a digit
_ASCII_POSITIVE, _ASCII_NEGATIVE = "{ABCDEFGHI", "}JKLMNOPQR"


class NoDigits(ValueError):
    """The bytes hold something that is no digit, or no sign where the sign stands."""


def decimal_text(raw: bytes, kind: str, scale: int, *, is_ascii: bool) -> str:
    """The bytes of a number of some kind as decimal text, as in ``-12.30``."""
    sign, digits = _KINDS[kind](raw) if not (is_ascii and kind == "zoned") else _ascii_zoned(raw)
    if not scale:
        return sign + (digits.lstrip("0") or "0")
    digits = digits.rjust(scale + 1, "0")
    whole, fraction = digits[:-scale].lstrip("0") or "0", digits[-scale:]
    return f"{sign}{whole}.{fraction}"


def _zoned(raw: bytes) -> tuple[str, str]:
    """A digit in the low half of each byte; the high half of the last one is the sign."""
    if any(byte >> 4 != _UNSIGNED for byte in raw[:-1]):
        raise NoDigits
    return _sign(raw[-1] >> 4), _digits(byte & 15 for byte in raw)


def _ascii_zoned(raw: bytes) -> tuple[str, str]:
    """The same after a conversion to ASCII: the last character carries digit and sign."""
    last, text = chr(raw[-1]), raw[:-1].decode("latin-1")
    if last in _ASCII_NEGATIVE or last in _ASCII_POSITIVE:
        negative = last in _ASCII_NEGATIVE
        text += str((_ASCII_NEGATIVE if negative else _ASCII_POSITIVE).index(last))
    else:
        negative, text = False, text + last
    if not (text.isascii() and text.isdigit()):
        raise NoDigits
    return "-" if negative else "", text


def _packed(raw: bytes) -> tuple[str, str]:
    """Two digits a byte; the last half byte is the sign."""
    halves = [half for byte in raw for half in (byte >> 4, byte & 15)]
    return _sign(halves[-1]), _digits(halves[:-1])


def _binary(raw: bytes) -> tuple[str, str]:
    """Two's complement, the highest byte first."""
    number = int.from_bytes(raw, "big", signed=True)
    return "-" if number < 0 else "", str(abs(number))


def _sign(half: int) -> str:
    if half not in _SIGNS:
        raise NoDigits
    return _SIGNS[half]


def _digits(halves: Iterable[int]) -> str:
    found = list(halves)
    if any(half > 9 for half in found):
        raise NoDigits
    return "".join(map(str, found))


_KINDS: dict[str, Callable[[bytes], tuple[str, str]]] = {
    "zoned": _zoned,
    "packed": _packed,
    "binary": _binary,
}
