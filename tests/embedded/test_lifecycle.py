"""However a run ends, nothing of its embedded cluster stays: no process, no folder. The runs go at once, so they also prove that two don't meet."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from walk import hear_ctrl_c

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.embedded.folder import PREFIX, inhabitants

TESTS = Path(__file__).resolve().parents[1]
ENDINGS = ("pass", "failure", "ctrl-c", "killed", "supervisor-killed")
EXIT_CODES = {"pass": 0, "failure": 1, "ctrl-c": 2, "killed": -signal.SIGKILL, "supervisor-killed": 1}
RUN = """
import json, os, signal, time
from pathlib import Path
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.embedded.node.images import LocalImage

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sleeper", "namespace": "default"},
       "spec": {"containers": [{"name": "shell", "image": "shell:1", "args": ["-c", "sleep 1000 & sleep 1000"]}]}}

def test_one_pod(cluster):
    kubectl = Kubectl(cluster, "default")
    cluster.load_image("shell:1", LocalImage(["/bin/sh"]))
    kubectl.apply(json.dumps(POD))
    kubectl("wait", "--for=condition=Ready", "pod/sleeper", "--timeout=60s", timeout_seconds=90)
    report, ending = Path(os.environ["REPORT"]), os.environ["ENDING"]
    report.with_suffix(".new").write_text(str(cluster.directory))
    report.with_suffix(".new").rename(report)
    while ending in ("ctrl-c", "killed"):
        time.sleep(0.1)  # not signal.pause(): a signal that comes just before it would be missed
    if ending == "supervisor-killed":
        os.kill(int((cluster.directory / "lock").read_text()), signal.SIGKILL)
    assert ending == "pass"
"""

pytestmark = pytest.mark.only_on("embedded", reason="its processes and folders are looked at")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Yield, for each way to end, pytest running with an embedded cluster of its own, and where it writes its folder's name."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "test_run.py").write_text(RUN)
    running = {}
    try:
        for ending in ENDINGS:
            report = folder / ending
            environment = {**os.environ, "PYTHONPATH": str(TESTS), "ENDING": ending, "REPORT": str(report)}
            environment.pop("PYTEST_XDIST_WORKER", None)
            command = [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "pytest_apiservice.plugin",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:schemathesis",
                "--apiservice-cluster=embedded",
            ]
            with (folder / f"{ending}.log").open("wb") as log:
                running[ending] = subprocess.Popen(
                    [*command, "-c", os.devnull, f"--rootdir={folder}", str(folder / "test_run.py")],
                    cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True,
                    preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - it takes no lock
                ), report  # fmt: skip
        yield running
    finally:
        for process, _ in running.values():
            process.kill()
            process.wait()


def wait_for_directory(process, report):
    def told():
        if not report.exists():
            raise NotYet("it runs no pod yet")
        return Path(report.read_text())

    def died():
        return (
            None if process.poll() is None else f"pytest ended:\n{report.with_name(report.name + '.log').read_text()}"
        )

    return wait_for("the run to have a pod", told, timeout_seconds=120, died=died)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_run_leaves_no_process_and_no_folder(runs, ending):
    process, report = runs[ending]
    directory = wait_for_directory(process, report)
    assert directory.name.startswith(PREFIX)
    assert directory.parent == Path(tempfile.gettempdir())
    if ending == "ctrl-c":
        os.killpg(process.pid, signal.SIGINT)
    elif ending == "killed":
        process.kill()

    def exit_code():
        if process.poll() is None:
            raise NotYet(f"it says:\n{report.with_name(report.name + '.log').read_text()}")
        return process.returncode

    code = wait_for(f"the run that ends by '{ending}' to end", exit_code, timeout_seconds=180)

    def nothing():
        try:
            left = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ") for pid in inhabitants(directory)]
            files = sorted(directory.rglob("*"))[:5]
        except (FileNotFoundError, ProcessLookupError) as error:
            raise NotYet(f"going while it is looked at: {error}") from None
        if left or directory.exists():
            raise NotYet(f"processes {left}, folder {files}")

    wait_for(f"everything in {directory} to go", nothing, timeout_seconds=30)
    assert EXIT_CODES[ending] == code, report.with_name(report.name + ".log").read_text()
