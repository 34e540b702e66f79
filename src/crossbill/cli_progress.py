"""How far a run has come: a bar where there is a terminal, plain lines where there is none."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)


class TerminalProgress:
    """Shows each stage on standard error while it runs, and its proved result when it ends."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def stage_started(self, title: str, chunks: int, done: int) -> None:
        """Begin a bar; chunks of an earlier attempt count as done."""
        self._task = self._bar.add_task(title, total=chunks, completed=done)

    def chunk_done(self) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.advance(self._task)

    def stage_done(self, title: str, summary: str, *, refused: bool) -> None:
        """Replace the bar by one line, marked by whether the stage did what it is there for."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        mark = "[red]✗[/red]" if refused else "[green]✓[/green]"
        self._console.print(f"{mark} {title}: [dim]{summary}[/dim]", soft_wrap=True)
