"""ENCODING: the same text, but one side was read or written with the wrong character set."""

import ibis

from crossbill.replacement.reconciliation.classify import explained

CODE = "ENCODING"
PRECEDENCE = 40

LOST = "?\N{REPLACEMENT CHARACTER}"


def explain(differences: ibis.Table) -> ibis.Table:
    """Texts with characters beyond ASCII that are equal once the one damaged is repaired."""
    d = differences
    foreign = d.left_value.re_search(r"[^\x00-\x7F]") | d.right_value.re_search(r"[^\x00-\x7F]")
    # The condition stands in the evidence too, so that Python sees only the few foreign texts.
    evidence = ibis.ifelse(foreign.fill_null(False), _damage(d.left_value, d.right_value), "")
    return explained(d, foreign & (evidence != ""), evidence)


@ibis.udf.scalar.python(name="damage")  # type: ignore[untyped-decorator]
def _damage(left: str, right: str) -> str:
    return damage(left, right)


def damage(left: str, right: str) -> str:
    """Which side was damaged, and how; empty where no known damage makes them equal."""
    for side, broken, whole in (("left", left, right), ("right", right, left)):
        for charset in ("cp1252", "latin-1"):
            if repaired(broken, charset) == whole:
                return f"{side} '{broken}' is UTF-8 read as {charset}: '{whole}'"
        if _lost_only(broken, whole):
            return f"{side} '{broken}' lost the characters beyond ASCII of '{whole}'"
    return ""


def repaired(text: str, charset: str) -> str | None:
    """The text that was written as UTF-8, where it was read as this character set."""
    try:
        raw = b"".join(_byte(character, charset) for character in text)
        return raw.decode("utf-8")
    except UnicodeError:
        return None


def _byte(character: str, charset: str) -> bytes:
    """The byte behind a character; readers leave the five holes of cp1252 as control characters."""
    if charset == "cp1252" and "\x80" <= character <= "\x9f":
        return character.encode("latin-1")
    return character.encode(charset)


def _lost_only(broken: str, whole: str) -> bool:
    """Whether the texts are equal but for characters beyond ASCII that became a mark of loss."""
    if len(broken) != len(whole) or broken == whole:
        return False
    return all(b == w or (b in LOST and w > "\x7f") for b, w in zip(broken, whole, strict=True))
