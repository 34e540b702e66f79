"""Registers the context with Django."""

from django.apps import AppConfig


class MigrationConfig(AppConfig):
    """Replacements, waves and the move of each account."""

    name = "crossbill.replacement.migration"
    label = "migration"
    verbose_name = "Migration"
