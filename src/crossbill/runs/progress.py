"""Who is told how far a run has come; the faces decide how it looks."""

from typing import Protocol


class Progress(Protocol):
    """Told by the executor; never asked."""

    def stage_started(self, title: str, chunks: int, done: int) -> None:
        """A stage begins with so many chunks, of which some were done by an earlier attempt."""

    def chunk_done(self) -> None:
        """One more chunk is done."""

    def stage_done(self, title: str, summary: str, *, refused: bool) -> None:
        """A stage has ended and was proved; what it was there for may have been refused."""


class Silent:
    """Tells nobody."""

    def stage_started(self, title: str, chunks: int, done: int) -> None:
        """Says nothing."""

    def chunk_done(self) -> None:
        """Says nothing."""

    def stage_done(self, title: str, summary: str, *, refused: bool) -> None:
        """Says nothing."""
