"""The terms of metered charges, checked by the price models and adjustments that they name."""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

import pyarrow as pa
from pydantic import ValidationError

from crossbill.engine.dataset import Dataset
from crossbill.engine.metered_datasets import METER, PRICE_ADJUSTMENT, PRICE_TIER
from crossbill.engine.yaml_file import Place
from crossbill.platform.rating.catalogue_model import Charge, RatingCatalogue
from crossbill.platform.rating.compile_time import table
from crossbill.platform.rating.price_models import (
    Row,
    adjustment_rows,
    adjustment_terms,
    adjustments,
    price_models,
    price_terms,
    tier_rows,
)


def check_metered(catalogue: RatingCatalogue, charge: Charge) -> None:
    """Refuse an unknown price model or adjustment, and terms that it does not understand."""
    spec, place = charge.spec, charge.place
    assert spec.model is not None, "a metered charge names its model"
    model = _named(catalogue, price_models(), spec.model, [*place, "model"])
    _check(catalogue, price_terms, model, spec.terms, [*place, "terms"])
    known = adjustments()
    for number, adjustment in enumerate(spec.adjustments):
        where = [*place, "adjustments", number]
        if len(adjustment) != 1:
            raise catalogue.file.refuse(
                where, "An adjustment is one name with its terms",
                value=", ".join(adjustment), cure='write it as minimum: {amount: "10.00"}',
            )  # fmt: skip
        for name, terms in adjustment.items():
            plugin = _named(catalogue, known, name, where)
            _check(catalogue, adjustment_terms, plugin, terms, [*where, name])


def _named(
    catalogue: RatingCatalogue, known: Mapping[str, ModuleType], name: str, place: Place
) -> ModuleType:
    if name not in known:
        cure = f"one of {', '.join(known)}"
        raise catalogue.file.refuse(place, "There is no such plug-in", value=name, cure=cure)
    return known[name]


def _check(
    catalogue: RatingCatalogue,
    read: Callable[[ModuleType, object], object],
    plugin: ModuleType,
    terms: object,
    place: Place,
) -> None:
    try:
        read(plugin, terms)
    except ValidationError as error:
        raise catalogue.file.first_fault(error, within=place) from error


MeteredCharge = tuple[Charge, int]  # with the epoch in which it holds


def metered_tables(
    catalogue: RatingCatalogue, charges: Sequence[MeteredCharge]
) -> dict[str, pa.Table]:
    """METER, PRICE_TIER and PRICE_ADJUSTMENT of the charges that price models price."""
    models, known = price_models(), adjustments()
    meters, tiers, changes = [], {}, {}
    for charge, epoch_id in charges:
        spec = charge.spec
        key = f"{charge.plan_code}:{spec.charge}:{epoch_id}"
        model = models[spec.model or ""]
        meters.append((charge.plan_code, spec.charge, epoch_id, key))
        tiers[key] = tier_rows(key, spec.model or "", model, price_terms(model, spec.terms))
        declared = [
            (name, known[name], adjustment_terms(known[name], terms))
            for each in spec.adjustments
            for name, terms in each.items()
        ]
        changes[key] = adjustment_rows(key, declared)
    return {
        "meter": table(METER, meters),
        "price_tier": _rows(PRICE_TIER, tiers),
        "price_adjustment": _rows(PRICE_ADJUSTMENT, changes),
    }


def _rows(dataset: Dataset, by_terms: Mapping[str, list[Row]]) -> pa.Table:
    return pa.Table.from_pylist(
        [row for rows in by_terms.values() for row in rows], schema=dataset.arrow
    )
