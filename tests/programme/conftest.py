"""The small change-over that the tests of the programme share."""

from datetime import date

import pytest

# Models are imported where they are used: this file is read before Django is set up.


@pytest.fixture
def replacement(db):
    """The change-over with its programme."""
    from small_programme import build

    return build()


@pytest.fixture
def facts(replacement):
    """What its report of the second quarter states on the quarter's last day."""
    from crossbill.replacement.programme.quarter import Quarter
    from crossbill.replacement.programme.queries import quarterly_facts

    return quarterly_facts(
        replacement_id=replacement.pk,
        quarter=Quarter.parse("2024Q2"),
        as_of_date=date(2024, 6, 30),
    )
