"""A small wave with a gate that two people signed, and packs that are made by hand."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger.books import (
    make_acceptance,
    make_books,
    make_control_acceptance,
    make_control_run,
    sign,
)

from crossbill.engine.store import Store
from crossbill.replacement.migration.models import AccountMove, Wave
from crossbill.replacement.reconciliation.attachments import File, keep
from crossbill.replacement.reconciliation.evidence import chain, container, keys
from crossbill.replacement.reconciliation.models import Attachment, Comment, Difference, Gate
from crossbill.runs.models import Chunk, Stage
from crossbill.runs.receipt import Receipt

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHERS_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
POLICY = {
    "policy_code": "old-1", "day_count": "thirty_360", "end_day_counts": True,
    "price_by": "bill_time", "rounding_mode": "down", "rounding_scope": "line",
    "rounding_digits": 0, "discount_base": "rounded", "tax_rounding_mode": "down",
    "tax_scope": "line",
}  # fmt: skip
DECISION = {
    "finding": 1, "accepted_by": "@clerk", "limit_minor": 1, "valid_until": "2024-06-01",
    "counts": True,
}  # fmt: skip
OF_A_CONTROL = {
    "control": "tax", "unit": "minor USD", "accepted_by": "@clerk", "limit_figures": 1,
    "limit_value": 1, "valid_until": "2024-06-01", "counts": True,
}  # fmt: skip
FACTS = {
    "planned": 1, "classes": {"ROUNDING": {"differences": 2}}, "decisions": [DECISION],
    "control_decisions": [OF_A_CONTROL],
}  # fmt: skip
RULES = [{"rule": "Accounts that fall out", "limit": 1, "found": 0, "holds": True}]
RECEIPT = Receipt(records_in=3, accepted=2, suspended=1, files={"wave-1/bill.parquet": "ef" * 32})


def make_signed_wave(store: Store) -> Wave:
    """One account, two differences, one suspended record, one stage; signed by ann and bob."""
    wave = make_books()
    terms = {"gate": {"approvers": 2}, "old_policy": POLICY}
    wave.replacement.spec = {"replacement": terms, "data": "/somewhere", "spec_path": "/else"}
    wave.replacement.save()
    AccountMove.objects.create(
        replacement=wave.replacement, wave=wave, account_key="C1", state="loaded"
    )
    Difference.objects.create(
        replacement=wave.replacement, wave=wave, entity="customer", account_key="C1",
        record_key="C1", field="name", kind="different", left_value="=1+1", right_value="-5.00",
        class_code="ROUNDING", evidence="typed", decision="accept", owner="billing",
    )  # fmt: skip
    run = wave.replacement.run
    counts = {"records_in": 3, "accepted": 2, "duplicate": 0, "suspended": 1}
    for position, name in enumerate(("bill-1", "bill-2"), 1):
        stage = Stage.objects.create(
            run=run, name=name, title="Bill", position=position, chunk_count=1, **counts
        )
        Chunk.objects.create(stage=stage, key="all", receipt=RECEIPT.as_json())
    make_control_acceptance(make_control_run(wave))
    _make_comment(wave, store)
    gate = _gate(wave, store)
    sign(gate, "ann", saw=gate.evidence_sha256)
    sign(gate, "bob", saw=gate.evidence_sha256)
    return wave


def _make_comment(wave: Wave, store: Store) -> None:
    """What a clerk accepted, said, and showed by a file."""
    accepted = make_acceptance(wave)
    made = {"finding": accepted.finding, "made_by": accepted.made_by}
    file = File("proof.txt", b"we agreed\n")
    Attachment.objects.create(
        comment=Comment.objects.create(text="see the file", **made), name=file.name,
        content_type="text/plain", size_bytes=10, sha256=keep(store, "opticom", file),
    )  # fmt: skip


def _gate(wave: Wave, store: Store) -> Gate:
    document = {
        "wave": wave.name,
        "inputs": {"data/CUSTMAST.DAT": "cd" * 32},
        "facts": FACTS,
        "rules": RULES,
        "receipts": {"bill-1": [["all", RECEIPT.as_json()]]},
    }
    path = store.path("opticom", "wave-1", "evidence.json")
    with store.open(path, "wb") as file:
        file.write(json.dumps(document).encode())
    return Gate.objects.create(
        wave=wave, facts=FACTS, rules=RULES, result="passed", evidence_sha256=store.hash(path)
    )


def parts_in(pack: bytes) -> dict[str, bytes]:
    """The parts of a pack by name, without those that close it."""
    file = io.BytesIO(pack)
    found = {part.name: container.content(file, part) for part in container.read_parts(file)}
    return {name: text for name, text in found.items() if name not in chain.CLOSING}


def closing_of(pack: bytes) -> dict[str, bytes]:
    """Chain, head and signature of a pack."""
    file = io.BytesIO(pack)
    found = {part.name: container.content(file, part) for part in container.read_parts(file)}
    return {name: found[name] for name in chain.CLOSING}


def packed(parts: Mapping[str, bytes], closing: Mapping[str, bytes]) -> bytes:
    """An archive of these parts, whole as an archive, whatever they say."""
    file = io.BytesIO()
    written = [
        container.write_part(file, name, [text])
        for name, text in [*parts.items(), *closing.items()]
    ]
    container.write_end(file, written)
    return file.getvalue()


def signed(parts: Mapping[str, bytes], key: Ed25519PrivateKey = KEY) -> bytes:
    """A pack of these parts as the holder of the key would make it."""
    parts = {**parts, "public-key.pem": keys.public_pem(key.public_key())}
    file = io.BytesIO()
    lines = chain.chain([container.write_part(file, name, [text]) for name, text in parts.items()])
    head = chain.head(lines)
    closing = zip(chain.CLOSING, (b"".join(lines), head, key.sign(head)), strict=True)
    return packed(parts, dict(closing))


def edited(pack: bytes, name: str, change: Callable[[str], str]) -> dict[str, bytes]:
    """The parts of a pack, one of them changed."""
    parts = parts_in(pack)
    before = parts[name].decode()
    after = change(before)
    assert after != before, "a change that changes nothing proves nothing"
    return parts | {name: after.encode()}


def written(folder: Path, pack: bytes) -> Path:
    """The pack as a file."""
    path = folder / "pack.zip"
    path.write_bytes(pack)
    return path
