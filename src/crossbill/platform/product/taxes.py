"""Who says which taxes hold: the table that is stated, or a plug-in for a country or a part of it.

Providers are asked before anything is billed, for the jurisdictions and categories of everybody who
is: their answers become the table ``tax_rate``, and all that follows is the one calculation.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from types import ModuleType
from typing import ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend

from crossbill.core import plugins
from crossbill.core.refusal import Refusal
from crossbill.engine.billing_datasets import SAID_TAX, TAX, TAX_ASKED, TAX_PROVIDER
from crossbill.engine.duckdb import connect
from crossbill.platform.product.catalogue_format import STANDARD

GROUP = "crossbill.tax_providers"
NO_PROVIDER = "There is no such tax provider"
TABLE = "table"
WITHIN = "-"  # what a part of a country has in its code between the country's and its own


class TaxAnswerUnusable(Refusal):
    """A tax provider answers otherwise than it is asked. Tell who made it, or choose another."""

    code: ClassVar[str] = "TAX_ANSWER_UNUSABLE"


def providers() -> dict[str, ModuleType]:
    """Ours, and those that other distributions register as ``crossbill.tax_providers``."""
    return plugins.load("crossbill.platform.product.tax_providers", group=GROUP)


def cure_if_unknown(name: str) -> str:
    """What to do about a name that no provider has; empty where one has it."""
    known = providers()
    if name in known:
        return ""
    return f"use {', '.join(known)}; or install the package that brings it"


def provider_of(tax_code: str, chosen: Mapping[str, str]) -> str:
    """Who says the taxes of a jurisdiction, by who is chosen for it or what it lies in.

    The nearest that is named counts: for US-IL-CHI that is US-IL-CHI, else US-IL, else US.
    """
    while tax_code not in chosen and WITHIN in tax_code:
        tax_code = tax_code.rpartition(WITHIN)[0]
    return chosen.get(tax_code, TABLE)


def answered(
    tables: Mapping[str, pa.Table], tax_codes: Iterable[str], categories: Iterable[str] = ()
) -> dict[str, pa.Table]:
    """The tables of a catalogue without ``tax_provider``, its choice carried out in ``tax_rate``.

    Asked are these jurisdictions, for the categories of all components and the further ones. Where
    nobody is chosen the stated rates stay as they are, which is what the table says of all that
    can be asked.
    """
    rest = {name: rows for name, rows in tables.items() if name != TAX_PROVIDER.name}
    rows = tables[TAX_PROVIDER.name].to_pylist()
    chosen = {row["jurisdiction"]: row["provider"] for row in rows}
    if not chosen:
        return rest
    components = tables["component"]["tax_category"].to_pylist() if "component" in tables else []
    pairs = product(sorted(set(tax_codes)), sorted({STANDARD, *components, *categories}))
    return rest | {TAX.name: said(tables[TAX.name], chosen, pairs)}


def said(stated: pa.Table, chosen: Mapping[str, str], asked: Iterable[tuple[str, str]]) -> pa.Table:
    """What the providers answer to pairs of tax_code and tax_category, as ``SAID_TAX``."""
    by_provider: dict[str, list[dict[str, str]]] = {}
    for tax_code, category in asked:
        mine = by_provider.setdefault(provider_of(tax_code, chosen), [])
        mine.append({"tax_code": tax_code, "tax_category": category})
    with connect(threads=1) as backend:
        answers = [
            _answer(backend, name, pa.Table.from_pylist(rows, TAX_ASKED.arrow), stated)
            for name, rows in sorted(by_provider.items())
        ]
    return pa.concat_tables([SAID_TAX.empty(), *answers])


def _answer(backend: Backend, name: str, asked: pa.Table, stated: pa.Table) -> pa.Table:
    """One provider's answer, found usable, with who said it where it is not the table."""
    provider = plugins.chosen(providers(), name, field="provider")
    rows = provider.taxes(ibis.memtable(asked), ibis.memtable(stated))
    _check_columns(name, rows)
    if name != TABLE:
        rows = rows.mutate(said_by=ibis.literal(f"{name} {provider.VERSION}"))
    found: pa.Table = backend.to_pyarrow(rows.select(*SAID_TAX.ibis).order_by(*TAX.key))
    _check_values(name, found)
    _check_asked(name, found, asked)
    return found.cast(SAID_TAX.arrow)


def _check_columns(name: str, rows: ir.Table) -> None:
    given = {column: kind.copy(nullable=True) for column, kind in rows.schema().items()}
    for column, kind in TAX.ibis.items():
        wanted, found = kind.copy(nullable=True), given.get(column)
        if found != wanted:
            raise TaxAnswerUnusable(
                f"the column is {found}" if found else "a column is missing from the answer",
                file=name, field=column, cure=f"the provider has to answer it as {wanted}",
            )  # fmt: skip


def _check_values(name: str, found: pa.Table) -> None:
    """What has no value, or is below 0, would not be seen in a sum of rates."""
    for column in TAX.columns:
        if found[column.name].null_count and not column.nullable:
            raise TaxAnswerUnusable(
                "a value is missing from the answer", file=name, field=column.name,
                cure="the provider has to leave out what it does not know",
            )  # fmt: skip

    lowest = pc.min(found["rate_ppm"]).as_py()
    if lowest is not None and lowest < 0:
        raise TaxAnswerUnusable(
            "a rate is below 0", file=name, field="rate_ppm", value=str(lowest),
            cure="the provider has to answer 0 or more",
        )  # fmt: skip


def _check_asked(name: str, found: pa.Table, asked: pa.Table) -> None:
    """What was not asked is for another provider to say."""
    given, wanted = (
        set(zip(*(rows[each].to_pylist() for each in TAX_ASKED.key), strict=True))
        for rows in (found, asked)
    )
    for pair in sorted(given - wanted):
        raise TaxAnswerUnusable(
            "the answer is of what was not asked", file=name, field="tax_code",
            value=", ".join(pair), cure="the provider has to answer what it is asked",
        )  # fmt: skip
