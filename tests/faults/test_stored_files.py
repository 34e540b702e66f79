"""The store fails or lies: a full disk is told and survived, a changed file is never read."""

import os
import subprocess
from pathlib import Path

import pytest
from killable import Home, gave_up, refused
from outcome import assert_same, outcome


@pytest.fixture
def small_disk(home: Home):
    """A store on a disk of its own, of a size that is too small until it is made larger."""
    place = home.path.parent / "small-disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_told_and_with_room_the_work_goes_on(home, reference, small_disk):
    store = {"CROSSBILL_STORE": f"file://{small_disk}"}
    attempt = home.replace("full", **store)
    assert gave_up(attempt), attempt.said
    assert "STORE_FULL" in attempt.said
    assert [p for p in small_disk.rglob(".*") if p.is_file()] == []
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    resumed = home.replace("full", **store)
    assert resumed.wait() == 0, resumed.said
    (home.store / "full").symlink_to(small_disk / "full")
    assert_same(outcome(home, "full"), reference.outcome)


def flip(path: Path) -> None:
    """Change one bit, as a failing disk or a person would."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.fixture(scope="module")
def stopped(home: Home, reference):
    """A change-over that was killed when records had been staged and mapped."""
    attempt = home.replace("tampered")
    assert attempt.wait_for("Map to the canonical tables"), attempt.said
    assert attempt.kill()
    return home.store / "tampered"


@pytest.mark.parametrize(
    "name", ["land/CUSTMAST.DAT", "stage/SVCINV/staged.parquet", "map/account.parquet"]
)
def test_a_stored_file_that_was_changed_between_attempts_is_noticed(home, stopped, name):
    file = stopped / name
    flip(file)
    attempt = home.replace("tampered")
    assert refused(attempt, "STORED_FILE_DIFFERS"), attempt.said
    assert str(file) in attempt.said
    flip(file)


def test_a_stored_file_that_is_gone_is_noticed(home, stopped):
    file = stopped / "map" / "product.parquet"
    file.rename(file.with_name("elsewhere"))
    assert refused(home.replace("tampered"), "STORED_FILE_DIFFERS")
    file.with_name("elsewhere").rename(file)


def test_files_put_back_are_worked_with_again(home, stopped):
    attempt = home.replace("tampered")
    assert attempt.wait_for("Check the records at entry"), attempt.said
    attempt.kill()


def test_another_file_under_the_name_of_a_landed_one_is_refused(home, reference):
    landed = home.store / "undone" / "land" / "CUSTMAST.DAT"
    landed.parent.mkdir(parents=True)
    landed.write_bytes(b"landed by an attempt that was undone\n")
    attempt = home.replace("undone")
    assert refused(attempt, "LANDED_DIFFERS"), attempt.said
    landed.unlink()
