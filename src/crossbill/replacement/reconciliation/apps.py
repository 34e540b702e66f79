"""Registers the context with Django."""

from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    """Differences, gates and signatures."""

    name = "crossbill.replacement.reconciliation"
    label = "reconciliation"
    verbose_name = "Reconciliation"
