"""Registers the context with Django."""

from django.apps import AppConfig


class ConcessionConfig(AppConfig):
    """What accounts need not pay."""

    name = "crossbill.platform.concession"
    label = "concession"
    verbose_name = "Concessions"
