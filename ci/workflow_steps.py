"""List every `run:` of CI in its order, with the environment it gets; RUN=1 runs them here and stops at the first failure.

A matrix stands for its first entry, the newest. ``UNSET=NODE_IMAGE`` leaves a variable out, e.g. where no registry is reachable.
Usage: make ci [RUN=1] [UNSET=NAME,NAME]
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
HERE = {"join(needs.*.result, ' ')": "success"}  # what GitHub would fill in; the matrix comes from the job
TIMEOUT_SECONDS = 3600


@dataclass(frozen=True)
class Step:
    """One `run:` of a workflow."""

    job: str
    command: str
    environment: dict[str, str]

    def __str__(self) -> str:
        """Return the line that does the same in a shell."""
        return " ".join([*(f"{name}={value!r}" for name, value in self.environment.items()), self.command])


def in_order(jobs: dict[str, Any]) -> list[str]:
    """Return the jobs' names so that each comes after those it needs."""
    ordered: list[str] = []
    while len(ordered) < len(jobs):
        ready = [name for name in jobs if name not in ordered and set(needs(jobs[name])) <= set(ordered)]
        if not ready:
            raise ValueError(f"jobs wait for each other: {sorted(set(jobs) - set(ordered))}")
        ordered.append(ready[0])
    return ordered


def needs(job: dict[str, Any]) -> list[str]:
    """Return the jobs that ``job`` waits for; YAML allows one name or a list."""
    named = job.get("needs", [])
    return [named] if isinstance(named, str) else list(named)


def newest(job: dict[str, Any]) -> dict[str, str]:
    """Return the first entry of the job's matrix as {"matrix.name": value}; empty without a matrix."""
    matrix = job.get("strategy", {}).get("matrix", {})
    entry = {name: values[0] for name, values in matrix.items() if name != "include"}
    return {f"matrix.{name}": str(value) for name, value in {**entry, **(matrix.get("include") or [{}])[0]}.items()}


def steps(workflow: Path) -> Iterator[Step]:
    """Yield the `run:` steps of ``workflow`` in CI's order, expressions filled in.

    Raises:
        KeyError: an expression whose value here nobody knows.
    """
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    for name in in_order(jobs):
        known = {**HERE, **newest(jobs[name])}
        for step in jobs[name]["steps"]:
            if "run" in step:
                variables = {**jobs[name].get("env", {}), **step.get("env", {})}
                yield Step(name, step["run"], {key: filled(value, known) for key, value in variables.items()})


def filled(text: str, known: dict[str, str]) -> str:
    """Return ``text`` with each ``${{ expression }}`` replaced by its value in ``known``."""
    return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda match: known[match[1]], text)


def outside() -> dict[str, str]:
    """Return the environment without what make and tox were told for this run: a step starts anew."""
    ours = ("TOX_", "VIRTUAL_ENV", "PYTHONPATH", "RUN", "UNSET", "CLUSTER", "KEEP")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def main() -> None:
    """List the steps, or run them."""
    unset = set(filter(None, os.environ.get("UNSET", "").split(",")))
    for step in steps(WORKFLOWS / "ci.yaml"):
        print(f"{step.job + ':':<10} {step}", flush=True)
        if os.environ.get("RUN"):
            environment = {name: value for name, value in step.environment.items() if name not in unset}
            done = subprocess.run(
                step.command.split(), cwd=ROOT, env={**outside(), **environment}, timeout=TIMEOUT_SECONDS, check=False
            )
            if done.returncode != 0:
                sys.exit(f"failed with exit code {done.returncode}: {step}")


if __name__ == "__main__":
    main()
