"""Tables in Markdown, as the pages of results have them."""

from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column is words, the rest numbers."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


def facts(measured: Mapping[str, Any]) -> str:
    """What was measured on, with which versions, and when."""
    rows = {**measured["machine"], **measured["versions"], "measured on": measured["date"]}
    return table(["", ""], [[name, value] for name, value in rows.items()])
