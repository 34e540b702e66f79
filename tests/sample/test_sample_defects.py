"""Every seeded defect stands in the extract as the truth says, in the shape of its class."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from random import Random

import pytest
from sample_extract import Estate, Row, cents, money

from crossbill.sample.old_system.faults import FAULTS
from crossbill.sample.old_system.plan import chunk_bounds, chunk_plan, share

CLASSES = (
    *("FORMAT", "ENCODING", "SENTINEL", "MAPPING", "ROUNDING", "PRORATION", "TAX", "TIMING"),
    *("PRICE_VERSION", "DISCOUNT", "MISSING_PRODUCT", "DUPLICATE", "STALE_EXTRACT"),
    "MISSING_USAGE",
    *("CARRY_FORWARD", "ALLOCATION", "SOURCE_DEFECT", "UNEXPLAINED"),
)
CENT = Decimal("0.01")
Lines = list[Row]


def day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def services(estate: Estate, account: str) -> dict[str, Row]:
    return {row["SVC_ID"]: row for row in estate.of("SVCINV", account)}


def line(estate: Estate, truth: Row) -> Row:
    """The bill line that the truth names as bill/number."""
    bill, number = truth["record"].split("/")
    lines = estate.of("BILLLIN", truth["account_key"])
    return next(row for row in lines if (row["BILL_NO"], row["LIN_NO"]) == (bill, number))


def lines_of(estate: Estate, truth: Row, category: str = "R") -> Lines:
    """The lines that charge the service that the truth names."""
    lines = estate.of("BILLLIN", truth["account_key"])
    named = [row for row in lines if row["SVC_ID"] == truth["record"]]
    return [row for row in named if row["CAT"] == category]


def prices(estate: Estate, tariff: str) -> set[Decimal]:
    return {money(row["MRC"]) for row in estate.tables["TARIFF"] if row["TRF"] == tariff}


def each_price(estate: Estate, tariff: str) -> list[str]:
    """What the tariff charges each time; of a bundle several."""
    rows = estate.tables["TRFCHG"]
    return [row["CHG"] for row in rows if (row["TRF"], row["KND"]) == (tariff, "R")]


def months(estate: Estate, tariff: str) -> int:
    """For how many months its price pays."""
    rows = estate.tables["TRFCHG"]
    return next(int(row["MON"]) for row in rows if (row["TRF"], row["KND"]) == (tariff, "R"))


def format_(estate: Estate, truth: Row) -> bool:
    master = estate.customers[truth["account_key"]]
    plain = [master["NAME"].upper(), master["ZIP"].replace("-", "")]
    return all(
        (bill["PRT_NAME"], bill["PRT_ZIP"]) != (master["NAME"], master["ZIP"])
        and " ".join(bill["PRT_NAME"].upper().split()) == plain[0]
        and bill["PRT_ZIP"].replace("-", "").replace(" ", "") == plain[1]
        for bill in estate.of("BILLHDR", truth["account_key"])
    )


def encoding(estate: Estate, truth: Row) -> bool:
    name = estate.customers[truth["account_key"]]["NAME"]
    bills = estate.of("BILLHDR", truth["account_key"])
    return all(
        bill["PRT_NAME"] != name and bill["PRT_NAME"].encode("cp1252").decode() == name
        for bill in bills
    )


def sentinel(estate: Estate, truth: Row) -> bool:
    service = services(estate, truth["account_key"])[truth["record"]]
    return service["SPCL_PRC"] in ("-1,00", "9999999,99") and all(
        money(row["NET"]) / int(service["QTY"]) in prices(estate, row["CHG"])
        for row in lines_of(estate, truth)
    )


def mapping(estate: Estate, truth: Row) -> bool:
    service = services(estate, truth["account_key"])[truth["record"]]
    if service["TRF"] == "F1P":
        return all(row["NET"] == "49,90" for row in lines_of(estate, truth))
    billed = {row["TRF"] for row in lines_of(estate, truth)}
    return not prices(estate, service["TRF"]) and all(prices(estate, code) for code in billed)


def rounding(estate: Estate, truth: Row) -> bool:
    one, account = line(estate, truth), truth["account_key"]
    service = services(estate, account)[one["SVC_ID"]]
    units = int(service["QTY"]) * Decimal(one["DAYS"])
    listed = {money(service["SPCL_PRC"])} - {0} or prices(estate, one["CHG"])
    net = money(one["NET"])
    for price in listed:
        exact_net = price * units / (30 * months(estate, one["TRF"]))
        for net_way, tax_way in ((ROUND_HALF_UP, ROUND_DOWN), (ROUND_DOWN, ROUND_HALF_UP)):
            amounts = exact_net.quantize(CENT, net_way), estate.tax(net, account, one, tax_way)
            cut = exact_net.quantize(CENT, ROUND_DOWN), estate.tax(net, account, one)
            if amounts == (money(one["NET"]), money(one["TAX"])) != cut:
                return True
    return False


def proration(estate: Estate, truth: Row) -> bool:
    one = line(estate, truth)
    first, after = day(one["CHG_FROM"]), day(one["CHG_TO"]) + timedelta(1)
    starts = day(services(estate, truth["account_key"])[one["SVC_ID"]]["STRT"])
    whole = first != starts and first.day == 1 == after.day
    return not whole and int(one["DAYS"]) == (after - first).days


def tax(estate: Estate, truth: Row) -> bool:
    lines = [
        r for r in estate.of("BILLLIN", truth["account_key"]) if r["BILL_NO"] == truth["record"]
    ]
    places = {row["TAXCD"] for row in estate.tables["TAXTAB"]}

    def fits(code: str) -> bool:
        taxes = [estate.tax_in(code, money(r["NET"]), truth["account_key"], r) for r in lines]
        return taxes == [money(r["TAX"]) for r in lines]

    own = estate.customers[truth["account_key"]]["TAXCD"]
    return not fits(own) and any(fits(other) for other in places - {own})


def price_version(estate: Estate, truth: Row) -> bool:
    one = line(estate, truth)
    service = services(estate, truth["account_key"])[one["SVC_ID"]]
    return money(one["NET"]) / int(service["QTY"]) in prices(estate, one["CHG"])


def discount(estate: Estate, truth: Row) -> bool:
    if truth["record"][0] == "A":
        return account_discount(estate, truth)
    service = services(estate, truth["account_key"])[truth["record"]]
    each = len(each_price(estate, service["TRF"]))
    return len(lines_of(estate, truth, "D")) == (0 if service["DSC_PCT"] else 2 * each)


def account_discount(estate: Estate, truth: Row) -> bool:
    """Either it is held or it stands on a bill."""
    number, account = truth["record"], truth["account_key"]
    held = number in {row["DSC_NO"] for row in estate.of("ACCDSC", account)}
    return held != any(row["DSC_NO"] == number for row in estate.of("BILLLIN", account))


def missing_product(estate: Estate, truth: Row) -> bool:
    held = services(estate, truth["account_key"])
    return bool(held) and truth["record"] not in held and bool(lines_of(estate, truth))


def missing_usage(estate: Estate, truth: Row) -> bool:
    record, price = truth["record"], Decimal(truth["detail"].split()[2])
    service = f"S{record[1:11]}"
    calls = estate.usage.get(service, [])
    lines = [row for row in estate.of("BILLLIN", truth["account_key"]) if row["SVC_ID"] == service]
    billed = sum(int(row["UNITS"]) for row in lines if row["CAT"] == "U")
    return (
        service in services(estate, truth["account_key"])
        and record not in {call["REC_ID"] for call in calls}
        and billed == len(calls) + 1
        and price > 0
    )


def duplicate(estate: Estate, truth: Row) -> bool:
    rows = estate.of("SVCINV", truth["account_key"])
    copies = Counter(tuple(row.values()) for row in rows)
    masters = [row for row in estate.master if row["CUST_NO"] == truth["account_key"]]
    if truth["record"] == truth["account_key"]:
        return len(masters) == 2 and masters[0] == masters[1] and max(copies.values()) == 1
    twice = [row for row, count in copies.items() if count == 2]
    return len(masters) == 1 and [row[0] for row in twice] == [truth["record"]]


def timing(estate: Estate, truth: Row) -> bool:
    one = line(estate, truth)
    start = services(estate, truth["account_key"])[one["SVC_ID"]]["STRT"]
    same = [
        row
        for row in estate.of("BILLLIN", truth["account_key"])
        if row["SVC_ID"] == one["SVC_ID"] and row["CAT"] != "U"
    ]
    ahead = months(estate, one["TRF"]) > 1
    return (
        "20240426" <= start <= "20240430"
        and one["CHG_FROM"] == start
        and (one["CHG_TO"] == "20240430" or ahead)
        and {row["BILL_NO"][:5] for row in same} == {"B2405"}
        and Counter(row["CHG"] for row in same if row["CAT"] == "R")
        == dict.fromkeys(each_price(estate, one["TRF"]), 1 if ahead else 2)
    )


def stale_extract(estate: Estate, truth: Row) -> bool:
    service = services(estate, truth["account_key"])[truth["record"]]
    newer = all(row["SVC_TS"] > service["CHG_TS"] for row in lines_of(estate, truth))
    price = money(service["SPCL_PRC"])
    now = {price * int(service["QTY"])} if price else None
    return newer and now != {money(row["NET"]) for row in lines_of(estate, truth)}


def items(estate: Estate, account: str) -> list[tuple[Decimal, Decimal]]:
    """Of each item what should be open, and what is."""
    return [
        (money(row["ORIG_AMT"]) - money(row["PAID_AMT"]), money(row["OPEN_AMT"]))
        for row in estate.of("OPENITM", account)
    ]


def carry_forward(estate: Estate, truth: Row) -> bool:
    pairs = items(estate, truth["account_key"])
    balance = cents(estate.customers[truth["account_key"]]["BAL"])
    return all(a == b for a, b in pairs) and balance != sum(b for _, b in pairs)


def allocation(estate: Estate, truth: Row) -> bool:
    pairs = items(estate, truth["account_key"])
    off = sorted(b - a for a, b in pairs if a != b)
    return len(off) == 2 and off[0] == -off[1] and all(b > 0 for a, b in pairs if a > 0)


def source_defect(estate: Estate, truth: Row) -> bool:
    sums = defaultdict(Decimal)
    for row in estate.of("BILLLIN", truth["account_key"]):
        sums[row["BILL_NO"]] += money(row["NET"])
    bills = estate.of("BILLHDR", truth["account_key"])
    off = [bill["BILL_NO"] for bill in bills if money(bill["NET"]) != sums[bill["BILL_NO"]]]
    return off == [truth["record"]]


def unexplained(estate: Estate, truth: Row) -> bool:
    one = line(estate, truth)
    taxed = estate.tax(money(one["NET"]), truth["account_key"], one)
    return taxed != money(one["TAX"]) or taxed == 0


EVIDENCE = {
    "FORMAT": format_,
    "ENCODING": encoding,
    "SENTINEL": sentinel,
    "MAPPING": mapping,
    "ROUNDING": rounding,
    "PRORATION": proration,
    "TAX": tax,
    "PRICE_VERSION": price_version,
    "DISCOUNT": discount,
    "MISSING_PRODUCT": missing_product,
    "MISSING_USAGE": missing_usage,
    "DUPLICATE": duplicate,
    "TIMING": timing,
    "STALE_EXTRACT": stale_extract,
    "CARRY_FORWARD": carry_forward,
    "ALLOCATION": allocation,
    "SOURCE_DEFECT": source_defect,
    "UNEXPLAINED": unexplained,
}


@pytest.mark.parametrize("code", CLASSES)
def test_the_defect_stands_in_the_extract_as_the_truth_says(estate: Estate, code: str) -> None:
    seeded = [row for row in estate.truth if row["class_code"] == code]
    assert len(seeded) == 6
    for truth in seeded:
        assert EVIDENCE[code](estate, truth), truth


def test_every_class_is_seeded_once_an_account() -> None:
    assert set(FAULTS) == set(CLASSES)


def test_no_account_has_two_defects_and_no_parent_has_one(estate: Estate) -> None:
    assert len(estate.seeded) == len(estate.truth)
    assert not {row["PAR_NO"] for row in estate.master} & set(estate.seeded)


def test_the_promotion_is_held_by_nobody_without_the_defect(estate: Estate) -> None:
    holders = {row["CUST_NO"] for row in estate.tables["SVCINV"] if row["TRF"] == "F1P"}
    assert holders
    assert {estate.seeded.get(account) for account in holders} == {"MAPPING"}


@pytest.mark.parametrize("accounts", [100, 101, 999, 1_000, 5_000, 5_001, 12_345, 1_000_000])
def test_chunks_share_out_everything_and_none_is_too_small(accounts: int) -> None:
    bounds = chunk_bounds(accounts)
    sizes = [after - first for first, after in bounds]
    assert sum(sizes) == accounts
    assert max(sizes) <= 5_000
    assert min(sizes) >= min(accounts, 2_500)
    dealt = [number for chunk in bounds for number in share(17, chunk, accounts)]
    assert dealt == list(range(17))


@pytest.mark.parametrize("accounts", [100, 150, 1_000, 5_001])
def test_a_plan_holds_every_class_and_one_in_twenty_hard(accounts: int) -> None:
    plans = {}
    for chunk in chunk_bounds(accounts):
        codes = {code: fault.mid_cycle for code, fault in FAULTS.items()}
        plans |= chunk_plan(chunk, accounts, codes, Random(1))
    faults = Counter(plan.fault for plan in plans.values() if plan.fault)
    assert faults == dict.fromkeys(FAULTS, max(1, accounts // 1_000))
    assert sum(plan.hard != "" for plan in plans.values()) == accounts // 20
    parents = {plan.parent for plan in plans.values() if plan.hard == "child"}
    assert parents == {index for index, plan in plans.items() if plan.hard == "parent"}
