"""Registers the context with Django."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Journal entries, postings and open items."""

    name = "crossbill.platform.ledger"
    label = "ledger"
    verbose_name = "Ledger"
