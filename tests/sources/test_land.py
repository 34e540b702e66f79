"""Landing: a file is kept byte for byte, or refused with a reason."""

import hashlib
import os
from pathlib import Path

import pytest

from crossbill.core.refusal import Refusal
from crossbill.engine.store import Store
from crossbill.replacement.migration import land as landing
from crossbill.replacement.migration.land import (
    ManifestDifference,
    ManifestRow,
    check_manifest,
    land,
)
from crossbill.runs.receipt import Receipt


@pytest.fixture
def root(tmp_path):
    """A data folder with one file, and another file outside of it."""
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "in.csv").write_bytes(b"id\n1\n")
    os.utime(folder / "in.csv", ns=(0, 1_700_000_000_999_999_999))
    (tmp_path / "outside.csv").write_bytes(b"id\n2\n")
    return folder


@pytest.fixture
def store(tmp_path):
    """A local store."""
    return Store(str(tmp_path / "store"))


def test_a_file_is_kept_byte_for_byte_and_read_only(root, store):
    landed = land(root / "in.csv", store, "run", root=root)
    assert (landed.name, landed.bytes) == ("in.csv", 5)
    assert landed.sha256 == hashlib.sha256(b"id\n1\n").hexdigest()
    assert landed.modified_at.isoformat() == "2023-11-14T22:13:20+00:00"
    assert Path(landed.path).read_bytes() == b"id\n1\n"
    assert Path(landed.path).stat().st_mode & 0o222 == 0


def test_landing_again_is_no_change(root, store):
    first = land(root / "in.csv", store, "run", root=root)
    assert land(Path("in.csv"), store, "run", root=root) == first


def test_another_file_of_a_landed_name_is_refused(root, store):
    land(root / "in.csv", store, "run", root=root)
    (root / "in.csv").write_bytes(b"id\n9\n")
    with pytest.raises(Refusal, match="LANDED_DIFFERS"):
        land(root / "in.csv", store, "run", root=root)


def test_a_file_that_changes_between_two_reads_is_refused_and_not_kept(root, store, monkeypatch):
    source, first_hash = root / "in.csv", landing._hash

    def written_to_meanwhile(file):
        source.write_bytes(b"id\n1\n2\n")
        return first_hash(file)

    monkeypatch.setattr(landing, "_hash", written_to_meanwhile)
    with pytest.raises(Refusal) as refused:
        land(source, store, "run", root=root)
    assert refused.value.code == "SOURCE_CHANGED"
    for data in (b"id\n1\n", b"id\n1\n2\n"):
        assert hashlib.sha256(data).hexdigest() in str(refused.value)
    assert list(Path(store.path("run")).glob("*")) == []


def test_a_file_over_the_limit_is_refused(root, store):
    with pytest.raises(Refusal, match="SOURCE_TOO_LARGE"):
        land(root / "in.csv", store, "run", root=root, limit_bytes=4)


def test_a_missing_file_is_refused(root, store):
    with pytest.raises(Refusal, match="SOURCE_MISSING"):
        land(root / "none.csv", store, "run", root=root)


@pytest.mark.parametrize("way", ["../outside.csv", "sub/../../outside.csv", "link.csv", "out/x"])
def test_no_way_leads_out_of_the_data_folder(root, store, way):
    (root / "link.csv").symlink_to(root.parent / "outside.csv")
    (root / "out").symlink_to(root.parent)
    with pytest.raises(Refusal, match="SOURCE_OUTSIDE"):
        land(root / way, store, "run", root=root)


# The manifest's row | the differences found against 3 records that add up to 10
MANIFEST = [
    (ManifestRow("a", 3, "x_nanos", 10), []),
    (ManifestRow("a", 3), []),
    (ManifestRow("a", 4, "x_nanos", 10), [("records", 4, 3)]),
    (ManifestRow("a", 3, "x_nanos", 11), [("sum of x_nanos", 11, 10)]),
    (ManifestRow("a", 3, "y_nanos", 11), [("sum of y_nanos", 11, None)]),
    (ManifestRow("b", 3), [("file not staged", 3, None), ("not in the manifest", None, 3)]),
]


@pytest.mark.parametrize(("row", "expected"), MANIFEST)
def test_control_totals_are_compared_with_what_was_found(row, expected):
    sums = {"a.x_nanos": {"in": 10, "accepted": 7, "duplicate": 1, "suspended": 2}}
    receipts = {"a": Receipt(3, 1, 1, 1, sums)}
    found = check_manifest([row], receipts)
    assert [(d.what, d.stated, d.found) for d in found] == expected
    assert all(isinstance(difference, ManifestDifference) for difference in found)
