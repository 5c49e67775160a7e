"""What ci/measured.py calls run was run, in whatever process, and a share below its floor is an error."""

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import measured
from harness_unit.nested import NO_OTHER_PLUGINS
from pytest_apiservice.base.run import run
from pytest_apiservice.embedded.node.images import LocalImage
from pytest_apiservice.embedded.pod.environment import MEASURES, Mounts, environment

ROOT = Path(__file__).resolve().parents[2]
POD = {"metadata": {"name": "echo-1", "namespace": "cats"}, "spec": {"containers": []}}
#: Ends a child that has run a line of ours and takes no signals itself, from another folder and with an environment of its own.
SUITE = """
import os, signal, subprocess, sys

CHILD = "import header_echo.header_lines, extension_apiserver.variables; print(flush=True); import signal; signal.pause()"

def test_it(tmp_path):
    own = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "COVERAGE_PROCESS_CONFIG")}
    with subprocess.Popen([sys.executable, "-c", CHILD], cwd=tmp_path, env=own, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        child.send_signal(signal.NAME)
    assert child.returncode == -signal.NAME
"""


@pytest.fixture
def suite(tmp_path):
    """Yield a function that measures a test file → (exit code, the lines about what it ran); this run's own measurement stays out of it."""
    name = f"test-{os.getpid()}"
    outside = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    outside |= {"PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{ROOT / 'backend'}", "KEEP": ""}
    outside |= NO_OTHER_PLUGINS

    def call(text, **variables):
        (tmp_path / "test_it.py").write_text(text)
        script = [sys.executable, ROOT / "ci" / "measured.py", name]
        words = ["pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={tmp_path}", tmp_path]
        said = run([*script, *words], env=outside | variables, timeout_seconds=300, check=False)
        return said.returncode, [line for line in said.stdout.splitlines() if line.endswith(f"that {name} runs)")]

    yield call
    shutil.rmtree(measured.processes(name), ignore_errors=True)
    (measured.REPORTS / f"{name}.data").unlink(missing_ok=True)


def share(line):
    """Return (part, percent) of a line that was printed."""
    part, percent, _ = line.split(" ", 2)
    return part, float(percent)


def test_a_suite_that_fails_fails_and_is_measured_all_the_same(suite):
    code, lines = suite("def test_it(): assert 0")
    assert (code, len(lines)) == (1, 2)


def test_a_process_that_sigterm_ends_is_measured(suite):
    code, lines = suite(SUITE.replace("NAME", "SIGTERM"))
    (backend, some), (harness, none) = map(share, lines)
    assert code == 0
    assert (backend, harness) == ("backend", "harness")
    assert 0 < some < 50
    assert none == 0


def test_a_process_that_sigkill_ends_is_lost_and_disturbs_nothing(suite):
    code, lines = suite(SUITE.replace("NAME", "SIGKILL"))
    assert (code, [share(line) for line in lines]) == (0, [("backend", 0), ("harness", 0)])


def test_nothing_is_measured_where_a_cluster_is_kept(suite):
    assert suite("import os\ndef test_it(): assert 'COVERAGE_PROCESS_CONFIG' not in os.environ", KEEP="1") == (0, [])


@pytest.mark.parametrize("name", MEASURES)
def test_a_pod_is_measured_where_its_test_is(monkeypatch, tmp_path, name):
    network = SimpleNamespace(node_ip="10.1.2.1", local_address=lambda ip: ip)
    node = SimpleNamespace(api_port=6443, proxy="http://127.0.0.1:1", network=network)
    image = LocalImage(("python",))
    monkeypatch.setenv(name, "where")
    assert environment(node, POD, {}, image, Mounts({}), "127.1.2.9")[name] == "where"
    monkeypatch.delenv(name)
    assert name not in environment(node, POD, {}, image, Mounts({}), "127.1.2.9")


def test_a_share_below_its_floor_is_named_with_the_remedy():
    assert measured.too_low({"backend": 98.0, "harness": 90.0}, {"backend": 98, "harness": 90}) == []
    assert measured.too_low({"backend": 97.9, "harness": 90.0}, {"backend": 98, "harness": 90}) == [
        "coverage: backend has 97.9 %, and pyproject.toml demands 98: test what is not run, or delete it"
    ]


def test_without_data_the_command_that_makes_some_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(measured, "REPORTS", tmp_path)
    with pytest.raises(SystemExit, match="no suite was measured: make unit"):
        measured.main()
