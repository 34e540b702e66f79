"""Registers the context with Django."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    """Long work: runs, stages, chunks."""

    name = "crossbill.runs"
    label = "runs"
    verbose_name = "Runs"
