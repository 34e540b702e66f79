"""An extract that cannot be trusted as a whole is refused before anything of it is moved."""

import shutil
from pathlib import Path

import pytest
from spoilt_carrier import SpoiltCarrier

from crossbill import cli
from crossbill.core.refusal import Refusal
from crossbill.platform.customer.models import BillingAccount, Carrier
from crossbill.platform.ledger.models import JournalEntry
from crossbill.replacement.migration import extract as extract_stages
from crossbill.replacement.migration.models import AccountMove

pytestmark = pytest.mark.django_db


def remove(carrier: SpoiltCarrier) -> None:
    (carrier.data / "SVCINV.CSV").unlink()


def two_fit(carrier: SpoiltCarrier) -> None:
    shutil.copy(carrier.data / "SVCINV.CSV", carrier.data / "SVCINV2.CSV")
    carrier.edit("mapping.yaml", lambda m: m["sources"]["SVCINV"].update(file="SVCINV*.CSV"))


def lead_out(carrier: SpoiltCarrier) -> None:
    carrier.edit("mapping.yaml", lambda m: m["sources"]["SVCINV"].update(file="../SVCINV.CSV"))


def rename_column(carrier: SpoiltCarrier) -> None:
    lines = carrier.lines("SVCINV.CSV")
    carrier.write("SVCINV.CSV", [lines[0].replace(b";TRF;", b";TARIF;"), *lines[1:]])


def as_utf_16(carrier: SpoiltCarrier) -> None:
    path = carrier.data / "SVCINV.CSV"
    path.write_bytes(path.read_bytes().decode("cp1252").encode("utf-16"))


def empty(carrier: SpoiltCarrier) -> None:
    (carrier.data / "SVCINV.CSV").write_bytes(b"")


def link(carrier: SpoiltCarrier) -> None:
    (carrier.data / "SVCINV.CSV").rename(carrier.data.parent / "elsewhere.csv")
    (carrier.data / "SVCINV.CSV").symlink_to(carrier.data.parent / "elsewhere.csv")


def other_delimiter(carrier: SpoiltCarrier) -> None:
    path = carrier.data / "SVCINV.CSV"
    path.write_bytes(path.read_bytes().replace(b";", b"|"))


def cut_short(carrier: SpoiltCarrier) -> None:
    carrier.write("SVCINV.CSV", carrier.lines("SVCINV.CSV")[:-1])


def head_only(carrier: SpoiltCarrier) -> None:
    carrier.write("SVCINV.CSV", carrier.lines("SVCINV.CSV")[:1])


def no_manifest(carrier: SpoiltCarrier) -> None:
    (carrier.data / "MANIFEST.CSV").unlink()


def manifest_in_utf_16(carrier: SpoiltCarrier) -> None:
    path = carrier.data / "MANIFEST.CSV"
    path.write_bytes(path.read_bytes().decode("cp1252").encode("utf-16"))


def manifest_of_words(carrier: SpoiltCarrier) -> None:
    lines = carrier.lines("MANIFEST.CSV")
    carrier.write("MANIFEST.CSV", [lines[0], lines[1].replace(b";100;", b";many;"), *lines[2:]])


# What is done to the extract | code | words of the message
BEFORE_A_RUN = [
    (remove, "BAD_SPEC", ["found: none", "SVCINV.CSV"]),
    (two_fit, "BAD_SPEC", ["SVCINV.CSV, SVCINV2.CSV"]),
    (lead_out, "BAD_SPEC", ["within the data folder", "../SVCINV.CSV"]),
    (rename_column, "COLUMN_MISSING", ["SVCINV.CSV", "TRF", "TARIF"]),
    (as_utf_16, "ENCODING_WRONG", ["SVCINV.CSV", "utf-16"]),
    (empty, "FILE_EMPTY", ["SVCINV.CSV", "again"]),
    (link, "SOURCE_OUTSIDE", ["SVCINV.CSV", "copy the file"]),
    (other_delimiter, "DELIMITER_WRONG", ["SVCINV.CSV", "'|'"]),
]
WITHIN_A_RUN = [
    (cut_short, "MANIFEST_DIFFERS", ["SVCINV.CSV", "records", "exported again"]),
    (head_only, "MANIFEST_DIFFERS", ["SVCINV.CSV", "the file has 0", "exported again"]),
    (no_manifest, "MANIFEST_DIFFERS", ["MANIFEST.CSV", "missing"]),
    (manifest_in_utf_16, "MANIFEST_DIFFERS", ["MANIFEST.CSV", "UTF-8"]),
    (manifest_of_words, "MANIFEST_DIFFERS", ["MANIFEST.CSV:2", "many"]),
]


@pytest.fixture
def carrier(books, extract, tmp_path, request) -> SpoiltCarrier:
    """A copy of the extract under a carrier of the test's own."""
    return SpoiltCarrier.copied(extract, tmp_path, f"files-{abs(hash(request.node.name)) % 10**9}")


@pytest.mark.parametrize(("spoil", "code", "words"), BEFORE_A_RUN, ids=lambda v: "")
def test_file_that_cannot_be_read_is_refused_before_a_run_begins(carrier, spoil, code, words):
    spoil(carrier)
    with pytest.raises(Refusal) as refused:
        carrier.replace()
    assert refused.value.code == code
    assert refused.value.cure
    assert all(word in str(refused.value) for word in words), str(refused.value)
    assert not Carrier.objects.filter(code=carrier.carrier).exists()


@pytest.mark.parametrize(("spoil", "code", "words"), WITHIN_A_RUN, ids=lambda v: "")
def test_extract_that_is_not_what_its_manifest_says_moves_nobody(carrier, spoil, code, words):
    spoil(carrier)
    with pytest.raises(Refusal) as refused:
        carrier.replace()
    assert refused.value.code == code
    assert refused.value.cure
    assert all(word in str(refused.value) for word in words), str(refused.value)
    mine = {"carrier__code": carrier.carrier}
    assert not BillingAccount.objects.filter(**mine).exists()
    assert not JournalEntry.objects.filter(**mine).exists()
    assert not AccountMove.objects.filter(replacement__carrier__code=carrier.carrier).exists()


def test_file_that_changes_after_the_run_began_is_noticed(carrier, monkeypatch):
    landing = extract_stages.land

    def changed_before_landing(path: Path, *arguments, **options):
        if path.name == "SVCINV.CSV":
            carrier.write("SVCINV.CSV", carrier.lines("SVCINV.CSV")[:-1])
        return landing(path, *arguments, **options)

    monkeypatch.setattr(extract_stages, "land", changed_before_landing)
    with pytest.raises(Refusal, match="changed after the run began") as refused:
        carrier.replace()
    assert refused.value.code == "SOURCE_CHANGED"


def test_file_that_changes_between_attempts_is_noticed(carrier):
    cut_short(carrier)
    with pytest.raises(Refusal):
        carrier.replace()
    carrier.write("SVCINV.CSV", carrier.lines("SVCINV.CSV")[:-1])
    with pytest.raises(Refusal, match="began with other inputs") as refused:
        carrier.replace()
    assert refused.value.code == "INPUTS_CHANGED"


@pytest.mark.parametrize("spoil", [remove, rename_column, cut_short])
def test_command_ends_with_2_and_a_message(carrier, spoil, monkeypatch, capsys):
    spoil(carrier)
    arguments = ["replace", str(carrier.spec_path), "--data", str(carrier.data)]
    monkeypatch.setattr("sys.argv", ["crossbill", *arguments, "--carrier", carrier.carrier])
    monkeypatch.setattr("crossbill.config.ready", lambda: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert "Refused: " in said.err
    assert "What to do: " in said.err
    assert "Traceback" not in said.err
