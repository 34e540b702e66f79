"""Usage that is no sound record, or that nobody can price, is suspended, and its account stays."""

import csv
from dataclasses import dataclass

import pytest
from spoilt_carrier import SpoiltCarrier

from crossbill.replacement import queries
from crossbill.replacement.migration.models import AccountMove, Replacement, SuspendedRecord
from crossbill.replacement.reconciliation.models import Difference

pytestmark = pytest.mark.django_db

FILE = "USAGE0424.CSV"
HEADER = ("REC_ID", "SVC_ID", "UTYP", "START_TS", "UNITS", "B_NUM", "NETW", "RCV_TS", "FILE_SEQ")

# What is written over in a record of a national call; the code and where it is found.
RECORDS = [
    ({"UNITS": "-60"}, "QUANTITY_NEGATIVE", "validate"),
    ({"UNITS": "1000000000001"}, "USAGE_ABSURD", "validate"),
    ({"START_TS": "19991231185959"}, "START_TOO_EARLY", "validate"),
    ({"RCV_TS": "20240401000000"}, "RECEIVED_BEFORE_START", "validate"),
    ({"SVC_ID": "S0009999991"}, "SERVICE_UNKNOWN", "validate"),
    ({"UTYP": "X"}, "UNMAPPED_CODE", "map"),
    ({"START_TS": "20240310023000"}, "TIME_SKIPPED", "stage"),
    ({"START_TS": "20231105013000"}, "TIME_REPEATED", "stage"),
    ({"B_NUM": "0110123456"}, "DESTINATION_UNKNOWN", "bill"),
    ({"B_NUM": "212-555-01"}, "DESTINATION_UNREADABLE", "validate"),
    ({"UNITS": "604801"}, "CALL_OVERLONG", "bill"),
    ({"START_TS": "20220401120000"}, "START_OUT_OF_RANGE", "bill"),
]
NOBODYS = ("SERVICE_UNKNOWN", "UNMAPPED_CODE", "TIME_SKIPPED", "TIME_REPEATED")


@dataclass
class Spoilt:
    """The replacement of the spoilt extract, and whose usage was spoilt, as RECORDS are ordered."""

    replacement: Replacement
    accounts: list[str]
    raw: list[bytes]
    sent_again: str
    changed: str


def national_calls(carrier: SpoiltCarrier, seeded: set[str]) -> dict[str, int]:
    """By account without a seeded defect and relatives, where its first paid call stands."""
    alone = {
        line[2:12].decode()
        for line in carrier.lines("CUSTMAST.DAT")[:-1]
        if not line[136:146].strip()
    }
    payers = {line[136:146].strip().decode() for line in carrier.lines("CUSTMAST.DAT")}
    found: dict[str, int] = {}
    for number, line in enumerate(carrier.lines(FILE)):
        row = dict(zip(HEADER, line.decode().split(";"), strict=True))
        account = f"C{row['SVC_ID'][1:10]}"
        paid = row["UTYP"] == "V" and row["UNITS"] not in ("0", "UNITS")
        plain = row["B_NUM"][:3] in ("212", "315", "415", "512", "617", "702", "808", "914")
        if paid and plain and account in alone - seeded - payers:
            found.setdefault(account, number)
    return found


@pytest.fixture(scope="module")
def spoilt(books, extract, truth, tmp_path_factory):
    """The change-over of an extract with one bad usage record in each of some accounts."""
    carrier = SpoiltCarrier.copied(extract, tmp_path_factory.mktemp("usage"), "bad-usage")
    carrier.in_one_wave()
    carrier.without_manifest()
    signers = {"signers": ["first.signer", "second.signer"]}
    carrier.edit("replacement.yaml", lambda spec: spec.update(rehearsal=signers))
    with (truth / "defects.csv").open(encoding="utf-8", newline="") as file:
        places = national_calls(carrier, {row["account_key"] for row in csv.DictReader(file)})
    lines = carrier.lines(FILE)
    accounts, raw = list(places), []
    for (changes, _, _), account in zip(RECORDS, accounts, strict=False):
        raw.append(_written_over(lines, places[account], changes))
    again, changed = accounts[len(RECORDS) : len(RECORDS) + 2]
    lines.append(lines[places[again]])
    other = dict(zip(HEADER, lines[places[changed]].decode().split(";"), strict=True))
    late = other | {"UNITS": "9999", "RCV_TS": "20240430120000"}
    carrier.write("USAGEDUP.CSV", [*carrier.lines("USAGEDUP.CSV"), _line(late)])
    carrier.write(FILE, lines)
    return Spoilt(carrier.replace(), accounts, raw, again, changed)


def _written_over(lines: list[bytes], number: int, changes: dict[str, str]) -> bytes:
    row = dict(zip(HEADER, lines[number].decode().split(";"), strict=True))
    lines[number] = _line(row | changes)
    return lines[number]


def _line(row: dict[str, str]) -> bytes:
    return ";".join(row[name] for name in HEADER).encode()


def move(spoilt: Spoilt, account: str) -> AccountMove:
    return AccountMove.objects.get(replacement=spoilt.replacement, account_key=account)


@pytest.mark.parametrize("number", range(len(RECORDS)), ids=lambda n: f"{n}-{RECORDS[n][1]}")
def test_bad_usage_is_suspended_with_its_bytes_and_its_account_stays(spoilt, number):
    _, code, stage = RECORDS[number]
    account = spoilt.accounts[number]
    found = SuspendedRecord.objects.filter(replacement=spoilt.replacement, code=code, file=FILE)
    record = next(r for r in found if bytes(r.raw) == spoilt.raw[number])
    assert (record.stage, record.account_key) == (stage, None if code in NOBODYS else account)
    assert record.message
    assert record.owner
    stays = move(spoilt, account)
    assert (stays.state, bool(stays.reason)) == ("fallout", True)


def test_usage_that_cannot_be_priced_makes_the_line_cheaper_and_says_by_how_many_records(spoilt):
    numbers = [n for n, (_, _, stage) in enumerate(RECORDS) if stage == "bill"]
    lines = Difference.objects.filter(
        replacement=spoilt.replacement,
        account_key__in=[spoilt.accounts[n] for n in numbers],
        entity="bill_line",
    )
    assert set(lines.values_list("class_code", flat=True)) == {"MISSING_USAGE"}
    assert all("missing: 1 usage record with " in line.evidence for line in lines)


@pytest.mark.parametrize("which", ["sent_again", "changed"])
def test_usage_that_comes_again_counts_once_and_holds_nobody_back(spoilt, which):
    assert move(spoilt, getattr(spoilt, which)).state == "live"


def test_all_usage_ends_in_one_state_in_each_stage(spoilt):
    totals = {t["stage"]: t for t in queries.summary(spoilt.replacement)["control_totals"]}
    for stage in ("map", "validate", "bill-1"):
        sums = totals[stage]["sums"]["usage.quantity"]
        came, *ended = (int(sums[s]) for s in ("in", "accepted", "duplicate", "suspended"))
        assert came == sum(ended)
    assert totals["bill-1"]["suspended"] == sum(stage == "bill" for *_, stage in RECORDS)
    assert totals["validate"]["duplicate"] > 0
