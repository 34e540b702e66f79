"""What a kind of fault is, and how it is read from its declaration in ``faults/``.

A declaration is a few lines of comments and its statements: the first says whom it may strike
(account_key, and product_key where it strikes a product), the others what it does there to the rows
of ``hit``. It ends where the next one begins.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

FACTS, LINES, BILLS = "facts", "lines", "bills"
FOLDER = Path(__file__).with_name("faults")
BESIDES = "-- then, on the bills"


@dataclass(frozen=True)
class Fault:
    """One kind of fault, with the classes by which it is to be explained.

    A fault with ``shared`` attributes strikes all whom it may strike and who agree in them; one
    without strikes scattered accounts. ``cause`` has the attributes that the fault itself makes.
    ``moment`` is before which step of the old billing it strikes; ``besides`` is done to the bills.
    """

    kind: str
    classes: frozenset[str]
    whom: str
    spoil: tuple[str, ...]
    shared: tuple[str, ...] = ()
    cause: dict[str, str] = field(default_factory=dict)
    moment: str = FACTS
    besides: tuple[str, ...] = ()


def read_faults() -> tuple[Fault, ...]:
    """Every declared kind of fault, file by file."""
    texts = (path.read_text("utf-8") for path in sorted(FOLDER.glob("*.sql")))
    parts = (part for text in texts for part in re.split(r"^(?=-- kind: )", text, flags=re.M)[1:])
    return tuple(_fault(part) for part in parts)


def _fault(text: str) -> Fault:
    stated = dict(re.findall(r"^-- (\w+): (.+)$", text, re.M))
    first, _, late = text.partition(BESIDES)
    whom, *spoil = _statements(first)
    cause = [tuple(pair.split(" = ")) for pair in filter(None, [stated.get("cause")])]
    return Fault(
        kind=stated["kind"],
        classes=frozenset(stated["classes"].split()),
        whom=whom,
        spoil=tuple(spoil),
        shared=tuple(stated.get("shared", "").split()),
        cause=dict(cause),
        moment=stated.get("moment", FACTS),
        besides=_statements(late),
    )


def _statements(text: str) -> tuple[str, ...]:
    bare = re.sub(r"^--.*$", "", text, flags=re.M)
    return tuple(part.strip() for part in bare.split(";") if part.strip())
