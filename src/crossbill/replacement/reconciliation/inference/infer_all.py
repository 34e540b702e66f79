"""From a folder to all that its specification asks for: a policy, the order of allowances."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossbill.replacement.reconciliation.inference.infer_orders import OrdersFound, infer_orders
from crossbill.replacement.reconciliation.inference.infer_policy import (
    ASIDE,
    as_json,
    policy_behind,
    write_result,
    write_rows,
)
from crossbill.replacement.reconciliation.inference.order_report import (
    order_document,
    priorities_yaml,
    unfit_in_words,
)
from crossbill.replacement.reconciliation.inference.read_table import files_in
from crossbill.replacement.reconciliation.inference.report import Report
from crossbill.replacement.reconciliation.inference.spec import InferenceSpec, read_spec

UNFIT = ("file", "line", "product_key", "period_from", "charge_code", "rows", "old", "computed")
BILL_LINES = "bill_line"


@dataclass(frozen=True)
class Inferred:
    """What was found: the policy behind bills, and the order of allowances behind usage."""

    policy: Report | None
    orders: OrdersFound | None

    @property
    def document(self) -> dict[str, Any]:
        """All of it as JSON; ``complete`` where nothing is left open."""
        told: Mapping[str, Any] = self.policy.document if self.policy else {"complete": True}
        if self.orders is None:
            return dict(told)
        allowances = order_document(self.orders)
        complete = told["complete"] and allowances["complete"]
        return {**told, "complete": complete, "allowances": allowances}


def infer_all(folder: Path, spec: Path | None) -> Inferred:
    """Infer the policy, and where the specification has ``rating`` the order of allowances.

    Then a folder without bills will do: only the order is told.
    """
    described = read_spec(spec) if spec else InferenceSpec()
    if described.rating is None:
        return Inferred(policy_behind(folder, described), None)
    stated = BILL_LINES in described.tables or files_in(folder, f"{BILL_LINES}.csv")
    policy = policy_behind(folder, described) if stated else None
    return Inferred(policy, infer_orders(folder, described))


def write_all(found: Inferred, folder: Path) -> None:
    """Write what was found of the policy, and of the order what the catalogue takes, the rest as
    JSON, and every charge that does not fit or was set aside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if found.policy is not None:
        write_result(found.policy, folder)
    if found.orders is not None:
        orders = found.orders
        (folder / "allowances.yaml").write_text(priorities_yaml(orders), "utf-8")
        told = as_json(order_document(orders))
        (folder / "allowances.json").write_text(told + "\n", "utf-8")
        unfit = [unfit_in_words(orders, row) for row in orders.unfit]
        write_rows(folder / "unexplained_usage.csv", UNFIT, unfit)
        write_rows(folder / "set_aside_usage.csv", ASIDE, orders.aside)
