"""Fixtures in the order of an installation: certificates, kube-apiserver, backend, aggregator."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import coverage
import hypothesis
import pytest

from unit.fake_aggregator import Aggregator
from unit.running import Backend, Pki, prepare, start

# Other work on the same cores must not fail a test.
hypothesis.settings.register_profile("unit", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("unit")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage in a test that measures time or memory itself, or calls the same lines hundreds of times."""
    measuring = coverage.Coverage.current()
    alike = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    if measuring is None or not (alike or item.get_closest_marker("unmeasured")):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # nor in processes that it starts
        measuring.stop()
        try:
            yield
        finally:
            measuring.start()


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    """Whoever runs the command sends all logs to its own stderr, at a level of its own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def pki() -> Pki:
    """Authorities and certificates."""
    return Pki()


@pytest.fixture(scope="module")
def shared(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """One backend for all tests of a module that leave it as it is."""
    backend = prepare(pki, tmp_path_factory.mktemp("backend"))
    start(backend)
    yield backend
    backend.close()


@pytest.fixture
def aggregator(shared: Backend) -> Iterator[Aggregator]:
    """The shared backend through the aggregator."""
    client = shared.aggregator()
    yield client
    client.close()


@pytest.fixture
def own(pki: Pki, tmp_path: Path) -> Iterator[Backend]:
    """A backend of one's own, not yet started: call `start(own, …)`."""
    backend = prepare(pki, tmp_path)
    yield backend
    backend.close()
