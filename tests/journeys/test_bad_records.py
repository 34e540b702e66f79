"""One extract with many kinds of bad records: each is suspended, its account stays, the rest go."""

import csv
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from spoilt_carrier import SpoiltCarrier

from crossbill.replacement import queries
from crossbill.replacement.migration.models import AccountMove, SuspendedRecord

pytestmark = pytest.mark.django_db

MASTER = {"NAME": (12, 52), "TAXCD": (132, 136), "PAR_NO": (136, 146), "STAT": (146, 147),
          "OPN_DT": (149, 157), "BAL": (158, 170)}  # fmt: skip

# The file, what is spoilt in an account's record, and how, and the code of its suspended record.
# Columns of CUSTMAST.DAT and of the CSVs are written over; the other ways are functions below.
RECORDS = [
    ("CUSTMAST.DAT", "STAT", b"Q", "UNMAPPED_CODE"),
    ("CUSTMAST.DAT", "TAXCD", b"ZZ99", "TAX_CODE_UNKNOWN"),
    ("CUSTMAST.DAT", "OPN_DT", b"20240230", "DATE_DOES_NOT_EXIST"),
    ("CUSTMAST.DAT", "BAL", b"0000000ABCD+", "NOT_AN_AMOUNT"),
    ("CUSTMAST.DAT", "PAR_NO", b"C888888888", "PARENT_MISSING"),
    ("CUSTMAST.DAT", "NAME", b"D\x81mmer", "NOT_DECODABLE"),
    ("CUSTMAST.DAT", "NAME", b"D\x00mmer", "CONTROL_CHARACTER"),
    ("CUSTMAST.DAT", "cut", b"", "RECORD_LENGTH"),
    ("CUSTMAST.DAT", "removed", b"", "ACCOUNT_MISSING"),
    ("SVCINV.CSV", "TRF", b"NEW", "UNMAPPED_CODE"),
    ("SVCINV.CSV", "SPCL_PRC", b"-5,00", "PRICE_NEGATIVE"),
    ("SVCINV.CSV", "SPCL_PRC", b"9999999,00", "PRICE_ABSURD"),
    ("SVCINV.CSV", "SPCL_PRC", b"1.234,56", "NOT_AN_AMOUNT"),
    ("SVCINV.CSV", "SPCL_PRC", b"99999999999999999999", "OUT_OF_RANGE"),
    ("SVCINV.CSV", "QTY", b"0", "QUANTITY_INVALID"),
    ("SVCINV.CSV", "QTY", b"9000000000000000000", "QUANTITY_ABSURD"),
    ("SVCINV.CSV", "STRT", b"20241301", "DATE_DOES_NOT_EXIST"),
    ("SVCINV.CSV", "STRT", b"00010101", "DATE_ABSURD"),
    ("SVCINV.CSV", "SVC_ID", b"", "REQUIRED_BLANK"),
    ("SVCINV.CSV", "ragged", b";", "RAGGED_ROW"),
    ("SVCINV.CSV", "reused", b"7", "KEY_REUSED"),
    ("OPENITM.CSV", "OPEN_AMT", b"10,005", "FRACTION_OF_MINOR_UNIT"),
    ("OPENITM.CSV", "DOC_NO", b"D" * 61, "VALUE_TOO_LONG"),
    ("BILLHDR.CSV", "removed", b"", "BILL_MISSING"),
    ("BILLLIN.CSV", "BILL_NO", b"Bxxxx000000001", "EXPRESSION_FAILED"),
]
# Not named by the record, so that its account is held back by what it lacks afterwards.
UNNAMED = {"NOT_DECODABLE", "CONTROL_CHARACTER", "RECORD_LENGTH", "RAGGED_ROW"}


@dataclass
class Spoilt:
    """The replacement of the spoilt extract, and what was done to whom."""

    replacement: object
    accounts: list[bytes]
    raw: list[bytes]
    extra: dict[str, str] = field(default_factory=dict)


def clean_accounts(carrier: SpoiltCarrier, truth) -> list[bytes]:
    """Accounts with an open item, without a seeded defect and without relatives."""
    with (truth / "defects.csv").open(encoding="utf-8", newline="") as file:
        seeded = {row["account_key"].encode() for row in csv.DictReader(file)}
    master = [line for line in carrier.lines("CUSTMAST.DAT") if line[:2] == b"01"]
    payers = {line[136:146].strip() for line in master}
    owing = {line.split(b";")[1] for line in carrier.lines("OPENITM.CSV")}
    keys = [line[2:12] for line in master if not line[136:146].strip()]
    return [key for key in dict.fromkeys(keys) if key not in seeded | payers and key in owing]


def place(lines: list[bytes], name: str, account: bytes) -> int:
    """Where the account's first record stands."""
    for number, line in enumerate(lines):
        key = line[2:12] if name == "CUSTMAST.DAT" else line.split(b";")[column(lines, "CUST_NO")]
        if key == account:
            return number
    raise AssertionError(f"{name} has no record of {account!r}")


def column(lines: list[bytes], name: str) -> int:
    return lines[0].decode().split(";").index(name)


def spoil(carrier: SpoiltCarrier, name: str, how: str, value: bytes, account: bytes) -> bytes:
    """Spoil the account's first record of a file; returns its bytes as they are now."""
    lines = carrier.lines(name)
    number = place(lines, name, account)
    line = lines[number]
    if how in MASTER and name == "CUSTMAST.DAT":
        start, end = MASTER[how]
        line = line[:start] + value.ljust(end - start) + line[end:]
    elif how == "cut":
        line = line[:-3]
    elif how == "ragged":
        line += value
    elif how == "reused":
        lines.append(line[:-1] + value)
    elif how != "removed":
        values = line.split(b";")
        values[column(lines, how)] = value
        line = b";".join(values)
    lines[number] = line
    if how == "removed":
        del lines[number]
    carrier.write(name, lines)
    return line


@pytest.fixture(scope="module")
def spoilt(books, extract, truth, tmp_path_factory):
    """The change-over of an extract in which every account of a case has its bad record."""
    carrier = SpoiltCarrier.copied(extract, tmp_path_factory.mktemp("spoilt"), "spoilt")
    carrier.in_one_wave()
    carrier.without_manifest()
    signers = {"signers": ["first.signer", "second.signer"]}
    carrier.edit("replacement.yaml", lambda spec: spec.update(rehearsal=signers))
    accounts = clean_accounts(carrier, truth)
    raw = [
        spoil(carrier, name, how, value, account)
        for (name, how, value, _), account in zip(RECORDS, accounts, strict=False)
    ]
    loop, other, doubled, future, moved, long = accounts[len(RECORDS) : len(RECORDS) + 6]
    spoil(carrier, "CUSTMAST.DAT", "PAR_NO", other, loop)
    spoil(carrier, "CUSTMAST.DAT", "PAR_NO", loop, other)
    services = carrier.lines("SVCINV.CSV")
    services.append(services[place(services, "SVCINV.CSV", doubled)])
    values = services[place(services, "SVCINV.CSV", future)].split(b";")
    values[0], values[column(services, "STRT")] = b"S-FUTURE", b"20991231"
    services.append(b";".join(values))
    carrier.write("SVCINV.CSV", services)
    spoil(carrier, "SVCINV.CSV", "CUST_NO", b"C999999999", moved)
    spoil(carrier, "SVCINV.CSV", "CUST_NO", b"K" * 50, long)
    carrier.write("CUSTMAST.DAT", [*carrier.lines("CUSTMAST.DAT"), b"garbage at the end"])
    extra = {"loop": loop, "other": other, "doubled": doubled, "future": future, "moved": moved}
    extra = {name: key.decode() for name, key in extra.items()}
    return Spoilt(carrier.replace(), accounts, raw, extra)


def move(spoilt: Spoilt, account: str) -> AccountMove:
    return AccountMove.objects.get(replacement=spoilt.replacement, account_key=account)


def records(spoilt: Spoilt, **wanted):
    return SuspendedRecord.objects.filter(replacement=spoilt.replacement, **wanted)


@pytest.mark.parametrize("number", range(len(RECORDS)), ids=lambda n: f"{n}-{RECORDS[n][3]}")
def test_bad_record_is_suspended_with_its_bytes_and_its_account_stays(spoilt, number):
    name, how, _, code = RECORDS[number]
    account = spoilt.accounts[number].decode()
    stays = move(spoilt, account)
    assert stays.state == "fallout"
    assert stays.reason
    if code in UNNAMED:
        found = [r for r in records(spoilt, code=code, file=name) if bytes(r.raw)]
        assert spoilt.raw[number] in [bytes(record.raw) for record in found]
        return
    found = records(spoilt, account_key=account, code=code)
    assert found, list(records(spoilt, account_key=account).values_list("code", "message"))
    assert all(record.message and record.line and record.raw for record in found)
    if how != "removed":
        assert spoilt.raw[number] in [bytes(record.raw) for record in found]
        assert {record.file for record in found} == {name}


@pytest.mark.parametrize("who", ["loop", "other"])
def test_accounts_that_pay_for_each_other_stay(spoilt, who):
    assert move(spoilt, spoilt.extra[who]).state == "fallout"
    assert records(spoilt, account_key=spoilt.extra[who], code="PARENT_LOOP").exists()


def test_record_that_is_there_twice_counts_once_and_holds_nobody_back(spoilt):
    assert records(spoilt, account_key=spoilt.extra["doubled"], code="DUPLICATE_ROW").count() == 1
    assert move(spoilt, spoilt.extra["doubled"]).state == "live"


def test_product_that_starts_in_the_future_goes_over_and_is_not_billed_yet(spoilt):
    assert move(spoilt, spoilt.extra["future"]).state == "live"


def test_account_that_only_its_product_names_is_counted(spoilt):
    assert move(spoilt, "C999999999").state == "fallout"
    assert records(spoilt, account_key="C999999999", code="ACCOUNT_MISSING").exists()
    assert move(spoilt, spoilt.extra["moved"]).class_code == "MISSING_PRODUCT"


def test_account_whose_key_is_too_long_is_counted_under_a_shorter_one(spoilt):
    stays = AccountMove.objects.get(
        replacement=spoilt.replacement, account_key__startswith="K" * 27 + "~"
    )
    assert stays.state == "fallout"
    assert records(spoilt, account_key=stays.account_key).exists()


def test_garbage_behind_the_trailer_is_kept(spoilt):
    assert [bytes(r.raw) for r in records(spoilt, raw=b"garbage at the end")] != []


def test_all_others_go_live_and_all_totals_add_up(spoilt):
    result = queries.summary(spoilt.replacement)
    assert result["gate"] == "passed"
    assert result["accounts"] == 102  # the estate's hundred, and two that only products name
    assert sum(result["states"].values()) == 102
    assert result["states"]["live"] >= 102 - len(RECORDS) - 6 - 12
    for total in result["control_totals"]:
        assert total["in"] == total["accepted"] + total["duplicate"] + total["suspended"]
        for part in total["sums"].values():
            ended = (Decimal(part[state]) for state in ("accepted", "duplicate", "suspended"))
            assert Decimal(part["in"]) == sum(ended)
