"""A small estate of the sample carrier for all tests of this folder."""

import pytest
from sample_extract import Estate

from crossbill.sample.operations import generate

ACCOUNTS, SEED = 6_000, 7


@pytest.fixture(scope="session")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """An estate of two chunks."""
    root = tmp_path_factory.mktemp("sample")
    extract, truth = root / "extract", root / "truth"
    generate(accounts=ACCOUNTS, seed=SEED, extract_dir=extract, truth_dir=truth)
    return Estate(extract, truth)
