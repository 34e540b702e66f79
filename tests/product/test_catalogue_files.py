"""Catalogues of products that are not sound: what is refused, on which line, in which field."""

import pytest
from product.shop import TEXT

from crossbill.platform.product.catalogue_file import (
    BadProductCatalogue,
    parse_product_catalogue,
    read_product_catalogue,
)

HEAD = TEXT[: TEXT.index("offerings:")]
ACTIVATION = '        versions: [{version: "2025", from: 2025-01-01, amount: "40.00"}]\n'
NEW_PRICE = '          - {version: "2026", from: 2026-03-01, amount: "21.90"}\n'
MONTHLY = "      - price: monthly\n        versions:\n"
LISTED = """\
      - price: monthly
        segment: business
        region: north
        versions: [{version: b, from: 2025-01-01, to: 2026-01-01, amount: "9.90"}]
"""
PARTS = """\
  - {code: a, name: A, contains: [alpina-s], usage: {tax_category: standard}}
  - {code: b, name: B, contains: [a], usage: {tax_category: standard, tax_inclusive: true}}
"""
TOO_LATE = ', {version: c, from: 2025-06-01, amount: "8.90"}]'

# What is replaced (its first occurrence), and the line, the field, the value and what is said.
CASES = {
    "unknown key": (
        ("kind: plan", "colour: red"), 14, "offerings.0.colour", "red",
        "The key is not known here",
    ),
    "unknown key at the top": (
        ("name: mobile", "title: mobile"), 1, "name", None, "The key is missing (and 1 more)",
    ),
    "missing currency": (("currency: CHF\n", ""), 1, "currency", None, "The key is missing"),
    "unknown currency": (
        ("currency: CHF", "currency: CHX"), 4, "currency", "CHX",
        "Not an active ISO 4217 currency",
    ),
    "another format": (
        ("product_catalogue: 1", "product_catalogue: 2"), 2, "product_catalogue", "2",
        "The value is not known",
    ),
    "versions that overlap": (
        ('"2025", from: 2025-01-01, amount: "19.90"',
         '"2025", from: 2025-01-01, to: 2026-04-01, amount: "19.90"'),
        19, "offerings.0.prices.0.versions.1", "2026-03-01 to 2026-04-01",
        "Two versions overlap",
    ),
    "versions with a gap": (
        ('"2025", from: 2025-01-01, amount: "19.90"',
         '"2025", from: 2025-01-01, to: 2026-02-01, amount: "19.90"'),
        19, "offerings.0.prices.0.versions.1", "2026-02-01 to 2026-03-01",
        "No version is valid",
    ),
    "version that ends before it begins": (
        (NEW_PRICE, NEW_PRICE.replace("amount", "to: 2026-02-01, amount")),
        19, "offerings.0.prices.0.versions.1", "2026-03-01 to 2026-02-01",
        "The version is never valid",
    ),
    "two versions from one day": (
        ("from: 2026-03-01", "from: 2025-01-01"),
        19, "offerings.0.prices.0.versions.1", "2025-01-01 to all time",
        "Two versions overlap",
    ),
    "circular bundle": (
        ('    name: "Mobile S"\n', '    name: "Mobile S"\n    contains: [family]\n'),
        14, "offerings.0.contains", "alpina-s", "The bundle contains itself",
    ),
    "bundle of itself": (
        ("contains: [alpina-s]", "contains: [family]"),
        51, "offerings.4.contains", "family", "The bundle contains itself",
    ),
    "unknown part": (
        ("contains: [alpina-s]", "contains: [alpina-s, mobile-x]"),
        51, "offerings.4.contains.1", "mobile-x", "There is no such offering",
    ),
    "unknown requirement": (
        ("requires: [alpina-s, alpina-m]", "requires: [mobile-x]"),
        35, "offerings.2.requires.0", "mobile-x", "There is no such offering",
    ),
    "contract goes to what is not there": (
        ("requires: [alpina-s, alpina-m]", "contract_goes_to: [alpina-s, mobile-x]"),
        35, "offerings.2.contract_goes_to.1", "mobile-x", "There is no such offering",
    ),
    "tax category without a tax": (
        ("    kind: device", "    kind: device\n    tax_category: device"),
        45, "offerings.3.prices.0.tax_category", "device", "No tax has this category",
    ),
    "price's own tax category without a tax": (
        ("charge: one_time", "charge: one_time\n        tax_category: luxury"),
        22, "offerings.0.prices.1.tax_category", "luxury", "No tax has this category",
    ),
    "usage's tax category without a tax": (
        ("kind: plan", "usage: {tax_category: telecom}"),
        14, "offerings.0.usage.tax_category", "telecom", "No tax has this category",
    ),
    "usage without a tax category": (
        ("kind: plan", "usage: {}"),
        14, "offerings.0.usage.tax_category", None, "The key is missing",
    ),
    "usage with a price": (
        ("kind: plan", 'usage: {tax_category: standard, amount: "0.10"}'),
        14, "offerings.0.usage.amount", "0.10", "The key is not known here",
    ),
    "bundle of parts whose usage is taxed differently": (
        ("offerings:\n", f"offerings:\n{PARTS}  - {{code: both, name: Both, contains: [a, b]}}\n"),
        14, "offerings.2.contains", "standard, standard included",
        "The usage of its parts is taxed differently",
    ),
    "price code twice": (
        ("- price: activation", "- price: monthly"),
        20, "offerings.0.prices.1.price", "monthly", "The code stands twice",
    ),
    "price list twice": (
        (MONTHLY, LISTED + LISTED + MONTHLY),
        20, "offerings.0.prices.1.price", "monthly",
        "The price stands twice for segment business and region north",
    ),
    "segment left blank": (
        (MONTHLY, MONTHLY.replace("versions", "segment:\n        versions")),
        17, "offerings.0.prices.0.segment", None, "The value is blank",
    ),
    "segment that is null": (
        (MONTHLY, MONTHLY.replace("versions", "segment: null\n        versions")),
        17, "offerings.0.prices.0.segment", None, "The value is blank",
    ),
    "region of nothing but blanks": (
        (MONTHLY, MONTHLY.replace("versions", 'region: "  "\n        versions')),
        17, "offerings.0.prices.0.region", "  ", "The text is empty",
    ),
    "price list of other terms": (
        (MONTHLY, LISTED.replace("region", "months: 3\n        region") + MONTHLY),
        18, "offerings.0.prices.0.months", "3", "The list has other terms than its price",
    ),
    "versions of a list that overlap": (
        (MONTHLY, LISTED.replace("]", TOO_LATE) + MONTHLY),
        19, "offerings.0.prices.0.versions.1", "2025-06-01 to 2026-01-01",
        "Two versions overlap",
    ),
    "versions of a list with a gap": (
        (MONTHLY, LISTED.replace("]", TOO_LATE.replace("2025-06", "2026-06")) + MONTHLY),
        19, "offerings.0.prices.0.versions.1", "2026-01-01 to 2026-06-01",
        "No version is valid",
    ),
    "offering twice": (
        ("- code: alpina-m", "- code: alpina-s"),
        23, "offerings.1.code", "alpina-s", "The code stands twice",
    ),
    "recurring price at the start": (
        ("timing: arrears", "timing: start"),
        45, "offerings.3.prices.0.timing", "start", "A recurring price does not fall due so",
    ),
    "one-time price in advance": (
        ("charge: one_time", "charge: one_time\n        timing: advance"),
        22, "offerings.0.prices.1.timing", "advance", "A one_time price does not fall due so",
    ),
    "amount that is no number": (
        ('amount: "19.90"', 'amount: "19,90"'),
        18, "offerings.0.prices.0.versions.0.amount", "19,90", "Not a decimal amount",
    ),
    "amount below nothing": (
        ('amount: "19.90"', 'amount: "-19.90"'),
        18, "offerings.0.prices.0.versions.0.amount", "-19.90",
        "The amount is negative or absurdly high",
    ),
    "amount that is true": (
        ('amount: "19.90"', "amount: true"),
        18, "offerings.0.prices.0.versions.0.amount", "True", "Not a decimal amount",
    ),
    "percentage above 100": (
        ('percent: "7.7"', 'percent: "100.1"'),
        7, "taxes.0.percent", "100.1000", "The rate is below 0 or above 100",
    ),
    "percentage below 0": (
        ('percent: "7.7"', 'percent: "-1"'),
        7, "taxes.0.percent", "-1.0000", "The rate is below 0 or above 100",
    ),
    "percentage too fine": (
        ('percent: "7.7"', 'percent: "7.70001"'),
        7, "taxes.0.percent", "7.70001",
        "Not a percentage: more than 4 digits after the point",
    ),
    "taxes that overlap": (
        ('from: 2018-01-01, percent: "7.7"', 'from: 2018-01-01, to: 2024-02-01, percent: "7.7"'),
        8, "taxes.1", "2024-01-01 to 2024-02-01", "Two versions overlap",
    ),
    "0 months": (
        (MONTHLY, MONTHLY.replace("versions", "months: 0\n        versions")),
        17, "offerings.0.prices.0.months", "0", "The number is too small",
    ),
    "61 months": (
        (MONTHLY, MONTHLY.replace("versions", "months: 61\n        versions")),
        17, "offerings.0.prices.0.months", "61", "The number is too large",
    ),
    "months as a text": (
        (MONTHLY, MONTHLY.replace("versions", 'months: "3"\n        versions')),
        17, "offerings.0.prices.0.months", "3", "Not a whole number",
    ),
    "day that does not exist": (
        ("from: 2026-03-01", "from: 2026-02-30"),
        19, "offerings.0.prices.0.versions.1.from", "2026-02-30", "Not a date",
    ),
    "empty offerings": (
        (TEXT, HEAD + "offerings: []\n"), 11, "offerings", None, "The list is empty",
    ),
    "no versions": (
        (ACTIVATION, "        versions: []\n"),
        22, "offerings.0.prices.1.versions", None, "The list is empty",
    ),
    "neither prices nor parts": (
        (TEXT, HEAD + "offerings:\n  - {code: gift, name: Gift}\n"),
        12, "offerings.0.prices", "gift", "The offering has neither a price nor parts",
    ),
    "no taxes and nobody who says them": (
        (TEXT[TEXT.index("taxes:\n") : TEXT.index("\nofferings:")], "taxes: []\n"),
        6, "taxes", None, "The list is empty",
    ),
    "tax provider that is not installed": (
        ("taxes:\n", "tax_providers: {CH: table, CH-ZH: levels}\ntaxes:\n"),
        6, "tax_providers.CH-ZH", "levels", "There is no such tax provider",
    ),
    "jurisdiction of two providers": (
        ("taxes:\n", "tax_providers: {CH: table, CH: table}\ntaxes:\n"), 6, None, None,
        "The file is not readable YAML: the key 'CH' is written twice",
    ),
    "key written twice": (
        ("kind: plan", "kind: plan\n    kind: plan"), 15, None, None,
        "The file is not readable YAML: the key 'kind' is written twice",
    ),
    "no YAML": (
        ("name: mobile", "name: [mobile"), 4, None, None,
        "The file is not readable YAML: expected ',' or ']', but got ':'",
    ),
    "a list instead": (
        (TEXT, "- a\n"), 1, "(the whole file)", None, "Not a mapping of keys to values",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "line", "field", "value", "what"), CASES.values(), ids=CASES)
def test_catalogue_is_refused_with_its_place(change, line, field, value, what):
    old, new = change
    assert old in TEXT, f"{old!r} is not in the example"
    with pytest.raises(BadProductCatalogue) as caught:
        parse_product_catalogue(TEXT.replace(old, new, 1), name="shop.yaml")
    refusal = caught.value
    assert (refusal.code, refusal.file) == ("BAD_PRODUCT_CATALOGUE", "shop.yaml")
    assert (refusal.line, refusal.field, refusal.value, refusal.what) == (line, field, value, what)
    assert refusal.cure


def of_the_plan(lists):
    """The example with its first price in lists: whom each is for."""
    stated = "".join(f"      - {{price: monthly, {whom}{VERSIONS}}}\n" for whom in lists)
    whole = TEXT[: TEXT.index(MONTHLY)] + stated + TEXT[TEXT.index("      - price: activation") :]
    return parse_product_catalogue(whole, name="shop.yaml")


VERSIONS = 'versions: [{version: "1", from: 2025-01-01, amount: "9.90"}]'
BUSINESS, NORTH = "segment: business, ", "region: north, "
ONLY = {
    "for all": ([""], None),
    "for all beside a list": ([BUSINESS, ""], None),
    "for a segment": ([BUSINESS], "for segment business"),
    "for a region or a pair": (
        [NORTH, BUSINESS + NORTH], "for region north, for segment business and region north",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lists", "whom"), ONLY.values(), ids=ONLY)
def test_prices_that_only_some_customers_have_are_told(lists, whom):
    told = of_the_plan(lists).warnings()
    begin = f"shop.yaml, line 16: alpina-s/monthly is only {whom}; nobody else can be billed"
    assert [line[: len(begin)] for line in told] == ([begin] if whom else [])


TERMS_OF = {
    "the general price's": (["months: 3, prorated: false, ", BUSINESS], (3, False)),
    "the general price's, though it stands last": ([BUSINESS, "months: 3, "], (3, True)),
    "the first list's": ([BUSINESS + "months: 6, ", NORTH], (6, True)),
    "the same, written again": (
        ["months: 3, ", BUSINESS + "months: 3, timing: advance, "],
        (3, True),
    ),
}


@pytest.mark.parametrize(("lists", "terms"), TERMS_OF.values(), ids=TERMS_OF)
def test_the_lists_of_a_price_have_its_terms(lists, terms):
    catalogue = of_the_plan(lists)
    prices = catalogue.spec.offerings[0].prices[:-1]
    assert {(price.months, price.prorated) for price in prices} == {terms}
    component = catalogue.tables()["component"].to_pylist()
    mine = [r for r in component if r["offering_code"] == "alpina-s" == r["price_code"][:8]]
    assert [r["price_code"] for r in mine] == ["alpina-s/monthly", "alpina-s/activation"]
    assert (mine[0]["months"], mine[0]["prorated"]) == terms


USED = {
    "as it says itself": (
        "both, name: B, contains: [a, b], usage: {tax_category: standard}",
        False,
    ),
    "as its parts say": ("both, name: B, contains: [b, alpina-s]", True),
    "as nobody says": ("both, name: B, contains: [alpina-s]", None),
}


@pytest.mark.parametrize(("bundle", "included"), USED.values(), ids=USED)
def test_usage_of_a_bundle_is_taxed(bundle, included):
    stated = f"offerings:\n{PARTS}  - {{code: {bundle}}}\n"
    tables = parse_product_catalogue(TEXT.replace("offerings:\n", stated), name="s").tables()
    rows = [row for row in tables["component"].to_pylist() if row["kind"] == "usage"]
    mine = [row["tax_inclusive"] for row in rows if row["offering_code"] == "both"]
    assert mine == ([] if included is None else [included])


def test_example_is_sound():
    assert parse_product_catalogue(TEXT, name="shop.yaml").spec.name == "mobile"


def test_where_a_provider_says_the_taxes_none_need_be_stated():
    taxes = TEXT[TEXT.index("taxes:\n") : TEXT.index("\nofferings:")]
    text = TEXT.replace(taxes, "taxes: []\ntax_providers: {CH: table}\n")
    known = parse_product_catalogue(text, name="shop.yaml")
    assert known.tables()["tax_provider"].to_pylist() == [
        {"jurisdiction": "CH", "provider": "table"}
    ]


FILES = {
    "not there": (None, "The file does not exist"),
    "not in UTF-8": (b"name: M\xfcller\n", "The file is not readable YAML"),
    "empty": (b"", "Not a mapping of keys to values"),
    "too deep": (b"[" * 5000, "The file nests too deeply"),
    "control signs": (b"name: a\x00b\n", "The file is not readable YAML"),
}


@pytest.mark.parametrize(("content", "what"), FILES.values(), ids=FILES)
def test_file_is_refused(content, what, tmp_path):
    path = tmp_path / "shop.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadProductCatalogue, match=what):
        read_product_catalogue(path)
