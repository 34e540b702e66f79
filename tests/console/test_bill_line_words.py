"""What a line of the next bill is called: which price, which discount, and whose it is."""

from crossbill.console.views_bill import ProductLines
from crossbill.platform.billing.explain_bill import LineExplained


def line(category="recurring", price_code="duo/internet", **more):
    row = {"category": category, "price_code": price_code, "net_minor": 100}
    return {"taken_from": None, "discount_key": None, "used_by": None, **row, **more}


def named(*lines):
    explained = [LineExplained(each, "1.00", "0.08", ()) for each in lines]
    return [words for words, _ in ProductLines("S1", explained).named]


def test_the_only_price_of_a_product_needs_no_name():
    own = line("discount", taken_from="duo/internet")
    assert named(line(), own) == ["Recurring charge", "Discount"]


def test_prices_of_a_bundle_and_what_is_taken_off_them_are_told_apart():
    off = line("discount", "A1", taken_from="duo/telephone", discount_key="A1")
    assert named(line(), line(price_code="duo/telephone"), off) == [
        "Recurring charge, internet",
        "Recurring charge, telephone",
        "Discount A1, telephone",
    ]


def test_usage_beside_the_only_price_needs_no_name():
    assert named(line(), line("usage", "duo")) == ["Recurring charge", "Usage"]


def test_what_another_account_used_is_said_to_be_its():
    paid = ProductLines("S1", [LineExplained(line(used_by="C2"), "1.00", "0.08", ())])
    assert paid.used_by == "C2"
