"""Under pytest-xdist, all tests of the cluster run on one worker: one cluster a run, whatever -n is.

pytest-xdist 3.8 tells its controller of groups by writing "@group" behind a test's id, in a field that pytest 9.2 no longer
reads, so its --dist=loadgroup groups nothing: https://github.com/pytest-dev/pytest-xdist/issues/1386. Until that is mended the
suffix is written here.
"""

from __future__ import annotations

import pytest

GROUP = "cluster"
SUFFIX = f"@{GROUP}"


def configure(config: pytest.Config) -> None:
    """Have pytest-xdist schedule by groups where it would choose by itself."""
    if getattr(config.option, "dist", "no") == "load":
        config.option.dist = "loadgroup"
    part = _Worker() if hasattr(config, "workerinput") else _Controller()
    config.pluginmanager.register(part, "header-echo-parallel")


def plain(nodeid: str) -> str:
    """Return a test's id without its group."""
    return nodeid.removesuffix(SUFFIX)


class _Worker:
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Name the group of the cluster's tests in their ids."""
        for item in items:
            if GROUP in getattr(item, "fixturenames", ()) and not item.nodeid.endswith(SUFFIX):
                item._id = type(item.id).parse(item.nodeid + SUFFIX)  # noqa: SLF001 - see above


class _Controller:
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Report the test by its own id: the group was for the scheduler."""
        report.nodeid = plain(report.nodeid)
