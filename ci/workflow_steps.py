"""List every `run:` of CI in its order, with the environment it gets; RUN=1 runs them here and stops at the first failure.

A matrix stands for its first entry, the newest. ``JOBS=lint,unit`` takes these jobs alone. ``UNSET=NODE_IMAGE`` leaves a variable
out, e.g. where no registry is reachable.
Usage: make ci [RUN=1] [JOBS=NAME,NAME] [UNSET=NAME,NAME]
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
                given = {key: filled(value, known) for key, value in variables.items() if key not in listed("UNSET")}
                yield Step(name, step["run"], given)


def filled(text: str, known: dict[str, str]) -> str:
    """Return ``text`` with each ``${{ expression }}`` replaced by its value in ``known``."""
    return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda match: known[match[1]], text)


def listed(variable: str) -> set[str]:
    """Return what the environment variable names, separated by commas; empty if it is not set."""
    return set(filter(None, os.environ.get(variable, "").split(",")))


def chosen(workflow: Path) -> list[Step]:
    """Return the steps of the jobs that JOBS names, of all if it names none; stop if it names one that there is not."""
    found, jobs = list(steps(workflow)), listed("JOBS")
    unknown = jobs - {step.job for step in found}
    if unknown:
        known = ", ".join(dict.fromkeys(step.job for step in found))
        sys.exit(f"JOBS names {', '.join(sorted(unknown))}, and {workflow.name} has {known}: correct or unset it")
    return [step for step in found if not jobs or step.job in jobs]


def outside() -> dict[str, str]:
    """Return the environment without what make and tox were told for this run: a step starts anew."""
    ours = ("TOX_", "VIRTUAL_ENV", "PYTHONPATH", "RUN", "JOBS", "UNSET", "CLUSTER", "KEEP")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def main() -> None:
    """List the steps, or run them."""
    for step in chosen(WORKFLOWS / "ci.yaml"):
        print(f"{step.job + ':':<10} {step}", flush=True)
        if os.environ.get("RUN"):
            done = subprocess.run(
                step.command.split(),
                cwd=ROOT,
                env={**outside(), **step.environment},
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
            if done.returncode != 0:
                sys.exit(f"failed with exit code {done.returncode}: {step}")


if __name__ == "__main__":
    main()
