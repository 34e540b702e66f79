"""The policy behind old bills is found, or one that cannot be told from it."""

import os
from random import Random

import pytest
from old_carrier import any_policy, carrier

from crossbill.engine.duckdb import connect
from crossbill.replacement.reconciliation.inference.infer import infer

POLICIES = int(os.environ.get("CROSSBILL_INFERRED_POLICIES", "40"))


@pytest.fixture(scope="module")
def engine():
    with connect(threads=1) as backend:
        yield backend


def test_the_policy_is_found(engine):
    dice = Random(20240229)
    for seed in range(POLICIES):
        true = any_policy(dice)
        found = infer(engine, carrier(seed).bill(true).tables())
        (fit,) = found.fits
        assert {name: true[name] for name in fit.net.best} in fit.net.alike, seed
        assert {name: true[name] for name in fit.tax.best} in fit.tax.alike, seed
