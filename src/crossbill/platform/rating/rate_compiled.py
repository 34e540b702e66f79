"""Rating by a compiled catalogue: of one population, or of several one after the other."""

from collections.abc import Mapping

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from crossbill.engine.calculation import Calculation, Step, compiled_once
from crossbill.engine.rating_datasets import ALLOWANCE, PERIOD, SERVICE
from crossbill.platform.rating.allowances import grant
from crossbill.platform.rating.rate import rating
from crossbill.platform.rating.rate_metered import with_metered_charges
from crossbill.platform.rating.shape import shape_of


def rate_compiled(
    backend: Backend, held: Mapping[str, ir.Table], *, detail: bool = False
) -> dict[str, ir.Table]:
    """Grant allowances and rate; ``held`` is a compiled catalogue, ``service`` and ``usage``."""
    held = with_buckets(backend, held)
    chain = rating(shape_of(backend, held, detail=detail))
    done = chain.run(backend, {name: held[name] for name in chain.inputs})
    return with_metered_charges(backend, done, held)


class OneAfterAnother:
    """Rates several populations by one compiled catalogue.

    What follows from the catalogue alone is worked out for the first of them only. Where events are
    not asked for by ``named`` rows, there is no ``rated_usage``.
    """

    def __init__(
        self, backend: Backend, compiled: Mapping[str, ir.Table], *, named: bool = True
    ) -> None:
        self._backend, self._compiled = backend, compiled
        metered = bool(backend.to_pyarrow(compiled["meter"].count()).as_py())
        self._named = named or metered  # a price model may price events one by one
        self._bucket: ir.Table | None = None
        self._chain: Calculation | None = None
        self._done: dict[str, ir.Table] = {}

    def rate(self, service: ir.Table, usage: ir.Table) -> dict[str, ir.Table]:
        """Grant allowances and rate; the tables hold until the next population is rated."""
        changed = {"service": service, "usage": usage, "bucket": self._granted(service)}
        held = {**self._compiled, **changed}
        chain = rating(shape_of(self._backend, held, named=self._named))
        if chain is self._chain:
            chain.run_again(self._backend, changed)
        else:
            self._done = chain.run(self._backend, {name: held[name] for name in chain.inputs})
            self._chain = chain
        return with_metered_charges(self._backend, self._done, held)

    def _granted(self, service: ir.Table) -> ir.Table:
        if self._bucket is None:
            held = with_buckets(self._backend, {**self._compiled, "service": service})
            self._bucket = held["bucket"]
        else:
            granting().run_again(self._backend, {"service": service})
        return self._bucket


def with_buckets(backend: Backend, held: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    """The same tables and ``bucket``: what the services are granted in each period."""
    granted = granting().run(backend, {name: held[name] for name in granting().inputs})
    return {**held, "bucket": granted["granted_bucket"]}


@compiled_once
def granting() -> Calculation:
    """Inputs: service, allowance and period. Result: ``granted_bucket``."""
    inputs = {dataset.name: dataset.ibis for dataset in (SERVICE, ALLOWANCE, PERIOD)}
    return Calculation(
        inputs, [Step("granted_bucket", lambda t: grant(t["service"], t["allowance"], t["period"]))]
    )
