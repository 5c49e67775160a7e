"""Fixtures: replicas, and what they keep their objects in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resource_faults.site import Replica
from unit.running import Backend, Pki, prepare
from unit.store.server import Server, programs


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    """Yield what replicas run in: certificates, and an API server that says whom to trust."""
    made = prepare(Pki(), tmp_path)
    yield made
    made.close()


@pytest.fixture
def replica(backend: Backend, tmp_path: Path) -> Iterator[Callable[[str], Replica]]:
    """Yield a function that starts one more replica with the store of a URL."""
    running: list[Replica] = []

    def start(url: str) -> Replica:
        running.append(Replica(backend, url, tmp_path / f"replica-{len(running)}.log"))
        return running[-1]

    yield start
    for one in running:
        one.kill()


@pytest.fixture
def postgresql() -> Iterator[Server]:
    """Yield a PostgreSQL that the test may kill."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    server = Server(found)
    yield server
    server.close()
