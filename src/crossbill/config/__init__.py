"""Where Crossbill meets its surroundings: environment, database server, Django settings."""

import gc
import os

OBJECTS_BETWEEN_COLLECTIONS = 100_000
MIGRATION_LOCK = 0x63726F737362696C  # "crossbil", the advisory lock under which tables change


def setup() -> None:
    """Make Django ready, which starts the embedded database where DATABASE_URL names no other."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crossbill.config.settings")
    django.setup()


def ready() -> None:
    """Make Django ready and bring the database's tables up to date, safe beside other commands."""
    setup()
    # Expressions are large trees and no garbage: looking through them often costs a tenth of a run.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 100)
    from crossbill.config.tables import bring_up_to_date

    bring_up_to_date()
