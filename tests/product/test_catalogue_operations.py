"""Loading, publishing and retiring versions of catalogues, and which one a day is billed by."""

from datetime import date
from functools import reduce

import pytest
from product.shop import JANUARY, MARCH, MAY, POLICY, TEXT, books, carrier, draft, person, published

from crossbill.core.refusal import Refusal
from crossbill.platform.billing.catalogue_effect import catalogue_effect
from crossbill.platform.billing.compute import read_policy
from crossbill.platform.customer.models import Carrier
from crossbill.platform.product import catalogue_operations, catalogue_queries
from crossbill.platform.product.catalogue_file import parse_product_catalogue
from crossbill.platform.product.models import CatalogueVersion
from crossbill.platform.product.queries import offering_names

pytestmark = pytest.mark.django_db

DEARER = TEXT.replace('"21.90"', '"22.90"')
OFFERINGS = ("alpina-s", "alpina-m", "roaming-pack", "phone-instalment", "family")
TWIN = TEXT.replace("name: mobile", "name: fixed")
FIXED = reduce(lambda text, code: text.replace(code, f"fixed-{code}"), OFFERINGS, TWIN)


@pytest.fixture
def owner() -> Carrier:
    return carrier()


def refused(act, **given) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act(**given)
    return caught.value


# Loading


def test_numbers_run_by_carrier_and_name(owner):
    other = Carrier.objects.create(code="other", name="Other")
    made = [draft(owner), draft(owner, DEARER), draft(owner, FIXED), draft(other)]
    assert [(v.name, v.number) for v in made] == [
        ("mobile", 1), ("mobile", 2), ("fixed", 1), ("mobile", 1),
    ]  # fmt: skip


def test_draft_keeps_the_text_as_it_is(owner):
    version = CatalogueVersion.objects.get(id=draft(owner, "# Grüezi\n" + TEXT).id)
    assert version.content.startswith("# Grüezi\n")
    assert (version.status, version.published_by, version.effect) == ("draft", None, None)
    assert catalogue_queries.catalogue_of(version).spec.name == "mobile"


def test_text_that_is_not_sound_is_refused_with_its_line(owner):
    wrong = refused(draft, owner=owner, text=TEXT.replace("kind: plan", "kind: plam", 1))
    assert (wrong.code, wrong.line) == ("BAD_PRODUCT_CATALOGUE", 14)
    assert not CatalogueVersion.objects.exists()


def test_text_of_more_than_16_megabytes_is_refused(owner):
    wrong = refused(draft, owner=owner, text="#" * (16 * 1024 * 1024 + 1))
    assert wrong.code == "CATALOGUE_TOO_LARGE"


def test_same_text_from_the_same_day_is_refused(owner):
    draft(owner)
    wrong = refused(draft, owner=owner, text=TEXT)
    assert wrong.code == "CATALOGUE_UNCHANGED"
    assert draft(owner, valid_from=MAY).number == 2


def test_same_text_comes_back_after_it_was_retired(owner):
    first = published(owner)
    catalogue_operations.retire(version_id=first.id, user=person("bob"))
    assert published(owner).number == 2


def test_only_an_operator_loads(owner):
    wrong = refused(
        catalogue_operations.load_draft,
        carrier_id=owner.id, text=TEXT, user=person("eve", "viewer"), valid_from=MARCH,
    )  # fmt: skip
    assert wrong.code == "CANNOT_DRAFT"


# Publishing and retiring


def test_second_person_publishes(owner):
    version = CatalogueVersion.objects.get(id=published(owner).id)
    assert version.status == "published"
    assert version.published_by.username == "bob"
    assert version.published_at >= version.drafted_at


def test_catalogue_is_taken_over_by_nobody_from_the_first_day_that_it_states(owner):
    catalogue_operations.take_over(carrier_id=owner.id, text=TEXT, file="catalogue.yaml")
    version = CatalogueVersion.objects.get()
    assert (version.status, version.number) == ("published", 1)
    assert (version.drafted_by, version.published_by) == (None, None)
    assert catalogue_queries.in_force(owner.id, version.valid_from) == {version.id}
    assert version.valid_from == date(2018, 1, 1)
    assert len(offering_names(owner.id)) == 5
    assert published(owner, DEARER, valid_from=MAY).number == 2


def test_what_is_published_can_be_ordered(owner):
    draft(owner)
    assert offering_names(owner.id) == {}
    published(owner, TEXT.replace('"Mobile M, 24 months"', '"Mobile M"'), valid_from=MAY)
    assert len(offering_names(owner.id)) == 5
    published(owner, TEXT.replace("code: family", "code: friends"), valid_from=date(2026, 6, 1))
    names = offering_names(owner.id)
    assert (len(names), names["alpina-m"]) == (6, "Mobile M")  # as it was known first


@pytest.mark.parametrize(
    ("name", "roles", "says"),
    [
        ("ann", ("approver",), "ann loaded version 1 of mobile"),
        ("eve", ("operator",), "eve may not publish catalogues"),
        ("eve", (), "eve may not publish catalogues"),
    ],
    ids=["the same person", "an operator", "somebody"],
)
def test_others_do_not_publish(owner, name, roles, says):
    version = draft(owner)
    wrong = refused(catalogue_operations.publish, version_id=version.id, user=person(name, *roles))
    assert (wrong.code, says in wrong.what) == ("CANNOT_PUBLISH", True)


def test_disabled_person_does_not_publish(owner):
    version, user = draft(owner), person("eve", "approver")
    user.is_active = False
    user.save()
    wrong = refused(catalogue_operations.publish, version_id=version.id, user=user)
    assert wrong.code == "CANNOT_PUBLISH"


def test_nothing_is_published_twice(owner):
    version = published(owner)
    wrong = refused(catalogue_operations.publish, version_id=version.id, user=person("bob"))
    assert wrong.what == "Version 1 of mobile is published already"


@pytest.mark.parametrize(
    ("first", "second"), [(MARCH, MAY), (MAY, MAY)], ids=["a later day", "the same day"]
)
def test_draft_that_would_never_be_billed_by_is_refused(owner, first, second):
    early = draft(owner, valid_from=first)
    published(owner, DEARER, valid_from=second)
    wrong = refused(catalogue_operations.publish, version_id=early.id, user=person("bob"))
    assert wrong.code == "CANNOT_PUBLISH"
    assert (wrong.field, wrong.value) == ("valid_from", str(first))
    assert "version 2 is published already" in wrong.what


def test_it_is_published_when_what_is_in_its_way_is_retired(owner):
    early, late = draft(owner), published(owner, DEARER, valid_from=MAY)
    catalogue_operations.retire(version_id=late.id, user=person("bob"))
    catalogue_operations.publish(version_id=early.id, user=person("bob"))
    assert catalogue_queries.published_on(owner.id, "mobile", MAY) == early


def test_catalogue_of_another_name_is_in_nobodys_way(owner):
    published(owner, FIXED, valid_from=MAY)
    assert published(owner, valid_from=JANUARY).status == "published"


@pytest.mark.parametrize("before", [JANUARY, MAY], ids=["billed by on that day", "later"])
def test_an_offering_of_another_catalogue_is_refused_with_its_line(owner, before):
    published(owner, valid_from=before)
    twin = draft(owner, TWIN.replace("alpina-s", "fixed-s"), valid_from=MARCH)
    wrong = refused(catalogue_operations.publish, version_id=twin.id, user=person("bob"))
    place = (wrong.code, wrong.line, wrong.field, wrong.value)
    assert place == ("CANNOT_PUBLISH", 23, "offerings.1.code", "alpina-m")
    assert "Version 1 of mobile declares the offering too" in str(wrong)


def test_it_may_move_to_another_catalogue(owner):
    """What was billed by until then no longer is when the next version begins without it."""
    published(owner, valid_from=JANUARY)
    published(owner, FIXED.replace("name: fixed", "name: mobile"), valid_from=MARCH)
    assert published(owner, TWIN, valid_from=MARCH).status == "published"


@pytest.mark.parametrize("make", [draft, published], ids=["a draft", "a retired one"])
def test_only_what_is_published_is_retired(owner, make):
    version, bob = make(owner), person("bob", "approver")
    if make is published:
        catalogue_operations.retire(version_id=version.id, user=bob)
    wrong = refused(catalogue_operations.retire, version_id=version.id, user=bob)
    assert wrong.code == "CANNOT_RETIRE"


# Which one a day is billed by


def test_last_version_that_has_begun_holds(owner):
    published(owner, valid_from=JANUARY)
    published(owner, DEARER, valid_from=MARCH)
    published(owner, TEXT + "# mended\n", valid_from=MARCH)
    draft(owner, TEXT + "# draft\n", valid_from=MARCH)
    days = [date(2025, 12, 31), JANUARY, date(2026, 2, 28), MARCH, MAY]
    found = [catalogue_queries.published_on(owner.id, "mobile", day) for day in days]
    assert [version and version.number for version in found] == [None, 1, 1, 3, 3]
    held = [catalogue_queries.in_force(owner.id, day) for day in days]
    assert held == [{version.id} if version else set() for version in found]


def test_each_catalogue_has_its_own_version_in_force(owner):
    both = {published(owner).id, published(owner, FIXED).id}
    assert catalogue_queries.in_force(owner.id, MARCH) == both


def test_version_is_compared_with_what_was_in_force(owner):
    first = published(owner, valid_from=JANUARY)
    forgotten = draft(owner, DEARER, valid_from=MARCH)
    third = draft(owner, TEXT + "# third\n", valid_from=MARCH)
    assert catalogue_queries.version_before(third) == first
    assert catalogue_queries.version_before(forgotten) == first
    assert catalogue_queries.version_before(first) is None


def test_draft_is_compared_with_the_draft_before_where_nothing_was_published(owner):
    first, second = draft(owner), draft(owner, DEARER)
    assert catalogue_queries.version_before(second) == first


def test_versions_come_newest_first(owner):
    for text in (TEXT, DEARER, FIXED):
        draft(owner, text)
    found = catalogue_queries.versions(owner.id)
    assert [str(version) for version in found] == ["fixed 1", "mobile 2", "mobile 1"]


def test_version_that_is_not_there_is_refused(owner):
    wrong = refused(catalogue_queries.version_named, carrier_id=owner.id, name="mobile", number=1)
    assert wrong.code == "NO_SUCH_CATALOGUE_VERSION"


# The effect on the bills


def effect(owner: Carrier, text: str, day: date = MARCH):
    return catalogue_effect(
        carrier_id=owner.id,
        draft=parse_product_catalogue(text, name="draft"),
        valid_from=day,
        policy=read_policy(POLICY),
        period="2026-03",
    )


def test_effect_compares_with_the_books(owner):
    """19.90 and 39.00 plus 19.90 become 21.90 and 60.90, all with 8.1 %; the catalogue does not
    know the old plan, which costs what the books say.
    """
    books(owner)
    found = effect(owner, TEXT)
    assert found.effect.totals == [
        {"currency": "CHF", "bills": 3, "unchanged": 1, "dearer": 2, "cheaper": 0,
         "before": "112.21", "after": "116.53", "difference": "4.32"}
    ]  # fmt: skip
    assert found.effect.unresolved == (0, 0)
    assert found.version is None


def test_effect_tells_what_has_no_price_left(owner):
    """Of what the catalogue declares the books' price does not count."""
    books(owner)
    ended = TEXT.replace('from: 2025-01-01, amount: "39.00"', 'from: 2026-04-01, amount: "39.00"')
    assert effect(owner, ended).effect.unresolved == (0, 1)


def test_effect_compares_with_the_published_version(owner):
    """Two of four products cost a franc more, and 8.1 cents of tax."""
    books(owner)
    published(owner, valid_from=JANUARY)
    found = effect(owner, DEARER)
    assert [(row["account_key"], row["difference"]) for row in found.effect.largest] == [
        ("A1", "1.08"), ("A2", "1.08"),
    ]  # fmt: skip
    assert found.document()["compared_with"] == 1
    assert found.document()["unresolved"] == {"before": 0, "after": 0}


def test_effect_of_a_list_is_on_its_customers_only(owner):
    """The segment comes from the books' customers; a list for nobody changes no bill."""
    books(owner)
    published(owner, valid_from=JANUARY)
    monthly = "      - price: monthly\n"
    version = '        versions: [{version: l, from: 2025-01-01, amount: "11.90"}]\n'
    for segment, changed in (("RC", 2), ("nobody", 0)):
        listed = f"{monthly}        segment: {segment}\n{version}"
        (total,) = effect(owner, TEXT.replace(monthly, listed + monthly, 1)).effect.totals
        assert (total["cheaper"], total["dearer"]) == (changed, 0), segment


def test_published_version_that_begins_later_is_not_compared_with(owner):
    books(owner)
    published(owner, valid_from=MAY)
    assert effect(owner, DEARER).version is None


def test_same_catalogue_changes_no_bill(owner):
    books(owner)
    published(owner, valid_from=JANUARY)
    (total,) = effect(owner, TEXT).effect.totals
    assert (total["bills"], total["unchanged"], total["difference"]) == (3, 3, "0.00")


def test_carrier_without_customers_has_no_effect(owner):
    assert effect(owner, TEXT).document()["totals"] == []
