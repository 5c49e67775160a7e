"""One run of pytest: what its options say, and when the harness begins to take part in it."""

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.cluster import Choice

CLUSTER = "--apiservice-cluster"
DIAGNOSTICS = "--apiservice-diagnostics"
MODES = ("always", "on-failure", "never")
XDIST = "apiservice_xdist"  # in pytest's configuration file
BEGUN = pytest.StashKey[bool]()


def choice(config: pytest.Config) -> Choice:
    """Return what the user chose; HarnessError if that is something we do not know."""
    return Choice.read(config.getoption(CLUSTER))


def demanded_choice(config: pytest.Config) -> Choice:
    """Do the same for the whole run: an error ends it with one line."""
    try:
        return choice(config)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


def asks_for_our_choice(item: pytest.Item) -> bool:
    """Tell whether the test will have our fixture `choice`, and not another one of that name."""
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return any(one.func.__module__ == "pytest_apiservice.fixtures" for one in known.get("choice", ())[-1:])


def begin(config: pytest.Config) -> None:
    """Have failures tell why, and the run reported; harmless when called twice. What it imports costs half a second."""
    if config.stash.get(BEGUN, False):
        return
    config.stash[BEGUN] = True
    from pytest_apiservice.parallel import plain
    from pytest_apiservice.why import hooks as diagnostics
    from pytest_apiservice.why.report import hooks as report

    diagnostics.register(config, config.getoption(DIAGNOSTICS), plain)
    report.register(config)
