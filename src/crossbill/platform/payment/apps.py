"""Registers the context with Django."""

from django.apps import AppConfig


class PaymentConfig(AppConfig):
    """How accounts pay: methods, mandates, and how far they are dunned."""

    name = "crossbill.platform.payment"
    label = "payment"
    verbose_name = "Payment"
