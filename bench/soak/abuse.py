"""`make soak`: hostile clients for MINUTES (10; at most 30) while honest ones are served; what the backend uses is plotted.

Honest are a user through the API server, and the kubelet, which comes with a fresh connection and no certificate, as attackers do.
It fails if an honest user was refused, or if memory or descriptors grow.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.peers import ROOT, Peer, go_program, peers
from bench.plane import ControlPlane, control_plane
from bench.processes import started
from bench.report import svg
from bench.report.table import conditions, markdown
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.programs.tools import prepare

REPORTS = ROOT / "reports" / "abuse"
SAMPLE_SECONDS = 0.5
HONEST_TIMEOUT_SECONDS = 10.0
MOST_MINUTES = 30.0
#: From the second quarter to the last, allocators may still spread a little.
GROWTH_LIMIT = 1.10
CALM_SECONDS = 10.0


@dataclass(frozen=True)
class Moment:
    """The backend at one time.

    Attributes:
        seconds: since the start.
        user_seconds, probe_seconds: how long an honest request took, None if it failed.
    """

    seconds: float
    attacked: bool
    pss_mib: float
    rss_mib: float
    descriptors: int
    user_seconds: float | None
    probe_seconds: float | None


class Honest:
    """A client that repeats one request."""

    def __init__(
        self, port: int, path: str, context: ssl.SSLContext, headers: dict[str, str], name: str, *, fresh: bool
    ) -> None:
        """Remember the request.

        Args:
            name: the name on the server's certificate.
            fresh: a new connection each time.
        """
        self._port, self._path, self._context, self._headers, self._name = port, path, context, headers, name
        self._fresh = fresh
        self._connection: http.client.HTTPSConnection | None = None

    def ask(self) -> float | None:
        """Return the seconds that a good answer took, None for any other."""
        begin = time.monotonic()
        try:
            if self._connection is None:
                self._connection = _Named("127.0.0.1", self._port, self._context, self._name)
            self._connection.request("GET", self._path, headers=self._headers)
            answer = self._connection.getresponse()
            answer.read()
            good = answer.status == http.client.OK
        except (OSError, http.client.HTTPException):
            self._close()
            return None
        if self._fresh:
            self._close()
        return time.monotonic() - begin if good else None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class _Named(http.client.HTTPSConnection):
    """Verifies a name that is not the address."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=HONEST_TIMEOUT_SECONDS)
        self._tls, self._name = context, name

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


def watch(
    one: Peer, plane: ControlPlane, seconds: float, detail: Callable[[str], None]
) -> tuple[list[Moment], dict[str, int]]:
    """Attack for that long, with calm before and after; return the samples and how often each attack was made."""
    api_trust = ssl.create_default_context(cafile=str(plane.ca_file))
    backend_trust = ssl.create_default_context(cafile=str(plane.directory / "bench-ca.crt"))
    token = {"Authorization": f"Bearer {plane.token_file().read_text()}"}
    user = Honest(plane.port, one.path, api_trust, token, "127.0.0.1", fresh=False)
    probe = Honest(one.port, "/readyz", backend_trust, {}, one.dns_name, fresh=True)
    moments: list[Moment] = []
    begin = time.monotonic()

    def sample(until: float, *, attacked: bool) -> None:
        while time.monotonic() - begin < until:
            due = time.monotonic() + SAMPLE_SECONDS
            memory = one.child.memory()
            now = time.monotonic() - begin
            answers = (user.ask(), probe.ask())
            moments.append(Moment(now, attacked, memory.pss, memory.rss, one.child.descriptors(), *answers))
            detail(f"{now:.0f} s, {memory.pss:.0f} MiB, {moments[-1].descriptors} descriptors")
            death = one.child.death()
            if death:
                raise HarnessError(f"the backend did not survive: {death}")
            time.sleep(max(0.0, due - time.monotonic()))

    sample(CALM_SECONDS, attacked=False)
    attack: list[str | Path] = [
        sys.executable,
        "-m",
        "bench.soak.attacks",
        f"--port={one.port}",
        f"--seconds={seconds}",
    ]
    attack += [
        f"--api-port={plane.port}",
        f"--token-file={plane.token_file()}",
        f"--report={plane.directory / 'attacks.json'}",
    ]
    with started(
        "attacks", attack, directory=plane.directory, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ) as attacker:
        sample(CALM_SECONDS + seconds, attacked=True)
        attacker.process.wait(120)
        counts = json.loads((plane.directory / "attacks.json").read_text())
    sample(time.monotonic() - begin + CALM_SECONDS, attacked=False)
    return moments, counts


def verdict(moments: Sequence[Moment]) -> tuple[str, list[str]]:
    """Return the table, and what is wrong."""
    attacked = [one for one in moments if one.attacked]
    calm = [one for one in moments if not one.attacked and one.seconds < attacked[0].seconds]
    quarter = max(1, len(attacked) // 4)
    early, late = attacked[quarter : 2 * quarter] or attacked, attacked[-quarter:]
    rows: list[tuple[str, ...]] = []
    wrong: list[str] = []

    def median(samples: Sequence[Moment], figure: Callable[[Moment], float]) -> float:
        return statistics.median(map(figure, samples))

    for name, figure in (("MiB PSS", _pss), ("descriptors", _descriptors)):
        first, second, last = (median(samples, figure) for samples in (calm, early, late))
        rows.append((name, f"{first:.0f}", f"{second:.0f}", f"{last:.0f}", f"{max(map(figure, moments)):.0f}"))
        if last > second * GROWTH_LIMIT:
            wrong.append(f"{name} grew from {second:.0f} to {last:.0f} while the attack stayed the same")
    for name, answers in (("user through the API server", _user), ("kubelet's probe", _probe)):
        cells = [_latency([answers(one) for one in samples]) for samples in (calm, early, late)]
        good = [seconds for one in attacked if (seconds := answers(one)) is not None]
        rows.append((f"{name}: p50 / p99 ms, failed", *cells, f"{max(good, default=0) * 1e3:.0f} ms"))
        failed = len(attacked) - len(good)
        if failed:
            wrong.append(f"{name}: {failed} of {len(attacked)} honest requests failed under attack")
    return markdown(("", "calm", "second quarter", "last quarter", "most"), rows), wrong


def _pss(one: Moment) -> float:
    return one.pss_mib


def _descriptors(one: Moment) -> float:
    return float(one.descriptors)


def _user(one: Moment) -> float | None:
    return one.user_seconds


def _probe(one: Moment) -> float | None:
    return one.probe_seconds


def _latency(answers: Sequence[float | None]) -> str:
    good = sorted(seconds for seconds in answers if seconds is not None)
    if not good:
        return "none answered"
    p50, p99 = (good[int(share * (len(good) - 1))] * 1e3 for share in (0.5, 0.99))
    return f"{p50:.0f} / {p99:.0f}, {len(answers) - len(good)} failed"


def plots(moments: Sequence[Moment]) -> dict[str, str]:
    """Return file name (without .svg) → plot."""
    memory = {
        "PSS": [(one.seconds, one.pss_mib) for one in moments],
        "RSS": [(one.seconds, one.rss_mib) for one in moments],
    }
    latency = {
        "user, through the API server": [(one.seconds, one.user_seconds * 1e3) for one in moments if one.user_seconds],
        "kubelet's probe": [(one.seconds, one.probe_seconds * 1e3) for one in moments if one.probe_seconds],
    }
    descriptors = {"descriptors": [(one.seconds, float(one.descriptors)) for one in moments]}
    return {
        "memory": svg.lines("Memory under attack", "seconds", "MiB", memory),
        "descriptors": svg.lines("Descriptors under attack", "seconds", "open", descriptors),
        "latency": svg.lines(
            "Honest requests under attack", "seconds", "ms", {name: one for name, one in latency.items() if one}
        ),
    }


def main() -> int:
    """Attack and report; 1 if something grew or an honest request failed."""
    text = os.environ.get("MINUTES") or "10"
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= MOST_MINUTES:
        raise HarnessError(f"MINUTES is '{text}' and must be a number above 0, at most {MOST_MINUTES:g}: try MINUTES=1")
    prepare(["etcd", "kube-apiserver", "kubectl"])
    go_program("load")
    begin = conditions()
    with tempfile.TemporaryDirectory(prefix="header-echo-bench-") as name, ExitStack() as stack:
        with step("starting etcd, kube-apiserver and the backend"):
            plane = stack.enter_context(control_plane(Path(name)))
            one = stack.enter_context(peers(plane, ("ours",)))["ours"]
        with step(f"hostile clients for {minutes:g} minutes") as detail:
            moments, counts = watch(one, plane, minutes * 60, detail)
    table, wrong = verdict(moments)
    attacks = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    report = f"{begin}; {minutes:g} minutes\n\n{table}\n\nattacks made: {attacks}\n"
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / "report.md").write_text(report)
    (REPORTS / "raw.json").write_text(json.dumps([asdict(moment) for moment in moments]))
    for plot, content in plots(moments).items():
        (REPORTS / f"{plot}.svg").write_text(content)
    print(report)
    for sentence in wrong:
        say(f"error: {sentence}")
    say(f"the same with plots and raw figures: {REPORTS.relative_to(ROOT)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HarnessError as error:
        say(f"error: {error}")
        sys.exit(1)
