"""What accounts of the old system agreed upon: drawn apart, so that all else stays as it was."""

from random import Random

from .records import Account

ONE_IN_FOUR = 4
WITH_TAXES = {"MBL": "MBA"}  # the same service at a price that contains its taxes


def agree(account: Account, rng: Random) -> None:
    """Give one of four who could have it the price that contains its taxes."""
    for service in account.services:
        if service.tariff in WITH_TAXES and not rng.randrange(ONE_IN_FOUR):
            service.tariff = WITH_TAXES[service.tariff]
