"""One server with metrics of each sort, or with one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from unit.fake_aggregator import Aggregator
from unit.metrics_api.measured import METRICS, REGISTERED, cluster
from unit.running import Backend, Pki, prepare, start_metrics


@pytest.fixture(scope="package")
def serving(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """All of them, for tests that leave them as they are."""
    backend = prepare(pki, tmp_path_factory.mktemp("metrics"))
    cluster(backend.apiserver)
    start_metrics(backend, *METRICS, environ=REGISTERED)
    yield backend
    backend.close()


@pytest.fixture
def hpa(serving: Backend) -> Iterator[Aggregator]:
    """Whoever reads metrics, through the aggregator."""
    client = serving.aggregator()
    yield client
    client.close()


@pytest.fixture
def alone(own: Backend) -> Callable[..., Aggregator]:
    """Serve one's own metrics, with the cluster's objects, and return who reads them."""

    def begin(*metrics: Any) -> Aggregator:
        cluster(own.apiserver)
        start_metrics(own, *metrics)
        return own.aggregator()

    return begin
