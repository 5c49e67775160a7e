"""What a report of a run is made of."""

from dataclasses import dataclass, field

import pytest

from pytest_apiservice.why.report.path import Hop

CAUSE, DUMP = "cause", "diagnostics"


@dataclass(frozen=True)
class Stage:
    """A step of the harness: began in seconds since 1970, took ``seconds``."""

    title: str
    began: float
    seconds: float
    succeeded: bool


@dataclass
class Test:
    """How one test went.

    Attributes:
        began: seconds since 1970.
        seconds: of each phase: setup, call, teardown.
        outcome: passed, failed or skipped; failed if any phase failed.
        words: why it failed or was skipped, with the traceback.
        error: the first line of the first error.
        properties: what the test and the harness recorded, as in JUnit.
    """

    __test__ = False  # for pytest: a class, not a test

    nodeid: str
    began: float
    seconds: dict[str, float] = field(default_factory=dict)
    outcome: str = "passed"
    words: str = ""
    error: str = ""
    properties: dict[str, str] = field(default_factory=dict)

    def take(self, report: pytest.TestReport) -> None:
        """Take in the report of one phase."""
        self.seconds[report.when or ""] = report.duration
        self.properties |= {name: str(value) for name, value in report.user_properties}
        if report.failed:
            self.outcome = "failed"
            self.words = f"{self.words}\n{report.longreprtext}".strip()
            crash = getattr(report.longrepr, "reprcrash", None)
            self.error = self.error or (crash.message if crash else report.longreprtext).strip().partition("\n")[0]
        elif report.skipped and self.outcome == "passed":
            self.outcome = "skipped"
            reason = report.longrepr
            self.words = str(reason[2]) if isinstance(reason, tuple) else getattr(report, "wasxfail", "") or str(reason)


@dataclass
class Run:
    """A whole run; times in seconds since 1970."""

    began: float
    ended: float = 0.0
    kind: str = ""
    stages: list[Stage] = field(default_factory=list)
    tests: dict[str, Test] = field(default_factory=dict)
    hops: list[Hop] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        """Return how many tests ended so."""
        return sum(test.outcome == outcome for test in self.tests.values())
