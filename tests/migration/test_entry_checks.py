"""Each entry check, on one spoilt record among sound ones: its code, its class, what it names."""

import copy
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pytest
from small_tables import AFTER, DAY, SOUND, prices, rates, tables, unresolved

from crossbill.engine.calculation import columns_of
from crossbill.platform.concession.models import Commitment, Discount, Exemption
from crossbill.platform.customer.models import BillingAccount, Contact, Customer, Payer
from crossbill.platform.ledger.models import Deposit, OpenItem
from crossbill.platform.payment.models import Mandate
from crossbill.platform.product.models import Feature, Product
from crossbill.replacement.migration.checking import checking
from crossbill.replacement.migration.map import REMAINDER
from crossbill.replacement.migration.terms_checks import lost_contacts, with_usual_terms
from crossbill.replacement.migration.transform import languages
from crossbill.replacement.migration.validate import (
    CHECKS,
    HIERARCHY_LEVELS,
    LONGEST,
    READS,
    checks_of,
    with_own_prices,
)

TABLE = Path(__file__).with_name("entry_checks.txt").read_text("utf-8")
CASES = [
    tuple(part.strip() for part in line.split("|"))
    for line in TABLE.splitlines()
    if not line.startswith("#")
]
# Those that need several records; each has a test of its own below.
OTHER_PAYER = {
    "PAYER_IS_PAID_FOR": {"parent_account_key": "A-late-tax"},
    "PAYER_OF_OTHER_CURRENCY": {"currency": "EUR"},
    "PAYER_OF_OTHER_CYCLE": {"bill_cycle_day": 15},
}
CONTACTS = {"MAILED_TO_NOBODY", "CONTACT_SUSPENDED"}
OWN_TEST = {"PARENT_LOOP", "AMOUNT_TOO_LARGE", *OTHER_PAYER, *CONTACTS}


def spoilt(entity: str, column: str, value: str) -> dict[str, list[dict[str, Any]]]:
    """The sound records, the first of a table with another value or with one more beside it."""
    records = copy.deepcopy(SOUND)
    first = records[entity][0]
    if column == "+again":
        records[entity].append(dict(first))
    elif column == "+position":
        records[entity].append(first | {"discount_key": "D2"})
    elif column == "+other":
        first["open_minor"] = 60
        records[entity].append(first | {"open_item_key": "I2", "open_minor": 80})
    else:
        first[column] = _value(column, value)
    return records


def _value(column: str, value: str) -> Any:
    if column.endswith(("_date", "_to")):
        return date.fromisoformat(value)
    if column.endswith("_at"):
        return datetime.fromisoformat(value)
    if column.endswith(("_minor", "_nanos", "_ppm", "_day", "_level")) or column == "quantity":
        return int(value)
    repeated = re.fullmatch(r"(.)\*(\d+)", value)
    return repeated[1] * int(repeated[2]) if repeated else value


def known(entity: str, records):
    """The tables that the checks of one entity look at."""
    found = tables(records) | {"language": languages()}
    kept = [contact for contact in records["contact"] if contact["role"] != "lost"]
    sound = tables(records | {"contact": kept})
    found |= {"contact": sound["contact"]} if entity == "account" else {}
    found["lost_contact"] = lost_contacts(tables(records)["contact"], sound["contact"])
    return found | ({"unresolved": unresolved(found)} if entity == "product" else {})


def given(entity: str, records):
    """All that the checks of one entity look at, and nothing else."""
    found = known(entity, records) | {"offering": prices(), "tax_rate": rates()}
    return {name: found[name] for name in (entity, *READS[entity])}


def check(engine, entity: str, records, parts=("rows", "suspended")):
    """What the entry checks accept and suspend."""
    tables = given(entity, records)
    chain = checking(entity, tuple((name, columns_of(tables[name])) for name in tables))
    found = chain.run(engine, tables)
    return [engine.to_pyarrow(found[name]).to_pylist() for name in parts]


@pytest.mark.parametrize("entity", CHECKS)
def test_sound_records_are_accepted(engine, entity):
    accepted, suspended = check(engine, entity, SOUND)
    assert (len(accepted), suspended) == (len(SOUND[entity]), [])


@pytest.mark.parametrize(("entity", "column", "value", "code", "class_code"), CASES)
def test_spoilt_record_is_suspended(engine, entity, column, value, code, class_code):
    records = spoilt(entity, column, value)
    accepted, suspended = check(engine, entity, records)
    assert {(row["code"], row["class_code"]) for row in suspended} == {(code, class_code)}
    assert len(accepted) + len(suspended) == len(records[entity])
    first = next(row for row in suspended if row["line"] == 2)
    assert (first["file"], first["stage"]) == (f"{entity}.csv", "validate")
    assert first["message"]
    assert first["field"]
    owner = {"service_key": None}.get(column, "A1") if entity == "usage" else None
    assert first["account_key"] == records[entity][0].get("account_key", owner)
    if code in ("VALUE_TOO_LONG", "DATE_ABSURD", "KIND_UNKNOWN", "CURRENCY_DIFFERS"):
        assert (first["field"], first["value"]) == (column, str(records[entity][0][column]))


def test_every_check_has_a_case():
    listed = [check.code for entity in CHECKS for check in checks_of(entity, given(entity, SOUND))]
    assert set(listed) == {case[3] for case in CASES} | OWN_TEST


def test_usage_that_came_before_is_a_duplicate_whatever_it_says_and_wherever_it_stands(engine):
    first = SOUND["usage"][0]
    late = {"received_at": first["received_at"] + timedelta(days=9), "quantity": -5}
    records = SOUND | {"usage": [first | late, first, first | {"usage_key": "R2"}]}
    parts = ("rows", "suspended", "duplicates")
    accepted, suspended, duplicates = (
        sorted(found, key=lambda row: row.get("usage_key", row.get("line")))
        for found in check(engine, "usage", records, parts)
    )
    assert [(row["usage_key"], row["quantity"]) for row in accepted] == [("R1", 61), ("R2", 61)]
    assert suspended == []
    assert [(d["line"], d["code"], d["account_key"]) for d in duplicates] == [
        (2, "DUPLICATE_ROW", None)
    ]


@pytest.mark.parametrize("code", OTHER_PAYER)
def test_who_pays_is_billed_alike_and_pays_in_the_end(engine, code):
    records = copy.deepcopy(SOUND)
    records["account"][1] |= OTHER_PAYER[code]
    if code == "PAYER_IS_PAID_FOR":
        above = {"account_key": "A2", "payer_key": "A-late-tax"}
        records["payer"].append(records["payer"][0] | above)
    accepted, suspended = check(engine, "payer", records)
    assert [(row["code"], row["line"]) for row in suspended] == [(code, 2)]
    assert len(accepted) + 1 == len(records["payer"])


@pytest.mark.parametrize(("until", "later", "whole"), [(AFTER, 0, True), (AFTER, 1, False)])
def test_shares_are_a_whole_on_every_day(engine, until, later, whole):
    """Until May 60 and 40 percent, from then on, or a day later, all of it."""
    rule = SOUND["payer"][0]
    first = [rule | {"share_ppm": part, "valid_to": until} for part in (600_000, 400_000)]
    first[1]["payer_key"] = "A1"
    then = rule | {"valid_from": until + timedelta(days=later)}
    if later:
        first[1]["valid_to"] = then["valid_from"]
    accepted, suspended = check(engine, "payer", SOUND | {"payer": [*first, then]})
    assert {row["code"] for row in suspended} == (set() if whole else {"SHARES_ARE_NO_WHOLE"})
    assert len(accepted) == (3 if whole else 0)


@pytest.mark.parametrize("length", [2, 3, HIERARCHY_LEVELS + 2])
def test_accounts_that_pay_for_each_other_in_a_circle_are_suspended(engine, length):
    keys = [f"L{n}" for n in range(length)]
    circle = [
        SOUND["account"][1] | {"account_key": key, "parent_account_key": keys[n - 1]}
        for n, key in enumerate(keys)
    ]
    accepted, suspended = check(engine, "account", SOUND | {"account": SOUND["account"] + circle})
    assert {row["code"] for row in suspended} == {"PARENT_LOOP"}
    assert {row["record_key"] for row in suspended} == set(keys)
    assert len(accepted) == len(SOUND["account"])


def test_hierarchy_of_some_levels_is_accepted(engine):
    chain = [
        SOUND["account"][1] | {"account_key": f"L{n}", "parent_account_key": f"L{n - 1}"}
        for n in range(1, HIERARCHY_LEVELS)
    ]
    top = SOUND["account"][1] | {"account_key": "L0"}
    records = SOUND | {"account": [*SOUND["account"], top, *chain]}
    assert check(engine, "account", records)[1] == []


def test_price_times_quantity_beyond_a_billion_is_suspended(engine):
    product = SOUND["product"][0] | {"quantity": 90_000, "price_override_nanos": 10**14}
    _, suspended = check(engine, "product", SOUND | {"product": [product]})
    assert [row["code"] for row in suspended] == ["AMOUNT_TOO_LARGE"]


def test_own_price_that_no_integer_holds_becomes_one_that_is_refused(engine):
    carrier = SOUND["product"][0] | {REMAINDER: -(2**63) + 1}
    others = SOUND["product"][0] | {"product_key": "P2", "quantity": 2**62}
    product = tables({"product": [carrier, others]})["product"]
    owned = with_own_prices(product, prices(), ibis.literal(DAY)).order_by("product_key")
    assert engine.to_pyarrow(owned)["price_override_nanos"].to_pylist() == [-1, None]


@pytest.mark.parametrize(
    ("medium", "contact", "code"),
    [
        ("email", {}, None),
        ("email", {"email": None}, "MAILED_TO_NOBODY"),
        ("email", {"role": "technical"}, "MAILED_TO_NOBODY"),
        ("email", {"valid_to": AFTER}, "MAILED_TO_NOBODY"),
        ("email", {"customer_key": "C2"}, "MAILED_TO_NOBODY"),
        ("paper", {"email": None}, None),
        ("paper", {"role": "lost"}, "CONTACT_SUSPENDED"),
        ("paper", {"role": "lost", "customer_key": "C2"}, None),
    ],
)
def test_accounts_stay_where_their_contacts_do_not_suffice(engine, medium, contact, code):
    records = copy.deepcopy(SOUND)
    for account in records["account"]:
        account["bill_medium"] = medium
    records["contact"][0] |= contact
    assert {row["code"] for row in check(engine, "account", records)[1]} == ({code} - {None})


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ((None, None, None), ("paper", "en", None)),
        (("portal", "pt-br", " A1 "), ("portal", "pt-br", "A1")),
        (("carrier pigeon", "", " "), ("carrier pigeon", "", None)),
    ],
)
def test_terms_that_are_not_said_are_those_of_the_books(engine, said, taken):
    names = ("bill_medium", "bill_language", "credit_class")
    account = SOUND["account"][1] | dict(zip(names, said, strict=True))
    held = with_usual_terms(tables({"account": [account]})["account"])
    assert tuple(engine.to_pyarrow(held.select(*names)).to_pylist()[0].values()) == taken


def test_longest_texts_are_those_of_the_books():
    limits = {
        field.name: field.max_length
        for model in (
            *(Customer, Contact, BillingAccount, Payer, Product, OpenItem, Mandate, Deposit),
            *(Commitment, Discount, Exemption, Feature),
        )
        for field in model._meta.get_fields()
        if getattr(field, "max_length", None)
    }
    assert {name: limits[name] for name in LONGEST} == LONGEST
