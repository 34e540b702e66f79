"""The extract is what it says: reproducible, complete, and clean wherever no defect was seeded."""

import json
import sys
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from sample_extract import Estate, Row, cents, money

from crossbill.sample.old_system.extract import write_extract
from crossbill.sample.operations import (
    MARKER,
    NotASampleFolder,
    SampleNotMade,
    TooFewAccounts,
    generate,
)

ZERO = Decimal(0)
PERIODS = ((date(2024, 4, 1), date(2024, 5, 1)), (date(2024, 5, 1), date(2024, 6, 1)))
NONE = ("00000000", "99991231")


def made(folder: Path, *, accounts: int = 5_300, seed: int = 3, processes: int = 1) -> dict:
    extract = folder / "extract"
    extract.mkdir(parents=True)
    truth = folder / "truth"
    truth.mkdir()
    write_extract(
        accounts=accounts, seed=seed, extract_dir=extract, truth_dir=truth, processes=processes
    )
    return {path.name: path.read_bytes() for path in [*extract.iterdir(), *truth.iterdir()]}


def test_size_and_seed_decide_every_byte_and_processes_none(tmp_path: Path) -> None:
    alone = made(tmp_path / "alone")
    assert made(tmp_path / "together", processes=3) == alone
    other = made(tmp_path / "other", seed=4)
    assert other["BILLLIN.CSV"] != alone["BILLLIN.CSV"]
    assert other["TARIFF.CSV"] == alone["TARIFF.CSV"]


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    where = {"extract_dir": tmp_path / "extract", "truth_dir": tmp_path / "truth"}
    generate(accounts=100, seed=1, **where)
    (tmp_path / "truth" / "defects.csv").unlink()
    before = (tmp_path / "extract" / "BILLHDR.CSV").stat().st_mtime_ns
    generate(accounts=100, seed=1, **where)
    assert (tmp_path / "extract" / "BILLHDR.CSV").stat().st_mtime_ns == before
    assert not (tmp_path / "truth" / "defects.csv").exists()


def test_other_parameters_and_incomplete_folders_are_made_anew(tmp_path: Path) -> None:
    where = {"extract_dir": tmp_path / "extract", "truth_dir": tmp_path / "truth"}
    generate(accounts=100, seed=1, **where)
    generate(accounts=120, seed=1, **where)
    assert json.loads((tmp_path / "extract" / MARKER).read_text())["accounts"] == 120
    (tmp_path / "extract" / "BILLHDR.CSV").unlink()
    generate(accounts=120, seed=1, **where)
    assert (tmp_path / "extract" / "BILLHDR.CSV").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"extract", "truth"}


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".extract.left"
    (left / "parts").mkdir(parents=True)
    generate(accounts=100, seed=1, extract_dir=tmp_path / "extract", truth_dir=tmp_path / "truth")
    assert not left.exists()


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "extract").mkdir()
    (tmp_path / "extract" / "thesis.txt").write_text("years of work")
    with pytest.raises(NotASampleFolder, match=r"other files .*\n.*Name another folder"):
        generate(
            accounts=100, seed=1, extract_dir=tmp_path / "extract", truth_dir=tmp_path / "truth"
        )
    assert (tmp_path / "extract" / "thesis.txt").exists()


def test_a_process_that_fails_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    where = {"extract_dir": tmp_path / "extract", "truth_dir": tmp_path / "truth"}
    with pytest.raises(SampleNotMade, match=r"exit code 1 .*\n.*the disk has room"):
        generate(accounts=6_000, seed=1, **where)
    assert [path.name for path in tmp_path.iterdir()] == ["truth"]


def test_too_few_accounts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TooFewAccounts, match=r"field accounts, value '99'.*\n.*at least 100"):
        generate(accounts=99, seed=1, extract_dir=tmp_path / "e", truth_dir=tmp_path / "t")


def test_customer_master_is_fixed_width_with_a_trailer_that_ties(estate: Estate) -> None:
    lines = (estate.folder / "CUSTMAST.DAT").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert {len(line) for line in lines} == {188}
    assert {line[:2] for line in lines[:-1]} == {b"01"}
    assert estate.trailer[:9] == "99TRAILER"
    assert int(estate.trailer[9:19]) == len(estate.master)
    assert cents(estate.trailer[19:34]) == sum((cents(row["BAL"]) for row in estate.master), ZERO)


def test_manifest_ties_with_every_file(estate: Estate) -> None:
    manifest = {row["FILE"]: row for row in estate.tables["MANIFEST"]}
    files = {path.name for path in estate.folder.iterdir()} - {"MANIFEST.CSV", MARKER}
    assert set(manifest) == files
    for name, row in manifest.items():
        master = name == "CUSTMAST.DAT"
        rows = estate.master if master else estate.tables[name.split(".")[0]]
        read = cents if master else money
        assert int(row["ROWS"]) == len(rows)
        amounts = (read(r[row["CTL_FIELD"]]) for r in rows if row["CTL_FIELD"])
        assert money(row["CTL_SUM"]) == sum(amounts, ZERO), name
        assert row["AS_OF"] == "20240601020000"


def test_only_where_a_control_has_to_find_it_is_something_wrong_that_no_bill_shows(
    estate: Estate,
) -> None:
    wrong = [("dunning", key) for key, level in levels(estate).items() if level is not None]
    ends = {row["CUST_NO"]: row["END_DT"] for row in estate.tables["MANDATE"]}  # the last one
    paying = [row["CUST_NO"] for row in estate.tables["COLLECT"] if row["PAY_MTH"] == "D"]
    wrong += [("mandates", key) for key in paying if ends[key] != NONE[1]]
    for row in estate.tables["DEPOSIT"]:
        if money(row["HELD_AMT"]) != money(row["DEP_AMT"]) - money(row["RFD_AMT"]):
            wrong.append(("deposits", row["CUST_NO"]))
    held = [(f["CUST_NO"], f["SVC_ID"], f["FEA"]) for f in estate.tables["SVCFEA"]]
    wrong += [("features", key[0]) for key, count in Counter(held).items() if count > 1]
    assert sorted(wrong) == sorted((r["control"], r["account_key"]) for r in estate.for_controls)
    assert len(wrong) == 4 * 6


def levels(estate: Estate) -> dict[str, str | None]:
    """By account its level of dunning where its open items give another one, else nothing."""
    found: dict[str, str | None] = {}
    for row in estate.tables["COLLECT"]:
        key = row["CUST_NO"]
        items = estate.of("OPENITM", key)
        due = [i["DUE_DT"] for i in items if i["ITYP"] == "I" and money(i["OPEN_AMT"]) > 0]
        owed = sum((money(item["OPEN_AMT"]) for item in items), ZERO)
        dunned = due and owed > 0 and estate.customers[key]["DSP"] == "N"
        late = (date(2024, 6, 1) - date.fromisoformat(min(due))).days if dunned else 0
        level = sum(late >= days for days in (14, 60, 120))
        found[key] = None if str(level) == row["DUN_LVL"] else row["DUN_LVL"]
    return found


def test_names_hold_accents_and_every_byte_is_cp1252(estate: Estate) -> None:
    accented = [row for row in estate.master if not row["NAME"].isascii()]
    assert len(accented) > len(estate.master) // 20
    assert all("?" not in row["NAME"] for row in accented)


def test_clean_open_items_tie_with_themselves_and_with_the_balance(estate: Estate) -> None:
    left = defaultdict(lambda: ZERO)
    for item in estate.tables["OPENITM"]:
        left[item["CUST_NO"]] += money(item["OPEN_AMT"])
        if estate.seeded.get(item["CUST_NO"]) != "ALLOCATION":
            rest = money(item["ORIG_AMT"]) - money(item["PAID_AMT"])
            assert rest == money(item["OPEN_AMT"]), item
    for account, row in estate.customers.items():
        if estate.seeded.get(account) != "CARRY_FORWARD":
            assert cents(row["BAL"]) == left[account], account


def test_clean_headers_are_the_sum_of_their_lines(estate: Estate) -> None:
    sums = defaultdict(lambda: [ZERO, ZERO])
    for line in estate.tables["BILLLIN"]:
        sums[line["BILL_NO"]][0] += money(line["NET"])
        sums[line["BILL_NO"]][1] += money(line["TAX"])
    for bill in estate.tables["BILLHDR"]:
        if estate.seeded.get(bill["CUST_NO"]) != "SOURCE_DEFECT":
            net, tax = sums[bill["BILL_NO"]]
            assert [money(bill[n]) for n in ("NET", "TAX", "TOT")] == [net, tax, net + tax], bill


def test_one_in_twenty_is_hard_and_the_rest_is_not(estate: Estate) -> None:
    parents = {row["PAR_NO"] for row in estate.master} - {""}
    hard = {
        account
        for account, row in estate.customers.items()
        if row["BAL"].endswith("-")
        or row["PAR_NO"]
        or account in parents
        or row["STAT"] == "S"
        or row["DSP"] == "Y"
        or any(mid_cycle(service) for service in estate.of("SVCINV", account))
    }
    assert parents <= set(estate.customers)
    assert 0.04 <= len(hard) / len(estate.customers) <= 0.06
    assert 4 < sum(account in hard for account in estate.seeded) < len(estate.seeded) // 2


def mid_cycle(service: Row) -> bool:
    inside = ("20240402", "20240531")
    return any(inside[0] <= service[name] <= inside[1] for name in ("STRT", "ENDT"))


def test_an_account_holds_one_to_six_services_in_the_ordered_shares(
    estate: Estate,
) -> None:
    seeded = estate.seeded
    services = [row for row in estate.tables["SVCINV"] if row["CUST_NO"] not in seeded]
    counts = Counter(row["CUST_NO"] for row in services)
    assert set(counts) == set(estate.customers) - set(seeded)
    assert set(counts.values()) == {1, 2, 3, 4, 5, 6}
    for column, none, share in (
        ("SPCL_PRC", "", 12),
        ("DSC_PCT", "", 10),
        ("CTR_END", "00000000", 30),
    ):
        found = sum(row[column] != none for row in services)
        assert abs(100 * found / len(services) - share) < 3, column


# The new calculation in small, from the files alone, in fractions: what no defect touches agrees.


def day(text: str) -> date | None:
    return None if text in NONE else date(int(text[:4]), int(text[4:6]), int(text[6:]))


def cut(amount: Fraction) -> Decimal:
    return Decimal(int(amount * 100)).scaleb(-2)


def expected_lines(estate: Estate, account: str) -> Counter:
    """What the account's bills charge: of its own services and of those it pays for."""
    lines: Counter = Counter()
    paid_for = [row["CUST_NO"] for row in estate.tables["PAYSHARE"] if row["PAY_NO"] == account]
    for user in (account, *paid_for):
        for (first, *key), net, charge, stamp in charged_lines(estate, user):
            on = {"BILL_NO": f"B{first:%y%m}", "TRF": charge["TRF"], "CHG": key[1]}
            part = parts(estate, user, first, key[2], net).get(account)
            if part is not None:
                # Taxed where it is used, unless who pays is free of the tax.
                code = estate.customers[user]["TAXCD"]
                amounts = estate.net_and_tax_in(code, part, account, on)
                lines[(first, *key, *amounts, stamp)] += 1
    return lines


def parts(estate: Estate, user: str, first: date, category: str, net: Decimal) -> dict:
    """Who pays what of a line: whole cents each, what is missing to the larger remainders."""
    shares = [row for row in estate.tables["PAYSHARE"] if row["CUST_NO"] == user]
    kinds = {"*", "R" if category == "D" else category}
    held = [row for row in shares if row["KND"] in kinds and day(row["SFROM"]) <= first]
    percents = {row["PAY_NO"]: Fraction(money(row["SHR_PCT"])) for row in held}
    percents[user] = 100 - sum(percents.values())
    exact = {key: abs(Fraction(net)) * share for key, share in percents.items() if share}
    cents = {key: int(amount) for key, amount in exact.items()}
    missing = int(abs(net) * 100) - sum(cents.values())
    for key in sorted(exact, key=lambda key: (cents[key] - exact[key], key))[:missing]:
        cents[key] += 1
    return {key: Decimal(count if net >= 0 else -count).scaleb(-2) for key, count in cents.items()}


def charged_lines(estate: Estate, account: str):
    """What the account's services cost, whoever pays."""
    for service in estate.of("SVCINV", account):
        for first, after in PERIODS:
            amounts = service_amounts(estate, service, first, after)
            for charge, category, start, end, net in [
                *amounts, *fees(estate, service, first, after)
            ]:  # fmt: skip
                key = (first, service["SVC_ID"], charge, category, start, end)
                yield key, net, service, service["CHG_TS"]


def charges(estate: Estate, service: Row, kind: str) -> list[Row]:
    """What the old system's table says that a tariff charges."""
    rows = estate.tables["TRFCHG"]
    return [row for row in rows if (row["TRF"], row["KND"]) == (service["TRF"], kind)]


def fees(estate: Estate, service: Row, first: date, after: date):
    begun, last = day(service["STRT"]), day(service["ENDT"])
    if first <= begun < after and (last is None or begun <= last):
        for row in charges(estate, service, "O"):
            net = money(list_price(estate, row["CHG"], first)) * int(service["QTY"])
            yield row["CHG"], "O", begun, begun + timedelta(1), net
    until = day(service["CTR_END"])
    if last and until and max(begun, first) <= last < after and until > last + timedelta(1):
        gone = last + timedelta(1)
        left = 12 * (until.year - gone.year) + until.month - gone.month + (until.day > gone.day)
        for row in charges(estate, service, "X"):
            net = money(list_price(estate, row["CHG"], first)) * int(service["QTY"]) * left
            if net:
                yield row["CHG"], "O", last, gone, net


def service_amounts(estate: Estate, service: Row, first: date, after: date):
    for charge in charges(estate, service, "R"):
        for amount in amounts_of(estate, service, charge, first, after):
            yield charge["CHG"], *amount


def amounts_of(estate: Estate, service: Row, charge: Row, first: date, after: date):
    every = int(charge["MON"])
    assert charge["TIM"] == ("A" if every > 1 else "E")
    begun, last = day(service["STRT"]), day(service["ENDT"])
    since = 12 * (first.year - begun.year) + first.month - begun.month
    if since % every:
        return
    for _ in range(every - 1):
        after = (after + timedelta(31)).replace(day=1)
    start = max(first, day(service["STRT"]))
    end = min(after, last + timedelta(1)) if last else after
    if start >= end:
        return
    months = 12 * (end.year - start.year) + end.month - start.month
    days = 30 * months + min(end.day, 30) - min(start.day, 30)
    price = Fraction(money(service["SPCL_PRC"] or list_price(estate, charge["CHG"], first)))
    net = cut(price * int(service["QTY"]) * days / (30 * every))
    yield "R", start, end, net
    until = day(service["DSC_TO"])
    if service["DSC_PCT"] and (until is None or until > first):
        off = cut(Fraction(net) * Fraction(money(service["DSC_PCT"])) / 100)
        if off:
            yield "D", start, end, -off


def list_price(estate: Estate, tariff: str, on: date) -> str:
    text = f"{on:%Y%m%d}"
    versions = [row for row in estate.tables["TARIFF"] if row["TRF"] == tariff]
    return next(row["MRC"] for row in versions if row["VFROM"] <= text <= row["VTO"])


def printed_lines(estate: Estate, account: str) -> Counter:
    lines: Counter = Counter()
    periods = {row["BILL_NO"]: day(row["PER_FROM"]) for row in estate.of("BILLHDR", account)}
    for line in estate.of("BILLLIN", account):
        if line["CAT"] in ("U", "M") or line["DSC_NO"]:
            continue  # of these test_sample_usage.py, ..._minimums.py and ..._discounts.py tell
        key = (periods[line["BILL_NO"]], line["SVC_ID"], line["CHG"], line["CAT"])
        days = (day(line["CHG_FROM"]), day(line["CHG_TO"]) + timedelta(1))
        lines[(*key, *days, money(line["NET"]), money(line["TAX"]), line["SVC_TS"])] += 1
    return lines


NOT_ON_LINES = (
    "MISSING_USAGE",
    "FORMAT",
    "ENCODING",
    "CARRY_FORWARD",
    "ALLOCATION",
    "SOURCE_DEFECT",
)


def test_old_bills_follow_from_the_inventory_unless_a_defect_touches_lines(
    estate: Estate,
) -> None:
    account_discounts = {row["account_key"] for row in estate.truth if row["record"][0] == "A"}
    for account in estate.customers:
        seeded = estate.seeded.get(account)
        if seeded == "DUPLICATE":
            continue
        expected, printed = expected_or_none(estate, account), printed_lines(estate, account)
        mapping_only = seeded == "MAPPING" and expected is not None  # F1P: the old side agrees
        of_account = account in account_discounts
        clean = seeded is None or seeded in NOT_ON_LINES or mapping_only or of_account
        assert (expected == printed) == clean, (account, seeded)


def expected_or_none(estate: Estate, account: str) -> Counter | None:
    """None where a tariff is in no table, as one sort of MAPPING defect has it."""
    known = {row["TRF"] for row in estate.tables["TARIFF"]}
    held = {row["TRF"] for row in estate.of("SVCINV", account)}
    return expected_lines(estate, account) if held <= known else None


def test_clean_bills_print_the_name_and_the_zip_of_the_master(estate: Estate) -> None:
    for bill in estate.tables["BILLHDR"]:
        if estate.seeded.get(bill["CUST_NO"]) not in ("FORMAT", "ENCODING"):
            master = estate.customers[bill["CUST_NO"]]
            assert (bill["PRT_NAME"], bill["PRT_ZIP"]) == (master["NAME"], master["ZIP"])


def test_every_account_with_a_line_has_a_bill_each_month(estate: Estate) -> None:
    bills = Counter(row["CUST_NO"] for row in estate.tables["BILLHDR"])
    paid_for = {row["CUST_NO"] for row in estate.tables["PAYSHARE"] if row["SHR_PCT"] == "100"}
    assert set(estate.customers) - set(bills) <= paid_for
    assert {account for account, count in bills.items() if count != 2} <= paid_for
