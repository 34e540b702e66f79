"""Why bill lines differ: causes compete; the one that explains most of a bill to the cent wins."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol, cast

import ibis
import ibis.expr.types as ir

from crossbill.core import plugins
from crossbill.engine.datasets import CHARGE_INPUT
from crossbill.platform.billing.bill import DISCOUNT, RECURRING
from crossbill.platform.billing.charge import charge

CAUSES = "crossbill.replacement.reconciliation.line_causes"
RECORD = ("account_key", "period_from", "product_key", "category", "charge_from")
LINE = ("account_key", "period_from", "product_key")


@dataclass(frozen=True)
class Case:
    """The differing lines and the facts behind them.

    ``records``: RECORD, ``record_key``, ``old_net``, ``old_tax``, ``new_net``, ``new_tax`` (0 where
    the line stands on the other side only), ``old_stamp`` (source_changed_at), ``kind``.
    ``behind``: the CHARGE_INPUT rows behind them; ``charge``: all charges; ``product``: the new
    side's products; ``price``, ``tax_rate``: the catalogue; ``tariff``: the old system's own price
    table.
    """

    records: ir.Table
    behind: ir.Table
    charge: ir.Table
    product: ir.Table
    price: ir.Table
    tax_rate: ir.Table
    tariff: ir.Table


class LineCause(Protocol):
    """A cause names its class, its place among equals, and the records that it explains."""

    CODE: str
    RANK: int

    def candidates(self, case: Case) -> ir.Table:
        """RECORD, ``variant`` (which of its explanations) and ``evidence`` for what it explains."""
        ...


def line_causes() -> list[LineCause]:
    """The causes in the order in which equals are preferred."""
    modules: list[ModuleType] = list(plugins.load(CAUSES).values())
    return sorted((cast(LineCause, module) for module in modules), key=lambda cause: cause.RANK)


def candidates(case: Case, cause: LineCause) -> ir.Table:
    """RECORD, ``variant``, ``evidence``, ``class_code``, ``rank`` for what one cause explains."""
    found = cause.candidates(case).select(*RECORD, "variant", "evidence")
    return found.mutate(
        class_code=ibis.literal(cause.CODE), rank=ibis.literal(cause.RANK)
    ).distinct()


def best(found: Sequence[ir.Table]) -> ir.Table:
    """One row a explained record: RECORD, ``class_code``, ``evidence``.

    Of several explanations of a line, the one that explains most lines of its bill is taken; of
    equals, the one whose cause comes first.
    """
    everything = ibis.union(*found)
    together = ibis.window(group_by=["account_key", "period_from", "class_code", "variant"])
    counted = everything.mutate(covers=everything.count().over(together))
    order = ibis.window(
        group_by=list(RECORD), order_by=[ibis.desc(counted.covers), counted.rank, counted.variant]
    )
    ranked = counted.mutate(position=ibis.row_number().over(order))
    return ranked.filter(ranked.position == 0).select(*RECORD, "class_code", "evidence")


def what_if(case: Case, variants: ir.Table) -> ir.Table:
    """Charge the changed rows and keep those records that then agree to the cent.

    ``variants`` holds CHARGE_INPUT, changed, with the variant's name as ``policy_code``, and
    ``words``. The evidence shows the calculation that gives the old amounts, and the new ones.
    """
    records = case.records
    pairs = records.inner_join(_amounts(variants), [*LINE, "category"])
    fits = (pairs.old_net == pairs.net) & (pairs.old_tax == pairs.tax)
    evidence = (
        _amounts_in_words("old", pairs.old_net, pairs.old_tax)
        + pairs.words
        + _amounts_in_words("; new", pairs.new_net, pairs.new_tax)
        + pairs.base_words
    )
    return pairs.filter(fits).select(*RECORD, "variant", evidence=evidence)


def behind(charge_rows: ir.Table, records: ir.Table) -> ir.Table:
    """The CHARGE_INPUT rows behind the differing records, as the new side charged them."""
    wanted = records.select(*LINE).distinct()
    return charge_rows.select(*CHARGE_INPUT.ibis).semi_join(wanted, list(LINE))


def _amounts(variants: ir.Table) -> ir.Table:
    """Net and tax that each variant gives the recurring and the discount line; 0 for no line."""
    charged = charge(variants).rename(variant="policy_code")
    shown = variants.select(*LINE, "words", "base_words", variant="policy_code").distinct()
    joined = charged.inner_join(shown, [*LINE, "variant"])
    columns = (*LINE, "variant", "words", "base_words")
    recurring = joined.select(
        *columns,
        category=ibis.literal(RECURRING),
        net=joined.gross_minor,
        tax=joined.gross_tax_minor,
    )
    discount = joined.select(
        *columns,
        category=ibis.literal(DISCOUNT),
        net=joined.discount_minor,
        tax=joined.discount_tax_minor,
    )
    return recurring.union(discount)


def _amounts_in_words(side: str, net: ir.IntegerValue, tax: ir.IntegerValue) -> ir.StringValue:
    return ibis.literal(f"{side} ") + money(net) + " and tax " + money(tax) + ": "


def money(minor: ir.IntegerValue) -> ir.StringValue:
    """Minor units with two digits as text, for evidence."""
    digits = minor.abs().cast("string").lpad(3, "0")
    sign = (minor < 0).ifelse("-", "")
    return sign + digits.substr(0, digits.length() - 2) + "." + digits.right(2)


def price_words(nanos: ir.IntegerValue) -> ir.StringValue:
    """A price in nanos with at least two digits as text, for evidence."""
    digits = nanos.cast("string").lpad(10, "0")
    whole, part = digits.substr(0, digits.length() - 9), digits.right(9)
    return whole + "." + part.substr(0, 2) + part.substr(2).re_replace("0+$", "")
