"""Identities are the same everywhere and for ever, and never shared by different parts."""

from hypothesis import given
from hypothesis import strategies as st

from crossbill.core.ids import identity, joined

PARTS = st.lists(st.text(max_size=6), min_size=1, max_size=4)


def test_an_identity_of_today_is_one_of_tomorrow():
    assert str(identity("bill", "A", "2024-05-01")) == "98c7557c-5798-8ede-9898-8a8eca467d48"


@given(PARTS)
def test_it_is_a_uuid_of_version_8(parts):
    made = identity(*parts)
    assert made.version == 8
    assert made.variant == "specified in RFC 4122"


@given(PARTS, PARTS)
def test_different_parts_never_join_to_the_same_text(one, other):
    assert (joined(*one) == joined(*other)) == (one == other)
