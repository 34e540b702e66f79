"""From a folder of old bills and facts to the policy behind them, and what is kept of it."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.replacement.reconciliation.inference.details import in_words
from crossbill.replacement.reconciliation.inference.infer import infer
from crossbill.replacement.reconciliation.inference.read_folder import read_folder
from crossbill.replacement.reconciliation.inference.report import Report, policy_yaml, report
from crossbill.replacement.reconciliation.inference.spec import InferenceSpec, read_spec

ASIDE = ("file", "line", "code", "field", "value", "what", "cure")


def infer_policy(folder: Path, spec: Path | None = None) -> Report:
    """Infer the policy behind the old bills of a folder; without ``spec`` by the usual names."""
    return policy_behind(folder, read_spec(spec) if spec else InferenceSpec())


def policy_behind(folder: Path, described: InferenceSpec) -> Report:
    """The same for a specification that is read."""
    with connect() as backend, refusing_overflow():
        books = read_folder(backend, folder, described)
        return report(infer(backend, books.tables), books, described.policy_code)


def write_result(found: Report, folder: Path) -> None:
    """Write the policies, every line and tax that does not fit, what was set aside, and the JSON.

    Where there are several policies, also the table ``policy`` and which account has which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, (policy, _) in enumerate(found.policies, 1):
        named = "policy" if len(found.policies) == 1 else f"policy-{number}"
        (folder / f"{named}.yaml").write_text(policy_yaml(policy), "utf-8")
    if len(found.policies) > 1:
        rows = [policy.as_row() for policy, _ in found.policies]
        write_rows(folder / "policy.csv", list(rows[0]), rows)
        held = [{"account_key": a, "policy_code": p} for a, p in found.account_policy.items()]
        write_rows(folder / "account_policy.csv", ["account_key", "policy_code"], held)
    write_rows(folder / "set_aside.csv", ASIDE, found.aside)
    for name, kept in (
        ("unexplained", found.unfit),
        ("unexplained_taxes", found.unfit_taxes),
        ("unexplained_discounts", found.unfit_discounts),
    ):
        shown = [in_words(row) for row in kept]
        write_rows(folder / f"{name}.csv", list(shown[0]) if shown else ("file", "line"), shown)
    (folder / "report.json").write_text(as_json(found.document) + "\n", "utf-8")


def as_json(document: Mapping[str, Any]) -> str:
    """The document as text, the same bytes each time."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV; true and false as the engine reads them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row[name]) for name in columns] for row in rows)


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
