"""What a test of the runtime needs to run commands as real processes in a home of its own."""

import os
from pathlib import Path

CONNECT = """
import psycopg, sys
from crossbill.config.environment import read_environment
from crossbill.config.postgres import server_url
url = server_url(read_environment())
"""
DB = """
import sys
from crossbill.cli_db import db_app
from crossbill.core.refusal import Refusal
try:
    db_app()
except Refusal as refusal:
    print(refusal, file=sys.stderr)
    sys.exit(refusal.exit_code)
"""


def variables(home: Path, **more: str) -> dict[str, str]:
    """This process's variables with a home of the test's own."""
    ours = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    ours = {key: value for key, value in ours.items() if not key.startswith("CROSSBILL_")}
    return ours | {"CROSSBILL_HOME": str(home)} | more
