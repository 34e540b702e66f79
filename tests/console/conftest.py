"""The change-over that the console's tests look at, and the people who look.

Django is made ready after this file is read, so what needs it is imported late.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def served() -> Iterator[object]:
    """A filled installation whose console is served with a demo login, for all browser tests."""
    import installation

    with installation.filled() as home, installation.console(home, "--demo-login") as console:
        yield console


@pytest.fixture
def replacement(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The small change-over, in the test's transaction and in a store of its own."""
    import estate

    url = f"file://{tmp_path / 'store'}"
    monkeypatch.setenv("CROSSBILL_STORE", url)
    return estate.build(url)


@pytest.fixture
def signed_in(db: None) -> Callable[..., object]:
    """A browser in which a person with the given roles is signed in."""
    import estate
    from django.test import Client

    def sign_in(*roles: str, name: str = "someone") -> Client:
        client = Client()
        client.force_login(estate.person(name, *roles))
        return client

    return sign_in
