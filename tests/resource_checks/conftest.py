"""The program of client-go's checks."""

import pytest

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.programs import go
from resource_checks.serving import served

__all__ = ["checks", "served"]


@pytest.fixture(scope="session")
def checks(tmp_path_factory):
    """Yield the program of ci/tools/interop/resources."""
    program = tmp_path_factory.mktemp("checks") / "resources"
    folder = FAMILIES / "interop" / "resources"
    go.build(".", program, directory=folder, link_flags="", title="building the checks of resources")
    return program
