"""What differs between two catalogues, a change of the small one a case, in words."""

import pytest

from crossbill.platform.product.catalogue_diff import differences
from crossbill.platform.product.catalogue_file import parse_product_catalogue

SMALL = """\
product_catalogue: 1
name: small
currency: CHF
taxes:
  - {jurisdiction: CH, tax: VAT, from: 2020-01-01, to: 2024-01-01, percent: "7.7"}
  - {jurisdiction: CH, tax: VAT, from: 2024-01-01, percent: "8.1"}
offerings:
  - code: plan
    name: "Plan"
    kind: plan
    prices:
      - price: monthly
        versions:
          - {version: "2025", from: 2025-01-01, amount: "19.90"}
          - {version: "2026", from: 2026-03-01, amount: "21.90"}
  - code: pack
    name: "Pack"
    kind: add_on
    contains: [plan]
    prices:
      - price: once
        charge: one_time
        versions: [{version: "2025", from: 2025-01-01, amount: "1234.5"}]
"""
PLAN = SMALL[SMALL.index("  - code: plan") : SMALL.index("  - code: pack")]
PACK = SMALL[SMALL.index("  - code: pack") :]
LAST = '          - {version: "2026", from: 2026-03-01, amount: "21.90"}\n'
NEXT = '          - {version: "2027", from: 2027-01-01, amount: "23"}\n'
OTHER = """\
      - price: early-end
        charge: termination
        months: 3
        versions: [{version: "2025", from: 2025-01-01, amount: "15.00"}]
"""
LISTED = """\
      - price: monthly
        segment: business
        versions: [{version: "2025", from: 2025-01-01, amount: "17.90"}]
"""

# What is replaced by what, and the rows that it makes: kind, what, code, field, old, new.
CASES = {
    "nothing": ([], []),
    "the order of offerings": ([(PLAN + PACK, PACK + PLAN)], []),
    "how an amount is written": ([('"19.90"', "19.9")], []),
    "an end that was understood": (
        [('2025-01-01, amount: "19.90"', '2025-01-01, to: 2026-03-01, amount: "19.90"')],
        [],
    ),
    "the name of the catalogue": (
        [("name: small", "name: large")],
        [("changed", "catalogue", "large", "name", "small", "large")],
    ),
    "the currency": (
        [("CHF", "JPY"), ("21.90", "2190"), ("19.90", "1990"), ("1234.5", "12345")],
        [
            ("changed", "catalogue", "small", "currency", "CHF", "JPY"),
            ("changed", "version", "pack/once 2025", "amount", "1234.50 CHF", "12345 JPY"),
            ("changed", "version", "plan/monthly 2025", "amount", "19.90 CHF", "1990 JPY"),
            ("changed", "version", "plan/monthly 2026", "amount", "21.90 CHF", "2190 JPY"),
        ],
    ),
    "an amount": (
        [('"21.90"', '"22.905"')],
        [("changed", "version", "plan/monthly 2026", "amount", "21.90 CHF", "22.905 CHF")],
    ),
    "a day": (
        [("2026-03-01", "2026-04-01")],
        [
            ("changed", "version", "plan/monthly 2025", "last day", "2026-02-28", "2026-03-31"),
            ("changed", "version", "plan/monthly 2026", "first day", "2026-03-01", "2026-04-01"),
        ],
    ),
    "a version more": (
        [(LAST, LAST + NEXT)],
        [
            ("changed", "version", "plan/monthly 2026", "last day", "no end", "2026-12-31"),
            ("added", "version", "plan/monthly 2027", "", None, "23.00 CHF, from 2027-01-01"),
        ],
    ),
    "a version of the same name more": (
        [(LAST, LAST + NEXT.replace("2027", "2026", 1))],
        [
            ("changed", "version", "plan/monthly 2026", "last day", "no end", "2026-12-31"),
            (
                "added", "version", "plan/monthly 2026 from 2027-01-01", "", None,
                "23.00 CHF, from 2027-01-01",
            ),
        ],
    ),
    "a price for some": (
        [(PACK, LISTED + PACK)],
        [
            (
                "added", "price", "plan/monthly for segment business", "", None,
                "recurring, every month, in advance",
            ),
            (
                "added", "version", "plan/monthly for segment business 2025", "", None,
                "17.90 CHF, from 2025-01-01",
            ),
        ],
    ),
    "a version less": (
        [(LAST, "")],
        [
            ("changed", "version", "plan/monthly 2025", "last day", "2026-02-28", "no end"),
            ("removed", "version", "plan/monthly 2026", "", "21.90 CHF, from 2026-03-01", None),
        ],
    ),
    "an offering less": (
        [(PACK, "")],
        [
            ("removed", "offering", "pack", "", "Pack (add-on)", None),
            ("removed", "price", "pack/once", "", "one-time, at the start", None),
            (
                "removed", "version", "pack/once 2025", "",
                "1234.50 CHF, from 2025-01-01", None,
            ),
        ],
    ),
    "an offering by another code": (
        [("code: pack", "code: bag")],
        [
            ("added", "offering", "bag", "", None, "Pack (add-on)"),
            ("added", "price", "bag/once", "", None, "one-time, at the start"),
            ("added", "version", "bag/once 2025", "", None, "1234.50 CHF, from 2025-01-01"),
            ("removed", "offering", "pack", "", "Pack (add-on)", None),
            ("removed", "price", "pack/once", "", "one-time, at the start", None),
            (
                "removed", "version", "pack/once 2025", "",
                "1234.50 CHF, from 2025-01-01", None,
            ),
        ],
    ),
    "an offering's own fields": (
        [('name: "Pack"', 'name: "Bag"'), ("contains: [plan]", "requires: [plan]"),
         ("kind: add_on", "kind: service\n    contract_goes_to: []")],
        [
            ("changed", "offering", "pack", "name", "Pack", "Bag"),
            ("changed", "offering", "pack", "kind", "add-on", "service"),
            ("changed", "offering", "pack", "contains", "plan", "nothing"),
            ("changed", "offering", "pack", "requires one of", "nothing", "plan"),
            ("changed", "offering", "pack", "contract goes to", "all offerings", "nothing"),
        ],
    ),
    "a price more": (
        [(LAST, LAST + OTHER)],
        [
            ("added", "price", "plan/early-end", "", None, "termination, at the end"),
            ("added", "version", "plan/early-end 2025", "", None, "15.00 CHF, from 2025-01-01"),
        ],
    ),
    "how a price is charged": (
        [("- price: monthly\n", "- price: monthly\n        timing: arrears\n        months: 3\n"
          "        alignment: calendar\n        prorated: false\n        tax_inclusive: true\n")],
        [
            ("changed", "price", "plan/monthly", "due", "in advance", "in arrears"),
            ("changed", "price", "plan/monthly", "every", "month", "3 months"),
            ("changed", "price", "plan/monthly", "counted from", "bill cycle", "calendar"),
            (
                "changed", "price", "plan/monthly", "part of a period", "costs its share",
                "costs all of it",
            ),
            ("changed", "price", "plan/monthly", "tax", "on top", "included"),
        ],
    ),
    "what a price is charged for": (
        [("charge: one_time", "charge: recurring")],
        [
            ("changed", "price", "pack/once", "charge", "one-time", "recurring"),
            ("changed", "price", "pack/once", "due", "at the start", "in advance"),
        ],
    ),
    "how usage is taxed": (
        [("    kind: plan\n", "    kind: plan\n    usage: {tax_category: standard}\n")],
        [
            (
                "changed", "offering", "plan", "usage is taxed",
                "as the catalogue says of its parts, else standard", "as standard, on top",
            ),
        ],
    ),
    "a rate": (
        [('"8.1"', '"8.125"')],
        [("changed", "tax", "CH VAT standard from 2024-01-01", "rate", "8.1 %", "8.125 %")],
    ),
    "a tax more": (
        [("offerings:", '  - {jurisdiction: LI, tax: VAT, from: 2024-01-01, percent: "8.1"}\n'
          "offerings:")],
        [("added", "tax", "LI VAT standard from 2024-01-01", "", None, "8.1 %, from 2024-01-01")],
    ),
    "the end of a tax": (
        [('from: 2024-01-01, percent: "8.1"', 'from: 2024-01-01, to: 2030-01-01, percent: "8.1"')],
        [("changed", "tax", "CH VAT standard from 2024-01-01", "last day", "no end", "2029-12-31")],
    ),
    "the category of a tax": (
        [("tax: VAT, from", "tax: VAT, category: phone, from"), ("code: plan\n",
          "code: plan\n    tax_category: phone\n"), ("code: pack\n",
          "code: pack\n    tax_category: phone\n")],
        [
            ("changed", "price", "pack/once", "tax category", "standard", "phone"),
            ("changed", "price", "plan/monthly", "tax category", "standard", "phone"),
            (
                "added", "tax", "CH VAT phone from 2020-01-01", "", None,
                "7.7 %, from 2020-01-01 to 2023-12-31",
            ),
            ("added", "tax", "CH VAT phone from 2024-01-01", "", None, "8.1 %, from 2024-01-01"),
            (
                "removed", "tax", "CH VAT standard from 2020-01-01", "",
                "7.7 %, from 2020-01-01 to 2023-12-31", None,
            ),
            ("removed", "tax", "CH VAT standard from 2024-01-01", "", "8.1 %, from 2024-01-01",
             None),
        ],
    ),
    "who says the taxes": (
        [("taxes:", "tax_providers: {CH: table}\ntaxes:")],
        [("added", "tax provider", "CH", "", None, "table")],
    ),
}  # fmt: skip
BACKWARDS = {"added": "removed", "removed": "added", "changed": "changed"}


def read(text: str):
    return parse_product_catalogue(text, name="small.yaml")


def changed(changes: list[tuple[str, str]]) -> str:
    text = SMALL
    for old, new in changes:
        assert old in text, f"{old!r} is not in the small catalogue"
        text = text.replace(old, new)
    return text


def rows(old: str, new: str) -> list[tuple]:
    return [tuple(row.document().values()) for row in differences(read(old), read(new))]


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES)
def test_difference(changes, expected):
    assert rows(SMALL, changed(changes)) == expected


@pytest.mark.parametrize("changes", [case for case, _ in CASES.values()], ids=CASES)
def test_the_other_way_round_says_the_opposite(changes):
    there, back = rows(SMALL, changed(changes)), rows(changed(changes), SMALL)
    turned = {(BACKWARDS[kind], what, field, new, old) for kind, what, _, field, old, new in there}
    assert {(kind, what, field, old, new) for kind, what, _, field, old, new in back} == turned


def test_equal_tables_are_told_equal():
    """What the difference calls the same makes the same tables."""
    for name, (changes, expected) in CASES.items():
        before, after = read(SMALL).tables(), read(changed(changes)).tables()
        same = all(
            sorted(map(str, before[table].to_pylist()))
            == sorted(map(str, after[table].to_pylist()))
            for table in before
        )
        told = [row for row in expected if row[1] not in ("catalogue", "offering")]
        told += [row for row in expected if row[3] in ("contains", "currency", "usage is taxed")]
        assert same == (not told), name


def test_what_changes_in_a_list_is_told_with_whose_it_is():
    lists = SMALL.replace(
        PACK, LISTED + LISTED.replace("segment: business", "region: north") + PACK
    )
    (row,) = differences(
        parse_product_catalogue(lists, name="old.yaml"),
        parse_product_catalogue(lists.replace("17.90", "16.90", 1), name="new.yaml"),
    )
    assert (row.code, row.field) == ("plan/monthly for segment business 2025", "amount")
    assert (row.old, row.new) == ("17.90 CHF", "16.90 CHF")
