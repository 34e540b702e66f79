"""Writes of the reconciliation: shadow bills, differences, gates and signatures."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, transaction
from ibis.backends.duckdb import Backend

from crossbill.core.policy import Policy
from crossbill.core.refusal import Refusal
from crossbill.engine.datasets import BILL, BILL_LINE, CHARGE, DIFFERENCE, POLICY, TARIFF
from crossbill.platform.billing import snapshot
from crossbill.platform.billing.bill import shadow
from crossbill.platform.bulk import copy_in
from crossbill.platform.ledger.queries import unbalanced_entries
from crossbill.replacement.migration.models import Wave
from crossbill.replacement.migration.operations import fall_back, go_live, wave_keys
from crossbill.replacement.migration.workspace import Workspace
from crossbill.replacement.reconciliation import gate as gates
from crossbill.replacement.reconciliation import reconcile as verbs
from crossbill.replacement.reconciliation.lines import Case, explain_lines, line_causes
from crossbill.replacement.reconciliation.models import Difference, Gate, Signature
from crossbill.runs.receipt import Receipt


class CannotSign(Refusal):
    """This gate cannot be signed by this person. Read why; nothing was changed."""

    code: ClassVar[str] = "CANNOT_SIGN"


def folder(position: int) -> str:
    """Where a wave's tables lie within the change-over's part of the store."""
    return f"wave-{position}"


def take_snapshot(*, workspace: Workspace, wave: Wave) -> Receipt:
    """Export the new side of one wave from the books as canonical tables."""
    carrier_id = wave.replacement.carrier_id
    files, rows = {}, {}
    with snapshot.population(wave_keys(workspace, wave.position)):
        for name, dataset in snapshot.EXPORTS.items():
            with snapshot.export(name, carrier_id) as reader:
                written = workspace.save_rows(reader, dataset, folder(wave.position), name)
            files[name], rows[name] = written.sha256, written.rows
    return Receipt(files=files, notes=rows)


def bill_in_shadow(*, workspace: Workspace, wave: Wave) -> Receipt:
    """Bill the wave's accounts by the old system's rules, for each compared period."""
    place = folder(wave.position)
    with workspace.engine() as backend:
        shadowed = shadow(_billing_tables(workspace, backend, place))
        charges = backend.create_table("charges", shadowed.charge, temp=True)
        unresolved = backend.to_pyarrow(shadowed.unresolved.count()).as_py()
        assert unresolved == 0, f"{unresolved} products that passed the entry checks have no price"
        files = {"charge": workspace.save(charges, CHARGE, place, "charge")}
        lines = backend.create_table("lines", shadowed.bill_line, temp=True)
        files["bill_line"] = workspace.save(lines, BILL_LINE, place, "bill_line")
        files["bill"] = workspace.save(shadowed.bill, BILL, place, "bill")
    return Receipt(
        files={name: written.sha256 for name, written in files.items()},
        notes={name: written.rows for name, written in files.items()}
        | {"total_minor": files["bill"].sums["total_minor"]},
    )


def _billing_tables(workspace: Workspace, backend: Backend, place: str) -> dict[str, ir.Table]:
    policy = Policy.from_mapping(dict(workspace.spec.old_policy))
    names = ("account", "customer", "product", "price", "tax_rate")
    tables = {name: workspace.scan(backend, place, name) for name in names}
    tables["account"] = tables["account"].mutate(policy_code=ibis.literal(policy.policy_code))
    tables["policy"] = ibis.memtable(pa.Table.from_pylist([policy.as_row()], POLICY.arrow))
    rows = [{"period_from": start, "period_to": end} for start, end in workspace.periods]
    tables["periods"] = ibis.memtable(pa.Table.from_pylist(rows))
    return tables


def reconcile_wave(*, workspace: Workspace, wave: Wave) -> Receipt:
    """Compare old and new of one wave, class every difference, and put them on record."""
    place = folder(wave.position)
    with workspace.engine() as backend:
        sides = _sides(workspace, backend, place)
        differences, tallies = _compare(workspace, backend, sides)
        classified = _classify(workspace, backend, differences, sides, place)
        written = workspace.save(verbs.to_difference(classified), DIFFERENCE, place, "difference")
        stored = workspace.scan(backend, place, "difference")
        verdicts = _verdicts(backend, stored, sides) | _billed(backend, stored, sides)
        rows = backend.to_pyarrow(_difference_rows(workspace, stored, wave))
    copy_in(Difference, rows)
    return Receipt(
        files={"difference": written.sha256},
        notes=tallies | verdicts | {"differences": written.rows},
    )


Sides = tuple[dict[str, ir.Table], dict[str, ir.Table]]


def _sides(workspace: Workspace, backend: Backend, place: str) -> Sides:
    """Old and new canonical tables of the wave's accounts."""
    new = {name: workspace.scan(backend, place, name) for name in workspace.spec.compare}
    accounts = workspace.scan(backend, place, "account")
    old = {}
    for name in new:
        rows = workspace.scan(backend, "valid", name)
        key = "customer_key" if name == "customer" else "account_key"
        old[name] = rows.semi_join(accounts, key)
    return old, new


def _compare(
    workspace: Workspace, backend: Backend, sides: Sides
) -> tuple[ir.Table, dict[str, int]]:
    old, new = sides
    found, tallies = [], {}
    for name in workspace.spec.compare:
        rules = workspace.mapping.entities[name]
        mapped = list(dict.fromkeys(column for rule in rules for column in rule.fields))
        compared = verbs.compare_entity(name, old[name], new[name], mapped)
        found.append(backend.create_table(f"found_{name}", compared.differences, temp=True))
        row = compared.tallies.to_pyarrow().to_pylist()[0]
        tallies[f"{name} matched"] = int(row["matched"] or 0)
    together = ibis.union(*found) if len(found) > 1 else found[0]
    return backend.create_table("differences", together, temp=True), tallies


def _classify(
    workspace: Workspace, backend: Backend, differences: ir.Table, sides: Sides, place: str
) -> ir.Table:
    old, new = sides
    rest = verbs.classified_rest(differences)
    if "bill_line" not in workspace.spec.compare:
        return backend.create_table("classified", rest, temp=True)
    records = verbs.line_records(differences, old["bill_line"], new["bill_line"])
    case = Case(
        records=backend.create_table("records", records, temp=True),
        charge_input=workspace.scan(backend, place, "charge"),
        product=workspace.scan(backend, place, "product"),
        price=workspace.scan(backend, place, "price"),
        tax_rate=workspace.scan(backend, place, "tax_rate"),
        tariff=_tariff(workspace, backend),
    )
    explained = backend.create_table("explained", explain_lines(case, line_causes()), temp=True)
    lines = verbs.classified_lines(differences, case, explained)
    lines = backend.create_table("classified_lines", lines, temp=True)
    bills = verbs.classified_bills(differences, lines, old["bill"], old["bill_line"])
    return backend.create_table("classified", ibis.union(lines, bills, rest), temp=True)


def _tariff(workspace: Workspace, backend: Backend) -> ir.Table:
    if workspace.has("valid", "tariff"):
        return workspace.scan(backend, "valid", "tariff")
    return ibis.memtable(TARIFF.empty())


def _verdicts(backend: Backend, differences: ir.Table, sides: Sides) -> dict[str, int]:
    old, new = sides
    verdicts = verbs.bill_verdicts(differences, old["bill"], new["bill"])
    counts = backend.to_pyarrow(verdicts.group_by("verdict").aggregate(bills=verdicts.count()))
    found = {row["verdict"]: int(row["bills"]) for row in counts.to_pylist()}
    return {f"bills {name}": found.get(name, 0) for name in ("equal", "explained", "unexplained")}


def _billed(backend: Backend, differences: ir.Table, sides: Sides) -> dict[str, int]:
    """The value billed on each side, and what the differences of the bills' totals add up to."""
    whole = (differences.entity == "bill") & differences.field.isin(["total_minor", "*"])
    sums = {
        "old billed minor": sides[0]["bill"].total_minor,
        "new billed minor": sides[1]["bill"].total_minor,
        "differences minor": differences.filter(whole).amount_minor,
    }
    return {
        name: int(backend.to_pyarrow(column.sum().cast("decimal(38,0)")).as_py() or 0)
        for name, column in sums.items()
    }


def _difference_rows(workspace: Workspace, stored: ir.Table, wave: Wave) -> ir.Table:
    rules = workspace.spec.gate.classes
    decisions = [(code, rule.decision) for code, rule in rules.items()]
    owners = [(code, rule.owner) for code, rule in rules.items()]
    return stored.mutate(
        replacement_id=ibis.literal(wave.replacement_id),
        wave_id=ibis.literal(wave.id),
        decision=stored.class_code.cases(*decisions, else_="block") if rules else "block",
        owner=stored.class_code.cases(*owners, else_="migration") if rules else "migration",
    )


# the gate


def decide_gate(*, workspace: Workspace, wave: Wave) -> Receipt:
    """Let blocked accounts fall out, evaluate the gate, and go live when two people have signed."""
    reasons = gates.blocking_reasons(wave)
    fall_back(replacement=wave.replacement, reasons=reasons, day=wave.replacement.as_of_date)
    facts = gates.facts(wave, unbalanced_entries(wave.replacement.carrier_id))
    rules = gates.evaluate(workspace.spec.gate, facts)
    passed = all(rule["holds"] for rule in rules)
    evidence = _evidence(workspace, wave, facts, rules)
    gate = Gate.objects.create(
        wave=wave,
        facts=facts,
        rules=rules,
        result=Gate.Result.PASSED if passed else Gate.Result.REFUSED,
        evidence_sha256=evidence,
    )
    return Receipt(
        records_in=facts["planned"],
        accepted=facts["planned"] - facts["fallout"],
        suspended=facts["fallout"],
        notes={"gate": gate.result, "fallen back": reasons.num_rows},
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
