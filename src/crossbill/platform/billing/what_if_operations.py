"""Asking what a change would do to everybody's bills, and working it out as a run."""

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import BigIntegerField, F, Func, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from crossbill.core.ids import fingerprint
from crossbill.core.policy import Policy
from crossbill.core.refusal import Refusal
from crossbill.engine.duckdb import connect
from crossbill.engine.integers import refusing_overflow
from crossbill.platform.allowed import require
from crossbill.platform.billing.books import book_rows, book_tables, parted
from crossbill.platform.billing.catalogue_effect import in_place_of
from crossbill.platform.billing.compute import periods
from crossbill.platform.billing.models import WhatIf, WhatIfPart
from crossbill.platform.billing.what_if_parts import part_answer, together
from crossbill.platform.customer.models import BillingAccount, Payer
from crossbill.platform.product.catalogue_file import ProductCatalogue
from crossbill.platform.product.catalogue_queries import (
    catalogue_of,
    catalogues_on,
    published_on,
    version_before,
)
from crossbill.platform.product.models import CatalogueVersion
from crossbill.runs.models import Run
from crossbill.runs.operations import Stage, execute
from crossbill.runs.progress import Silent
from crossbill.runs.receipt import Receipt

ASK = "billing.add_whatif"
Catalogues = list[ProductCatalogue]
PART_ACCOUNTS = 25_000  # so many fit into memory beside all else


class CannotAskWhatIf(Refusal):
    """This person may not have everybody billed. Ask an administrator for the role."""

    code: ClassVar[str] = "CANNOT_ASK_WHAT_IF"


class WhatIfOfNothing(Refusal):
    """Nothing would be another than it is. Choose a version, or other rules."""

    code: ClassVar[str] = "WHAT_IF_OF_NOTHING"


class WhatIfOfTwoCatalogues(Refusal):
    """Only versions of one catalogue can be compared. Choose two of the same name."""

    code: ClassVar[str] = "WHAT_IF_OF_TWO_CATALOGUES"


class NobodyToBill(Refusal):
    """The carrier's books have no account. Take accounts over first."""

    code: ClassVar[str] = "NOBODY_TO_BILL"


@transaction.atomic
def ask_what_if(  # noqa: PLR0913 - what a question says
    *,
    carrier_id: int,
    period: str,
    version: CatalogueVersion | None,
    policy: Policy,
    other_policy: Policy,
    user: AbstractUser,
    before: CatalogueVersion | None = None,
) -> WhatIf:
    """Write a question down, for a worker to answer; the period's bills before and after.

    A version is compared with the one ``before``, by default with the one that is published for
    its first day, else with the books.
    """
    require(user, ASK, CannotAskWhatIf, "have everybody billed")
    periods(period)
    if version == before and policy.as_row() == other_policy.as_row():
        what, cure = "Nothing would be another than it is", "choose a version, or other rules"
        raise WhatIfOfNothing(what, field="version", cure=cure)
    _refuse_unlike(version, before)
    accounts = BillingAccount.objects.filter(carrier_id=carrier_id).count()
    if not accounts:
        raise NobodyToBill("The books have no account", cure="take accounts over first")
    if version is not None:
        catalogue_of(version)  # refused here, and not only by the worker
    if before is not None:
        catalogue_of(before)
    return WhatIf.objects.create(
        carrier_id=carrier_id, period=period, version=version,
        compared_with=before or (_in_force_without(version) if version else None),
        policy=policy.as_row(), other_policy=other_policy.as_row(), asked_by=user,
        part_count=part_count(accounts),
    )  # fmt: skip


def _refuse_unlike(version: CatalogueVersion | None, before: CatalogueVersion | None) -> None:
    """A version takes the place of another one of its own catalogue."""
    if before is None or (version is not None and version.name == before.name):
        return
    what = f"{before} would be compared with " + (str(version) if version else "no version")
    cure = f"choose two versions of {before.name}"
    raise WhatIfOfTwoCatalogues(what, field="version", value=str(version or ""), cure=cure)


def _in_force_without(version: CatalogueVersion) -> CatalogueVersion | None:
    """What its first day would be billed by if this version were not there."""
    found = published_on(version.carrier.pk, version.name, version.valid_from)
    if found == version:
        found = version_before(version)
    return found if found is not None and found.status != CatalogueVersion.Status.DRAFT else None


def part_count(accounts: int) -> int:
    """Into how many parts a population is cut: a power of two, for its bits choose the part."""
    return 1 << (max(accounts - 1, 0) // PART_ACCOUNTS).bit_length()


def answer_what_if(*, what_if_id: int) -> Run:
    """Bill everybody twice, part by part, or what is left of that after a stop."""
    asked = WhatIf.objects.select_related("carrier", "version", "compared_with").get(id=what_if_id)

    def one_part(key: str) -> Receipt:
        return _answer_part(asked, int(key))

    def put_together(key: str) -> Receipt:
        return _put_together(asked)

    parts = [str(position) for position in range(asked.part_count)]
    return execute(
        key=f"what-if/{asked.pk}",
        kind="what-if",
        title=str(asked),
        inputs={"question": fingerprint(_question(asked))},
        stages=[
            Stage("bill", "Bill everybody before and after", one_part, lambda: parts),
            Stage("add", "Add the parts up", put_together),
        ],
        progress=Silent(),
        prepare=lambda run: _begin(asked, run),
    )


def _question(asked: WhatIf) -> Mapping[str, str]:
    versions = (asked.version, asked.compared_with)
    after, before = (each.sha256 if each else "" for each in versions)
    rules = {"policy": str(asked.policy), "other_policy": str(asked.other_policy)}
    return {"period": asked.period, "after": after, "before": before, **rules}


def _begin(asked: WhatIf, run: Run) -> None:
    asked.run = run
    asked.save(update_fields=["run"])


def _answer_part(asked: WhatIf, position: int) -> Receipt:
    keys = list(_accounts(asked, position).values_list("account_key", flat=True))
    before, after = (Policy.from_mapping(each) for each in (asked.policy, asked.other_policy))
    rows, asked_for = book_rows(asked.carrier.pk, keys), periods(asked.period)
    with connect() as backend, refusing_overflow():
        answer = together(
            part_answer(
                backend,
                book_tables(rows, before, held, spans),
                book_tables(rows, after, held_then, spans),
            )
            for held, held_then, spans in _by(asked, asked_for)
        )
    WhatIfPart.objects.create(what_if=asked, position=position, answer=answer)
    return _receipt(answer)


def _by(asked: WhatIf, spans: pa.Table) -> list[tuple[Catalogues, Catalogues, pa.Table]]:
    """The catalogues before and after, and the periods that are billed by them.

    A version is compared on its first day, in all periods; without one each period is billed by
    what is in force when it begins.
    """
    if asked.version is None:
        return [(each, each, mine) for mine, each in parted(asked.carrier.pk, spans)]
    known = catalogues_on(asked.carrier.pk, asked.version.valid_from)
    before, after = (
        in_place_of(known, asked.version.name, catalogue_of(version) if version else None)
        for version in (asked.compared_with, asked.version)
    )
    return [(before, after, spans)]


def _accounts(asked: WhatIf, position: int) -> "QuerySet[BillingAccount]":
    """The accounts of a part: always the same ones, whoever comes or goes meanwhile.

    Who is paid for is where the payer is.
    """
    others = Payer.objects.filter(account=OuterRef("pk")).exclude(payer_key=OuterRef("account_key"))
    first = Coalesce(Subquery(others.values("payer_key")[:1]), F("account_key"))
    mixed: Func = Func(first, Value(0), function="hashtextextended", output_field=BigIntegerField())
    accounts = BillingAccount.objects.filter(carrier_id=asked.carrier.pk)
    return accounts.annotate(part=mixed.bitand(asked.part_count - 1)).filter(part=position)


def _receipt(answer: Mapping[str, list[dict[str, int]]]) -> Receipt:
    names = ("bills", "unchanged", "dearer", "cheaper")
    found = {name: sum(row[name] for row in answer["totals"]) for name in names}
    bills = found.pop("bills")
    return Receipt(records_in=bills, accepted=bills, notes=found)


def _put_together(asked: WhatIf) -> Receipt:
    """Keep the whole answer, and the parts no longer."""
    parts = WhatIfPart.objects.filter(what_if=asked)
    assert parts.count() == asked.part_count, f"{parts.count()} of {asked.part_count} parts"
    asked.answer = together(parts.values_list("answer", flat=True))
    asked.save(update_fields=["answer"])
    parts.delete()
    return _receipt(asked.answer)
