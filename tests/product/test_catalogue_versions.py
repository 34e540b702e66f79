"""PostgreSQL itself keeps versions of catalogues: only how far one has come may change."""

import hashlib

import pytest
from django.db import IntegrityError, connection, transaction
from product.shop import JANUARY, MARCH, TEXT, carrier, draft, person, published

from crossbill.platform.product.catalogue_operations import retire, take_over
from crossbill.platform.product.models import CatalogueVersion

pytestmark = pytest.mark.django_db

OTHER_TEXT = TEXT + "# another\n"
OTHER_HASH = hashlib.sha256(OTHER_TEXT.encode()).hexdigest()
PUBLISHING = "status = 'published', published_at = now(), published_by_id = "
BOB, ANN = "(SELECT id FROM auth_user WHERE username = 'bob')", "drafted_by_id"

# What is set on a row in each state, and what PostgreSQL says to it.
REFUSED_OF_ANY = {
    "text": (f"content = '{OTHER_TEXT[:20]}', sha256 = 'x'", "stays as it was loaded"),
    "number": ("number = 7", "stays as it was loaded"),
    "name": ("name = 'fixed'", "stays as it was loaded"),
    "day": ("valid_from = '2026-01-02'", "stays as it was loaded"),
    "hash": (f"sha256 = '{'0' * 64}'", "stays as it was loaded"),
    "effect": ("effect = '{}'", "stays as it was loaded"),
    "who loaded it": (f"drafted_by_id = {BOB}", "stays as it was loaded"),
    "when it was loaded": ("drafted_at = now() + interval '1 day'", "stays as it was loaded"),
    "identity": ("id = id + 1000", "stays as it was loaded"),
    "nothing at all": ("number = number", "cannot go from"),
}
REFUSED_OF_A_DRAFT = {
    "by the same person": (PUBLISHING + ANN, "catalogue_two_people"),
    "by nobody": ("status = 'published', published_at = now()", "catalogue_two_people_or_nobody"),
    "at no time": (f"status = 'published', published_by_id = {BOB}", "catalogue_status_fits"),
    "with another text": (
        f"{PUBLISHING}{BOB}, content = '{OTHER_TEXT[:9]}'", "stays as it was loaded",
    ),
    "from another day": (f"{PUBLISHING}{BOB}, valid_from = '2020-01-01'", "stays as it was"),
    "retired at once": (
        f"status = 'retired', published_at = now(), retired_at = now(), published_by_id = {BOB}",
        "cannot go from draft to retired",
    ),
    "an unknown state": ("status = 'live'", "cannot go from draft to live"),
}  # fmt: skip
REFUSED_OF_A_PUBLISHED = {
    "back to draft": (
        "status = 'draft', published_at = NULL, published_by_id = NULL",
        "cannot go from published to draft",
    ),
    "published again": ("published_at = now() + interval '1 day'", "cannot go from published"),
    "by another person": (
        "status = 'retired', retired_at = now(),"
        " published_by_id = (SELECT id FROM auth_user WHERE username = 'eve')",
        "who published version 1",
    ),
    "at another time": (
        "status = 'retired', retired_at = now(), published_at = now() + interval '1 day'",
        "who published version 1",
    ),
    "retired at no time": ("status = 'retired'", "catalogue_status_fits"),
}
REFUSED_OF_A_RETIRED = {
    "back to published": ("status = 'published', retired_at = NULL", "cannot go from retired"),
    "back to draft": (
        "status = 'draft', published_at = NULL, published_by_id = NULL, retired_at = NULL",
        "cannot go from retired to draft",
    ),
    "retired again": ("retired_at = now() + interval '1 day'", "cannot go from retired"),
}


def a_draft() -> CatalogueVersion:
    person("bob", "approver")
    person("eve", "approver")
    return draft(carrier())


def a_published() -> CatalogueVersion:
    person("eve", "approver")
    return published(carrier())


def a_retired() -> CatalogueVersion:
    version = a_published()
    return retire(version_id=version.id, user=person("bob"))


MADE = {"draft": a_draft, "published": a_published, "retired": a_retired}
CASES = [
    pytest.param(state, *case, id=f"{state}: {name}")
    for state, more in (
        ("draft", REFUSED_OF_A_DRAFT),
        ("published", REFUSED_OF_A_PUBLISHED),
        ("retired", REFUSED_OF_A_RETIRED),
    )
    for name, case in (REFUSED_OF_ANY | more).items()
]


def execute(statement: str) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


@pytest.mark.parametrize(("state", "change", "says"), CASES)
def test_change_is_refused(state, change, says):
    version = MADE[state]()
    before = CatalogueVersion.objects.values().get(id=version.id)
    with pytest.raises(IntegrityError, match=says):
        execute(f"UPDATE product_catalogueversion SET {change}")
    assert CatalogueVersion.objects.values().get(id=version.id) == before


def test_draft_is_published_by_another_person_and_retired():
    a_draft()
    assert execute(f"UPDATE product_catalogueversion SET {PUBLISHING}{BOB}") == 1
    change = "status = 'retired', retired_at = now()"
    assert execute(f"UPDATE product_catalogueversion SET {change}") == 1
    assert CatalogueVersion.objects.get().status == "retired"


def test_what_nobody_loaded_is_published_by_nobody():
    take_over(carrier_id=carrier().id, text=TEXT, file="catalogue.yaml")
    person("bob", "approver")
    CatalogueVersion.objects.create(
        carrier=CatalogueVersion.objects.get().carrier, name="more", number=1, valid_from=MARCH,
        content=OTHER_TEXT, sha256=hashlib.sha256(OTHER_TEXT.encode()).hexdigest(),
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="catalogue_two_people_or_nobody"):
        execute(f"UPDATE product_catalogueversion SET {PUBLISHING}{BOB} WHERE name = 'more'")


@pytest.mark.parametrize("state", ["published", "retired"])
def test_what_was_published_is_not_deleted(state):
    MADE[state]()
    with pytest.raises(IntegrityError, match=f"is {state}: it is kept"):
        execute("DELETE FROM product_catalogueversion")
    assert CatalogueVersion.objects.count() == 1


def test_draft_may_be_thrown_away():
    a_draft()
    assert execute("DELETE FROM product_catalogueversion") == 1


@pytest.mark.parametrize("state", MADE)
def test_table_is_not_emptied(state):
    MADE[state]()
    connection.check_constraints()  # TRUNCATE is refused anyhow while foreign keys are unchecked
    with pytest.raises(IntegrityError, match="is immutable: TRUNCATE refused"):
        execute("TRUNCATE product_catalogueversion CASCADE")


WRONG_FROM_THE_START = {
    "published": ({"status": "published"}, "begins as a draft, not published"),
    "published by somebody": ({"published": True}, "catalogue_status_fits"),
    "number 0": ({"number": 0}, "catalogue_number_from_one"),
    "number twice": ({"number": 1}, "catalogue_number_once"),
    "other hash": ({"sha256": OTHER_HASH}, "catalogue_text_has_its_hash"),
    "no text": (
        {"content": "", "sha256": hashlib.sha256(b"").hexdigest()}, "catalogue_text_is_not_huge"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "says"), WRONG_FROM_THE_START.values(), ids=WRONG_FROM_THE_START)
def test_row_that_makes_no_sense_is_refused(facts, says):
    first = a_draft()
    given = dict(facts)
    if given.pop("published", False):
        given["published_by"] = person("bob")
    row = {
        "carrier": first.carrier, "name": first.name, "number": 2, "valid_from": MARCH,
        "content": first.content, "sha256": first.sha256, "drafted_by": first.drafted_by,
    } | given  # fmt: skip
    with pytest.raises(IntegrityError, match=says), transaction.atomic():
        CatalogueVersion.objects.create(**row)


def test_text_of_more_than_16_megabytes_is_refused():
    first = a_draft()
    content = "#" * (16 * 1024 * 1024 + 1)
    with (
        pytest.raises(IntegrityError, match="catalogue_text_is_not_huge"),
        transaction.atomic(),
    ):
        CatalogueVersion.objects.create(
            carrier=first.carrier, name="huge", number=1, valid_from=JANUARY, content=content,
            sha256=hashlib.sha256(content.encode()).hexdigest(), drafted_by=first.drafted_by,
        )  # fmt: skip
