"""The sample carrier's extract, made once, and books that a whole module of journeys shares."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crossbill.replacement.migration.models import Replacement

# Models are imported where they are used: this file is read before Django is set up.


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Which defects were seeded; not beside the extract, for only a score may read it."""
    return tmp_path_factory.mktemp("truth") / "truth"


@pytest.fixture(scope="session")
def extract(tmp_path_factory: pytest.TempPathFactory, truth: Path) -> Path:
    """The smallest estate that holds a defect of each class; nobody writes into it."""
    from crossbill.sample.operations import generate

    root = tmp_path_factory.mktemp("sample")
    generate(accounts=100, seed=3, extract_dir=root / "extract", truth_dir=truth)
    return root / "extract"


@pytest.fixture(scope="module")
def books(
    django_db_setup: None, django_db_blocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The database and a store of the module's own; nothing of either is left behind.

    The tests ask for the mark `django_db`; each of them is a savepoint in here. At the end every
    deferred constraint is looked at, and everything is taken back.
    """
    from django.db import connection, transaction

    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setenv("CROSSBILL_STORE", f"file://{tmp_path_factory.mktemp('store')}")
        with transaction.atomic():
            yield
            connection.check_constraints()
            transaction.set_rollback(True)


@pytest.fixture(scope="module")
def moved(books: None, extract: Path) -> "Replacement":
    """A change-over of the sample carrier, under the code ``moved``; its waves are live."""
    from crossbill.replacement import operations
    from crossbill.sample import carrier_folder

    return operations.replace(
        spec_path=carrier_folder() / "replacement.yaml", data=extract, carrier_code="moved"
    )
