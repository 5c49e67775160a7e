"""The harness's fixtures and options, for every test of this project."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pytest_apiservice import session

if TYPE_CHECKING:
    from e2e.steady_requests import Outcome

pytest_plugins = ["pytest_apiservice.plugin"]


def pytest_configure(config: pytest.Config) -> None:
    """Show how far a build is, and what tests measured, in suites without a cluster too."""
    session.begin(config)


@pytest.fixture
def noted(record_property: Callable[[str, object], None]) -> Callable[[Outcome], None]:
    """Yield a function that records what the clients of steady requests saw."""

    def note(outcome: Outcome) -> None:
        record_property("requests", outcome.requests)
        record_property("failures", len(outcome.failures))
        record_property("longest gap", f"{outcome.longest_gap_seconds:.2f} s")

    return note
