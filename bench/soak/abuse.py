"""`make soak`: hostile clients for MINUTES (10; at most 30) while honest ones are served; what BACKEND uses is plotted.

BACKEND is ours, the echo, or wsgi, or asgi, which is attacked by its streams and WebSockets too; or metrics, which is not attacked but
asked by 500 autoscalers (bench/soak/autoscalers.py).

Honest are a user through the API server, and the kubelet, which comes with a fresh connection and no certificate, as attackers do.
It fails if an honest user was refused, or if memory or descriptors grow.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from bench.commands import ON_THE_LIBRARY, TITLES, go_program
from bench.peers import ROOT, Peer, peers
from bench.plane import ControlPlane, control_plane
from bench.processes import started
from bench.report.table import conditions
from bench.soak import autoscalers
from bench.soak.honest import Honest
from bench.soak.verdict import Moment, plots, verdict
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.script import run_script
from pytest_apiservice.programs.tools import prepare

REPORTS = ROOT / "reports" / "abuse"
SAMPLE_SECONDS = 0.5
MOST_MINUTES = 30.0
CALM_SECONDS = 10.0


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
        f"--path={one.path}",
        *(["--streams"] if one.name == "asgi" else []),
    ]
    with started(
        "attacks", attack, directory=plane.directory, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ) as attacker:
        sample(CALM_SECONDS + seconds, attacked=True)
        attacker.process.wait(120)
        counts = json.loads((plane.directory / "attacks.json").read_text())
    sample(time.monotonic() - begin + CALM_SECONDS, attacked=False)
    return moments, counts


def main() -> int:
    """Attack and report; 1 if something grew or an honest request failed."""
    text = os.environ.get("MINUTES") or "10"
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= MOST_MINUTES:
        raise HarnessError(f"MINUTES is '{text}' and must be a number above 0, at most {MOST_MINUTES:g}: try MINUTES=1")
    backend = os.environ.get("BACKEND") or "ours"
    if backend not in (*ON_THE_LIBRARY, "metrics"):
        one_of = ", ".join((*ON_THE_LIBRARY, "metrics"))
        raise HarnessError(f"BACKEND is '{backend}' and must be one of {one_of}: try BACKEND=asgi")
    if backend == "metrics":
        return autoscalers.measure(minutes)
    prepare(["etcd", "kube-apiserver", "kubectl"])
    go_program("load")
    begin = conditions()
    with tempfile.TemporaryDirectory(prefix="header-echo-bench-") as name, ExitStack() as stack:
        with step("starting etcd, kube-apiserver and the backend"):
            plane = stack.enter_context(control_plane(Path(name)))
            one = stack.enter_context(peers(plane, (backend,)))[backend]
        with step(f"hostile clients for {minutes:g} minutes") as detail:
            moments, counts = watch(one, plane, minutes * 60, detail)
    table, wrong = verdict(moments)
    attacks = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    report = f"{begin}; {TITLES[backend]}; {minutes:g} minutes\n\n{table}\n\nattacks made: {attacks}\n"
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
    run_script(main)
