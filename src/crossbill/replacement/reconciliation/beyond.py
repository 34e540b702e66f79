"""What stayed where it is, for it is equal on both sides: told, so that the result is whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Beyond:
    """The rows that did not travel, and the files of those that did."""

    rows: int  # as many on each side
    totals: Mapping[str, int]  # of the fields that are numbers, in nanos or whole
    held: Callable[[str, str], int] = field(repr=False)  # field, text -> rows that hold it left
    files: Mapping[str, Path] = field(repr=False)
    travelled: Mapping[str, int] = field(default_factory=dict)  # bytes by side, where they count
