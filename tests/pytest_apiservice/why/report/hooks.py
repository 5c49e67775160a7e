"""What a person sees of a run: its progress at once, and at the end one HTML file, reports/run-<kind of cluster>.html.

Under pytest-xdist each worker hands what it knows to the controller, which writes the file.
"""

import dataclasses
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pytest_apiservice.base import progress
from pytest_apiservice.client.api import Api
from pytest_apiservice.why.hooks import CLUSTER
from pytest_apiservice.why.redact import Redactor
from pytest_apiservice.why.report.html import page
from pytest_apiservice.why.report.model import CAUSE, DUMP, Run, Stage, Test
from pytest_apiservice.why.report.path import Hop, hops

FROM_WORKER = "apiservice_run"
HIDDEN = (CAUSE, DUMP)
FILE = "run-{kind}.html"


def register(config: pytest.Config) -> None:
    """Have this run reported."""
    config.pluginmanager.register(_Hooks(config), "apiservice-report")
    if not hasattr(config, "workerinput"):  # several workers at once would be noise
        _show_progress(config)


def _show_progress(config: pytest.Config) -> None:
    """Let progress reach the user though pytest captures what fixtures write: building a program can take minutes."""
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        user = os.fdopen(os.dup(2), "w", buffering=1, errors="replace")
    progress.console.file = user

    def end() -> None:
        progress.console.file = sys.stderr
        user.close()

    config.add_cleanup(end)


class _Hooks:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.run = Run(began=time.time())
        self.written: Path | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        """Follow one request as soon as the fixture `api` is served."""
        __tracebackhide__ = True
        value = yield
        if fixturedef.argname == "api" and isinstance(value, Api) and not self.run.hops:
            try:
                self.run.hops.extend(hops(value))
            except Exception as error:  # noqa: BLE001 - the report of a run must not fail the run
                self.run.hops.append(Hop("not followed further", [("because", f"{type(error).__name__}: {error}")]))
        return value

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in the report of one phase."""
        test = self.run.tests.setdefault(report.nodeid, Test(report.nodeid, report.start))
        test.take(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Hand over to the controller, or write the file."""
        self.run.stages.extend(Stage(s.title, s.began, s.seconds, s.succeeded) for s in progress.finished)
        cluster = self.config.stash.get(CLUSTER, None)
        self.run.kind = self.run.kind or (cluster.kind if cluster else "")
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput[FROM_WORKER] = {
                "kind": self.run.kind,
                "stages": [dataclasses.asdict(stage) for stage in self.run.stages],
                "hops": [dataclasses.asdict(hop) for hop in self.run.hops],
            }
        elif self.run.kind:
            self.run.ended = time.time()
            self.written = self.config.rootpath / "reports" / FILE.format(kind=self.run.kind)
            self.written.parent.mkdir(exist_ok=True)
            self.written.write_text(Redactor().text(page(self.run)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - pytest-xdist's
        """Take over what a worker of pytest-xdist knows."""
        known = getattr(node, "workeroutput", {}).get(FROM_WORKER)
        if known:
            self.run.kind = self.run.kind or known["kind"]
            self.run.stages.extend(Stage(**stage) for stage in known["stages"])
            self.run.hops.extend(Hop(h["title"], [tuple(r) for r in h["rows"]], h["arrow"]) for h in known["hops"])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show what tests measured, and say where the file is."""
        for test in self.run.tests.values():
            measured = {name: value for name, value in test.properties.items() if name not in HIDDEN}
            if measured:
                facts = ", ".join(f"{name} {value}" for name, value in measured.items())
                terminalreporter.write_line(f"{test.nodeid.rpartition('::')[2]}: {facts}")
        if self.written is not None:
            terminalreporter.write_line(f"report: {self.written.relative_to(self.config.rootpath)}")
