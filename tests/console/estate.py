"""A small change-over for the console's tests: four waves, one of each thing that a page shows."""

import uuid
from copy import deepcopy
from datetime import UTC, date, datetime

import billed_estate
import catalogue_estate
import pyarrow as pa
import rated_estate
import what_if_estate
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser

from crossbill.console.operations import give_roles
from crossbill.engine.datasets import CANONICAL, LINEAGE
from crossbill.engine.store import Store
from crossbill.platform.concession.models import Discount, Exemption
from crossbill.platform.customer.models import BillingAccount, Carrier, Customer
from crossbill.platform.ledger.models import JournalEntry, OpenItem, Posting
from crossbill.platform.product.models import ProductOffering
from crossbill.replacement.migration.models import (
    AccountMove,
    Replacement,
    SuspendedRecord,
    Wave,
)
from crossbill.replacement.reconciliation.models import Difference, Gate, Signature
from crossbill.runs.models import Chunk, LogLine, Run, Stage

CARRIER = "opticom"
APRIL, MAY, JUNE = date(2024, 4, 1), date(2024, 5, 1), date(2024, 6, 1)
DIFFERING = "C0000000003"  # its May bill has a line with another price version
SUSPENDED = "C0000000005"  # never loaded: one of its records is suspended
CLEAN = "C0000000001"
SIGNED_GATE, UNSIGNED_GATE = 1, 2
ACCOUNTS_PER_WAVE = 60
EVIDENCE = "5e" * 32
PRICES = {
    "PRODUCT.price_override_nanos": {
        "in": 149_700_000_000,
        "accepted": 99_800_000_000,
        "duplicate": 0,
        "suspended": 49_900_000_000,
    }
}


def build(store_url: str) -> Replacement:
    """Fill the database and the store."""
    import reconciled_estate  # it names accounts of this change-over

    carrier = Carrier.objects.create(code=CARRIER, name="OptiCom Networks Inc.")
    run = _run()
    replacement = Replacement.objects.create(
        carrier=carrier,
        run=run,
        name="OptiCom to Crossbill",
        as_of_date=JUNE,
        spec={
            "spec_path": rated_estate.SPEC_PATH,
            "replacement": {"gate": {"approvers": 2}, **deepcopy(rated_estate.SPEC)},
        },
    )
    waves = _waves(replacement)
    _moves(replacement, waves)
    _suspended(replacement)
    _differences(replacement, waves)
    _gates(waves)
    waves[0].live_at = datetime(2024, 6, 2, tzinfo=UTC)
    waves[0].save()
    _books(carrier)
    catalogue_estate.add(carrier, (CLEAN, DIFFERING))
    billed_estate.add(carrier, (CLEAN, DIFFERING))
    what_if_estate.add(carrier, (CLEAN, DIFFERING))
    store = Store(store_url)
    _tables(store)
    rated_estate.add(store, replacement, DIFFERING)
    reconciled_estate.add(store, replacement)
    return replacement


def person(name: str, *roles: str) -> AbstractUser:
    """Somebody with these roles and no usable password."""
    user, _ = get_user_model().objects.get_or_create(username=name)
    if roles:
        give_roles(user=user, roles=roles)
    return user


def key(number: int) -> str:
    """The account's key."""
    return f"C{number:010d}"


def _run() -> Run:
    run = Run.objects.create(
        key="replacement/opticom", kind="replacement", title="OptiCom to Crossbill",
        input_hash="ab" * 32, stage_count=10, attempts=2,
    )  # fmt: skip
    titles = ["Land the extract", "Stage the rows", "Map to the canonical tables", "Validate"]
    for position, title in enumerate(titles):
        stage = Stage.objects.create(
            run=run, name=f"stage-{position}", title=title, position=position, chunk_count=2,
            records_in=1000, accepted=990, duplicate=4, suspended=6,
            finished_at=datetime(2024, 6, 2, 3, position, tzinfo=UTC),
            sums=PRICES if position == 2 else {},
        )  # fmt: skip
        for n in range(2):
            Chunk.objects.create(stage=stage, key=f"part-{n}", receipt={})
        LogLine.objects.create(run=run, text=f"{title}: 990 accepted, 4 duplicate, 6 suspended")
    going = Stage.objects.create(
        run=run, name="load", title="Load wave 3 into the books", position=4, chunk_count=4
    )
    Chunk.objects.create(stage=going, key="part-0", receipt={})
    return run


def _waves(replacement: Replacement) -> list[Wave]:
    names = ["Wave 1: pilot", "Wave 2: consumers", "Wave 3: business", "Wave 4: the hard ones"]
    return [
        Wave.objects.create(
            replacement=replacement,
            position=position,
            name=name,
            cutover_date=date(2024, 5 + position, 1),
        )
        for position, name in enumerate(names, start=1)
    ]


def _moves(replacement: Replacement, waves: list[Wave]) -> None:
    states = {1: "live", 2: "loaded", 3: "loaded", 4: "planned"}
    AccountMove.objects.bulk_create(
        _move(replacement, wave, number, states[wave.position])
        for wave in waves
        for number in range(
            (wave.position - 1) * ACCOUNTS_PER_WAVE + 1, wave.position * ACCOUNTS_PER_WAVE + 1
        )
    )


def _move(replacement: Replacement, wave: Wave, number: int, state: str) -> AccountMove:
    class_code, reason = REASONS.get(key(number), ("", ""))
    return AccountMove(
        replacement=replacement,
        wave=wave,
        account_key=key(number),
        state="fallout" if reason else state,
        class_code=class_code,
        reason=reason,
        hard_reasons="credit balance, open dispute" if wave.position == 4 else "",
    )


REASONS = {
    SUSPENDED: (
        "MAPPING",
        "The code is not in the code table; add it to the mapping (SVCINV.CSV:17)",
    ),
    key(62): ("UNEXPLAINED", "1 unexplained difference of 3.37 USD on the bill of 2024-05-01"),
    key(63): ("PRICE_VERSION", "2 differences of 0.98 USD on the bill of 2024-05-01"),
}


def _suspended(replacement: Replacement) -> None:
    SuspendedRecord.objects.create(
        replacement=replacement, file="SVCINV.CSV", line=17, record_key="S000000171",
        account_key=SUSPENDED, stage="map", code="UNMAPPED_CODE", class_code="MAPPING",
        field="offering_code", value="ZZ07", owner="catalogue",
        message="The code is not in the code table; add it to the mapping or correct the record",
        raw="S000000171;C0000000005;ZZ07;1;20190301;99991231;;;;;20190301120000 Müller".encode(
            "cp1252"
        ),
    )  # fmt: skip


def _difference(replacement: Replacement, wave: Wave, **facts: object) -> Difference:
    common = {
        "replacement": replacement, "wave": wave, "kind": "different", "currency": "USD",
        "decision": "block", "owner": "catalogue",
    }  # fmt: skip
    return Difference(**(common | facts))


def _differences(replacement: Replacement, waves: list[Wave]) -> None:
    made = _line_difference(replacement, waves[0], DIFFERING, "accept")
    made += _line_difference(replacement, waves[1], key(63), "block")
    made += [
        _bill_difference(replacement, waves[1], key(62), "UNEXPLAINED", 1000, 1337, "block"),
        _bill_difference(replacement, waves[1], key(64), "ROUNDING", 1337, 1338, "accept"),
        _bill_difference(replacement, waves[1], key(65), "TAX", 1338, 1271, "accept"),
        _difference(
            replacement, waves[0], entity="bill", account_key=CLEAN, record_key=f"{CLEAN}|{APRIL}",
            field="printed_name", left_value="MÃ¼ller GmbH", right_value="Müller GmbH",
            currency=None, class_code="ENCODING", decision="accept", owner="data",
            evidence="'MÃ¼ller GmbH' is 'Müller GmbH' in UTF-8 read as cp1252",
        ),
        _difference(
            replacement, waves[0], entity="account", account_key=CLEAN, record_key=CLEAN,
            field="postcode", left_value="10001-1234", right_value="10001 1234", currency=None,
            class_code="FORMAT", decision="accept", owner="data", evidence="equal without signs",
        ),
    ]  # fmt: skip
    made += [
        _bill_difference(replacement, waves[1], key(66 + n), "ROUNDING", 5000, 5001, "accept")
        for n in range(54)
    ]
    Difference.objects.bulk_create(made)


def _line_difference(replacement: Replacement, wave: Wave, account: str, decision: str) -> list:
    line = f"{account}|{MAY}|{account}-F100|recurring|fibre-100/monthly|{MAY}"
    evidence = "version 2023 of fibre-100 gives the old 49.00 and tax 4.34; new 49.90 and tax 4.42"
    why = {"class_code": "PRICE_VERSION", "evidence": evidence, "decision": decision}
    facts = {"account_key": account} | why
    bill = f"{account}|{MAY}"
    return [
        _difference(replacement, wave, entity="bill_line", record_key=line, field="net_minor",
                    left_value="4900", right_value="4990", amount_minor=90, **facts),
        _difference(replacement, wave, entity="bill_line", record_key=line, field="tax_minor",
                    left_value="434", right_value="442", amount_minor=8, **facts),
        _difference(replacement, wave, entity="bill", record_key=bill, field="total_minor",
                    left_value="6968", right_value="7066", amount_minor=98,
                    **facts | {"evidence": f"follows from its lines: {evidence}"}),
    ]  # fmt: skip


def _bill_difference(
    replacement: Replacement, wave: Wave, account: str, code: str, old: int, new: int, decision: str
) -> Difference:
    return _difference(
        replacement, wave, entity="bill", account_key=account, record_key=f"{account}|{MAY}",
        field="total_minor", left_value=str(old), right_value=str(new), amount_minor=new - old,
        class_code=code, decision=decision, owner="billing",
        evidence=f"old {old} and new {new} cents",
    )  # fmt: skip


def _gates(waves: list[Wave]) -> None:
    facts = {
        "planned": 60, "loaded": 59, "fallout": 1, "moved": 59,
        "bills": {"compared": 118, "equal": 116, "explained": 2, "unexplained": 0},
        "classes": {}, "ledger": {"balanced": True, "receivable_minor": 0, "open_items_minor": 0},
        "control_totals": [{"name": "Open items in cents", "old": 123400, "new": 123400}],
    }  # fmt: skip
    rules = [
        {"rule": "Accounts that stay as fallout", "limit": 5, "found": 1, "holds": True},
        {"rule": "Accounts with unexplained differences", "limit": 0, "found": 0, "holds": True},
    ]
    signed = Gate.objects.create(
        wave=waves[0], facts=facts, rules=rules, result="passed", evidence_sha256=EVIDENCE
    )
    for name in ("migration.lead", "billing.manager"):
        user, _ = get_user_model().objects.get_or_create(username=name)
        Signature.objects.create(gate=signed, user=user, evidence_sha256=EVIDENCE)
    Gate.objects.create(
        wave=waves[1], facts=facts, rules=rules, result="passed", evidence_sha256=EVIDENCE
    )
    broken = [rules[0] | {"found": 9, "holds": False}, rules[1]]
    Gate.objects.create(
        wave=waves[2], facts=facts, rules=broken, result="refused", evidence_sha256=EVIDENCE
    )


def _books(carrier: Carrier) -> None:
    ProductOffering.objects.create(carrier=carrier, code="fibre-100", name="Fibre 100")
    ProductOffering.objects.create(carrier=carrier, code="tv", name="Television")
    for account in (CLEAN, DIFFERING):
        _book(carrier, account)


def _book(carrier: Carrier, account_key: str) -> None:
    customer = Customer.objects.create(
        id=uuid.uuid4(), carrier=carrier, customer_key=account_key, kind="organisation",
        name=f"Müller & Söhne {account_key[-2:]}", segment="business",
    )  # fmt: skip
    account = BillingAccount.objects.create(
        id=uuid.uuid4(), carrier=carrier, account_key=account_key, customer=customer,
        status="active", currency="USD", tax_code="NY01", bill_cycle_day=1, disputed=False,
        live_from_date=JUNE,
    )  # fmt: skip
    Discount.objects.create(
        id=uuid.uuid4(), carrier=carrier, discount_key=f"D-{account_key}", account=account,
        position=1, kind="percentage", rate_ppm=75_000, category="usage", most_minor=500,
        offering=ProductOffering.objects.get(carrier=carrier, code="tv"), valid_from=MAY,
        valid_to=JUNE,
    )  # fmt: skip
    Exemption.objects.create(
        account=account, tax_name="sales", valid_from=MAY, valid_to=JUNE, reason="certificate 7"
    )
    entry = JournalEntry.objects.create(
        id=uuid.uuid4(), carrier=carrier, source=f"opening|{account_key}", kind="opening",
        entry_date=JUNE,
    )  # fmt: skip
    Posting.objects.bulk_create(
        Posting(entry=entry, account=account, gl_account=gl, currency="USD", amount_minor=amount)
        for gl, amount in (("1200", 6968), ("1290", -6968))
    )
    OpenItem.objects.create(
        id=uuid.uuid4(), carrier=carrier, open_item_key=f"I-{account_key}", account=account,
        entry=entry, kind="invoice", document_number="R2024050001", document_date=MAY,
        due_date=date(2024, 5, 21), currency="USD", original_minor=10000, paid_minor=3032,
        open_minor=6968,
    )  # fmt: skip


def _tables(store: Store) -> None:
    """Both sides' tables of three accounts: clean, differing, and one that was never loaded."""
    old = {name: [] for name in ("customer", "account", "product", "bill", "bill_line")}
    new = {name: [] for name in old}
    for account in (CLEAN, DIFFERING, SUSPENDED):
        _rows(old, account, differs=account == DIFFERING)
        if account != SUSPENDED:
            _rows(new, account, differs=False)
    _write(store, f"{CARRIER}/valid", old, lineage=True)
    _write(store, f"{CARRIER}/wave-1", new, lineage=False)


def _rows(tables: dict[str, list], account: str, *, differs: bool) -> None:
    tables["customer"].append(
        {"customer_key": account, "name": f"Müller & Söhne {account[-2:]}", "kind": "organisation",
         "segment": "business"}
    )  # fmt: skip
    tables["account"].append(
        {"account_key": account, "customer_key": account, "status": "active", "currency": "USD",
         "tax_code": "NY01", "bill_cycle_day": 1, "street": "12 Harbor Street", "city": "New York",
         "region": "NY", "postcode": "10001", "disputed": False}
    )  # fmt: skip
    for code, suffix in (("fibre-100", "F100"), ("tv", "TV")):
        tables["product"].append(
            {"product_key": f"{account}-{suffix}", "account_key": account, "offering_code": code,
             "quantity": 1, "start_date": date(2019, 3, 1),
             "discount_ppm": 125_000 if code == "tv" else None}
        )  # fmt: skip
    for start, end in ((APRIL, MAY), (MAY, JUNE)):
        _bill_rows(tables, account, start, end, differs=differs and start == MAY)


def _bill_rows(
    tables: dict[str, list], account: str, start: date, end: date, *, differs: bool
) -> None:
    bill = {
        "bill_key": f"B{account[-4:]}{start:%m}", "account_key": account, "period_from": start,
        "period_to": end, "currency": "USD",
    }  # fmt: skip
    fibre = (4900, 434) if differs else (4990, 442)
    amounts = [("F100", "fibre-100", "recurring", *fibre), ("TV", "tv", "recurring", 1720, 152),
               ("TV", "tv", "discount", -215, -23)]  # fmt: skip
    for suffix, code, category, net, tax in amounts:
        tables["bill_line"].append(
            bill | {"product_key": f"{account}-{suffix}", "offering_code": code,
                    "category": category, "price_code": f"{code}/monthly",
                    "charge_from": start, "charge_to": end,
                    "net_minor": net, "tax_minor": tax}
        )  # fmt: skip
    net, tax = sum(a[3] for a in amounts), sum(a[4] for a in amounts)
    tables["bill"].append(bill | {"net_minor": net, "tax_minor": tax, "total_minor": net + tax})


def _write(store: Store, folder: str, tables: dict[str, list], *, lineage: bool) -> None:
    for name, rows in tables.items():
        dataset = CANONICAL[name].extended(name, LINEAGE) if lineage else CANONICAL[name]
        came = {"source_file": "X.CSV", "source_line": 1} if lineage else {}
        given = [row | came for row in rows]
        table = pa.Table.from_pylist(given, schema=dataset.arrow)
        store.write_table(store.path(folder, f"{name}.parquet"), table, dataset)


def fill() -> None:
    """Fill the installation of the environment, for tests through a server."""
    import worked_estate  # it names accounts of this change-over

    from crossbill.config.environment import read_environment

    url = read_environment().store_url
    worked_estate.add(Store(url), build(url))
