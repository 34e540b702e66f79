"""Says whether a pack is what was packed and signed, with nothing but the file and a key."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from crossbill.core.refusal import Refusal
from crossbill.replacement.reconciliation.evidence import chain as chains
from crossbill.replacement.reconciliation.evidence import container, keys
from crossbill.replacement.reconciliation.evidence.container import Damaged, Part

PUBLIC_KEY = "public-key.pem"
TABLES = (
    "approvals.csv", "accounts.csv", "differences.csv", "findings.csv", "decisions.csv",
    "suspended.csv", "controls.csv", "control_rows.csv",
    "control_decisions.csv",
)  # fmt: skip
OF_CONTROLS = "control_decisions.csv"
DOCUMENTS = ("pack.json", "terms.json", "stages.json", "evidence.json")
FILES = "files/"  # what people attached, each under its SHA-256
NAMES = ("README.txt", PUBLIC_KEY, *DOCUMENTS, *TABLES)
WIDEST_CELL = MOST_DOCUMENT_BYTES = 1 << 27
PARTS_OF_IN = ("accepted", "duplicate", "suspended")


class PackFails(Refusal):
    """The pack is not what was packed and signed. Do not rely on it; ask for the pack again."""

    code: ClassVar[str] = "PACK_FAILS"
    exit_code: ClassVar[int] = 1


@dataclass(frozen=True)
class Verified:
    """What a whole pack says; ``rows`` are those of each table, ``pinned``: by a trusted key."""

    parts: list[Part]
    pack: dict[str, Any]
    approvals: list[dict[str, str]]
    rows: dict[str, int]
    key_sha256: str
    head_sha256: str
    pinned: bool


def verify_pack(path: Path, *, trusted: Ed25519PublicKey | None = None) -> Verified:
    """Check every byte, the chain, the signatures and what the parts say of each other."""
    if not path.is_file():
        raise PackFails("There is no such file", file=str(path), cure="check the path")
    with path.open("rb") as file:
        return verify_file(file, path, trusted=trusted)


def verify_file(file: BinaryIO, path: Path, *, trusted: Ed25519PublicKey | None = None) -> Verified:
    """As `verify_pack`, of a file that is open; ``path`` is what it is called."""
    try:
        return _verified(file, trusted)
    except Damaged as damage:
        cure = "do not rely on it; ask whoever made it for the pack again"
        raise PackFails(damage.why, file=str(path), field=damage.place, cure=cure) from damage


def _verified(file: BinaryIO, trusted: Ed25519PublicKey | None) -> Verified:
    parts = container.read_parts(file)
    own = _named(parts)
    lines = _check_chain(file, parts[: -len(chains.CLOSING)], own)
    key = _check_signature(file, own, chains.head(lines), trusted)
    container.check_end(file, parts)
    try:
        pack, approvals, rows = _check_contents(file, own)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, csv.Error) as error:
        raise Damaged("the documents", f"they are not those of a pack: {error!r}") from error
    return Verified(
        parts=parts,
        pack=pack,
        approvals=approvals,
        rows=rows,
        key_sha256=keys.fingerprint(key),
        head_sha256=sha256(lines[-1]).hexdigest(),
        pinned=trusted is not None,
    )


def _named(parts: list[Part]) -> dict[str, Part]:
    """The parts by name, when they are those of a pack, in its order."""
    found = [part.name for part in parts]
    attached = sorted({name for name in found if name.startswith(FILES)})
    wanted = (*NAMES, *attached, *chains.CLOSING)
    for place, name in enumerate(wanted):
        if place >= len(found):
            raise Damaged(container.after(parts), f"{name} is missing: the file was cut")
        if found[place] != name:
            raise Damaged(found[place], f"it stands where {name} has to be")
    if len(found) > len(wanted):
        raise Damaged(found[len(wanted)], "it does not belong to a pack")
    return {part.name: part for part in parts}


def _check_chain(file: BinaryIO, parts: list[Part], own: dict[str, Part]) -> list[bytes]:
    """The lines of the chain as the parts make them, when the pack holds the same."""
    lines = chains.chain(parts)
    stored = _whole(file, own[chains.CHAIN]).splitlines(keepends=True)
    for part, line, there in zip(parts, lines, [*stored, *[b""] * len(lines)], strict=False):
        if line != there:
            raise Damaged(part.name, "its bytes are not those that the chain names")
    if stored != lines:
        raise Damaged(chains.CHAIN, "it names parts that are not there")
    if _whole(file, own[chains.HEAD]) != chains.head(lines):
        raise Damaged(chains.HEAD, "it is not the hash of the chain")
    return lines


def _check_signature(
    file: BinaryIO, own: dict[str, Part], head: bytes, trusted: Ed25519PublicKey | None
) -> Ed25519PublicKey:
    """The key that signed the head, when it is the one that is trusted."""
    key = keys.public_key(_whole(file, own[PUBLIC_KEY]))
    if key is None:
        raise Damaged(PUBLIC_KEY, "it is no Ed25519 key")
    if trusted is not None and keys.fingerprint(trusted) != keys.fingerprint(key):
        what = f"the pack was signed by the key {keys.fingerprint(key)}, not by the one you trust"
        raise Damaged(PUBLIC_KEY, what)
    if not keys.signed_by(key, _whole(file, own[chains.SIGNATURE]), head):
        raise Damaged(chains.SIGNATURE, "it is not this key's signature of this pack")
    return key


def _whole(file: BinaryIO, part: Part) -> bytes:
    """The bytes of a part that is no table; a forged one must not fill the memory."""
    if part.size > MOST_DOCUMENT_BYTES:
        raise Damaged(part.name, "it is larger than such a part can be")
    return container.content(file, part)


def _check_contents(
    file: BinaryIO, own: dict[str, Part]
) -> tuple[dict[str, Any], list[dict[str, str]], dict[str, int]]:
    """What the parts say of each other, so that no part can be of another wave or gate."""
    pack, _, stages, evidence = (json.loads(_whole(file, own[n])) for n in DOCUMENTS)
    approvals = list(_table(file, own["approvals.csv"]))
    _check_gate(pack, evidence, own["evidence.json"].sha256)
    _check_approvals(pack, approvals)
    decided = evidence["facts"].get("decisions", [])
    decisions = list(_table(file, own["decisions.csv"]))
    _check_decisions(decided, decisions, approvals)
    of_controls = evidence["facts"].get("control_decisions", [])
    _check_control_decisions(of_controls, list(_table(file, own[OF_CONTROLS])), approvals)
    _check_files(own, {row["file_sha256"] for row in decisions if row["act"] == "attached"})
    _check_stages(stages, evidence["receipts"])
    classes = Counter(row["class_code"] for row in _table(file, own["differences.csv"]))
    counted = {code: found["differences"] for code, found in evidence["facts"]["classes"].items()}
    if classes != counted:
        raise Damaged("differences.csv", f"the gate counted {counted}, here are {dict(classes)}")
    rows = {name: sum(1 for _ in _table(file, own[name])) for name in TABLES}
    if rows["accounts.csv"] != evidence["facts"]["planned"]:
        raise Damaged("accounts.csv", "it does not hold the accounts that the gate counted")
    return pack, approvals, rows


def _check_gate(pack: dict[str, Any], evidence: dict[str, Any], evidence_sha256: str) -> None:
    gate = pack["gate"]
    if gate["evidence_sha256"] != evidence_sha256:
        raise Damaged("evidence.json", "it is not the evidence by which the gate was decided")
    if evidence["wave"] != pack["wave"]:
        raise Damaged("pack.json", f"it is of another wave than the evidence: {evidence['wave']}")
    holds = [rule["found"] <= rule["limit"] for rule in evidence["rules"]]
    if [rule["holds"] for rule in evidence["rules"]] != holds:
        raise Damaged("evidence.json", "a rule is said to hold, and what was found breaks it")
    if (gate["result"] == "passed") != all(holds):
        raise Damaged("pack.json", "the gate's result does not follow from its rules")


def _check_approvals(pack: dict[str, Any], approvals: list[dict[str, str]]) -> None:
    """Whoever signed saw this evidence, and a wave that is live has all the names it needs."""
    gate = pack["gate"]
    for row in approvals:
        if row["evidence_sha256"] != gate["evidence_sha256"]:
            raise Damaged("approvals.csv", f"{row['user']} signed other evidence")
    people = {row["user"] for row in approvals}
    if len(people) != len(approvals):
        raise Damaged("approvals.csv", "somebody stands there twice")
    if pack["live_at"] and len(people) < gate["approvers_needed"]:
        raise Damaged("approvals.csv", "the wave is live, and too few people have signed")
    if approvals and gate["result"] != "passed":
        raise Damaged("approvals.csv", "people signed a gate that the rules refused")


def _check_decisions(
    decided: list[dict[str, Any]], rows: list[dict[str, str]], approvals: list[dict[str, str]]
) -> None:
    """What counted at the gate was done by somebody, who is not one of those that signed."""
    done = {
        (int(row["finding"]), _written(row["user"]), row["limit_minor"], row["valid_until"])
        for row in rows
        if row["act"] == "accepted"
    }
    signers = {_written(row["user"]) for row in approvals}
    for each in decided:
        by = each["accepted_by"]
        if (each["finding"], by, str(each["limit_minor"]), each["valid_until"]) not in done:
            raise Damaged("decisions.csv", f"the gate knew that {by} accepted {each['finding']}")
        if each["counts"] and by in signers:
            raise Damaged("approvals.csv", f"{by} signed, and had accepted {each['finding']}")


def _check_control_decisions(
    decided: list[dict[str, Any]], rows: list[dict[str, str]], approvals: list[dict[str, str]]
) -> None:
    """The same of what was accepted of controls."""
    done = {
        (row["control"], row["unit"], _written(row["user"]), row["limit_figures"],
         row["limit_value"], row["valid_until"])
        for row in rows
        if row["act"] == "accepted"
    }  # fmt: skip
    signers = {_written(row["user"]) for row in approvals}
    for each in decided:
        by, control, most = each["accepted_by"], each["control"], each["limit_value"]
        limits = str(each["limit_figures"]), "" if most is None else str(most)
        if (control, each["unit"], by, *limits, each["valid_until"]) not in done:
            raise Damaged(OF_CONTROLS, f"the gate knew that {by} accepted {control}")
        if each["counts"] and by in signers:
            raise Damaged("approvals.csv", f"{by} signed, and had accepted {control}")


def _check_files(own: dict[str, Part], attached: set[str]) -> None:
    """Each file that somebody attached is there, is what was attached, and no other."""
    there = {name.removeprefix(FILES): own[name] for name in own if name.startswith(FILES)}
    for name, part in there.items():
        if part.sha256 != name:
            raise Damaged(part.name, "it is not the file that its name says")
        if name not in attached:
            raise Damaged(part.name, "nobody attached such a file")
    if missing := sorted(attached - set(there)):
        raise Damaged("decisions.csv", f"somebody attached {missing[0]}, which is not there")


def _written(cell: str) -> str:
    """The text of a cell before it was made harmless for spreadsheets."""
    return cell.removeprefix("'")


def _check_stages(stages: list[dict[str, Any]], signed: dict[str, Any]) -> None:
    """Nothing vanished in any stage, and its receipts are those that people signed."""
    for stage in stages:
        sums = [stage["sums"][name] for name in stage["sums"]]
        sums += [{"in": stage["records_in"] or 0} | {p: stage[p] or 0 for p in PARTS_OF_IN}]
        if any(each["in"] != sum(each[part] for part in PARTS_OF_IN) for each in sums):
            raise Damaged("stages.json", f"in {stage['stage']} something vanished")
        receipts = {chunk["chunk"]: chunk["receipt"] for chunk in stage["chunks"]}
        known = dict(signed.get(stage["stage"], []))
        if any(receipts.get(name) != receipt for name, receipt in known.items()):
            raise Damaged("stages.json", f"a receipt of {stage['stage']} is not the signed one")


def _table(file: BinaryIO, part: Part) -> Iterator[dict[str, str]]:
    """The rows of a CSV part by heading."""
    csv.field_size_limit(WIDEST_CELL)
    text = io.TextIOWrapper(_Slice(file, part), encoding="utf-8", newline="")
    yield from csv.DictReader(text)


class _Slice(io.RawIOBase):
    """One part as a file of its own; several may be read in turn."""

    def __init__(self, file: BinaryIO, part: Part) -> None:
        self.file, self.place, self.end = file, part.start, part.start + part.size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.file.seek(self.place)
        block = self.file.read(min(len(buffer), self.end - self.place))
        buffer[: len(block)] = block
        self.place += len(block)
        return len(block)
