"""`make bench BENCH=resources`, or `python -m bench.resources [--objects=100000] [--listed=10000] [--rounds=3] [--only=NAME,NAME]`: prints a table; raw figures to reports/bench/resources.json.

Measures a resource with a store beside k8s.io/sample-apiserver: writes, a list of 10,000 objects, 1,000 watchers, and pages of all objects.
All servers run side by side and are asked in turn, each round anew, so that what else this machine does is the same for each.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.commands import go_program
from bench.plane import control_plane
from bench.report import table
from bench.resources import figures
from bench.resources.measures import Measures
from bench.resources.servers import NAMES, THEIRS, prepare_rights, server
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.script import run_script
from pytest_apiservice.programs.tools import prepare

REPORTS = Path(__file__).resolve().parents[2] / "reports" / "bench"
PROGRAMS = ("etcd", "kube-apiserver", "kubectl", "sample-apiserver")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 if everything could be measured, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m bench.resources", description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000, help="that are read in pages")
    parser.add_argument("--listed", type=int, default=10_000, help="of these, the first that are listed at once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of writing, in each round")
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--only", default=",".join(NAMES), help=f"of {', '.join(NAMES)}")
    asked = parser.parse_args(arguments)
    chosen = asked.only.split(",")
    if not set(chosen) <= set(NAMES):
        parser.error(f"--only must name some of {', '.join(NAMES)}, not {asked.only}")
    prepare(PROGRAMS)
    client = go_program("objects")
    began, conditions = time.monotonic(), table.conditions()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        with step("starting etcd and kube-apiserver"):
            plane = stack.enter_context(control_plane(Path(folder)))
        prepare_rights(plane, figures.NAMESPACES)
        with step("starting the servers"):
            running = [stack.enter_context(server(plane, name, client)) for name in chosen]
        measures = Measures(running, client, asked.rounds)
        try:
            measures.all(asked.seconds, asked.listed, asked.objects, asked.watchers)
        finally:
            REPORTS.mkdir(parents=True, exist_ok=True)
            (REPORTS / "resources.json").write_text(json.dumps([one._asdict() for one in measures.samples], indent=1))
    say("")
    minutes = (time.monotonic() - began) / 60
    print(f"{conditions}; {asked.rounds} rounds, medians, in brackets ours ÷ theirs; {minutes:.0f} minutes in all.\n")
    print(figures.as_table(measures.samples, THEIRS, chosen))
    return 0


if __name__ == "__main__":
    run_script(main)
