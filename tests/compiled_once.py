"""What calculations are compiled to, shared by the session's home and those that tests own."""

from pathlib import Path

from crossbill.config.environment import read_environment
from crossbill.engine.compiled import FOLDER


def share_compiled(home: Path) -> None:
    """Let a home that does not exist yet, or is empty, find what any other test has compiled."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / FOLDER).symlink_to(read_environment().folder(FOLDER))
