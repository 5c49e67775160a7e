"""An upstream with pets, and the API server that shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from unit.fake_aggregator import Aggregator
from unit.gateway.fake_pets import Upstream, pets
from unit.running import Backend, start


@pytest.fixture
def upstream() -> Upstream:
    """Three pets or so, and what was asked for."""
    return Upstream()


@pytest.fixture
def serve(own: Backend, upstream: Upstream) -> Callable[..., Aggregator]:
    """Return what serves mappings and returns kube-apiserver."""

    def begin(*entries: dict[str, Any]) -> Aggregator:
        start(own, resources=upstream.resources(*entries or (pets(),)), blocking=True)
        return own.aggregator()

    return begin
