"""Registers the context with Django."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The pages for the carrier's staff."""

    name = "crossbill.console"
    label = "console"
    verbose_name = "Console"
