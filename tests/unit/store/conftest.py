"""Fixtures for tests of stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from unit.store.databases import Database
from unit.store.server import Server, programs


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], Server]]:
    """Yield a function that returns a running PostgreSQL, the same each time; it skips the test where there is no program."""
    running: list[Server] = []

    def server() -> Server:
        found = programs()
        if found is None:
            pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
        if not running:
            running.append(Server(found))
        return running[0]

    yield server
    for one in running:
        one.close()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """Yield a PostgreSQL that the test may kill."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    server = Server(found)
    yield server
    server.close()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, postgresql: Callable[[], Server]) -> Iterator[Database]:
    """Yield an empty database of each kind."""
    made = Database(request.param, postgresql)
    yield made
    made.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, postgresql: Callable[[], Server]) -> Iterator[Database]:
    """Yield an empty database of each kind that processes can share."""
    made = Database(request.param, postgresql)
    yield made
    made.remove()


@pytest.fixture
def sqlite() -> Iterator[Database]:
    """Yield an empty database in a file."""
    made = Database("sqlite", lambda: pytest.fail("no server is needed"))
    yield made
    made.remove()
