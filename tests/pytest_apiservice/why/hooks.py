"""A failure tells why: in the report itself, in JUnit, and in a folder made before anything is cleaned up.

    reports/diagnostics/<kind of cluster>/<test>-<phase>/index.txt

For each failed phase of a test that uses the cluster, the cause is worked out (pytest_apiservice.why.rules) and shown as the report's section
"why"; JUnit has it as the properties "cause" and "diagnostics".
"""

import datetime as dt
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.client.api import Api
from pytest_apiservice.cluster import Cluster
from pytest_apiservice.programs.cache import locked
from pytest_apiservice.why.collect import INDEX, collect_all
from pytest_apiservice.why.collect_cluster import collectors
from pytest_apiservice.why.evidence import Evidence, gather
from pytest_apiservice.why.rules import first_lines

CLUSTER = pytest.StashKey["Cluster"]()  # set by the fixture `cluster` before it creates anything
MOST_DUMPS = 10  # when everything fails, one reason is behind it, and each dump takes seconds
LONGEST_NAME = 100


@dataclass(frozen=True)
class Dump:
    """What was found out about one failure.

    Attributes:
        lines: the cause, first line first.
        directory: where the rest is, None if it was not written.
    """

    lines: list[str]
    directory: Path | None


@dataclass
class Diagnostics:
    """Makes the dumps of one run."""

    mode: str
    root: Path
    run: str = field(default_factory=lambda: os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(8))
    written: int = 0
    _fresh: bool = False
    _known: list[tuple[BaseException, Dump]] = field(default_factory=list)

    def of(self, test: str, cluster: Cluster, error: BaseException | None) -> Dump:
        """Return the dump for ``test`` ("nodeid-phase"), made now; a session fixture that fails again is not looked at again."""
        for known, dump in self._known:
            if known is error:
                return dump
        evidence = _gather(cluster)
        lines = [evidence.redactor.text(line) for line in first_lines(evidence)]
        dump = Dump(lines, self._write(test, cluster, error, evidence, lines))
        if error is not None:
            self._known.append((error, dump))
        return dump

    def forget_earlier_runs(self, kind: str) -> None:
        """Remove what earlier runs on this kind of cluster left; once a run, whichever of its workers comes first."""
        if self._fresh:
            return
        self._fresh = True
        mark = self.root / f".{kind}"
        with locked("diagnostics"):
            if not mark.exists() or mark.read_text() != self.run:
                shutil.rmtree(self.root / kind, ignore_errors=True)
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.write_text(self.run)

    def _write(
        self, test: str, cluster: Cluster, error: BaseException | None, evidence: Evidence, lines: list[str]
    ) -> Path | None:
        if self.written >= MOST_DUMPS:
            return None
        self.written += 1
        directory = self.root / cluster.kind / folder_name(test)
        shutil.rmtree(directory, ignore_errors=True)
        index = collect_all(list(collectors(cluster, evidence)), directory, evidence.redactor)
        moment = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        unread = ["", "could not be read:", *evidence.faults] if evidence.faults else []
        text = "\n".join([
            *lines,
            "",
            f"test     {test}",
            f"error    {type(error).__name__}: {error}" if error else "error    none",
            f"when     {moment}",
            f"cluster  {cluster.kind}, context {cluster.context}",
            f"secrets  {'replaced by their values' if evidence.of('secrets') else 'none could be read: replaced by their looks only'}",
            "",
            *index,
            *unread,
        ])  # fmt: skip
        (directory / INDEX).write_text(evidence.redactor.text(text) + "\n")
        return directory


def _gather(cluster: Cluster) -> Evidence:
    try:
        return gather(Api(cluster))
    except Exception as error:  # noqa: BLE001 - a kubeconfig that is missing or half written must not hide the test's own failure
        return Evidence(faults=[f"the {cluster.kind} cluster cannot be asked: {error}"])


def folder_name(test: str) -> str:
    """Return a folder's name for a test: its id without the path, letters that every file system takes."""
    file, _, rest = test.partition("::")
    name = re.sub(r"[^\w.]+", "-", f"{Path(file).stem}-{rest}")
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME]}-{hashlib.sha256(test.encode()).hexdigest()[:6]}"


def register(config: pytest.Config, mode: str, plain: Callable[[str], str]) -> None:
    """Make failures of this run tell why.

    Args:
        mode: when to write a folder too: "always", "on-failure" or "never".
        plain: returns a test's id as people know it.
    """
    root = config.rootpath / "reports" / "diagnostics"
    made = Diagnostics(mode, root)
    config.pluginmanager.register(_Hooks(made, config, plain), "apiservice-diagnostics")


class _Hooks:
    def __init__(self, diagnostics: Diagnostics, config: pytest.Config, plain: Callable[[str], str]) -> None:
        self.diagnostics = diagnostics
        self.config = config
        self.plain = plain

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Look at the cluster after each failed phase: setup and call end before their cleanup begins."""
        report = yield
        mode = self.diagnostics.mode
        if self.config.stash.get(CLUSTER, None) is not None:
            try:
                self.diagnostics.forget_earlier_runs(self.config.stash[CLUSTER].kind)
            except HarnessError as fault:  # no cache; an error here would end the whole run without a word
                report.sections.insert(0, ("why", f"what earlier runs left in {self.diagnostics.root} stays: {fault}"))
        wanted = mode != "never" and (report.failed or (mode == "always" and report.when == "call"))
        cluster = self.config.stash.get(CLUSTER, None)
        if wanted and cluster is not None and "cluster" in getattr(item, "fixturenames", ()):
            self._attach(item, report, cluster, call.excinfo.value if call.excinfo else None)
        return report

    def _attach(
        self, item: pytest.Item, report: pytest.TestReport, cluster: Cluster, error: BaseException | None
    ) -> None:
        try:
            dump = self.diagnostics.of(f"{self.plain(item.nodeid)}-{report.when}", cluster, error)
        except Exception as fault:  # noqa: BLE001 - nothing that happens here may change a test's outcome
            report.sections.insert(0, ("why", f"not found out: {type(fault).__name__}: {fault}"))
            return
        where = str(dump.directory.relative_to(self.config.rootpath)) if dump.directory else ""
        shown = f"    more in {where}/{INDEX}" if where else f"    no folder: the first {MOST_DUMPS} failures have one"
        if report.failed:
            report.sections.insert(0, ("why", "\n".join([*dump.lines, shown])))
            self._property(item, report, "cause", "\n".join(dump.lines))
        self._property(item, report, "diagnostics", where)

    @staticmethod
    def _property(item: pytest.Item, report: pytest.TestReport, name: str, value: str) -> None:
        # The report was made before: JUnit reads the properties of a later phase's report, or of this one if it is the last.
        for properties in (item.user_properties, report.user_properties):
            if (name, value) not in properties:
                properties.append((name, value))
