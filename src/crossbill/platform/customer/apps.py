"""Registers the context with Django."""

from django.apps import AppConfig


class CustomerConfig(AppConfig):
    """Carriers, customers and billing accounts."""

    name = "crossbill.platform.customer"
    label = "customer"
    verbose_name = "Customers"
