"""The harness's fixtures and options, for every test of this project."""

import pytest

from pytest_apiservice import session

pytest_plugins = ["pytest_apiservice.plugin"]


def pytest_configure(config: pytest.Config) -> None:
    """Show how far a build is, and what tests measured, in suites without a cluster too."""
    session.begin(config)
