"""What the README of `extension-apiserver init hello` says to type works as it stands: dev, kubectl, an edit, Ctrl-C, pytest."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from readme import blocks
from walk import hear_ctrl_c

from pytest_apiservice.base.data import module_path
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for

pytestmark = pytest.mark.only_on("embedded", reason="it brings its own cluster, of processes")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hello"
COMMANDS = [
    line
    for block in blocks((EXAMPLE / "README.md").read_text())
    if "docker" not in block.text
    for line in block.text.splitlines()
]
LIMIT_SECONDS = 180
ENDS_SECONDS = 60
# What an installed pytest finds by itself, and where our code is for a process that works elsewhere.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("KEEP", "PYTEST_ADDOPTS")},
    "PYTEST_PLUGINS": "pytest_apiservice.entry_point",
    "PYTHONPATH": module_path("extension_apiserver", "pytest_apiservice"),
    "NO_COLOR": "1",
}


@pytest.fixture
def folder(tmp_path):
    """Return a copy of the example, which is what `init` makes (tests/unit/test_command_init.py)."""
    return shutil.copytree(EXAMPLE, tmp_path / "hello", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def dev(folder, tmp_path):
    """Yield the running `extension-apiserver dev` and a function that returns what it has printed."""
    assert "extension-apiserver dev" in COMMANDS
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "extension_apiserver", "dev"],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=output,
            stderr=output,
            preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - it takes no lock
        )
    yield process, log.read_text
    process.send_signal(signal.SIGINT)
    process.wait(ENDS_SECONDS)


def until(dev, pattern, times=1):
    """Wait until it has printed ``pattern`` that often, and return the last match."""
    process, printed = dev

    def found():
        matches = re.findall(pattern, printed(), re.MULTILINE)
        if len(matches) < times:
            raise NotYet(printed())
        return matches[-1]

    return wait_for(
        f"dev to print {pattern}",
        found,
        timeout_seconds=LIMIT_SECONDS,
        died=lambda: None if process.poll() is None else f"it has ended: {printed()}",
    )


def test_its_kubectl_lines_and_an_edit_and_the_end(dev, folder):
    """Each line for the second terminal prints something; what is edited is served; nothing is left."""
    process, printed = dev
    until(dev, "^ready$")
    export = until(dev, r"^  (export .*)$")

    def typed(line):
        return run(["bash", "-c", f"{export}; {line}"], timeout_seconds=60, check=False).stdout

    lines = [line for line in COMMANDS if line.startswith("kubectl")]
    assert len(lines) == 4
    # kube-apiserver fetches discovery and OpenAPI of a new API some moments after it is there.
    answers = [
        wait_for(f"'{line}' to print", lambda line=line: typed(line) or _not_yet(printed()), timeout_seconds=60)
        for line in lines
    ]
    assert answers[0].split() == ["NAME", "SIZE", "first", "1"]
    assert answers[-1] == "hello kubernetes-admin, this is hello.example.com/v1\n"

    app = folder / "app.py"
    good = app.read_text()
    app.write_text("import nonesuch\n")
    until(dev, "^ModuleNotFoundError: No module named 'nonesuch'$")
    until(dev, "^it has ended with exit code 1")
    app.write_text(good.replace('"size": 1', '"size": 77'))
    until(dev, "^ready$", times=2)
    assert typed(lines[0]).split()[-1] == "77"

    process.send_signal(signal.SIGINT)
    assert process.wait(ENDS_SECONDS) == 0
    assert not Path(re.search("KUBECONFIG=([^ ]+)", export)[1]).parent.exists()


GATEWAY = pytest.param(["--gateway", "http://127.0.0.1:8000"], marks=pytest.mark.interop)


@pytest.mark.parametrize("options", [[], GATEWAY], ids=["app", "gateway"])
def test_its_own_tests_pass(options, tmp_path):
    """As it says to run them."""
    init = [sys.executable, "-m", "extension_apiserver", "init", "hello", *options]
    run(init, cwd=tmp_path, env=ENVIRONMENT, timeout_seconds=60)
    folder = tmp_path / "hello"
    (line,) = re.findall(r"^(.* )pytest$", (folder / "README.md").read_text(), re.MULTILINE)
    command = f"{line}{sys.executable} -m pytest -p no:cacheprovider -p no:schemathesis"
    done = run(["bash", "-c", command], cwd=folder, env=ENVIRONMENT, timeout_seconds=LIMIT_SECONDS, check=False)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def _not_yet(printed):
    raise NotYet(printed)
