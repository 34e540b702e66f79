"""Which list gives an account its price, a situation a case, from rows and from files."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from calculation import load, result
from oracle.tables import ACCOUNT, APRIL, CUSTOMER, ENGINE, MAY, OLD_POLICY, PRICE, PRODUCT, stated
from oracle.tables import table as engine_table

from crossbill.platform.billing.bills import Shape, complete, shape_of
from crossbill.platform.billing.compute import computed
from crossbill.platform.billing.explain_bill import explained

EXAMPLES = Path(__file__).parents[2] / "examples" / "billing"
BOTH = ("business", "north")
SEGMENT, REGION, GENERAL = ("business", None), (None, "north"), (None, None)
AMOUNTS = {GENERAL: 40, REGION: 30, SEGMENT: 20, BOTH: 10}
FIRST_OF_MAY = date(2024, 5, 1)
USED = """\
account_key,product_key,leg,plan_code,charge_code,usage_type,period_from,period_to,events,quantity,\
covered_quantity,billed_quantity,amount,surcharge,currency,policy_code
S1,T1,retail,trunk,calls,voice,2026-03-01,2026-04-01,7,700,0,700,1.23,0,EUR,p
"""


def price(whom, **changed):
    """A version of the list of these; its name and amount tell it from the others'."""
    segment, region = whom
    amount = AMOUNTS.get(whom, 99) * 10**9
    row = PRICE | {"price_version": f"{segment} {region}", "amount_nanos": amount}
    return row | {"segment": segment, "region": region} | changed


def billed(
    lists, segment="business", region="north", product=(), periods=(APRIL,), customers=None, **more
):
    """The prices charged, in whole units and period by period, and the codes of what is not."""
    rows = {
        "price": [each if isinstance(each, dict) else price(each) for each in lists],
        "account": [ACCOUNT | {"region": region}],
        "customer": customers or [CUSTOMER | {"segment": segment}],
        "product": [PRODUCT | dict(product)],
    }
    load(stated(periods, **rows | more))
    (proof,) = result("proof")
    assert proof["balanced"], proof
    charges = sorted(result("charge"), key=lambda row: row["period_from"])
    return (
        [row["price_nanos"] // 10**9 for row in charges],
        [row["code"] for row in result("unresolved")],
        [(row["price_segment"], row["price_region"]) for row in charges],
    )


EVERY = [GENERAL, REGION, SEGMENT, BOTH]
OTHERS = [("consumer", None), (None, "south"), ("consumer", "north"), ("business", "south")]
# What there is, of which segment and region the account is, and whose list it pays; none: nothing.
CASES = [
    ("the pair before all", EVERY, "business", "north", BOTH),
    ("whatever the order", EVERY[::-1], "business", "north", BOTH),
    ("the segment before the region", [GENERAL, REGION, SEGMENT], "business", "north", SEGMENT),
    ("the region before the general price", [GENERAL, REGION], "business", "north", REGION),
    ("lists of others", [GENERAL, *OTHERS], "business", "north", GENERAL),
    ("a pair of which half fits", [GENERAL, BOTH], "business", "south", GENERAL),
    ("the other half fits", [GENERAL, BOTH], "consumer", "north", GENERAL),
    ("half a pair, and its region", EVERY, "consumer", "north", REGION),
    ("half a pair, and its segment", EVERY, "business", "south", SEGMENT),
    ("an unknown segment", [GENERAL, SEGMENT], "wholesale", "north", GENERAL),
    ("no segment", [GENERAL, SEGMENT, BOTH], "", "north", GENERAL),
    ("no region", [GENERAL, REGION, BOTH], "business", None, GENERAL),
    ("neither", EVERY, "", None, GENERAL),
    ("another spelling", [GENERAL, SEGMENT], "Business", "north", GENERAL),
    ("a list and no general price", [SEGMENT], "business", "north", SEGMENT),
    ("a blank list is everybody's", [("", " ")], "", None, GENERAL),
    ("only for others", [SEGMENT, REGION, BOTH], "consumer", "south", None),
    ("only for others, without a segment", [SEGMENT], "", None, None),
]


@pytest.mark.parametrize(("title", "lists", "segment", "region", "whose"), CASES)
def test_which_list_gives_the_price(title, lists, segment, region, whose):
    prices, codes, whom = billed(lists, segment, region)
    if whose is None:
        assert (prices, codes) == ([], ["PRICE_MISSING"]), title
    else:
        amount = AMOUNTS[whose] if lists != [("", " ")] else 99
        assert (prices, codes, whom) == ([amount], [], [whose]), title


UNTIL_MAY, FROM_MAY = {"valid_to": FIRST_OF_MAY}, {"valid_from": FIRST_OF_MAY}
DAYS = [
    ("a list that ends leaves the general price", [GENERAL, price(SEGMENT, **UNTIL_MAY)], [20, 40]),
    ("a list that begins", [GENERAL, price(SEGMENT, **FROM_MAY)], [40, 20]),
    ("to the next that matches", [GENERAL, REGION, price(SEGMENT, **UNTIL_MAY)], [20, 30]),
    (
        "a list of two versions",
        [GENERAL, price(SEGMENT, **UNTIL_MAY), price(SEGMENT, amount_nanos=7 * 10**9, **FROM_MAY)],
        [20, 7],
    ),
    (
        "the general price changes, the list does not",
        [price(GENERAL, **UNTIL_MAY), price(GENERAL, amount_nanos=1, **FROM_MAY), SEGMENT],
        [20, 20],
    ),
]


@pytest.mark.parametrize(("title", "lists", "amounts"), DAYS)
def test_a_list_holds_on_its_days(title, lists, amounts):
    assert billed(lists, periods=(APRIL, MAY))[:2] == (amounts, []), title


def test_a_list_that_ends_where_nothing_else_is_leaves_nothing_to_charge():
    found = billed([price(SEGMENT, **UNTIL_MAY)], periods=(APRIL, MAY))
    assert found == ([20], ["PRICE_MISSING"], [SEGMENT])


def test_the_day_that_the_policy_names_chooses_the_version_of_the_list():
    rules = [OLD_POLICY | {"price_by": "start_time"}]
    lists = [GENERAL, price(SEGMENT, **UNTIL_MAY)]
    assert billed(lists, periods=(MAY,), policy=rules)[0] == [20]


def test_a_products_own_price_beats_every_list():
    found = billed(EVERY, product={"price_override_nanos": 5 * 10**9})
    assert found == ([5], [], [GENERAL])


def test_an_own_price_needs_no_list():
    assert billed([("consumer", None)], product={"price_override_nanos": 0})[:2] == ([0], [])


def test_what_is_given_back_at_its_price_is_of_no_list():
    end = {"end_date": date(2024, 4, 16)}
    through = {"product_key": "P1", "price_code": "FIBRE", "charged_through": FIRST_OF_MAY}
    found = billed(EVERY, product=end, charged=[through | {"charged_nanos": 33 * 10**9}])
    assert found == ([33], [], [GENERAL])


ONCE = {"offering_code": "FIBRE", "price_code": "FIBRE", "kind": "one_time", "timing": "start"}
ONCE |= {"months": 1, "alignment": "cycle", "prorated": True, "tax_category": "standard"}


def test_what_is_charged_once_has_lists_and_no_own_price():
    product = {"start_date": date(2024, 4, 9), "price_override_nanos": 5}
    found = billed(EVERY, product=product, component=[ONCE | {"tax_inclusive": False}])
    assert found == ([10], [], [BOTH])


FAULTS = [
    ("two versions of a list", [GENERAL, SEGMENT, SEGMENT], {}, "PRICE_DOUBLED"),
    ("of two lists one each", [GENERAL, REGION, SEGMENT], {}, None),
    ("two general prices beside a list", [GENERAL, GENERAL, SEGMENT], {}, None),
    ("two general prices that hold", [GENERAL, GENERAL, ("consumer", None)], {}, "PRICE_DOUBLED"),
    (
        "a customer in two segments", [GENERAL, SEGMENT],
        {"customers": [CUSTOMER, CUSTOMER | {"segment": "business"}]}, "PRICE_DOUBLED",
    ),
    ("a customer twice in one", [GENERAL, SEGMENT], {"customers": [CUSTOMER, CUSTOMER]}, None),
    (
        "a list in another currency",
        [GENERAL, price(SEGMENT, currency="EUR")], {}, "CURRENCY_MISMATCH",
    ),
    (
        "no such customer", [GENERAL, SEGMENT],
        {"customers": [CUSTOMER | {"customer_key": "C9"}]}, None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("title", "lists", "changed", "code"), FAULTS)
def test_a_price_that_is_not_sure_is_not_charged(title, lists, changed, code):
    prices, codes, _ = billed(lists, **changed)
    assert (codes, len(prices)) == (([code], 0) if code else ([], 1)), title


SHAPES = [
    ([GENERAL], ()),
    ([GENERAL, ("", None)], ()),
    ([GENERAL, SEGMENT, ("consumer", None)], ("segment",)),
    ([BOTH, REGION], ("region", "segment_region")),
]


@pytest.mark.parametrize(("lists", "kinds"), SHAPES)
def test_only_lists_that_there_are_cost_anything(lists, kinds):
    rows = stated(price=[price(whom) for whom in lists])
    held = complete(ENGINE, {name: engine_table(name, rows[name]) for name in rows})
    assert shape_of(ENGINE, held).lists == kinds
    assert Shape().lists == ()


def test_a_price_table_without_the_columns_is_of_general_prices():
    rows = stated()
    sources = {name: engine_table(name, rows[name]) for name in rows}
    sources["price"] = sources["price"].drop("segment", "region")
    assert shape_of(ENGINE, complete(ENGINE, sources)).lists == ()


# From files


@pytest.fixture
def trunks(tmp_path):
    """The example of telephone lines, in a folder that may be changed."""
    return Path(shutil.copytree(EXAMPLES / "sip-trunks", tmp_path / "trunks"))


def line_of(folder, product):
    """What a product costs in March, and how that is explained."""
    policy = str(folder / "policy.yaml")
    with computed(folder, period="2026-03", policy=policy) as found:
        lines = [line for bill in explained(found) for line in bill.lines]
    return next((line.net, line.steps[0]) for line in lines if line.line["product_key"] == product)


def rewritten(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_the_derivation_says_whose_list_it_was(trunks):
    assert line_of(trunks, "T2") == (
        "6.00", "number-block/monthly: 2.00 x 3 per month (version 2026)",
    )  # fmt: skip
    lists = "segment: business\n        region: Wien\n        versions"
    version = '[{version: v, from: 2026-02-01, amount: "1.50"}]'
    more = f"      - price: monthly\n        {lists}: {version}\n"
    with (trunks / "catalogue.yaml").open("a", encoding="utf-8") as file:
        file.write(more)
    assert line_of(trunks, "T2")[0] == "6.00"
    rewritten(trunks / "account.csv", "bill_cycle_day\n", "bill_cycle_day,region\n")
    rewritten(trunks / "account.csv", "AT,1\n", "AT,1,Wien\n")
    told = "number-block/monthly: 1.50 x 3 per month (version v, price list: business, Wien)"
    assert line_of(trunks, "T2") == ("4.50", told)


def test_lists_in_tables_and_no_customers(trunks):
    (trunks / "catalogue.yaml").unlink()
    (trunks / "customer.csv").unlink()
    (trunks / "tax_rate.csv").write_text("tax_code,valid_from,rate_percent\nAT,2020-01-01,20\n")
    (trunks / "price.csv").write_text(
        "offering_code,price_version,valid_from,currency,amount,segment\n"
        "trunk,v1,2020-01-01,EUR,5.00,\ntrunk,v1,2020-01-01,EUR,3.00,business\n"
        "number-block,v1,2020-01-01,EUR,2.00,\n"
    )
    assert line_of(trunks, "T1")[0] == "50.00"
    (trunks / "customer.csv").write_text("customer_key,name,segment\nK1,Donau,business\n")
    assert line_of(trunks, "T1")[0] == "30.00"


def test_a_price_and_usage_of_one_offering_are_told_apart(trunks):
    for name in ("catalogue.yaml", "rating.yaml", "usage.csv"):
        (trunks / name).unlink()
    (trunks / "tax_rate.csv").write_text("tax_code,valid_from,rate_percent\nAT,2020-01-01,20\n")
    (trunks / "price.csv").write_text(
        "offering_code,price_version,valid_from,currency,amount\ntrunk,v1,2020-01-01,EUR,5.00\n"
        "number-block,v1,2020-01-01,EUR,2.00\n"
    )
    (trunks / "usage_charge.csv").write_text(USED)
    with computed(trunks, period="2026-03", policy=str(trunks / "policy.yaml")) as found:
        lines = [line for bill in explained(found) for line in bill.lines]
    told = {line.line["category"]: line.steps[0] for line in lines
            if line.line["product_key"] == "T1"}  # fmt: skip
    assert told == {
        "recurring": "trunk: 5.00 x 10 per month (version v1)",
        "usage": "7 rated usage events, together 1.23",
    }
