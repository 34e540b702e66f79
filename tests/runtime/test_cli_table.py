"""Tables of the command line: whatever the width of the console, no figure loses its end."""

import io

import pytest
from rich.console import Console

from crossbill.cli_table import Table

FIGURES = ("1,342,178,780", "268,437,504.1234", "-99,999,999.99")


def printed(width: int) -> list[str]:
    table = Table("what", "used", "charged", "amount")
    table.add_row("calls of the last month", *FIGURES)
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("width", "framed", "whole"),
    [(100, True, True), (70, True, True), (60, False, True), (53, False, True), (40, False, False)],
)
def test_a_narrow_console_takes_the_frame_then_breaks_words(width, framed, whole):
    lines = printed(width)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    assert ("┃" in text) == framed
    assert all(figure in text for figure in FIGURES) == whole
    assert "…" not in text
    digits = sorted(sign for sign in text if sign.isdigit())
    assert digits == sorted(sign for figure in FIGURES for sign in figure if sign.isdigit())
