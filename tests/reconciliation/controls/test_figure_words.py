"""How people read what a control measured."""

import pytest

from crossbill.replacement.reconciliation.control import figure_words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (1230, "minor USD", "12.30"),
        (-5, "minor USD", "-0.05"),
        (1230, "minor JPY", "1230"),
        (1204, "records", "1,204"),
        (0, "seconds", "0"),
        (None, "minor USD", ""),
    ],
)
def test_amounts_stand_in_the_currency_and_counts_as_they_are(value, unit, words):
    assert figure_words(value, unit) == words
