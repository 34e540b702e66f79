"""Registers the context with Django."""

from django.apps import AppConfig


class ProgrammeConfig(AppConfig):
    """Milestones, risks, budget and the quarterly report."""

    name = "crossbill.replacement.programme"
    label = "programme"
    verbose_name = "Programme"
