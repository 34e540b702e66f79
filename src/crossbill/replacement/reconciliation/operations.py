"""Writes of the reconciliation: shadow bills, differences, gates and signatures."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, transaction
from django.utils.timezone import localdate
from ibis.backends.duckdb import Backend

from crossbill.core.refusal import Refusal
from crossbill.engine.billing_datasets import COMMITMENT
from crossbill.engine.datasets import (
    BILL,
    BILL_LINE,
    CHARGE,
    DIFFERENCE,
    FINDING,
    FINDING_MEMBER,
    TARIFF,
)
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.billing import snapshot
from crossbill.platform.billing.bills import bill_population
from crossbill.platform.billing.compute import prove_payers
from crossbill.platform.billing.discounts import completed, most_of_an_account
from crossbill.platform.bulk import copy_in
from crossbill.replacement.migration.models import SuspendedRecord, Wave
from crossbill.replacement.migration.operations import (
    go_live,
    suspended_rows,
    wave_keys,
)
from crossbill.replacement.migration.workspace import Workspace, in_order
from crossbill.replacement.reconciliation import (
    control_deciding_queries,
    deciding_queries,
    gate_decision,
    shadow_usage,
)
from crossbill.replacement.reconciliation.calculation import Mapped, reconciliation
from crossbill.replacement.reconciliation.compare import Compared, Tally, tally
from crossbill.replacement.reconciliation.models import Difference, Finding, Gate, Signature
from crossbill.replacement.reconciliation.shadow_bills import (
    CATALOGUE,
    billing_tables,
    by_price,
    folder,
)
from crossbill.runs.receipt import REFUSED, Receipt

FOUND = (FINDING, FINDING_MEMBER)
# What the books hold of a wave; what it costs is what the change-over's own catalogue says.
OF_THE_BOOKS = {n: each for n, each in snapshot.EXPORTS.items() if n not in CATALOGUE}
KNOWN = ("hard_to_move",)
DECIDED = (deciding_queries, control_deciding_queries)  # what people accept: findings, controls


class CannotSign(Refusal):
    """This gate cannot be signed by this person. Read why; nothing was changed."""

    code: ClassVar[str] = "CANNOT_SIGN"


def take_snapshot(*, workspace: Workspace, wave: Wave) -> Receipt:
    """Export the new side of one wave from the books as canonical tables."""
    carrier_id = wave.replacement.carrier_id
    files, rows, place = {}, {}, folder(wave.position)
    with snapshot.population(wave_keys(workspace, wave.position)):
        for name, dataset in OF_THE_BOOKS.items():
            with snapshot.export(name, carrier_id) as reader:
                written = workspace.save_rows(reader, dataset, place, name)
            files[f"{place}/{name}.parquet"], rows[name] = written.sha256, written.rows
        with workspace.engine() as backend:
            account = workspace.scan(backend, place, "account")
            priced = {
                name: backend.to_pyarrow(in_order(ibis.memtable(table), CATALOGUE[name]))
                for name, table in workspace.priced(backend, account).items()
            }
        for name, table in priced.items():
            written = workspace.save_rows(table, CATALOGUE[name], place, name)
            files[f"{place}/{name}.parquet"], rows[name] = written.sha256, written.rows
    used = shadow_usage.take_usage(workspace, place) if workspace.rating else shadow_usage.Taken()
    counts = {"accounts": rows["account"], "products": rows["product"]}
    return Receipt(files=files | used.files, notes=counts | used.notes | {"figures": rows})


def bill_in_shadow(*, workspace: Workspace, wave: Wave) -> Receipt:
    """Bill the wave's accounts by the old system's rules, for each compared period."""
    place = folder(wave.position)
    used = shadow_usage.rate_usage(workspace, place) if workspace.rating else shadow_usage.Rated()
    put_aside(workspace=workspace, wave=wave, place=place, suspended=used.suspended)
    with workspace.engine() as backend, refusing_overflow():
        done = bill_population(backend, billing_tables(workspace, backend, place))
        unresolved = backend.to_pyarrow(done["unresolved"].count()).as_py()
        assert unresolved == 0, f"{unresolved} products that passed the entry checks have no price"
        prove_payers(backend, done)
        done["bill_line"] = by_price(done["bill_line"])
        files = {
            dataset.name: workspace.save(done[dataset.name], dataset, place, dataset.name)
            for dataset in (CHARGE, BILL_LINE, BILL)
        }
    stored = {f"{place}/{name}.parquet": written.sha256 for name, written in files.items()}
    return Receipt(
        records_in=used.records_in,
        accepted=used.accepted,
        suspended=used.suspended,
        sums=used.sums,
        files=stored | used.files,
        notes={
            "bills": files["bill"].rows,
            "bill lines": files["bill_line"].rows,
            **used.notes,
            "figures": {"total minor": files["bill"].sums["total_minor"]},
        },
    )


def put_aside(*, workspace: Workspace, wave: Wave, place: str, suspended: int) -> None:
    """Put usage that cannot be rated before its owners."""
    if suspended:
        with workspace.engine() as backend:
            rows = workspace.scan(backend, place, "usage", "suspended")
            owned = suspended_rows(workspace, rows, wave.replacement)
            copy_in(SuspendedRecord, backend.to_pyarrow(owned))


def reconcile_wave(*, workspace: Workspace, wave: Wave) -> Receipt:
    """Compare old and new of one wave, class every difference, and put them on record."""
    place = folder(wave.position)
    names = workspace.spec.compare
    with workspace.engine() as backend, refusing_overflow():
        sources = _sources(workspace, backend, place)
        given = completed(workspace.scan(backend, place, "discount"))
        passes = max(most_of_an_account(backend, given), _most_discounts(workspace, backend))
        sources |= {"discount": given} if passes else {}
        promises = _has_promises(workspace, backend)
        promised = workspace.scan(backend, place, "commitment").select(*COMMITMENT.ibis)
        sources |= {"commitment": promised} if promises else {}
        chain = reconciliation(_mapped(workspace), KNOWN, passes, promises=promises)
        done = chain.run(backend, sources)
        written = workspace.save(done["difference"], DIFFERENCE, place, "difference")
        stored = workspace.scan(backend, place, "difference")
        tallies = {f"{name} rows": asdict(_tally(done, name)) for name in names}
        counts, billed = _verdicts(backend, done["verdict"]), _billed(backend, stored, done)
        rows = backend.to_pyarrow(_difference_rows(workspace, done["sorted_out"], wave))
        files = _save_findings(workspace, done, place)
        causes = backend.to_pyarrow(_finding_rows(workspace, done["finding"], wave))
    copy_in(Difference, rows)
    copy_in(Finding, causes)
    return Receipt(
        files={f"{place}/difference.parquet": written.sha256} | files,
        notes=counts
        | {"differences": written.rows, "findings": causes.num_rows, "figures": tallies | billed},
    )


def _most_discounts(workspace: Workspace, backend: Backend) -> int:
    """So many discounts came with some account, in this wave or another: all have one chain then.

    A pass too many costs a moment, and a chain of its own is compiled for seven seconds.
    """
    if not workspace.has("valid", "discount"):
        return 0
    return most_of_an_account(backend, workspace.scan(backend, "valid", "discount"))


def _has_promises(workspace: Workspace, backend: Backend) -> bool:
    """Whether somebody has promised a minimum, in this wave or another: all have one chain then."""
    if not workspace.has("valid", "commitment"):
        return False
    rows = workspace.scan(backend, "valid", "commitment").count()
    return bool(backend.to_pyarrow(rows).as_py())


def _save_findings(workspace: Workspace, done: dict[str, ir.Table], place: str) -> dict[str, str]:
    """Store the findings and whose differences they explain."""
    saved = {d.name: workspace.save(done[d.name], d, place, d.name) for d in FOUND}
    return {f"{place}/{name}.parquet": written.sha256 for name, written in saved.items()}


def _tally(done: dict[str, ir.Table], name: str) -> Tally:
    return tally(Compared(done[f"found_{name}"], done[f"tally_{name}"]))


def _mapped(workspace: Workspace) -> Mapped:
    """Each compared table with the columns that the mapping fills."""
    rules = workspace.mapping.entities
    return tuple(
        (name, tuple(dict.fromkeys(column for rule in rules[name] for column in rule.fields)))
        for name in workspace.spec.compare
    )


def _sources(workspace: Workspace, backend: Backend, place: str) -> dict[str, ir.Table]:
    """The stored tables of both sides, and the facts behind the new bills."""
    names = workspace.spec.compare
    sources = {f"valid_{name}": workspace.scan(backend, "valid", name) for name in names}
    for name in {*names, "account"}:
        sources[f"new_{name}"] = workspace.scan(backend, place, name)
    for name in ("charge", "product", "price", "tax_rate", "exemption"):
        sources[name] = workspace.scan(backend, place, name)
    known = _known(workspace, backend)
    return sources | {"tariff": _tariff(workspace, backend), "known": known}


def _known(workspace: Workspace, backend: Backend) -> ir.Table:
    """What the plan knows of accounts beside their canonical columns, for the search of causes."""
    moves = workspace.scan(backend, "plan", "move")
    return moves.select("account_key", hard_to_move=moves.hard_reasons.nullif(""))


def _tariff(workspace: Workspace, backend: Backend) -> ir.Table:
    if workspace.has("valid", "tariff"):
        return workspace.scan(backend, "valid", "tariff").select(*TARIFF.ibis)
    return ibis.memtable(TARIFF.empty())


def _verdicts(backend: Backend, verdicts: ir.Table) -> dict[str, int]:
    counts = backend.to_pyarrow(verdicts.group_by("verdict").aggregate(bills=verdicts.count()))
    found = {row["verdict"]: int(row["bills"]) for row in counts.to_pylist()}
    return {f"bills {name}": found.get(name, 0) for name in ("equal", "explained", "unexplained")}


def _billed(backend: Backend, differences: ir.Table, done: dict[str, ir.Table]) -> dict[str, int]:
    """The value billed on each side, and what the differences of the bills' totals add up to."""
    whole = (differences.entity == "bill") & differences.field.isin(["total_minor", "*"])
    sums = {
        "old billed minor": done["old_bill"].total_minor,
        "new billed minor": done["new_bill"].total_minor,
        "differences minor": differences.filter(whole).amount_minor,
    }
    return {
        name: int(backend.to_pyarrow(column.sum().cast("decimal(38,0)")).as_py() or 0)
        for name, column in sums.items()
    }


def _finding_rows(workspace: Workspace, found: ir.Table, wave: Wave) -> ir.Table:
    """The findings with the owners that the gate's terms name."""
    owners = _owners(workspace)
    return found.mutate(
        replacement_id=ibis.literal(wave.replacement_id),
        wave_id=ibis.literal(wave.id),
        owner=found.class_code.cases(*owners, else_=found.owner) if owners else found.owner,
    )


def _owners(workspace: Workspace) -> list[tuple[str, str]]:
    return [(code, rule.owner) for code, rule in workspace.spec.gate.classes.items()]


def _difference_rows(workspace: Workspace, sorted_out: ir.Table, wave: Wave) -> ir.Table:
    """The differences in their order, with what the gate's terms say of their classes."""
    stored = sorted_out.order_by(list(DIFFERENCE.key))
    rules = workspace.spec.gate.classes
    decisions = [(code, rule.decision) for code, rule in rules.items()]
    owners = _owners(workspace)
    return stored.mutate(
        replacement_id=ibis.literal(wave.replacement_id),
        wave_id=ibis.literal(wave.id),
        decision=stored.class_code.cases(*decisions, else_="block") if rules else "block",
        owner=stored.class_code.cases(*owners, else_="migration") if rules else "migration",
    )


# the gate


def decide_gate(*, workspace: Workspace, wave: Wave) -> Receipt:
    """Let blocked accounts fall out, evaluate the gate, and go live when two people have signed."""
    submission = deciding_queries.submission_of(wave)
    day = submission.day if submission else None
    found = gate_decision.decide(
        spec=workspace.spec.gate, wave=wave, store=workspace.store, day=day
    )
    gate = Gate.objects.create(
        wave=wave,
        facts=found.facts,
        rules=found.rules,
        result=Gate.Result.PASSED if found.passes else Gate.Result.REFUSED,
        evidence_sha256=_evidence(workspace, wave, found.facts, found.rules),
    )
    accepted = found.facts["decisions"]
    by_people = deciding_queries.counted(accepted)
    planned, fallout = found.facts["planned"], found.facts["fallout"]
    return Receipt(
        records_in=planned,
        accepted=planned - fallout,
        suspended=fallout,
        notes={"gate": gate.result, "fallen back": found.staying.num_rows}
        | ({} if found.passes else {REFUSED: "the gate refuses the wave"})
        | ({"accepted by people": len(by_people)} if accepted else {}),
    )


def _evidence(
    workspace: Workspace, wave: Wave, facts: Mapping[str, Any], rules: list[dict[str, Any]]
) -> str:
    """Write the gate's evidence and give its hash, to which signatures are bound."""
    stages = wave.replacement.run.stages.order_by("position")
    chunks = {s.name: list(s.chunks.order_by("key").values_list("key", "receipt")) for s in stages}
    document = {
        "wave": wave.name,
        "inputs": workspace.inputs,
        "facts": facts,
        "rules": rules,
        "receipts": chunks,
    }
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode()
    with workspace.store.open(workspace.path(folder(wave.position), "evidence.json"), "wb") as file:
        file.write(text)
    return hashlib.sha256(text).hexdigest()


def sign_gate(*, gate_id: int, user: AbstractUser) -> Gate:
    """Sign a passed gate; with the last signature that it needs, the wave goes live."""
    with transaction.atomic():
        gate = Gate.objects.select_for_update().select_related("wave__replacement").get(id=gate_id)
        _may_sign(gate, user)
        try:
            with transaction.atomic():
                Signature.objects.create(gate=gate, user=user, evidence_sha256=gate.evidence_sha256)
        except IntegrityError as error:
            raise CannotSign(
                f"{user.get_username()} has signed this gate already",
                cure="a second person has to sign",
            ) from error
        if gate.signatures.count() >= approvers_needed(gate) and gate.wave.live_at is None:
            go_live(wave=gate.wave)
    return gate


def approvers_needed(gate: Gate) -> int:
    """How many people have to sign, by the replacement's own rules."""
    return int(gate.wave.replacement.spec["replacement"]["gate"]["approvers"])


def _may_sign(gate: Gate, user: AbstractUser) -> None:
    if gate.result != Gate.Result.PASSED:
        raise CannotSign(
            "The gate refused this wave", cure="mend what its rules name; then run the wave again"
        )
    if not user.is_active or not user.has_perm("reconciliation.sign_gate"):
        raise CannotSign(
            f"{user.get_username()} may not sign gates", cure="ask an administrator for the role"
        )
    if any(asked.has_accepted(gate.wave, user) for asked in DECIDED):
        raise CannotSign(
            f"{user.get_username()} has accepted differences of this wave",
            cure="somebody who accepted nothing of it has to sign",
        )
    ends = [asked.ended_since(gate, localdate()) for asked in DECIDED]
    if ended := "; ".join(words for words in ends if words):
        raise CannotSign(
            f"The gate was passed by what counts no longer: {ended}",
            cure="decide anew in another mock, under another carrier code",
        )
