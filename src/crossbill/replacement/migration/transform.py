"""Stages map, validate and plan: from staged rows to canonical tables and the plan of all moves."""

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from crossbill.engine.billing_datasets import PERIODS
from crossbill.engine.calculation import Tables, columns_of
from crossbill.engine.dataset import Dataset
from crossbill.engine.datasets import (
    CANONICAL,
    CONTACT,
    CUSTOMER,
    LINEAGE,
    MOVE,
    PAYER,
    POLICY,
    SUSPENDED,
)
from crossbill.engine.store import MONEY_SUFFIXES
from crossbill.engine.store import Receipt as Written
from crossbill.platform.billing.bills import unresolved
from crossbill.platform.customer.account_operations import LANGUAGES
from crossbill.replacement.migration import plan
from crossbill.replacement.migration.checking import checking, parts_of
from crossbill.replacement.migration.extract import landed_path
from crossbill.replacement.migration.map import (
    PARTS,
    REMAINDER,
    VALUE_COLUMNS,
    Mapped,
    SourceForm,
    leaving,
    mapping,
)
from crossbill.replacement.migration.sources import open_source
from crossbill.replacement.migration.terms_checks import lost_contacts, with_usual_terms
from crossbill.replacement.migration.usage_checks import COPIES_COME
from crossbill.replacement.migration.validate import (
    CHECKS,
    READS,
    recurring_prices,
    with_own_prices,
)
from crossbill.replacement.migration.workspace import Workspace
from crossbill.runs.receipt import Receipt, Sums

NOT_MAPPED = "NOT_MAPPED"
UNMAPPED_MESSAGE = (
    "No rule of the mapping takes this record; add a rule, or say why it is left behind"
)


def mapped_dataset(entity: str) -> Dataset:
    """A canonical table with where each row came from, and what ``remainder_of`` carries."""
    return CANONICAL[entity].extended(entity, f"{LINEAGE.strip()}\n{REMAINDER} integer? a total")


def valid_dataset(entity: str) -> Dataset:
    """A canonical table with where each row came from."""
    return CANONICAL[entity].extended(entity, LINEAGE)


# map


def map_chunks(workspace: Workspace) -> Sequence[str]:
    """One chunk a canonical table, and one a source of which some rows may be left behind."""
    partly = [f"source:{name}" for name in workspace.mapping.sources if _may_leave(workspace, name)]
    return [*workspace.entities, *partly]


def _may_leave(workspace: Workspace, source: str) -> bool:
    """Whether every rule on the source has a condition, so that a row might be taken by none."""
    rules = [r for rs in workspace.mapping.entities.values() for r in rs if r.source == source]
    return bool(rules) and all(rule.where is not None for rule in rules)


def map_chunk(workspace: Workspace, key: str) -> Receipt:
    """Map one canonical table, or find the rows of one source that no rule takes."""
    if key.startswith("source:"):
        return _not_mapped(workspace, key.removeprefix("source:"))
    rules = workspace.mapping.entities[key]  # type: ignore[index] # the keys are the entities
    sources = dict.fromkeys(rule.source for rule in rules)
    with workspace.engine(as_written=True) as backend:
        rows = [workspace.scan(backend, "stage", source, "staged") for source in sources]
        forms = [form(workspace, *each) for each in zip(sources, rows, strict=True)]
        chain = mapping(key, rules, forms, workspace.mapping.codes)
        done = chain.run(backend, dict(zip(chain.inputs, rows, strict=True)))
        mapped = Mapped(**{part: done[part] for part in PARTS})
        return write(workspace, backend, mapped, mapped_dataset(key), "map", key)


def form(workspace: Workspace, name: str, rows: ir.Table) -> SourceForm:
    """What a mapping follows from of a source with these rows."""
    spec = workspace.mapping.sources[name]
    stored_as = tuple((field.name, field.output) for field in spec.fields)
    file = workspace.source_file(spec).name
    return SourceForm(name, columns_of(rows), stored_as, file, spec.account)


def _not_mapped(workspace: Workspace, name: str) -> Receipt:
    rules = [r for rs in workspace.mapping.entities.values() for r in rs if r.source == name]
    with workspace.engine(as_written=True) as backend:
        staged = workspace.scan(backend, "stage", name, "staged")
        source = form(workspace, name, staged)
        left = leaving(rules, source).run(backend, {"staged_0": staged})["left"]
        rows = left.mutate(
            file=ibis.literal(source.file),
            record_key=ibis.null("string"),
            stage=ibis.literal("map"),
            code=ibis.literal(NOT_MAPPED),
            class_code=ibis.literal("MAPPING"),
            field=ibis.null("string"),
            value=ibis.null("string"),
            message=ibis.literal(UNMAPPED_MESSAGE),
        )
        written = save_suspended(workspace, backend, rows, "map", f"source-{name}")
    return Receipt(
        records_in=written.rows,
        suspended=written.rows,
        files={f"map/source-{name}/suspended.parquet": written.sha256},
    )


# validate


def validate_chunks(workspace: Workspace) -> Sequence[str]:
    """The canonical tables, those that others point at first."""
    return [entity for entity in CHECKS if entity in workspace.entities]


def validate_chunk(workspace: Workspace, entity: str) -> Receipt:
    """Apply the entry checks of one canonical table."""
    with workspace.engine() as backend:
        tables = _looked_at(workspace, backend, entity)
        chain = checking(entity, tuple((name, columns_of(tables[name])) for name in tables))
        done = chain.run(backend, tables)
        checked = Mapped(**{part: done[part] for part in parts_of(entity)})
        return write(workspace, backend, checked, valid_dataset(entity), "valid", entity)


def _looked_at(workspace: Workspace, backend: Backend, entity: str) -> dict[str, ir.Table]:
    """What the checks of one entity read: its own records, and what `READS` says."""
    wanted = (entity, *READS[entity])
    tables = {n: _before(workspace, backend, n, entity) for n in wanted if n in workspace.entities}
    if entity == "account":
        tables |= _contacts(workspace, backend)
        tables |= {"account": with_usual_terms(tables["account"]), "language": languages()}
    if entity == "product":
        tables |= _owned(workspace, backend, tables)
    if "offering" in wanted:
        tables["offering"] = _offerings(workspace)
    if "tax_rate" in wanted:
        tables["tax_rate"] = ibis.memtable(workspace.priced(backend, tables["account"])["tax_rate"])
    return tables


def _owned(workspace: Workspace, backend: Backend, tables: Tables) -> dict[str, ir.Table]:
    """The products with the prices of their own, and those that could not be charged."""
    priced = workspace.priced(backend, tables["account"])
    stated = {name: ibis.memtable(rows) for name, rows in priced.items()}
    prices = recurring_prices(stated["price"], stated["component"])
    start = ibis.literal(workspace.periods[0][0])
    owned = with_own_prices(tables["product"], prices, start)
    product = backend.create_table("owned", owned, temp=True)
    customer = _before(workspace, backend, "customer", "product")
    held = {"account": tables["account"], "customer": customer, "product": product}
    return {"product": product, "unresolved": unresolved_products(workspace, backend, held, stated)}


def _contacts(workspace: Workspace, backend: Backend) -> dict[str, ir.Table]:
    """The contacts that are sound and those that are not; none where the extract has none."""
    if "contact" not in workspace.entities:
        none = ibis.memtable(CONTACT.empty())
        return {"contact": none, "lost_contact": none}
    mapped, valid = (workspace.scan(backend, stage, "contact") for stage in ("map", "valid"))
    return {"contact": valid, "lost_contact": lost_contacts(mapped, valid)}


def languages() -> ir.Table:
    """The languages that a bill may be in, as ``language_code``."""
    return ibis.memtable(pa.table({"language_code": sorted(LANGUAGES)}))


def unresolved_products(
    workspace: Workspace,
    backend: Backend,
    tables: Tables,
    stated: Tables,
) -> ir.Table:
    """What the shadow bill could not charge, found by the verb that it will be charged with.

    ``stated`` is what the catalogue says.
    """
    policy = workspace.old_policy
    account = tables["account"].mutate(policy_code=ibis.literal(policy.policy_code))
    policies = ibis.memtable(pa.Table.from_pylist([policy.as_row()], POLICY.arrow))
    periods = [{"period_from": start, "period_to": end} for start, end in workspace.periods]
    held = {
        **stated,
        "account": account,
        "product": tables["product"],
        "customer": tables["customer"].select(*CUSTOMER.ibis),
        "policy": policies,
        "periods": ibis.memtable(pa.Table.from_pylist(periods, PERIODS.arrow)),
    }
    return unresolved(backend, held)


def _before(workspace: Workspace, backend: Backend, name: str, entity: str) -> ir.Table:
    """What a check sees: records that others point at, checked themselves; the rest as mapped.

    Decided by the order of the checks, never by which files are there: some may be of an attempt
    that was undone.
    """
    order = validate_chunks(workspace)
    checked = order[: order.index(entity)]
    pointed_at = name in ("customer", "account", "bill") and name in checked
    return workspace.scan(backend, "valid" if pointed_at else "map", name)


def _offerings(workspace: Workspace) -> ir.Table:
    """The offerings of the catalogue, as ``offering_code``."""
    codes = [offering.code for offering in workspace.catalogue.spec.offerings]
    return ibis.memtable(pa.table({"offering_code": pa.array(codes, pa.string())}))


# plan


def plan_moves(workspace: Workspace) -> Written:
    """Give each account its wave, or its reason to stay; stored as ``plan/move``."""
    with workspace.engine(as_written=True) as backend:
        valid = {n: workspace.scan(backend, "valid", n) for n in workspace.entities}
        suspended = all_suspended(workspace, backend)
        facts = plan.waves(plan.facts(valid, workspace.periods), workspace.spec.waves)
        planned = backend.create_table("facts", facts, temp=True)
        payer = valid.get("payer", ibis.memtable(PAYER.empty()))
        apart = plan.apart_from_payer(planned, payer)
        moves = plan.moves(planned, suspended, _account_keys(workspace, backend, suspended), apart)
        whole = _with_families(backend, moves, workspace.scan(backend, "map", "account"))
        return workspace.save(whole, MOVE, "plan", "move")


def _with_families(backend: Backend, moves: ir.Table, account: ir.Table) -> ir.Table:
    """The moves, in which accounts that pay for each other stay together if one of them stays."""
    held = backend.create_table("moves", moves, temp=True)
    paid = account.filter(account.parent_account_key.notnull())
    up = paid.select(one="account_key", other="parent_account_key")
    both = up.union(up.select(one="other", other="one"))
    edges = backend.create_table("edges", both, temp=True)
    staying = held.filter(held.state == "fallout").select("account_key", because="account_key")
    reached = staying.semi_join(edges, staying.account_key == edges.one)
    before, count, step = -1, 0, 0
    while before < count:  # each step goes one level up and down, until nobody is added
        reached = backend.create_table(f"reached_{step}", reached, temp=True)
        before, count = count, int(backend.to_pyarrow(reached.count()).as_py())
        met = edges.inner_join(reached, edges.one == reached.account_key)
        more = reached.union(met.select(account_key="other", because="because"))
        reached = more.group_by("account_key").aggregate(because=more.because.min())
        step += 1
    return plan.staying_together(held, reached)


def _account_keys(workspace: Workspace, backend: Backend, suspended: ir.Table) -> ir.Table:
    """Every account that the extract names, whatever became of its record, or if it has none."""
    mapped = workspace.scan(backend, "map", "account").select("account_key")
    lost = suspended.filter(suspended.account_key.notnull()).select("account_key")
    return mapped.union(lost).distinct()


def all_suspended(workspace: Workspace, backend: Backend) -> ir.Table:
    """Every suspended record and every duplicate of all stages, of this specification alone."""
    sources = workspace.mapping.sources
    places = [("stage", name, kind) for name in sources for kind in ("suspended", "duplicates")]
    places += [("map", key.replace(":", "-"), "suspended") for key in map_chunks(workspace)]
    checked = validate_chunks(workspace)
    places += [("valid", entity, "suspended") for entity in checked]
    places += [("valid", entity, "duplicates") for entity in checked if entity in COPIES_COME]
    files = [workspace.path(*place) + ".parquet" for place in places]
    return workspace.store.scan(backend, *files)


# shared by map and validate


def write(  # noqa: PLR0913 - what is written, and where
    workspace: Workspace,
    backend: Backend,
    mapped: Mapped,
    dataset: Dataset,
    stage: str,
    entity: str,
) -> Receipt:
    """Store what was accepted and what was suspended, and prove that together they are all."""
    written = workspace.save(mapped.rows, dataset, stage, entity)
    bad = save_suspended(workspace, backend, mapped.suspended, stage, entity)
    files = {
        f"{stage}/{entity}.parquet": written.sha256,
        f"{stage}/{entity}/suspended.parquet": bad.sha256,
    }
    copies = 0
    if mapped.duplicates is not None:
        again = save_suspended(workspace, backend, mapped.duplicates, stage, entity, "duplicates")
        files[f"{stage}/{entity}/duplicates.parquet"] = again.sha256
        copies = again.rows
    amount, state = mapped.amounts.amount, mapped.amounts.state
    counts = mapped.amounts.aggregate(
        rows=mapped.amounts.count(),
        total=amount.sum().cast("decimal(38,0)"),
        held=amount.sum(where=state == "suspended").cast("decimal(38,0)"),
        again=amount.sum(where=state == "duplicate").cast("decimal(38,0)"),
    )
    found = counts.to_pyarrow().to_pylist()[0]
    return Receipt(
        records_in=found["rows"],
        accepted=written.rows,
        duplicate=copies,
        suspended=bad.rows,
        sums=_sums(entity, found, written.sums | _added_up(workspace, backend, stage, entity)),
        files=files,
    )


def _added_up(workspace: Workspace, backend: Backend, stage: str, entity: str) -> dict[str, int]:
    """The sum of a value that is no money, of what was stored."""
    column = VALUE_COLUMNS.get(entity)
    if column is None or column.endswith(MONEY_SUFFIXES):
        return {}
    stored = workspace.scan(backend, stage, entity)
    value = backend.to_pyarrow(stored[column].sum().cast("decimal(38,0)")).as_py()
    return {column: int(value or 0)}


def _sums(entity: str, found: Mapping[str, object], stored: Mapping[str, int]) -> Sums:
    column = VALUE_COLUMNS.get(entity)
    if column is None:
        return {}
    total, held, again = (int(str(found[name] or 0)) for name in ("total", "held", "again"))
    accepted = stored[column]
    states = {"in": total, "accepted": accepted, "duplicate": again, "suspended": held}
    return {f"{entity}.{column}": states}


def save_suspended(  # noqa: PLR0913 - what is written, and where
    workspace: Workspace,
    backend: Backend,
    rows: ir.Table,
    stage: str,
    name: str,
    kind: str = "suspended",
) -> Written:
    """Store suspended rows, or duplicates, with the raw bytes of their lines."""
    table = backend.to_pyarrow(rows.order_by("file", "line", "code"))
    raw = _raw_lines(workspace, table)
    pairs = zip(table["file"].to_pylist(), table["line"].to_pylist(), strict=True)
    table = table.append_column("raw", pa.array([raw.get(pair) for pair in pairs], pa.binary()))
    return workspace.save_rows(table.select(SUSPENDED.arrow.names), SUSPENDED, stage, name, kind)


def _raw_lines(workspace: Workspace, table: pa.Table) -> dict[tuple[str, int], bytes]:
    """The bytes of the named lines of the landed files."""
    found = {}
    for source_name, spec in workspace.mapping.sources.items():
        name = workspace.source_file(spec).name
        mine = [n for f, n in zip(*_places(table), strict=True) if f == name]
        if mine:
            source = open_source(landed_path(workspace, source_name), spec, label=name)
            found |= {(name, line): raw for line, raw in source.raw(sorted(set(mine))).items()}
    return found


def _places(table: pa.Table) -> tuple[list[str], list[int]]:
    return table["file"].to_pylist(), table["line"].to_pylist()
