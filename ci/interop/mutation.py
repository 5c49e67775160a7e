"""Change one thing at a time in the modules that decide who calls and what is answered, and see that a test fails.

A change that no test notices is printed. Those in survivors.yaml, each with its reason, are known; any other ends this with exit code 1.
One whose only sign is that the tests do not end is printed too, and counted: on a slower machine an unchanged program might look the same.
The changes are mutmut's: https://mutmut.readthedocs.io. It wants a project of its own shape, which is made in a temporary folder.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import yaml

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.script import run_script

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / "reports" / "mutation.log"
REVIEWED = Path(__file__).with_name("survivors.yaml")
MODULES = (
    "api.negotiation", "request_info", "selectors", "trust.authentication", "trust.budget", "trust.certificates", "trust.delegation",
    "trust.identity", "trust.requestheader", "trust.requestheader_watch", "trust.reviews", "trust.verdicts",
)  # fmt: skip
#: Those that decide without a server: quick, and a test that runs a process of its own would run it unchanged.
TESTS = (
    "authorization", "budget", "bundle", "caller", "certificates", "delegation", "identity", "negotiation", "selectors", "trust",
)  # fmt: skip
CHILDREN = os.cpu_count() or 2
#: Lines with words for people, which no test compares letter by letter: a string with a space in it, a log.
WORDS = (r"""^.*f?["'][\w{'`;][^"]* [^"]*["'].*$""", r"^.*_log\..*$")
#: What mutmut says of a change that made no test fail, and of one that the tests did not come to an end with.
UNNOTICED = ("survived", "no tests", "suspicious", "skipped", "not checked")
TIMED_OUT = ("timeout",)
_RESULT = re.compile(r"^\s*(\S+): (.+)$", re.MULTILINE)
_PROGRESS = re.compile(r"\d+/\d+")
SAY_SECONDS = 60
_NUMBER = re.compile(r"__mutmut_\d+$")

PROJECT = """\
[tool.pytest]
addopts = ["--import-mode=importlib", "-p", "no:schemathesis", "-p", "no:cacheprovider"]
pythonpath = ["src", "tests"]
timeout = "600"  # more than mutmut waits: whose pytest ends itself has failed, as far as mutmut can tell
timeout_method = "thread"

[tool.mutmut]
source_paths = ["src"]
only_mutate = {modules}
also_copy = ["tests"]
pytest_add_cli_args_test_selection = {tests}
do_not_mutate_patterns = {words}
timeout_multiplier = 3.0
timeout_constant = 20.0
use_setproctitle = false
"""
#: A forked test process would find in the caches what the unchanged code put there.
CONFTEST = """\
import importlib
import pytest

@pytest.fixture(autouse=True)
def _empty_caches():
    for module in {modules}:
        for value in vars(importlib.import_module(f"extension_apiserver.{{module}}")).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
"""


@dataclasses.dataclass(frozen=True)
class Change:
    """One change of the code.

    Attributes:
        where: module and function.
        was: the lines as they are, without indentation.
        now: the lines instead.

    """

    where: str
    was: str
    now: str


def main() -> int:
    """Run, compare with what was reviewed, and return the exit code."""
    began = time.monotonic()
    reviewed = {Change(row["where"], row["was"], row["now"]) for row in yaml.safe_load(REVIEWED.read_text()) or ()}
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        _lay_out(project)
        if _run(project):
            print(f"mutmut could not run; {LOG} says why")
            return 2
        results = _say(project, "results")
        found = list(_changes(project, having(results, UNNOTICED)))
        endless = list(_changes(project, having(results, TIMED_OUT)))
    new = [one for one in found if one not in reviewed]
    for one in new:
        print(f"\n{one.where}: no test fails when\n- {one.was}\nbecomes\n+ {one.now}")
    for one in endless:
        print(f"\n{one.where}: no test fails, but they do not end, when\n- {one.was}\nbecomes\n+ {one.now}")
    gone = reviewed - set(found)
    for one in gone:
        print(
            f"\n{one.where}: {REVIEWED.name} names a change that is noticed or not made any more: {one.was} → {one.now}"
        )
    minutes = (time.monotonic() - began) / 60
    print(
        f"\n{len(found)} changes went unnoticed, {len(found) - len(new)} of them reviewed;"
        f" {len(endless)} were noticed only by a time-out; {minutes:.1f} minutes"
    )
    if new:
        print(f"write a test that fails, or say in {REVIEWED.relative_to(ROOT)} why none can")
    return 1 if new else 0


def _mutmut(project: Path, *arguments: str, output: IO[str] | int) -> subprocess.Popen[str]:
    # Our PYTHONPATH would lead past the changed copies.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.Popen(command, cwd=project, env=environ, stdout=output, stderr=subprocess.STDOUT, text=True)


def _run(project: Path) -> int:
    """Make and try all changes, saying once a minute how far that is, and return mutmut's exit code."""
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w") as log, _mutmut(project, "run", "--max-children", str(CHILDREN), output=log) as running:
        while True:
            try:
                return running.wait(SAY_SECONDS)
            except subprocess.TimeoutExpired:
                tried = _PROGRESS.findall(LOG.read_text(errors="replace"))
                print(f"{tried[-1] if tried else 'no'} changes tried", flush=True)


def _say(project: Path, *arguments: str) -> str:
    with _mutmut(project, *arguments, output=subprocess.PIPE) as saying:
        text = saying.communicate()[0]
    if saying.returncode:
        raise HarnessError(f"mutmut {' '.join(arguments)}: {text}")
    return text


def _lay_out(project: Path) -> None:
    """Copy what mutmut needs, and say what to change and what to run."""
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("extension_apiserver", "header_echo"):
        shutil.copytree(ROOT / "backend" / package, project / "src" / package, ignore=ignored)
    for package in ("unit", "pytest_apiservice"):
        shutil.copytree(ROOT / "tests" / package, project / "tests" / package, ignore=ignored)
    # A list of strings is the same in JSON and TOML.
    modules = json.dumps([f"src/extension_apiserver/{name.replace('.', '/')}.py" for name in MODULES])
    tests = json.dumps([f"tests/unit/test_{name}.py" for name in TESTS])
    (project / "pyproject.toml").write_text(PROJECT.format(modules=modules, tests=tests, words=json.dumps(WORDS)))
    (project / "tests" / "conftest.py").write_text(CONFTEST.format(modules=MODULES))


def having(results: str, outcomes: Sequence[str]) -> list[str]:
    """Return the names of the changes that had one of ``outcomes``; ``results`` is what `mutmut results` says."""
    return [name for name, outcome in _RESULT.findall(results) if outcome in outcomes]


def _changes(project: Path, names: Sequence[str]) -> Iterator[Change]:
    for name in names:
        shown = _say(project, "show", name)
        lines = [line for line in shown.splitlines() if line[:1] in {"-", "+"} and line[:3] not in {"---", "+++"}]
        was, now = ("\n".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
        yield Change(_NUMBER.sub("", name).removeprefix("extension_apiserver."), was, now)


if __name__ == "__main__":
    run_script(main)
