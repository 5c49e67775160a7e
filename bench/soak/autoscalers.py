"""What 500 HorizontalPodAutoscalers ask in 15 s, again and again, through a kube-apiserver: calls of functions, latency, memory.

Half of them have an external metric with a selector, half one of the objects that a selector chooses, in 25 namespaces. As many ask at
once as kube-controller-manager has workers for it (`--concurrent-horizontal-pod-autoscaler-syncs`, 5).
"""

from __future__ import annotations

import http.client
import json
import ssl
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.peers import ROOT
from bench.plane import ControlPlane, control_plane
from bench.processes import Child
from bench.report.table import conditions, markdown
from bench.soak.measured import CUSTOM, EXTERNAL, NAMESPACES, OBJECTS, backend
from bench.soak.verdict import GROWTH_LIMIT
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.programs.tools import prepare

REPORTS = ROOT / "reports" / "autoscalers"
AUTOSCALERS, WORKERS = 500, 5
PERIOD_SECONDS, SAMPLE_SECONDS, TIMEOUT_SECONDS = 15.0, 5.0, 30.0


@dataclass(frozen=True)
class Asked:
    """One request: when it was due and how long it took, in seconds; `failure` is '' if its answer was good."""

    due: float
    seconds: float
    failure: str


def path_of(number: int) -> str:
    """Return what an autoscaler asks for."""
    namespace, selected = f"ns-{number // 2 % NAMESPACES}", number // 2 % OBJECTS
    if number % 2:
        objects = f"/apis/{CUSTOM}/v1beta1/namespaces/{namespace}/deployments.apps/*/requests_per_second"
        return f"{objects}?labelSelector=app%3Da{selected}"
    return f"/apis/{EXTERNAL}/v1beta1/namespaces/{namespace}/queue_depth?labelSelector=queue%3Dq{selected}"


class Caller:
    """Asks through the API server, on one connection for each thread."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane, self._thread = plane, threading.local()
        self._headers = {"Authorization": f"Bearer {plane.token_file().read_text()}"}

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return the items of a list. Raises ValueError with what else was answered, OSError and HTTPException."""
        connection = getattr(self._thread, "connection", None)
        if connection is None:
            trust = ssl.create_default_context(cafile=str(self._plane.ca_file))
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self._plane.port, timeout=TIMEOUT_SECONDS, context=trust
            )
            self._thread.connection = connection
        connection.request("GET", path, headers=self._headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise ValueError(f"{answer.status} {body.decode(errors='replace')[:200]}")
        found: list[dict[str, Any]] = json.loads(body)["items"]
        return found

    def served(self) -> None:
        """Raise NotYet until both metrics are answered."""
        try:
            for number in (0, 1):
                self.items(path_of(number))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._thread.connection = None
            raise NotYet(str(error)) from error

    def ask(self, path: str, due: float) -> Asked:
        """Ask when it is due for exactly one value."""
        time.sleep(max(0.0, due - time.monotonic()))
        begin = time.monotonic()
        try:
            count = len(self.items(path))
            failure = "" if count == 1 else f"{count} values"
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._thread.connection = None
            failure = f"{error or type(error).__name__}"
        return Asked(due, time.monotonic() - begin, failure)


def measure(minutes: float) -> int:
    """Ask and report; 1 if an answer was wrong or memory grew."""
    prepare(["etcd", "kube-apiserver", "kubectl"])
    begin = conditions()
    with tempfile.TemporaryDirectory(prefix="header-echo-bench-") as name, ExitStack() as stack:
        with step("starting etcd, kube-apiserver and the metrics"):
            plane = stack.enter_context(control_plane(Path(name)))
            child = stack.enter_context(backend(plane))
        caller = Caller(plane)
        with step("waiting until both metrics are answered"):
            wait_for("metrics through the API server", caller.served, timeout_seconds=60.0, died=child.death)
        with step(f"{AUTOSCALERS} autoscalers for {minutes:g} minutes") as detail:
            asked, memory = _ask(caller, child, minutes * 60, detail)
        # Its own connection was idle meanwhile, and the API server has closed it.
        calls = {
            item["metricLabels"]["function"]: _whole(item["value"])
            for item in Caller(plane).items(f"/apis/{EXTERNAL}/v1beta1/namespaces/ns-0/calls")
        }
    report, wrong = _report(asked, memory, calls)
    report = f"{begin}; {AUTOSCALERS} autoscalers every {PERIOD_SECONDS:g} s for {minutes:g} minutes\n\n{report}\n"
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / "report.md").write_text(report)
    (REPORTS / "raw.json").write_text(json.dumps({"seconds": [one.seconds for one in asked], "memory": memory}))
    print(report)
    for sentence in wrong:
        say(f"error: {sentence}")
    return 1 if wrong else 0


def _whole(quantity: str) -> int:
    """Return the number of a count, which is '1k' from a thousand on."""
    return int(quantity.removesuffix("k")) * (1000 if quantity.endswith("k") else 1)


def _ask(
    caller: Caller, child: Child, seconds: float, detail: Callable[[str], None]
) -> tuple[list[Asked], list[float]]:
    begin = time.monotonic() + 1
    count = int(seconds / PERIOD_SECONDS * AUTOSCALERS)
    memory: list[float] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        asked = pool.map(
            lambda number: caller.ask(path_of(number % AUTOSCALERS), begin + number * PERIOD_SECONDS / AUTOSCALERS),
            range(count),
        )
        while time.monotonic() < begin + seconds:
            memory.append(child.memory().pss)
            detail(f"{time.monotonic() - begin:.0f} s, {memory[-1]:.1f} MiB")
            if child.death():
                raise HarnessError(f"the backend did not survive: {child.death()}")
            time.sleep(SAMPLE_SECONDS)
        return list(asked), memory


def _report(asked: list[Asked], memory: list[float], calls: dict[str, int]) -> tuple[str, list[str]]:
    quarter = max(1, len(memory) // 4)
    early, late = statistics.median(memory[quarter : 2 * quarter]), statistics.median(memory[-quarter:])
    seconds = sorted(one.seconds for one in asked)
    failures = [one.failure for one in asked if one.failure]
    rows = [
        ("requests", str(len(asked))),
        ("calls of functions", ", ".join(f"{name} {count}" for name, count in sorted(calls.items()))),
        ("p50 / p99 / most, ms", " / ".join(f"{one * 1e3:.1f}" for one in (_at(seconds, 0.5), _at(seconds, 0.99), seconds[-1]))),
        ("failed", str(len(failures))),
        ("MiB PSS: first, second quarter, last quarter, most", f"{memory[0]:.1f}, {early:.1f}, {late:.1f}, {max(memory):.1f}"),
    ]  # fmt: skip
    wrong = [f"{len(failures)} requests failed, the first: {failures[0]}"] if failures else []
    if late > early * GROWTH_LIMIT:
        wrong.append(f"memory grew from {early:.1f} to {late:.1f} MiB while the requests stayed the same")
    return markdown(("", ""), rows), wrong


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
