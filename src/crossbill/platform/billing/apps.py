"""Registers the context with Django."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Bills, and what a change would do to them."""

    name = "crossbill.platform.billing"
    label = "billing"
    verbose_name = "Billing"
