"""Changes in the books: what ends and begins, who may, and what PostgreSQL refuses."""

from datetime import date
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from product.shop import books, carrier, change_product, person, planned_change

from crossbill.core.refusal import Refusal
from crossbill.platform.customer.models import Carrier
from crossbill.platform.customer.queries import account_named
from crossbill.platform.product import change_queries, identifier_operations
from crossbill.platform.product.changes import Kind, Wanted
from crossbill.platform.product.models import Product, ProductChange, ServiceIdentifier

pytestmark = pytest.mark.django_db

TODAY, DAY, LATER = date(2026, 3, 10), date(2026, 3, 15), date(2026, 3, 20)
START = date(2021, 1, 1)
NUMBER = "+41791234567"


@pytest.fixture
def owner() -> Carrier:
    made = carrier()
    books(made)
    person("ann", "operator")
    return made


def change(owner, key, kind, value=None, day=DAY, **more) -> ProductChange:
    return change_product(
        carrier_id=owner.id,
        product_key=key,
        wanted=Wanted(kind, day, value),
        **({"user": person("ann"), "today": TODAY} | more),
    )


def refused(owner, *given, **more) -> str:
    before = [*Product.objects.values_list("id", "end_date"), ProductChange.objects.count()]
    with pytest.raises(Refusal) as caught:
        change(owner, *given, **more)
    after = [*Product.objects.values_list("id", "end_date"), ProductChange.objects.count()]
    assert before == after
    return caught.value.code


def product(key: str) -> Product:
    return Product.objects.select_related("offering", "account").get(product_key=key)


def days(key: str) -> tuple:
    found = product(key)
    return found.start_date, found.end_date


# What a change does


def test_upgrade_ends_one_product_and_begins_another(owner):
    made = change(owner, "A1-0", Kind.OFFERING, "alpina-m", reason="asked by phone")
    new = product("A1-0-2")
    assert made.resulting_product == new
    assert (days("A1-0"), days("A1-0-2")) == ((START, DAY), (DAY, None))
    assert (new.offering.code, new.quantity, new.account.account_key) == ("alpina-m", 1, "A1")
    assert (made.before["offering_code"], made.after["offering_code"]) == ("alpina-s", "alpina-m")
    assert (made.made_by.username, made.reason) == ("ann", "asked by phone")
    assert product("A1-0").offering.code == "alpina-s"


def test_new_product_has_its_own_key_however_many_there_are(owner):
    Product.objects.create(
        id=UUID(int=9), carrier=owner, product_key="A1-0-2", account=product("A1-0").account,
        offering=product("A1-0").offering, quantity=1, start_date=START,
    )  # fmt: skip
    change(owner, "A1-0", Kind.QUANTITY, 2)
    change(owner, "A1-0-3", Kind.QUANTITY, 3, LATER)
    assert product("A1-0-4").quantity == 3


def test_longest_key_is_shortened(owner):
    long = "K" * 60
    Product.objects.create(
        id=UUID(int=9), carrier=owner, product_key=long, account=product("A1-0").account,
        offering=product("A1-0").offering, quantity=1, start_date=START,
    )  # fmt: skip
    assert change(owner, long, Kind.QUANTITY, 2).resulting_product.product_key == "K" * 58 + "-2"


def test_upgrade_taken_back_on_its_day_leaves_one_product(owner):
    change(owner, "A1-0", Kind.PRICE, 15_000_000_000, START)
    change(owner, "A1-0-2", Kind.OFFERING, "alpina-m")
    back = change(owner, "A1-0-3", Kind.OFFERING, "alpina-s")
    assert back.resulting_product.product_key == "A1-0-2"
    assert back.resulting_product.price_override_nanos == 15_000_000_000
    assert (days("A1-0-2"), days("A1-0-3")) == ((START, None), (DAY, DAY))
    change(owner, "A1-0-2", Kind.QUANTITY, 2)
    assert days("A1-0-4") == (DAY, None)


def test_start_day_can_be_changed_again_and_again(owner):
    change(owner, "A1-0", Kind.QUANTITY, 2, START)
    change(owner, "A1-0-2", Kind.QUANTITY, 1, START)
    assert (days("A1-0"), days("A1-0-2")) == ((START, None), (START, START))
    change(owner, "A1-0", Kind.QUANTITY, 2, START)
    assert (days("A1-0"), days("A1-0-3")) == ((START, START), (START, None))


def test_suspended_product_is_resumed_as_another_one(owner):
    assert change(owner, "A1-0", Kind.SUSPEND).resulting_product is None
    made = change(owner, "A1-0", Kind.RESUME, day=LATER)
    assert made.resulting_product.product_key == "A1-0-2"
    assert (days("A1-0"), days("A1-0-2")) == ((START, DAY), (LATER, None))
    assert refused(owner, "A1-0", Kind.RESUME, None, LATER) == "CHANGE_MADE_ALREADY"
    assert refused(owner, "A1-0", Kind.SUSPEND) == "PRODUCT_CHANGED_SINCE"


def test_suspended_product_can_be_cancelled_for_good(owner):
    change(owner, "A1-0", Kind.SUSPEND)
    change(owner, "A1-0", Kind.CANCEL, day=LATER)
    assert days("A1-0") == (START, DAY)
    assert refused(owner, "A1-0", Kind.RESUME, None, date(2026, 4, 1)) == "PRODUCT_HAS_ENDED"


def test_planned_end_survives_an_upgrade_and_a_suspension(owner):
    end = date(2026, 12, 31)
    change(owner, "A1-0", Kind.CANCEL, day=end)
    change(owner, "A1-0", Kind.OFFERING, "alpina-m")
    change(owner, "A1-0-2", Kind.SUSPEND, day=LATER)
    change(owner, "A1-0-2", Kind.RESUME, day=date(2026, 4, 1))
    assert days("A1-0-3") == (date(2026, 4, 1), end)


def test_cancellation_is_taken_back_on_its_day(owner):
    change(owner, "A1-0", Kind.CANCEL)
    assert refused(owner, "A1-0", Kind.QUANTITY, 2) == "PRODUCT_HAS_ENDED"
    change(owner, "A1-0", Kind.RESUME)
    assert days("A1-0") == (START, None)


def test_move_lets_another_account_pay(owner):
    change(owner, "A1-0", Kind.MOVE, "A2")
    assert product("A1-0-2").account.account_key == "A2"
    moved = [row["what"] for row in change_queries.timeline(product("A1-0-2").account)]
    assert moved[-1] == "move"


def test_same_change_twice_is_refused(owner):
    change(owner, "A1-0", Kind.QUANTITY, 3)
    assert refused(owner, "A1-0", Kind.QUANTITY, 3) == "CHANGE_MADE_ALREADY"
    assert refused(owner, "A1-0-2", Kind.QUANTITY, 3) == "CHANGE_OF_NOTHING"


# Contracts


def bound(owner) -> None:
    """Let the first product have a contract, as if it had been ordered with one."""
    Product.objects.filter(product_key="A1-0").update(contract_end_date=ENDS)


def borne() -> dict[str, date]:
    found = Product.objects.filter(contract_end_date__isnull=False, product_key__startswith="A1-")
    return dict(found.values_list("product_key", "contract_end_date"))


ENDS = date(2027, 1, 1)
AFTER = {
    "upgrade": ([("A1-0", Kind.OFFERING, "alpina-m", DAY)], "A1-0-2"),
    "upgrade taken back": (
        [("A1-0", Kind.OFFERING, "alpina-m", DAY), ("A1-0-2", Kind.OFFERING, "alpina-s", DAY)],
        "A1-0",
    ),
    "upgrade and cancellation on one day": (
        [("A1-0", Kind.OFFERING, "alpina-m", DAY), ("A1-0-2", Kind.CANCEL, None, DAY)], "A1-0",
    ),
    "two changes and a cancellation on one day": (
        [
            ("A1-0", Kind.OFFERING, "alpina-m", DAY), ("A1-0-2", Kind.QUANTITY, 2, DAY),
            ("A1-0-3", Kind.CANCEL, None, DAY),
        ],
        "A1-0",
    ),
    "suspension": ([("A1-0", Kind.SUSPEND, None, DAY)], None),
    "suspension and cancellation": (
        [("A1-0", Kind.SUSPEND, None, DAY), ("A1-0", Kind.CANCEL, None, LATER)], "A1-0",
    ),
    "suspension and resumption": (
        [("A1-0", Kind.SUSPEND, None, DAY), ("A1-0", Kind.RESUME, None, LATER)], "A1-0-2",
    ),
    "resumed and cancelled on one day": (
        [
            ("A1-0", Kind.SUSPEND, None, DAY), ("A1-0", Kind.RESUME, None, LATER),
            ("A1-0-2", Kind.CANCEL, None, LATER),
        ],
        "A1-0",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("deeds", "bearer"), AFTER.values(), ids=AFTER)
def test_one_product_of_days_bears_the_contract(owner, deeds, bearer):
    bound(owner)
    for deed in deeds:
        change(owner, *deed)
    lasting = {key: ends for key, ends in borne().items() if days(key)[0] != days(key)[1]}
    assert lasting == ({bearer: ENDS} if bearer else {})


def test_cancellation_taken_back_frees_what_was_before(owner):
    bound(owner)
    change(owner, "A1-0", Kind.OFFERING, "alpina-m")
    change(owner, "A1-0-2", Kind.CANCEL)
    change(owner, "A1-0-2", Kind.RESUME)
    assert borne() == {"A1-0-2": ENDS}


# Who may, and what


def test_only_an_operator_changes(owner):
    assert refused(owner, "A1-0", Kind.CANCEL, user=person("eve", "viewer")) == "CANNOT_CHANGE"
    left = person("ann")
    left.is_active = False
    assert refused(owner, "A1-0", Kind.CANCEL, user=left) == "CANNOT_CHANGE"


def test_products_of_other_carriers_are_not_there(owner):
    other = Carrier.objects.create(code="other", name="Other")
    assert refused(other, "A1-0", Kind.CANCEL) == "NO_SUCH_PRODUCT"
    assert refused(owner, "A9-0", Kind.CANCEL) == "NO_SUCH_PRODUCT"
    with pytest.raises(Refusal, match="NO_SUCH_ACCOUNT"):
        account_named(other.id, "A1")


def test_too_long_a_reason_is_refused(owner):
    assert refused(owner, "A1-0", Kind.CANCEL, reason="x" * 501) == "REASON_TOO_LONG"


def test_change_other_than_the_one_that_was_shown_is_refused(owner):
    wanted = Wanted(Kind.QUANTITY, DAY, 3)
    shown = planned_change(product("A1-0"), wanted, TODAY)
    change(owner, "A1-0", Kind.CANCEL, day=date(2026, 12, 31))
    assert refused(owner, "A1-0", Kind.QUANTITY, 3, shown=shown) == "CHANGED_MEANWHILE"


# What PostgreSQL refuses


def refused_by_postgresql(sql: str, *given: object) -> str:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        connection.cursor().execute(sql, given)
    return str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE product_productchange SET reason = 'other'",
        "DELETE FROM product_productchange",
        "TRUNCATE product_productchange",
    ],
)
def test_changes_are_never_changed(owner, sql):
    change(owner, "A1-0", Kind.CANCEL)
    connection.check_constraints()
    assert "is immutable" in refused_by_postgresql(sql)


@pytest.mark.parametrize(
    "new", ["quantity = 2", "start_date = '2020-01-01'", "price_override_nanos = 1", "account_id = "
            "'00000000-0000-0000-0000-000000000002'", "product_key = 'X'"],
)  # fmt: skip
def test_of_a_product_only_the_end_changes(owner, new):
    sql = f"UPDATE product_product SET {new} WHERE product_key = 'A1-0'"
    assert "only end_date changes" in refused_by_postgresql(sql)


def test_contract_never_becomes_another_day(owner):
    sql = "UPDATE product_product SET contract_end_date = %s WHERE product_key = 'A1-0'"
    connection.cursor().execute(sql, [LATER])
    assert "whether a contract is borne" in refused_by_postgresql(sql, DAY)
    connection.cursor().execute(sql, [None])


@pytest.mark.parametrize(("kind", "result"), [("upgrade", None), ("cancel", UUID(int=100))])
def test_change_of_an_impossible_form_is_refused(owner, kind, result):
    said = refused_by_postgresql(
        "INSERT INTO product_productchange (carrier_id, product_id, kind, effective_date, made_at,"
        " made_by_id, reason, resulting_product_id) VALUES (%s, %s, %s, %s, now(), %s, '', %s)",
        owner.id, UUID(int=100), kind, DAY, person("ann").pk, result,
    )  # fmt: skip
    assert "change_" in said


# What services are reached by


def assign(owner, key="A1-0", valid_from=START, valid_to=None, user=None) -> ServiceIdentifier:
    return identifier_operations.assign_identifier(
        carrier_id=owner.id, identifier=NUMBER, product_key=key, user=user or person("ann"),
        valid_from=valid_from, valid_to=valid_to,
    )  # fmt: skip


def release(owner, key="A1-0", on=DAY, user=None) -> ServiceIdentifier:
    return identifier_operations.release_identifier(
        carrier_id=owner.id, identifier=NUMBER, product_key=key, user=user or person("ann"), on=on
    )


def holders() -> list[tuple]:
    found = ServiceIdentifier.objects.exclude(valid_to=START).order_by("valid_from", "id")
    return [(each.product.product_key, each.valid_from, each.valid_to) for each in found]


def test_identifier_is_released_and_assigned_to_the_next(owner):
    assign(owner)
    with pytest.raises(Refusal, match="IDENTIFIER_TAKEN"):
        assign(owner, "A2-0", DAY)
    release(owner)
    assign(owner, "A2-0", DAY)
    assert holders() == [("A1-0", START, DAY), ("A2-0", DAY, None)]
    with pytest.raises(Refusal, match="IDENTIFIER_NOT_HELD"):
        release(owner, "A1-0", LATER)


def test_only_an_operator_assigns_and_releases(owner):
    eve = person("eve", "viewer")
    with pytest.raises(Refusal, match="CANNOT_CHANGE"):
        assign(owner, user=eve)
    assert holders() == []
    assign(owner)
    with pytest.raises(Refusal, match="CANNOT_CHANGE"):
        release(owner, user=eve)
    assert holders() == [("A1-0", START, None)]


@pytest.mark.parametrize(
    ("valid_from", "valid_to"), [(date(2020, 1, 1), None), (LATER, DAY)], ids=["early", "reversed"]
)
def test_identifier_on_impossible_days_is_refused(owner, valid_from, valid_to):
    with pytest.raises(Refusal, match="IDENTIFIER_NOT_POSSIBLE"):
        assign(owner, valid_from=valid_from, valid_to=valid_to)


OTHERS = "INSERT INTO product_serviceidentifier (carrier_id, identifier, product_id, valid_from,"
OTHERS += " valid_to) VALUES (%s, %s, %s, %s, %s)"


@pytest.mark.parametrize(
    ("valid_from", "valid_to"),
    [(START, None), (LATER, None), (date(2020, 1, 1), date(2021, 1, 2)), (DAY, LATER)],
)
def test_postgresql_refuses_a_second_holder(owner, valid_from, valid_to):
    assign(owner)
    said = refused_by_postgresql(
        OTHERS, owner.id, NUMBER, UUID(int=200), valid_from, valid_to
    )  # fmt: skip
    assert "identifier_has_one_holder" in said


def test_postgresql_keeps_who_held_an_identifier(owner):
    row = assign(owner)
    for sql in (
        "UPDATE product_serviceidentifier SET product_id = '00000000-0000-0000-0000-0000000000c8'",
        "DELETE FROM product_serviceidentifier",
    ):
        refused_by_postgresql(sql)
    row.refresh_from_db()
    assert row.product.product_key == "A1-0"


def test_identifiers_follow_what_is_held(owner):
    assign(owner)
    change(owner, "A1-0", Kind.OFFERING, "alpina-m")
    assert holders() == [("A1-0", START, DAY), ("A1-0-2", DAY, None)]
    change(owner, "A1-0-2", Kind.SUSPEND, day=LATER)
    assert holders()[-1] == ("A1-0-2", DAY, None)
    april = date(2026, 4, 1)
    change(owner, "A1-0-2", Kind.RESUME, day=april)
    assert holders()[-1] == ("A1-0-3", april, None)
    change(owner, "A1-0-3", Kind.CANCEL, day=date(2026, 5, 1))
    assert holders()[-1] == ("A1-0-3", april, date(2026, 5, 1))
    change(owner, "A1-0-3", Kind.RESUME, day=date(2026, 5, 1))
    assert holders()[-1] == ("A1-0-3", april, None)
