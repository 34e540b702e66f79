"""The whole search as one compiled chain: judged lines, units, and which candidates fit each."""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from crossbill.core.policy import PriceBy
from crossbill.engine import integers
from crossbill.engine.billing_datasets import (
    BILLED_ACCOUNT,
    BOUNDARY,
    CHARGED,
    COMPONENT,
    CURRENCY,
    DISCOUNT,
    LISTED_PRICE,
    TAX,
)
from crossbill.engine.calculation import Calculation, Step, Tables, compiled_once
from crossbill.engine.concession_datasets import EXEMPTION
from crossbill.engine.datasets import PAYER, POLICY, PRODUCT, USAGE_TOTAL
from crossbill.platform.billing.resolve import resolve, resolve_usage
from crossbill.replacement.reconciliation.inference import (
    amounts,
    bill_discounts,
    comparable,
    parts,
    taxes,
)
from crossbill.replacement.reconciliation.inference.candidates import (
    DAY_RULE,
    DISCOUNT_CANDIDATE,
    ROUNDING,
    TAX_CANDIDATE,
)
from crossbill.replacement.reconciliation.inference.datasets import (
    FAMILY,
    OLD_BILL,
    OLD_LINE,
    PRODUCT_FAMILY,
)

INPUTS = {
    dataset.name: dataset
    for dataset in (
        BILLED_ACCOUNT, PRODUCT, LISTED_PRICE, TAX, POLICY, CURRENCY, COMPONENT, CHARGED, BOUNDARY,
        USAGE_TOTAL, EXEMPTION, PAYER, FAMILY, PRODUCT_FAMILY, OLD_LINE, OLD_BILL, DAY_RULE,
        ROUNDING, TAX_CANDIDATE, DISCOUNT, DISCOUNT_CANDIDATE,
    )
}  # fmt: skip
OUTCOME = ("family", "currency", "kind", "mask")


@dataclass(frozen=True)
class Shape:
    """What the chain is built for."""

    further: tuple[str, ...] = ()  # parts of a line's key beside product and period
    taxes: int = 1  # of a line, side by side
    payers: bool = False  # some accounts are paid for by others
    discounts: int = 0  # of a whole bill, of the account that has most
    stated: tuple[str, ...] = ()  # terms of such discounts that are not searched
    named: bool = False  # each line of one says which it is
    narrow: bool = False  # some are of a product or an offering only
    parted: bool = False  # each line of one says from which product it is taken

    @property
    def key(self) -> tuple[str, ...]:
        """What tells one compared line from another."""
        return (*amounts.KEY, *self.further)

    @property
    def apart(self) -> bool:
        """Whether lines tell a charge from its discount."""
        return "category" in self.further

    @property
    def whats(self) -> tuple[int, ...]:
        """What is asked for of a fact."""
        return (amounts.WHOLE, amounts.OFF) if self.apart else (amounts.BOTH,)


@compiled_once
def search(shape: Shape) -> Calculation:
    """Inputs: the tables of ``INPUTS``. Results: line, bill, unit, pattern, outcome ..."""
    key = shape.key
    return Calculation(
        {name: dataset.ibis for name, dataset in INPUTS.items()},
        [
            Step(
                "holder",
                lambda t: comparable.holders(t["product"], t["family"], t["product_family"]),
            ),
            Step(
                "billed_account",
                lambda t: comparable.with_cycles(t["account"], t["old_line"], t["holder"]),
            ),
            Step(
                "first_line",
                lambda t: comparable.judged_lines(
                    _of_products(t, shape), t["holder"], t["billed_account"], t["currency"],
                    t["usage_total"], t["payer"],
                ),
            ),
            Step("periods", lambda t: comparable.periods_of(t["first_line"])),
            Step("resolved", _resolved),
            Step("fault", lambda t: amounts.faults(t["resolved"])),
            Step(
                "charged_line",
                lambda t: comparable.with_engine_faults(t["first_line"], t["fault"]),
                stored=False,
            ),
            Step("part", lambda t: _with_parts(t, shape), stored=shape.payers),
            Step("line", lambda t: comparable.with_sums(t["part"], key)),
            Step("fact", lambda t: amounts.facts(t["resolved"])),
            Step("share", lambda t: amounts.shares(t["fact"], t["day_rule"])),
            Step("item", lambda t: amounts.items(t["share"], t["rounding"], shape.whats)),
            Step(
                "charged_item",
                lambda t: amounts.charged_items(t["resolved"], t["fact"], apart=shape.apart),
            ),
            Step("expected", lambda t: amounts.expected(t["charged_item"], key)),
            Step("unit", lambda t: _units(t, key)),
            Step("pattern", lambda t: amounts.patterns(t["unit"])),
            Step("fit", lambda t: amounts.fitting(t["pattern"], t["item"], t["share"])),
            Step("verdict", lambda t: amounts.masks(t["pattern"], t["fit"]), stored=False),
            *_discounts_of_bills(shape),
            Step("taxable", lambda t: taxes.taxable(t["line"], t["unit"], t["component"], key)),
            *_tax_stage(shape),
            Step("outcome", lambda t: _outcomes(t, shape)),
        ],
    )  # fmt: skip


def _tax_stage(shape: Shape) -> list[Step]:
    """What the lines and bills that are printed are taxed under each candidate."""
    return [
        Step("printed", lambda t: _printed(t, shape), stored=shape.parted),
        Step("bill", lambda t: _judged_bills(t, shape)),
        Step(
            "taxed",
            lambda t: taxes.taxed(
                t["printed"], t["bill"], t["tax_candidate"], t["tax_rate"], t["exemption"],
                t["periods"], shape.taxes,
            ),
        ),
        Step("line_tax", lambda t: taxes.line_computed(t["taxed"]), stored=False),
        Step("line_mask", lambda t: taxes.masks(t["line_tax"], "line_id")),
        Step(
            "bill_tax_now",
            lambda t: taxes.bill_computed(
                t["taxed"], t["bill"], t["tax_candidate"], shape.taxes
            ),
        ),
        Step("bill_mask", lambda t: taxes.masks(t["bill_tax_now"], "bill_id")),
        Step(
            "bill_family",
            lambda t: t["printed"].select("billed_account", "period_from", "family").distinct(),
            stored=False,
        ),
    ]  # fmt: skip


def _resolved(t: Tables) -> ir.Table:
    """What the holders of billed periods are charged, by each choice of the day of a price."""
    sound = t["first_line"].filter(t["first_line"].code.isnull())
    billed = sound.select("account_key", "period_from").distinct()
    parts = []
    for price_by in PriceBy:
        account = t["billed_account"].mutate(policy_code=ibis.literal(price_by.value))
        names = (
            "product", "price", "tax_rate", "policy", "periods", "currency", "component",
            "charged", "boundary",
        )  # fmt: skip
        rows = resolve(account, *(t[name] for name in names))
        used = ("tax_rate", "policy", "periods", "currency", "component")
        both = rows.union(resolve_usage(t["usage_total"], account, *(t[name] for name in used)))
        parts.append(both.mutate(price_by=ibis.literal(price_by.value)))
    return ibis.union(*parts).semi_join(billed, ["account_key", "period_from"])


def _of_products(t: Tables, shape: Shape) -> ir.Table:
    """The old lines without discounts of whole bills, where there are any to compare them with."""
    rows = t["old_line"]
    return rows.filter(~bill_discounts.is_off(rows)) if shape.discounts else rows


def _discounts_of_bills(shape: Shape) -> list[Step]:
    stated, named, narrow = shape.stated, shape.named, shape.narrow
    return bill_discounts.steps(shape.discounts, stated, named=named, narrow=narrow)


def _printed(t: Tables, shape: Shape) -> ir.Table:
    """The lines that are taxed; discounts of whole bills where they print what they lower."""
    if not shape.parted:
        return t["taxable"]
    return bill_discounts.as_printed(t["off_line"], t["taxable"], t["holder"])


def _judged_bills(t: Tables, shape: Shape) -> ir.Table:
    """The bills; a discount without product does not say of which charges it lowers the tax."""
    rows = taxes.judged_bills(t["old_bill"], t["printed"])
    untold = shape.discounts and not shape.parted
    return taxes.without(rows, t["off_line"]) if untold else rows


def _with_parts(t: Tables, shape: Shape) -> ir.Table:
    """The lines, of which those are set aside that are no part that their account pays."""
    if not shape.payers:
        return t["charged_line"]
    return parts.with_parts(t["charged_line"], t["payer"], t["periods"], shape.key)


def _units(t: Tables, key: tuple[str, ...]) -> ir.Table:
    """What is compared; where a line of a product was set aside, none is missing beside it."""
    sound = t["line"].filter(t["line"].code.isnull())
    aside = t["line"].filter(t["line"].code.notnull())
    return amounts.units(sound, aside, t["expected"], t["fault"], t["holder"], key)


def _outcomes(t: Tables, shape: Shape) -> ir.Table:
    """How many rows of each family the same candidates reproduce, by kind and currency."""
    amount = t["pattern"].inner_join(t["verdict"], "pattern")
    parts = [amount.select(*OUTCOME, "size_minor", rows="units", lines="lines")]
    lines = t["printed"].inner_join(t["line_mask"], "line_id")
    parts.append(_each(lines, taxes.TAXED_LINE, lines.tax_minor))
    of = t["bill_family"].rename(account_key="billed_account")
    bills = t["bill"].inner_join(t["bill_mask"], "bill_id")
    bills = bills.inner_join(of, ["account_key", "period_from"])
    parts.append(_each(bills, taxes.BILL, bills.old_tax))
    if shape.discounts:
        offs = bill_discounts.outcome_rows(t["off_unit"], t["off_mask"])
        parts.append(offs.select(*OUTCOME, "size_minor", "rows", "lines"))
    rows = ibis.union(*parts)
    return rows.group_by(*OUTCOME).aggregate(
        rows=integers.sum_int64(rows.rows),
        lines=integers.sum_int64(rows.lines),
        size_minor=integers.sum_int64(rows.size_minor),
    )


def _each(rows: ir.Table, kind: str, amount: ir.IntegerValue) -> ir.Table:
    """Rows that stand for themselves."""
    one = ibis.literal(1, "int64")
    made = rows.mutate(kind=ibis.literal(kind), rows=one, lines=one, size_minor=amount.abs())
    return made.select(*OUTCOME, "size_minor", "rows", "lines")
