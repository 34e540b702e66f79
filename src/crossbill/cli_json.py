"""What the commands print for programs: one JSON document, with dates as they are written."""

import json
from typing import Any

import typer


def print_json(document: Any) -> None:
    """Print a document, and nothing beside it."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))
