"""The harness's fixtures and options, for every test of this project."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_apiservice import session

if TYPE_CHECKING:
    from e2e.steady_requests import Outcome
    from pytest_apiservice.cluster import Cluster

sys.path.append(str(Path(__file__).parent / "ci"))  # for backend_image.py

pytest_plugins = ["pytest_apiservice.plugin"]


def pytest_configure(config: pytest.Config) -> None:
    """Show how far a build is, and what tests measured, in suites without a cluster too."""
    session.begin(config)


@pytest.fixture(scope="session")
def image(cluster: Cluster) -> str:
    """Yield our backend image's name, built where the cluster needs one, usable by its pods."""
    from backend_image import build_image

    name = cluster.backend_image(build_image)
    cluster.load_image(name)
    return name


@pytest.fixture
def noted(record_property: Callable[[str, object], None]) -> Callable[[Outcome], None]:
    """Yield a function that records what the clients of steady requests saw."""

    def note(outcome: Outcome) -> None:
        record_property("requests", outcome.requests)
        record_property("failures", len(outcome.failures))
        record_property("longest gap", f"{outcome.longest_gap_seconds:.2f} s")

    return note
