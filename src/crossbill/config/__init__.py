"""Where Crossbill meets its surroundings: environment, database server, Django settings."""

import os

MIGRATION_LOCK = 0x63726F737362696C  # "crossbil", the advisory lock under which tables change


def setup() -> None:
    """Make Django ready, which starts the embedded database where DATABASE_URL names no other."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crossbill.config.settings")
    django.setup()


def ready() -> None:
    """Make Django ready and bring the database's tables up to date, safe beside other commands."""
    setup()
    from crossbill.config.tables import bring_up_to_date

    bring_up_to_date()
