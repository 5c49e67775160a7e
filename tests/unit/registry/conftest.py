"""Fixtures for tests of resources with a store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from unit.registry.client import Cats


@pytest.fixture
def cats() -> Iterator[Cats]:
    """Yield a client of the resource `cats`, whose objects are in memory."""
    with Cats() as made:
        yield made
