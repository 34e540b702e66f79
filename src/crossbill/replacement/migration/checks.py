"""What an entry check is: one thing that must not be, and what it is called where it is."""

from collections.abc import Mapping
from dataclasses import dataclass

import ibis.expr.types as ir

Tables = Mapping[str, ir.Table]


@dataclass(frozen=True)
class Check:
    """One thing that must not be: where ``fails`` holds, the row is suspended."""

    code: str
    class_code: str
    field: str
    message: str
    fails: ir.BooleanValue
