"""What comes in is accepted once, a duplicate, or suspended with its reason."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rating.example import USAGE, rated, written

from crossbill.platform.rating.rated_result import document
from crossbill.platform.usage.read import BadUsageFile
from crossbill.platform.usage.reasons import READING, REASONS, reason

GOOD = "g1,41790000001,voice,2024-03-01T09:15:00+01:00,185,41443001122,,,,,"
# Each row is spoilt in one place; the code says which.
SPOILT = {
    "KEY_MISSING": ",41790000001,voice,2024-03-01T09:15:00+01:00,185,41443001122,,,,,",
    "SERVICE_MISSING": "e1,,voice,2024-03-01T09:15:00+01:00,185,41443001122,,,,,",
    "USAGE_TYPE_MISSING": "e1,41790000001,,2024-03-01T09:15:00+01:00,185,41443001122,,,,,",
    "START_UNREADABLE": "e1,41790000001,voice,2024-03-01T09:15:00,185,41443001122,,,,,",
    "QUANTITY_UNREADABLE": "e1,41790000001,voice,2024-03-01T09:15:00Z,1.5,41443001122,,,,,",
    "PRICE_UNREADABLE": "e1,41790000001,voice,2024-03-01T09:15:00Z,1,41443001122,,,1.50,EUR,",
    "RECEIPT_UNREADABLE": "e1,41790000001,voice,2024-03-01T09:15:00Z,1,41443001122,,,,,later",
    "DESTINATION_UNREADABLE": "e1,41790000001,voice,2024-03-01T09:15:00Z,1,+41443001122,,,,,",
    "NETWORK_UNREADABLE": "e1,41790000001,roaming,2024-03-01T09:15:00Z,1,,T-Mobile,,,,",
    "QUANTITY_NEGATIVE": "e1,41790000001,voice,2024-03-01T09:15:00Z,-1,41443001122,,,,,",
    "QUANTITY_TOO_LARGE": "e1,41790000001,data,2024-03-01T09:15:00Z,9223372036854775,,,,,,",
    "CALL_OVERLONG": "e1,41790000001,voice,2024-03-01T09:15:00Z,604801,41443001122,,,,,",
    "START_TOO_EARLY": "e1,41790000001,voice,1970-01-01T00:00:01Z,1,41443001122,,,,,",
    "START_OUT_OF_RANGE": "e1,41790000001,voice,2031-03-01T09:15:00Z,1,41443001122,,,,,",
    "SERVICE_UNKNOWN": "e1,49000,voice,2024-03-01T09:15:00Z,1,41443001122,,,,,",
    "USAGE_TYPE_UNKNOWN": "e1,41790000001,fax,2024-03-01T09:15:00Z,1,41443001122,,,,,",
    "DESTINATION_UNKNOWN": "e1,41790000002,voice,2024-03-01T09:15:00Z,1,99912345,,,,,",
    "CURRENCY_MISMATCH": "e1,41790000002,voice,2024-03-01T09:15:00Z,1,41900555666,,,100,USD,",
    "AMOUNT_NEGATIVE": "e1,41790000002,voice,2024-03-01T09:15:00Z,1,41900555666,,,-100,EUR,",
    "PRICE_MISSING": "e1,41790000002,voice,2024-03-01T09:15:00Z,1,41900555666,,,,,",
    "AMOUNT_TOO_LARGE": "e1,41790000002,voice,2024-03-01T09:15:00Z,1,41900555666,,,"
    "99999999999999999,EUR,",
}


@pytest.mark.parametrize("code", SPOILT)
def test_a_spoilt_record_is_suspended_and_the_others_are_rated(tmp_path, code):
    with rated(written(tmp_path, GOOD, SPOILT[code])) as result:
        found = document(result)
    assert found["usage"]["rated"]["events"] == 1
    assert list(found["suspended"]) == [code]
    assert found["suspended"][code]["events"] >= 1
    assert found["suspended"][code]["cure"] == reason(code).cure


def test_every_reason_has_a_case_here_or_is_told_why_not():
    by_catalogue_only = {"POLICY_UNKNOWN", "SERVICE_DOUBLED", "RATE_MISSING", "BAND_MISSING"}
    by_catalogue_only |= {"TIME_ZONE_UNKNOWN"}
    assert set(SPOILT) | by_catalogue_only == set(READING) | set(REASONS)


def test_a_second_delivery_is_a_duplicate_whatever_it_says(tmp_path):
    later = GOOD.replace(",185,", ",999,") + "2024-03-05T00:00:00Z"
    first = GOOD + "2024-03-02T00:00:00Z"
    with rated(written(tmp_path, later, first)) as result:
        found = document(result)["usage"]
        assert result.fetch("rated_usage")["quantity"].to_pylist()[:1] == [185]
    assert found["in"] == {"events": 2, "quantity": 185 + 999}
    assert found["duplicate"] == {"events": 1, "quantity": 999}


def test_parquet_and_csv_give_the_same(tmp_path):
    columns = USAGE.read_text("utf-8").splitlines()[0].split(",")
    texts = [line.split(",") for line in USAGE.read_text("utf-8").splitlines()[1:]]
    rows = pa.table(
        {name: pa.array([row[i] or None for row in texts]) for i, name in enumerate(columns)}
    )
    rows = rows.set_column(columns.index("quantity"), "quantity", rows["quantity"].cast(pa.int64()))
    pq.write_table(rows, tmp_path / "usage.parquet")
    found = []
    for path in (USAGE, tmp_path / "usage.parquet"):
        with rated(path) as result:
            found.append(result.fetch("rated_usage").sort_by([("usage_key", "ascending")]))
    assert sorted(found[0].to_pylist(), key=str) == sorted(found[1].to_pylist(), key=str)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("usage_key,service_key\na,b\n", "usage_type"),
        ("usage_key,service_key,usage_type,started_at,quantity,colour\n", "colour"),
        ("usage_key,service_key,usage_type,started_at,quantity\na,b,c\n", "Not comma-separated"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_place(tmp_path, text, says):
    path = tmp_path / "usage.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(BadUsageFile, match=says), rated(path):
        pass


def test_a_missing_file_and_an_unknown_format_are_refused(tmp_path):
    (tmp_path / "usage.xlsx").write_bytes(b"PK")
    for name in ("nowhere.csv", "usage.xlsx"):
        with pytest.raises(BadUsageFile, match=name), rated(tmp_path / name):
            pass


def test_an_empty_file_rates_nothing_and_says_so(tmp_path):
    with rated(written(tmp_path)) as result:
        assert document(result)["usage"]["in"] == {"events": 0, "quantity": 0}
