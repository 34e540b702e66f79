"""The evidence of a wave is one file: whole and signed, or it does not verify."""

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger.books import make_books, sign
from reconciliation.small_pack import (
    KEY,
    OTHERS_KEY,
    closing_of,
    edited,
    make_signed_wave,
    packed,
    parts_in,
    signed,
    written,
)

from crossbill.config.environment import Environment
from crossbill.engine.store import Store
from crossbill.replacement.reconciliation.evidence import container, keys
from crossbill.replacement.reconciliation.evidence.contents import EvidenceLost
from crossbill.replacement.reconciliation.evidence.guide import GUIDE
from crossbill.replacement.reconciliation.evidence.operations import (
    NothingToPack,
    PackNotWritten,
    pack_wave,
)
from crossbill.replacement.reconciliation.evidence.verify import (
    PackFails,
    Verified,
    verify_file,
    verify_pack,
)
from crossbill.replacement.reconciliation.models import Gate, Signature
from crossbill.replacement.reconciliation.queries import NoSuchWave, wave_named

pytestmark = pytest.mark.django_db  # the pack of each test is of books
TRUSTED = KEY.public_key()


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(f"file://{tmp_path}/store")


@pytest.fixture(scope="module")
def pack(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[bytes]:
    """The pack of a signed wave; of its books nothing is left behind."""
    from django.db import transaction

    folder = tmp_path_factory.mktemp("pack")
    with django_db_blocker.unblock(), transaction.atomic():
        store = Store(f"file://{folder}/store")
        wave = make_signed_wave(store)
        pack_wave(wave_id=wave.id, store=store, key=KEY, out=folder / "pack.zip")
        transaction.set_rollback(True)
    return (folder / "pack.zip").read_bytes()


def verified(pack: bytes, **options) -> Verified:
    return verify_file(io.BytesIO(pack), Path("pack.zip"), **options)


def refusal(pack: bytes, **options) -> PackFails:
    with pytest.raises(PackFails) as failed:
        verified(pack, **options)
    return failed.value


# What a pack holds


def test_a_pack_tells_whose_wave_it_is_and_who_signed_what(pack):
    found = verified(pack, trusted=TRUSTED)
    assert found.pack["carrier"]["code"] == "opticom"
    assert (found.pack["wave"], found.pack["gate"]["result"]) == ("wave 1", "passed")
    assert [row["user"] for row in found.approvals] == ["ann", "bob"]
    evidence = {row["evidence_sha256"] for row in found.approvals}
    assert evidence == {found.pack["gate"]["evidence_sha256"]}
    assert found.rows == {
        "approvals.csv": 2, "accounts.csv": 1, "differences.csv": 2, "findings.csv": 1,
        "decisions.csv": 3,
        "suspended.csv": 1, "controls.csv": 1, "control_rows.csv": 1,
        "control_decisions.csv": 1,
    }  # fmt: skip


def test_any_archive_program_opens_a_pack(pack):
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == parts_in(pack) | closing_of(pack)


def test_a_pack_holds_the_stages_of_its_own_wave_and_no_place_of_this_machine(pack):
    parts = parts_in(pack)
    assert b'"bill-1"' in parts["stages.json"]
    assert b'"bill-2"' not in parts["stages.json"]
    assert b"/somewhere" not in pack
    assert b"\x00\xff" not in parts["suspended.csv"]  # of raw bytes only the hash


def test_no_spreadsheet_computes_a_cell_of_a_pack(pack):
    rows = parts_in(pack)["differences.csv"].decode()
    assert ",'=1+1,-5.00," in rows


def test_the_same_books_give_the_same_bytes_and_another_file_is_not_replaced(store, tmp_path):
    wave, out = make_signed_wave(store), tmp_path / "pack.zip"
    pack_wave(wave_id=wave.id, store=store, key=KEY, out=out)
    first = out.read_bytes()
    pack_wave(wave_id=wave.id, store=store, key=KEY, out=out)
    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (first, 0o600)
    with pytest.raises(PackNotWritten, match="Another file is there"):
        pack_wave(wave_id=wave.id, store=store, key=OTHERS_KEY, out=out)
    with pytest.raises(PackNotWritten, match="No such file or directory"):
        pack_wave(wave_id=wave.id, store=store, key=KEY, out=tmp_path / "no" / "pack.zip")
    assert (out.read_bytes(), [path.name for path in tmp_path.glob(".pack*")]) == (first, [])


# What does not verify


def test_a_changed_byte_is_found_and_its_part_is_named(pack):
    parts = container.read_parts(io.BytesIO(pack))
    for place in range(0, len(pack), 7):
        changed = bytearray(pack)
        changed[place] ^= 1 << place % 8
        failed = refusal(bytes(changed))
        inside = [part for part in parts if part.start <= place < part.start + part.size]
        assert [part.name for part in inside] in ([failed.field], []), place


def test_a_pack_that_was_cut_or_goes_on_is_refused(pack):
    for length in range(0, len(pack), 23):
        refusal(pack[:length])
    for more in (b"\n", b"PK", pack):
        assert "was cut or changed" in refusal(pack + more).what
    refusal(b"\n" + pack)


def swapped(names: list[str]) -> list[str]:
    return [names[0], names[2], names[1], *names[3:]]


@pytest.mark.parametrize(
    ("order", "part", "words"),
    [
        (lambda names: names[:-2], "chain.txt", "stands where control_decisions.csv has to be"),
        (lambda names: names[1:], "public-key.pem", "stands where README.txt has to be"),
        (swapped, "pack.json", "stands where public-key.pem has to be"),
        (lambda names: [*names, "more.csv"], "more.csv", "stands where chain.txt has to be"),
        (lambda names: [], "chain.txt", "stands where README.txt has to be"),
    ],
)
def test_parts_that_are_missing_added_or_in_another_order(pack, order, part, words):
    parts = parts_in(pack)
    names = order(list(parts))
    failed = refusal(packed({name: parts.get(name, b"x") for name in names}, closing_of(pack)))
    assert words in failed.what
    assert failed.field in (part, "chain.txt")


def test_two_parts_whose_contents_were_exchanged(pack):
    parts = parts_in(pack)
    first, second = parts["accounts.csv"], parts["differences.csv"]
    parts |= {"accounts.csv": second, "differences.csv": first}
    assert refusal(packed(parts, closing_of(pack))).field == "accounts.csv"


def test_whoever_repairs_all_checksums_still_lacks_the_signature(pack):
    parts = edited(pack, "accounts.csv", lambda text: text.replace("loaded", "live"))
    assert refusal(packed(parts, closing_of(pack))).field == "accounts.csv"
    forged = signed(parts, OTHERS_KEY)
    closing = closing_of(forged) | {"signature.bin": closing_of(pack)["signature.bin"]}
    own_key = parts_in(forged)
    assert refusal(packed(own_key, closing)).field == "signature.bin"
    old_key = own_key | {"public-key.pem": parts["public-key.pem"]}
    assert refusal(packed(old_key, closing_of(forged))).field == "public-key.pem"


def test_the_signature_of_another_wave_is_none(pack):
    other = signed(edited(pack, "pack.json", lambda text: text.replace("2024-06-01", "2024-07-01")))
    assert verified(other).pack["as_of_date"] == "2024-07-01"
    closing = closing_of(pack) | {"signature.bin": closing_of(other)["signature.bin"]}
    assert refusal(packed(parts_in(pack), closing)).field == "signature.bin"


def test_a_pack_by_another_key_verifies_only_for_whom_no_key_is_trusted(pack):
    forged = signed(parts_in(pack), OTHERS_KEY)
    assert not verified(forged).pinned
    failed = refusal(forged, trusted=TRUSTED)
    assert "not by the one you trust" in failed.what
    assert failed.field == "public-key.pem"


HASH = hashlib.sha256(b"we agreed\n").hexdigest()
PROOF = f"files/{HASH}"
EVIDENCE_OF_ANOTHER = ("evidence.json", lambda text: text.replace("planned", "planed"))


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        (*EVIDENCE_OF_ANOTHER, "not the evidence by which the gate was decided"),
        ("approvals.csv", lambda t: re.sub("(bob.*?)[0-9a-f]{64}", r"\g<1>" + "0" * 64, t), "bob"),
        ("approvals.csv", lambda t: t.replace("bob", "ann"), "stands there twice"),
        ("pack.json", lambda t: t.replace('"passed"', '"refused"'), "does not follow from its rul"),
        ("pack.json", lambda t: t.replace("wave 1", "wave 2"), "of another wave than the evidence"),
        (
            "pack.json",
            lambda t: t.replace('"live_at": null', '"live_at": "2024-06-01"').replace(
                '"approvers_needed": 2', '"approvers_needed": 3'
            ),
            "too few people have signed",
        ),
        ("differences.csv", lambda t: "\n".join(t.splitlines()[:-1]) + "\n", "the gate counted"),
        ("decisions.csv", lambda t: t.replace("clerk", "dave"), "knew that @clerk accepted 1"),
        ("control_decisions.csv", lambda t: t.replace("clerk", "dave"), "@clerk accepted tax"),
        ("approvals.csv", lambda t: t.replace("bob", "'@clerk"), "@clerk signed, and had acc"),
        ("accounts.csv", lambda t: t + "C2,live,,,\n", "accounts that the gate counted"),
        ("stages.json", lambda t: t.replace('"accepted": 2', '"accepted": 1'), "vanished"),
        ("stages.json", lambda t: t.replace("ef" * 32, "ee" * 32), "is not the signed one"),
        (PROOF, lambda t: t.replace("we", "I"), "not the file that its name says"),
        ("decisions.csv", lambda t: t.replace(",attached,", ",said,"), "nobody attached such a f"),
        ("decisions.csv", lambda t: t.replace(HASH, "0" * 64, 1), "nobody attached such a file"),
        ("stages.json", lambda t: "[" + t, "they are not those of a pack"),
        ("pack.json", lambda t: t.replace('"gate"', '"gates"'), "they are not those of a pack"),
    ],
)
def test_a_signed_pack_whose_parts_contradict_each_other(pack, part, change, words):
    failed = refusal(signed(edited(pack, part, change)))
    assert words in failed.what
    assert failed.field in (part, "approvals.csv", "the documents", PROOF)


def test_an_attached_file_that_was_taken_out_of_a_signed_pack(pack):
    parts = {name: text for name, text in parts_in(pack).items() if name != PROOF}
    assert f"somebody attached {HASH}, which is not there" in refusal(signed(parts)).what


def test_what_is_no_pack(tmp_path):
    for text in (b"", b"PK\x03\x04", b"PK\x03\x04" + bytes(26), b"hello", bytes(10_000)):
        assert refusal(text).code == "PACK_FAILS"
    with pytest.raises(PackFails, match="There is no such file"):
        verify_pack(tmp_path)


def test_a_document_without_end_is_not_read_into_memory(pack, monkeypatch):
    monkeypatch.setattr(
        "crossbill.replacement.reconciliation.evidence.verify.MOST_DOCUMENT_BYTES", 999
    )
    failed = refusal(signed(parts_in(pack) | {"terms.json": b" " * 1_000}))
    assert "larger than such a part can be" in failed.what


# What is not packed


def test_a_signature_under_other_evidence_is_not_packed(store, tmp_path):
    wave = make_signed_wave(store)
    sign(Gate.objects.get(), "eve", saw="00" * 32)
    with pytest.raises(PackFails, match="eve signed other evidence"):
        pack_wave(wave_id=wave.id, store=store, key=KEY, out=tmp_path / "pack.zip")
    assert not (tmp_path / "pack.zip").exists()
    assert Signature.objects.count() == 3


def test_evidence_that_is_not_what_was_signed_is_not_packed(store, tmp_path):
    wave, out = make_signed_wave(store), tmp_path / "pack.zip"
    path = Path(store.path("opticom", "wave-1", "evidence.json"))
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(EvidenceLost, match="was changed"):
        pack_wave(wave_id=wave.id, store=store, key=KEY, out=out)
    path.unlink()
    with pytest.raises(EvidenceLost, match="is not in the store"):
        pack_wave(wave_id=wave.id, store=store, key=KEY, out=out)
    assert not out.exists()


def test_a_wave_without_a_gate_has_no_evidence(store, tmp_path):
    wave = make_books()
    with pytest.raises(NothingToPack):
        pack_wave(wave_id=wave.id, store=store, key=KEY, out=tmp_path / "pack.zip")


def test_a_wave_is_named_by_its_name_or_number():
    wave = make_books()
    assert wave_named("opticom", "1") == wave_named("opticom", "wave 1") == wave
    with pytest.raises(NoSuchWave, match=r"use one of 1 \(wave 1\)"):
        wave_named("opticom", "2")
    with pytest.raises(NoSuchWave, match="use one of opticom"):
        wave_named("telco", "1")


# The key


def home(folder: Path) -> Environment:
    return Environment(home=folder)


def test_the_key_of_an_installation_is_made_once_and_is_private(tmp_path):
    first, again = (keys.signing_key(home(tmp_path)) for _ in range(2))
    assert first.private_bytes_raw() == again.private_bytes_raw()
    assert (tmp_path / keys.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (None, 0o644, "Others can read the private key"),
        ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", 0o600, "no Ed25519 key"),
    ],
)
def test_a_private_key_that_cannot_be_used(tmp_path, text, mode, words):
    keys.signing_key(home(tmp_path))
    path = tmp_path / keys.FILE
    if text:
        path.write_text(text)
    path.chmod(mode)
    with pytest.raises(keys.EvidenceKeyUnusable, match=words):
        keys.signing_key(home(tmp_path))


def test_a_public_key_is_what_was_printed(tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(keys.public_pem(TRUSTED))
    assert keys.fingerprint(keys.read_public(path)) == keys.fingerprint(TRUSTED)
    for text in (b"no key", bytes(20_000)):
        path.write_bytes(text)
        with pytest.raises(keys.EvidenceKeyUnusable):
            keys.read_public(path)


# For people


def test_verifying_needs_neither_database_nor_home(pack, tmp_path):
    (tmp_path / "key.pem").write_bytes(keys.public_pem(TRUSTED))
    written(tmp_path, pack)
    nowhere = {"DATABASE_URL": "postgresql://nobody@nowhere.invalid/none", "PATH": os.defpath}
    ours = [sys.executable, "-m", "crossbill", "reconcile", "verify"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*ours, "pack.zip", "--key", "key.pem"],
            cwd=tmp_path, env=nowhere | {"CROSSBILL_HOME": "/nowhere/at/all"},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "signed by ann at " in done.stdout
    assert "The pack is whole: 19 parts" in done.stdout
    written(tmp_path, pack.replace(b"loaded", b"living"))
    done = run()
    assert (done.returncode, done.stdout) == (1, "")
    assert "field accounts.csv) [PACK_FAILS]" in done.stderr


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_the_guide_in_the_pack_checks_it_without_crossbill(pack, tmp_path):
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        archive.extractall(tmp_path)
    by_hand = GUIDE.split("without Crossbill, in the folder")[1]
    commands = re.findall("^    (.+)$", by_hand, re.MULTILINE)
    shown = [
        subprocess.run(
            ["bash", "-o", "pipefail", "-c", c], cwd=tmp_path, capture_output=True, text=True,
            check=True,
        ).stdout
        for c in commands
    ]  # fmt: skip
    chain = (tmp_path / "chain.txt").read_text().splitlines()
    assert "Verified Successfully" in shown[0]
    assert shown[1].split()[0] == (tmp_path / "head.txt").read_text().splitlines()[1]
    assert shown[2].count(": OK") == len(chain) == 16
    assert shown[3].split()[0] == chain[3].split()[2]
    assert shown[4].split()[0] in (tmp_path / "approvals.csv").read_text()
