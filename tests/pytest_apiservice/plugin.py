"""The pytest plugin: options, and hooks that do nothing in a run without our fixtures."""

import os

import pytest

from pytest_apiservice import session
from pytest_apiservice.cluster import KINDS

pytest_plugins = ["pytest_apiservice.fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options; everything else comes from the environment, as for make."""
    group = parser.getgroup("apiservice", "Kubernetes aggregated APIs (pytest-apiservice)")
    group.addoption(session.CLUSTER, choices=KINDS, help="the kind of cluster (default: $CLUSTER, else kind)")
    group.addoption(
        session.DIAGNOSTICS,
        choices=session.MODES,
        default="on-failure",
        help="when to write a folder about the cluster to reports/diagnostics (default: on-failure)",
    )
    parser.addini(
        session.XDIST,
        type="bool",
        default=False,
        help="have pytest-xdist suit the cluster: the workers of -n auto, and the tests that share one on one worker",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Where the tests themselves are other processes' (pytest-xdist), have what those tell reported."""
    config.addinivalue_line("markers", "only_on(*kinds, reason): the test makes sense on those kinds of cluster alone")
    if config.getini(session.XDIST):
        from pytest_apiservice import parallel

        parallel.configure(config, session.demanded_choice(config))
    if config.getoption("dist", "no") != "no":
        session.begin(config)


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Choose for -n auto, unless the environment does; asked before plugins are configured, so it cannot be one of pytest_apiservice.parallel's."""
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or not config.getini(session.XDIST):
        return None
    from pytest_apiservice import parallel

    return parallel.workers(session.demanded_choice(config))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse a wrong CLUSTER before anything runs, and begin to take notes, if there is a test for it."""
    if any("cluster" in getattr(item, "fixturenames", ()) for item in items):
        session.begin(config)
    if any(map(session.asks_for_our_choice, items)) and not hasattr(config, "workerinput"):
        session.demanded_choice(config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that is marked for another kind of cluster, saying why."""
    for marker in item.iter_markers("only_on"):
        if set(marker.args) <= set(KINDS) and session.choice(item.config).kind not in marker.args:
            pytest.skip(f"only on {' or '.join(marker.args)}: {marker.kwargs['reason']}")
