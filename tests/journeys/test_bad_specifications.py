"""A specification that cannot work is refused at once, with its place and its cure."""

from collections.abc import Callable
from typing import Any

import pytest
from spoilt_carrier import SpoiltCarrier

from crossbill.core.refusal import Refusal
from crossbill.platform.customer.models import Carrier

pytestmark = pytest.mark.django_db

REPLACEMENT, MAPPING, CATALOGUE = "replacement.yaml", "mapping.yaml", "catalogue.yaml"
RATING = "rating.yaml"


def put(*path: str | int, to: Any) -> Callable[[Any], None]:
    """Set one value deep within a document; ``REMOVED`` takes it out."""

    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        if to is REMOVED:
            del document[path[-1]]
        elif path[-1] == "+":
            document.append(to)
        else:
            document[path[-1]] = to

    return change


REMOVED = object()
PRODUCT = ("entities", "product", 0)


# The file, what is changed in it, the code, and words of the message.
CASES = [
    (REPLACEMENT, put("waive", to=1), "BAD_SPEC", ["waive", "Extra inputs"]),
    (REPLACEMENT, put("gate", to=REMOVED), "BAD_SPEC", ["gate", "Field required"]),
    (REPLACEMENT, put("gate", "approvers", to=1), "BAD_SPEC", ["gate.approvers", "'1'"]),
    (REPLACEMENT, put("carrier", "name", to="N" * 101), "BAD_SPEC", ["carrier.name"]),
    (REPLACEMENT, put("periods", to=[]), "BAD_SPEC", ["periods"]),
    (REPLACEMENT, put("periods", 0, "to", to="2024-04-01"), "BAD_SPEC", ["empty", "periods"]),
    (REPLACEMENT, put("periods", 1, "from", to="2024-04-30"), "BAD_SPEC", ["overlaps", "periods"]),
    (REPLACEMENT, put("rating", to=REMOVED), "BAD_SPEC", ["rating", "both a mapping and"]),
    (REPLACEMENT, put("rating", "bill_period", to="paid"), "BAD_SPEC", ["bill_period", "paid"]),
    (REPLACEMENT, put("rating", "catalogue", to="no.yaml"), "BAD_RATING_CATALOGUE", ["no.yaml"]),
    (MAPPING, put("entities", "usage", 1, "fields", "received_at", to=REMOVED), "BAD_SPEC",
     ["usage.received_at", "bill_period: started"]),
    (MAPPING, put("sources", "USAGE_MAY", "fields", 3, "time_zone", to="America/Old_York"),
     "BAD_SPEC", ["no time zone 'America/Old_York'"]),
    (MAPPING, put("sources", "USAGE_MAY", "fields", 4, "time_zone", to="America/New_York"),
     "BAD_SPEC", ["time_zone is for instants"]),
    (RATING, put("plans", "mobile-s", "charges", 0, "deck", to="phone book"),
     "BAD_RATING_CATALOGUE", ["phone book"]),
    (REPLACEMENT, put("old_policy", "day_count", to="thirty"), "POLICY_UNREADABLE",
     ["day_count", "thirty_360"]),
    (REPLACEMENT, put("old_policy", "tax_scope", to=REMOVED), "POLICY_UNREADABLE", ["tax_scope"]),
    (REPLACEMENT, put("new_policy", "rounding_mode", to="floor"), "POLICY_UNREADABLE", ["floor"]),
    (REPLACEMENT, put("new_policy", "policy_code", to="opticom-old-1"), "BAD_SPEC",
     ["new_policy.policy_code", "one name", "opticom-old-1"]),
    (REPLACEMENT, put("compare", "+", to="invoice"), "BAD_SPEC", ["compare", "invoice"]),
    (REPLACEMENT, put("waves", 0, "where", to="NOT harder"), "BAD_EXPRESSION",
     ["replacement.yaml", "waves.Wave 1.where", "harder"]),
    (REPLACEMENT, put("waves", 0, "where", to="account_key"), "BAD_EXPRESSION", ["BOOLEAN"]),
    (REPLACEMENT, put("waves", 0, "where", to="balance_minor > 'much'"), "BAD_EXPRESSION",
     ["cannot be computed"]),
    (REPLACEMENT, put("waves", 0, "where", to="(SELECT true)"), "BAD_EXPRESSION", ["not allowed"]),
    (REPLACEMENT, put("waves", 0, "where", to="true; DROP TABLE x"), "BAD_EXPRESSION", ["DROP"]),
    (REPLACEMENT, put("waves", 0, "buckets", to=[20, 20]), "BAD_SPEC", ["nobody", "[20, 20]"]),
    (REPLACEMENT, put("waves", 1, "name", to="Wave 1"), "BAD_SPEC", ["same name", "Wave 1"]),
    (REPLACEMENT, put("mapping", to="missing.yaml"), "BAD_SPEC", ["missing.yaml", "not exist"]),
    (MAPPING, put("sources", "SVCINV", "key", to=[]), "BAD_SPEC", ["SVCINV.key"]),
    (MAPPING, put("sources", "SVCINV", "key", to=["SVC_NO"]), "BAD_MAPPING", ["SVC_NO", "SVC_ID"]),
    (MAPPING, put("sources", "SVCINV", "account", to="ACC"), "BAD_MAPPING", ["ACC", "CUST_NO"]),
    (MAPPING, put("entities", "tariff", to=REMOVED), "BAD_MAPPING", ["No rule", "TARIFF"]),
    (MAPPING, put("entities", "bill", to=REMOVED), "BAD_SPEC", ["does not fill", "bill"]),
    (MAPPING, put("entities", "bill", to=[]), "BAD_MAPPING", ["has no rule", "entities.bill"]),
    (MAPPING, put(*PRODUCT, "from", to="SVC"), "BAD_MAPPING", ["no such source", "SVCINV"]),
    (MAPPING, put(*PRODUCT, "fields", "colour", to="TRF"), "BAD_MAPPING", ["colour", "quantity"]),
    (MAPPING, put(*PRODUCT, "fields", "quantity", to=REMOVED), "BAD_MAPPING", ["quantity"]),
    (MAPPING, put(*PRODUCT, "fields", "quantity", to="QTTY"), "BAD_MAPPING", ["QTTY", "QTY"]),
    (MAPPING, put(*PRODUCT, "fields", "quantity", to="TRF"), "BAD_MAPPING", ["TRF", "integer"]),
    (MAPPING, put(*PRODUCT, "fields", "quantity", to={"value": "one"}), "BAD_MAPPING", ["one"]),
    (MAPPING, put(*PRODUCT, "fields", "quantity", to={"value": True}), "BAD_MAPPING", ["True"]),
    (MAPPING, put(*PRODUCT, "fields", "quantity", to={"column": "QTY", "value": 1}),
     "BAD_MAPPING", ["exactly one", "column, value"]),
    (MAPPING, put(*PRODUCT, "fields", "quantity", to={"sql": "TRF"}), "BAD_EXPRESSION", ["BIGINT"]),
    (MAPPING, put(*PRODUCT, "fields", "quantity", to={"sql": "QTY + 0.5"}), "BAD_EXPRESSION",
     ["gives DECIMAL"]),
    (MAPPING, put(*PRODUCT, "fields", "quantity", to={"sql": "upper(QTY, 1)"}), "BAD_EXPRESSION",
     ["mapping.yaml", "entities.product.quantity"]),
    (MAPPING, put(*PRODUCT, "fields", "quantity", to={"remainder_of": "SPCL_PRC"}), "BAD_MAPPING",
     ["price_override_nanos"]),
    (MAPPING, put(*PRODUCT, "fields", "offering_code", "codes", to="tarif"), "BAD_MAPPING",
     ["tarif", "tariff"]),
    (MAPPING, put(*PRODUCT, "where", to="EXISTS (SELECT 1)"), "BAD_EXPRESSION", ["not allowed"]),
    (MAPPING, put(*PRODUCT, "where", to="read_text('/etc/passwd') = ''"), "BAD_EXPRESSION",
     ["not allowed"]),
    (MAPPING, put(*PRODUCT, "where", to="COPY x TO 'y'"), "BAD_EXPRESSION", ["COPY"]),
    (MAPPING, put(*PRODUCT, "where", to="QTY"), "BAD_EXPRESSION", ["BOOLEAN"]),
    (CATALOGUE, put("currency", to="XXX"), "BAD_PRODUCT_CATALOGUE", ["ISO 4217", "XXX"]),
    (CATALOGUE, put("catalogue", to=1), "BAD_PRODUCT_CATALOGUE", ["catalogue"]),
]  # fmt: skip

TEXTS = [
    ("replacement: [1", "not readable YAML"),
    ("replacement: 1\nreplacement: 1\n", "'replacement' is written twice"),
    ("as_of_date: 2024-02-30\n", "not readable YAML"),
    ("[" * 5000, "nests too deeply"),
    ("a: !!python/object/apply:os.system ['true']\n", "not readable YAML"),
    ("", "whole file"),
    ("just words", "whole file"),
    ("\x00", "not readable YAML"),
    ("x" * (4 * 1024 * 1024 + 1), "too large"),
]


@pytest.fixture(scope="module")
def sound(books, extract, tmp_path_factory) -> SpoiltCarrier:
    """A carrier whose extract nobody changes here."""
    return SpoiltCarrier.copied(extract, tmp_path_factory.mktemp("specs"), "specs")


@pytest.fixture
def carrier(sound):
    """The specifications as they were, after each case."""
    before = {path: path.read_bytes() for path in sound.specs.glob("*.yaml")}
    yield sound
    for path, data in before.items():
        path.write_bytes(data)


def refusal(carrier: SpoiltCarrier) -> Refusal:
    with pytest.raises(Refusal) as refused:
        carrier.replace()
    assert not Carrier.objects.filter(code=carrier.carrier).exists()
    return refused.value


@pytest.mark.parametrize(("name", "change", "code", "words"), CASES)
def test_specification_that_cannot_work_is_refused(carrier, name, change, code, words):
    carrier.edit(name, change)
    refused = refusal(carrier)
    said = str(refused)
    assert refused.code == code, said
    assert [word for word in words if word not in said] == [], said
    assert refused.file is not None, said
    assert refused.field is not None or "not exist" in said, said
    assert refused.cure, said


@pytest.mark.parametrize(("text", "said"), TEXTS, ids=[said for _, said in TEXTS])
def test_file_that_is_no_specification_is_refused(carrier, text, said):
    carrier.spec_path.write_text(text, "utf-8")
    assert said in str(refusal(carrier))


def test_file_in_another_encoding_is_refused(carrier):
    carrier.spec_path.write_bytes("name: Zürich\n".encode("cp1252"))
    assert "not readable YAML" in str(refusal(carrier))


@pytest.mark.parametrize("code", ["../elsewhere", "Big Carrier", "", "a" * 41])
def test_carrier_code_that_is_none_is_refused(carrier, code):
    odd = SpoiltCarrier(code, carrier.data, carrier.specs)
    assert "--carrier" in str(refusal(odd))
