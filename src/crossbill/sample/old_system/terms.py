"""How the bills of an account go out, and its credit class. None of it changes a bill."""

from random import Random

from .records import Terms

MEDIA, LANGUAGES, CLASSES = "PPPW", ("EN", "EN", "EN", "EN", "ES"), "AAAAABBC "


def make_terms(rng: Random) -> Terms:
    """Most bills are on paper and in English, most customers pay well."""
    return Terms(rng.choice(MEDIA), rng.choice(LANGUAGES), rng.choice(CLASSES))
