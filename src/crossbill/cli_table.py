"""Tables of the command line."""

from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, OverflowMethod, RenderResult
from rich.measure import measure_renderables
from rich.table import Column
from rich.table import Table as RichTable

ENDLESS = 10_000


class Table(RichTable):
    """A table that leaves nothing out on a narrow console: half a figure is another figure.

    It breaks between words, then does without its frame, then breaks words.
    """

    def add_column(self, *texts: Any, overflow: OverflowMethod = "fold", **how: Any) -> None:
        """A further column."""
        super().add_column(*texts, overflow=overflow, **how)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        endless = options.update(max_width=ENDLESS)
        if self.__rich_measure__(console, endless).minimum > options.max_width:
            self.box, self.padding = box.SIMPLE_HEAD, 0
        if self.__rich_measure__(console, endless).minimum <= options.max_width:
            for column in self.columns:
                column.no_wrap = column.no_wrap or _is_of_words(column, console, endless)
        return super().__rich_console__(console, options)


def _is_of_words(column: Column, console: Console, options: ConsoleOptions) -> bool:
    """Whether there is nothing but single words in it, such as figures."""
    size = measure_renderables(console, options, [column.header, *column.cells])
    return size.minimum == size.maximum
