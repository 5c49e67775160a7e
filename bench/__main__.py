"""`make bench`: measure, print one report, write it with plots and raw figures to reports/bench.

BENCH=quick (the default, about three minutes) or BENCH=full (about twenty, with kind, which needs Docker or root); BENCH=resources
measures resources with a store instead, in about fifteen minutes: bench/resources.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.commands import COMMANDS, PROXIES, go_program
from bench.idle_sockets import COUNT, idle_mebibytes
from bench.install.bringup import bring_up, stages
from bench.install.on_kind import OnKind, on_kind, replicas_per_second
from bench.measures import BODIES_BYTES, SIZES_BYTES, Bench
from bench.peers import ROOT, peer, peers
from bench.plane import GROUP_COUNTS, ControlPlane, control_plane
from bench.processes import Memory
from bench.report import goals, plots, table
from bench.resources.__main__ import main as measure_resources
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.script import run_script
from pytest_apiservice.programs.tools import prepare

REPORTS = ROOT / "reports" / "bench"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm")
GROWING = ("go", "ours")
RESOURCES = "resources"
STARTED = ("go", "ours", "wsgi", "asgi", "uvicorn", "gthread", "gateway", "reverseproxy")


@dataclass(frozen=True)
class Plan:
    """How much to measure."""

    connections: tuple[int, ...]
    rounds: int
    seconds: float
    starts: int
    installs: int
    kind_installs: int
    kind_rounds: int


PLANS = {
    "quick": Plan(connections=(1, 32), rounds=3, seconds=1.0, starts=3, installs=1, kind_installs=0, kind_rounds=0),
    "full": Plan(
        connections=(1, 8, 32, 128), rounds=5, seconds=1.5, starts=7, installs=5, kind_installs=5, kind_rounds=3
    ),
}


def main() -> int:
    """Measure and report; 0 if everything could be measured, whether goals are met or not."""
    chosen = os.environ.get("BENCH") or "quick"
    if chosen == RESOURCES:
        return measure_resources([])
    if chosen not in PLANS:
        known = ", ".join((*PLANS, RESOURCES))
        raise HarnessError(f"BENCH is '{chosen}' and must be one of {known}: try BENCH=quick")
    prepare(PROGRAMS)
    for name in ("echo", "load", "reverseproxy"):
        go_program(name)
    report = measure(PLANS[chosen])
    say("")
    print(report)
    say(f"\nthe same with plots and raw figures: {REPORTS.relative_to(ROOT)}")
    return 0


def measure(plan: Plan) -> str:
    """Measure everything and return the report; files go to REPORTS."""
    begin = time.monotonic()
    conditions = table.conditions()
    with tempfile.TemporaryDirectory(prefix="header-echo-bench-") as name, ExitStack() as stack:
        with step("starting etcd and kube-apiserver"):
            plane = stack.enter_context(control_plane(Path(name)))
        starts = start_seconds(plane, plan.starts)
        with step("starting the peers"):
            running = stack.enter_context(peers(plane, (*COMMANDS, *PROXIES)))
        bench = Bench(plane, running, plan.seconds, plan.rounds)
        with step("throughput and latency") as detail:
            bench.connections(plan.connections, detail)
        memory = {who: one.child.memory() for who, one in running.items()}
        with step(f"{COUNT} idle WebSockets"):
            idle = idle_mebibytes(plane)
        with step("growing requests") as detail:
            bench.growth(GROWING, detail)
    installs = []
    for turn in range(plan.installs):
        with step(f"a cluster from nothing to Available, {turn + 1} of {plan.installs}"):
            installs.append(bring_up("embedded"))
    kind = on_kind(plan.kind_installs, plan.kind_rounds, plan.seconds) if plan.kind_installs else OnKind()
    text = report(plan, bench, memory, idle, starts, installs, kind, conditions, time.monotonic() - begin)
    write(bench, memory, starts, installs, kind, text, plan)
    return text


def start_seconds(plane: ControlPlane, rounds: int) -> dict[str, list[float]]:
    """Start each peer alone a few times; return seconds from start to its first answer."""
    seconds: dict[str, list[float]] = {}
    with step("start to ready") as detail:
        for turn in range(rounds):
            for name in STARTED:
                detail(f"round {turn + 1} of {rounds}, {name}")
                with peer(plane, name) as one:
                    seconds.setdefault(name, []).append(one.start_seconds)
    return seconds


def report(
    plan: Plan,
    bench: Bench,
    memory: dict[str, Memory],
    idle: float,
    starts: dict[str, list[float]],
    installs: Sequence[dict[str, float]],
    kind: OnKind,
    conditions: str,
    seconds: float,
) -> str:
    """Return the whole report as Markdown."""
    found = goals.goals(bench, memory["ours"], starts["ours"], installs, kind.installs)
    parts = [
        f"{conditions}; {plan.rounds} interleaved rounds of {plan.seconds:g} s; median (lowest to highest); {seconds / 60:.0f} minutes in all.",
        goals.goals_table(found),
        table.load_table(bench, "through", plan.connections),
        table.load_table(bench, "direct", plan.connections),
        table.proxies_table(bench, plan.connections),
        table.cost_table(bench, memory, starts),
        f"{COUNT} idle WebSockets: {idle:.1f} MiB more, {idle / COUNT * 1024:.0f} KiB each.",
        table.growth_table(bench, "groups", GROUP_COUNTS, GROWING),
        table.growth_table(bench, "header bytes", SIZES_BYTES, GROWING),
        table.growth_table(bench, "body bytes", BODIES_BYTES, GROWING),
        table.install_table(installs, "embedded cluster"),
        table.install_table([stages(one) for one in kind.installs], "helm install on kind, one after another"),
        table.replicas_table(replicas_per_second(kind.replicas)),
        table.suites_table(REPORTS.parent),
    ]
    return "\n\n".join(part for part in parts if part)


def write(
    bench: Bench,
    memory: dict[str, Memory],
    starts: dict[str, list[float]],
    installs: Sequence[dict[str, float]],
    kind: OnKind,
    text: str,
    plan: Plan,
) -> None:
    """Write report, plots and raw figures."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / "report.md").write_text(text + "\n")
    for name, svg in plots.of_bench(bench, memory, plan.connections).items():
        (REPORTS / f"{name}.svg").write_text(svg)
    raw = {
        "samples": [sample.document() for sample in bench.samples],
        "memory": {name: asdict(one) for name, one in memory.items()},
        "starts": starts,
        "installs": list(installs),
        "kind": asdict(kind),
    }
    (REPORTS / "raw.json").write_text(json.dumps(raw, indent=1))


if __name__ == "__main__":
    run_script(main)
