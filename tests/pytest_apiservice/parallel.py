"""Under pytest-xdist: a cluster for each worker where one costs seconds (embedded), else all of the cluster's tests on one worker.

A worker's own cluster also lets a test stop its API server without disturbing anybody.

pytest-xdist 3.8 tells its controller of groups by writing "@group" behind a test's id, in a field that pytest 9.2 no longer
reads, so its --dist=loadgroup groups nothing: https://github.com/pytest-dev/pytest-xdist/issues/1386. Until that is mended the
suffix is written here.
"""

import os

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.cluster import Choice
from pytest_apiservice.clusters.choose import cluster_for
from pytest_apiservice.programs.tools import prepare

GROUP = "cluster"
SUFFIX = f"@{GROUP}"
MOST_WORKERS = 4


def workers(choice: Choice) -> int:
    """Return how many workers -n auto has: one more than processors, as tests mostly wait; none where they would share one cluster.

    Builds what is missing, before there are workers whose progress nobody sees.
    """
    try:
        cluster = cluster_for(choice)
        if not cluster.own_per_worker:
            return 0
        cluster.prepare()
        prepare(["helm4"])
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


def _own_per_worker(choice: Choice) -> bool:
    try:
        return cluster_for(choice).own_per_worker
    except HarnessError as error:  # no cache folder can be made
        raise pytest.UsageError(str(error)) from error


def configure(config: pytest.Config, choice: Choice) -> None:
    """Choose how pytest-xdist spreads tests, where the user left it open."""
    if getattr(config.option, "dist", "no") == "load":
        config.option.dist = "worksteal" if _own_per_worker(choice) else "loadgroup"
    is_worker = hasattr(config, "workerinput")
    config.pluginmanager.register(_Worker(choice) if is_worker else _Controller(), "apiservice-parallel")


def plain(nodeid: str) -> str:
    """Return a test's id without its group."""
    return nodeid.removesuffix(SUFFIX)


class _Worker:
    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Name the group of the cluster's tests in their ids."""
        ours = [
            item for item in items if GROUP in getattr(item, "fixturenames", ()) and not item.nodeid.endswith(SUFFIX)
        ]
        if ours and not _own_per_worker(self._choice):
            for item in ours:
                item._id = type(item.id).parse(item.nodeid + SUFFIX)  # noqa: SLF001 - see above


class _Controller:
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Report the test by its own id: the group was for the scheduler."""
        report.nodeid = plain(report.nodeid)
