"""Registers the context with Django."""

from django.apps import AppConfig


class ProductConfig(AppConfig):
    """Offerings, prices and what customers hold."""

    name = "crossbill.platform.product"
    label = "product"
    verbose_name = "Products"
