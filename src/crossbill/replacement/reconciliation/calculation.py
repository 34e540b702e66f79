"""The reconciliation of a wave as one chain of verbs, compiled once for all waves."""

from collections.abc import Callable, Sequence

import ibis
import ibis.expr.types as ir

from crossbill.engine.billing_datasets import COMMITMENT, DISCOUNT, TAX
from crossbill.engine.calculation import Calculation, Step, Tables, compiled_once
from crossbill.engine.concession_datasets import EXEMPTION
from crossbill.engine.datasets import (
    CANONICAL,
    CHARGE,
    LINEAGE,
    PRICE,
    PRODUCT,
    TARIFF,
)
from crossbill.platform.billing import discounts
from crossbill.platform.billing.resolve import bill_days, valid_rates
from crossbill.replacement.reconciliation import (
    account_discounts,
    lines,
    promised_minimums,
    reconcile,
)
from crossbill.replacement.reconciliation.compare import (
    differing,
    doubled_keys,
    repeated_keys,
    tallies,
)
from crossbill.replacement.reconciliation.finding_calculation import finding_steps

Mapped = tuple[tuple[str, tuple[str, ...]], ...]
FACTS = {
    "charge": CHARGE,
    "product": PRODUCT,
    "price": PRICE,
    "tax_rate": TAX,
    "exemption": EXEMPTION,
    "tariff": TARIFF,
}


@compiled_once
def reconciliation(
    mapped: Mapped,
    known: tuple[str, ...] | None = None,
    passes: int = 0,
    *,
    promises: bool = False,
) -> Calculation:
    """Compare and class the canonical tables named in ``mapped``, by their mapped columns.

    Inputs: ``valid_X`` (old side, all accounts) and ``new_X`` for each table, ``new_account``, and
    the facts behind the new bills. Results: ``difference``, ``verdict``, and ``tally_X`` for each
    table. Where the columns are told that are ``known`` of accounts besides, there is an input of
    that name, and causes that accounts share are results: ``finding`` and ``finding_member``.
    Where accounts have discounts, an account so many at most as there are ``passes``, there is an
    input ``discount``; where they have promised a minimum, an input ``commitment``.
    """
    names = [name for name, _ in mapped]
    sides = {f"new_{name}": CANONICAL[name].ibis for name in {*names, "account"}}
    sides |= {f"valid_{name}": CANONICAL[name].extended(name, LINEAGE).ibis for name in names}
    facts = {name: dataset.ibis for name, dataset in FACTS.items()}
    if passes:
        facts["discount"] = DISCOUNT.ibis
    if promises:
        facts["commitment"] = COMMITMENT.ibis
    if known is not None:
        facts["known"] = ibis.schema(dict.fromkeys(("account_key", *known), "string"))
    by_line = "bill_line" in names
    steps = [
        *(Step(f"old_{name}", _of_the_wave(name)) for name in names),
        *(step for name, columns in mapped for step in _comparison(name, columns)),
        Step("differences", lambda t: _together([_counted(t, *table) for table in mapped])),
        Step("rest", lambda t: reconcile.rest(t["differences"])),
        Step("classified_rest", lambda t: _classified_rest(t, names)),
        *(_line_steps(passes, promises=promises) if by_line else _bill_steps()),
        Step("difference", _difference),
        Step(
            "verdict",
            lambda t: reconcile.bill_verdicts(t["difference"], t["old_bill"], t["new_bill"]),
        ),
        *(finding_steps(names, known) if known is not None else []),
    ]
    return Calculation(sides | facts, steps)


def _of_the_wave(name: str) -> Callable[[Tables], ir.Table]:
    key = "customer_key" if name in ("customer", "contact") else "account_key"
    return lambda t: t[f"valid_{name}"].semi_join(t["new_account"], key)


def _comparison(name: str, columns: Sequence[str]) -> list[Step]:
    """The differences of one table, and how its rows were paired."""

    comparison = reconcile.comparison_of(name, columns)
    repeated, doubled, found = (f"{what}_{name}" for what in ("repeated", "doubled", "found"))

    def sides(t: Tables) -> tuple[ir.Table, ir.Table]:
        return t[f"old_{name}"], t[f"new_{name}"]

    return [
        Step(repeated, lambda t: repeated_keys(*sides(t), comparison)),
        Step(doubled, lambda t: doubled_keys(*sides(t), t[repeated], comparison)),
        Step(found, lambda t: differing(*sides(t), t[doubled], comparison)),
        Step(f"tally_{name}", lambda t: tallies(*sides(t), t[doubled], t[found])),
    ]


def _counted(t: Tables, name: str, columns: Sequence[str]) -> ir.Table:
    """The differences of one table, and how many rows hold a code that differs often."""
    sides = t[f"old_{name}"], t[f"new_{name}"]
    return reconcile.with_code_counts(t[f"found_{name}"], name, *sides, columns)


def _classified_rest(t: Tables, names: Sequence[str]) -> ir.Table:
    sides = ({name: t[f"{side}_{name}"] for name in names} for side in ("old", "new"))
    return reconcile.classified_rest(t["rest"], *sides)


def _line_steps(passes: int, *, promises: bool) -> list[Step]:
    """The classes of bill lines, by causes that compete, and of bills, which follow from them."""
    causes = lines.line_causes()
    return [
        Step(
            "records",
            lambda t: reconcile.line_records(
                t["differences"], t["old_bill_line"], t["new_bill_line"]
            ),
        ),
        Step("taxes", _rates),
        Step("exempt", lambda t: lines.exempt(t["exemption"], t["taxes"])),
        Step("behind", lambda t: lines.behind(t["charge"], t["records"])),
        Step("given", lambda t: account_discounts.given(t["old_bill_line"], t["new_bill_line"])),
        *(Step(f"candidates_{cause.CODE}", _candidates(cause)) for cause in causes),
        Step("best", lambda t: lines.best([t[f"candidates_{cause.CODE}"] for cause in causes])),
        *(_following(passes) if passes else []),
        *(_promised() if promises else []),
        Step("explained", lambda t: _explained(t, passes, promises=promises), stored=False),
        Step(
            "classified_lines",
            lambda t: reconcile.classified_lines(t["differences"], t["records"], t["explained"]),
        ),
        Step(
            "classified_bills",
            lambda t: reconcile.classified_bills(
                t["differences"], t["classified_lines"], t["old_bill"], t["old_bill_line"]
            ),
        ),
    ]


def _rates(t: Tables) -> ir.Table:
    return lines.with_sums(valid_rates(bill_days(t["charge"]), t["tax_rate"]))


def _old_pass(number: int, count: int) -> list[Step]:
    left, share = f"old_left_{number}", f"old_share_{number}"
    takes = Step(share, lambda t: discounts.taken(t[left], t["old_discounts"], number))
    if number + 1 == count:
        return [takes]
    return [takes, Step(f"old_left_{number + 1}", lambda t: discounts.still(t[left], t[share]))]


def _candidates(cause: lines.LineCause) -> Callable[[Tables], ir.Table]:
    return lambda t: lines.candidates(_case(t), cause)


def _case(t: Tables) -> lines.Case:
    return lines.Case(
        records=t["records"],
        behind=t["behind"],
        charge=t["charge"],
        product=t["product"],
        old_product=t.get("old_product", t["product"]),
        price=t["price"],
        taxes=lines.Taxes(t["taxes"], t["exempt"]),
        tariff=t["tariff"],
        given=t["given"],
    )


def _following(count: int) -> list[Step]:
    """Take the accounts' discounts off the old bills' own charges, and tell what follows."""

    def shares(t: Tables) -> ir.Table:
        off = [t[f"old_share_{number}"] for number in range(count)]
        return account_discounts.old_shares(off, t["charge"], lines.Taxes(t["taxes"], t["exempt"]))

    def following(t: Tables) -> ir.Table:
        of_discounts = t["records"].filter(t["records"].discount_key != "")
        return account_discounts.following(of_discounts, t["old_shares"], t["records"], t["best"])

    return [
        Step(
            "old_left_0",
            lambda t: account_discounts.old_charges(t["old_bill_line"], t["records"], t["charge"]),
        ),
        Step("old_discounts", lambda t: discounts.active(t["discount"], t["old_left_0"])),
        *(step for number in range(count) for step in _old_pass(number, count)),
        Step("old_shares", shares),
        Step("following", following),
    ]


def _promised() -> list[Step]:
    """Work out what the old bills' own charges lack of promised minimums; tell what follows."""

    def old_true_ups(t: Tables) -> ir.Table:
        taxes = lines.Taxes(t["taxes"], t["exempt"])
        facts = (t["old_bill_line"], t["best"], t["charge"], t["commitment"])
        return promised_minimums.old_true_ups(*facts, taxes)

    def promised(t: Tables) -> ir.Table:
        missing = promised_minimums.of_minimums(t["records"])
        return account_discounts.following(missing, t["old_true_ups"], t["records"], t["best"])

    return [Step("old_true_ups", old_true_ups), Step("promised", promised)]


def _explained(t: Tables, passes: int, *, promises: bool) -> ir.Table:
    further = [*(["following"] if passes else []), *(["promised"] if promises else [])]
    return _together([t["best"], *(t[name] for name in further)])


def _bill_steps() -> list[Step]:
    """Where the old system gives no lines, a bill that differs has no explanation."""
    return [Step("classified_bills", lambda t: reconcile.unexplained_bills(t["differences"]))]


def _difference(t: Tables) -> ir.Table:
    names = ("classified_lines", "classified_bills", "classified_rest")
    return reconcile.to_difference(_together([t[name] for name in names if name in t]))


def _together(tables: Sequence[ir.Table]) -> ir.Table:
    return ibis.union(*tables) if len(tables) > 1 else tables[0]
