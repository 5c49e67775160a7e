"""What an embedded cluster says when it cannot start, and what is left then: nothing."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.embedded.control import ask
from pytest_apiservice.embedded.folder import PREFIX, Lock, inhabitants, is_running, state, stop, sweep
from pytest_apiservice.embedded.launch import START_TIMEOUT_SECONDS

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Yield a function that puts a shell script in place of a component."""

    def put(name, script):
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit\n{script}\n')
        path.chmod(0o755)
        monkeypatch.setenv("APISERVICE_" + name.upper().replace("-", "_"), str(path))

    return put


@pytest.fixture
def supervise(tmp_path):
    """Yield a function that starts a supervisor and returns it with its folder; it is dead at the end."""
    directory = tmp_path / "cluster"
    (directory / "logs").mkdir(parents=True)
    crds = tmp_path / "crds"
    crds.mkdir()
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "pytest_apiservice.embedded.supervisor", "--directory", str(directory)]
        command += ["--crds", str(crds), *arguments]
        with Lock(directory) as lock:
            process = subprocess.Popen(command, cwd=TESTS, stdin=subprocess.PIPE, pass_fds=[lock.fileno()])
            lock.name_holder(process.pid)
        started.append(process)
        return process, directory

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()


def failed(directory):
    phase, message = state(directory)
    if phase != "failed":
        raise NotYet(phase)
    return message


@pytest.mark.parametrize("broken", ["etcd", "kube-apiserver"])
def test_a_component_that_dies_at_start_is_quoted_long_before_the_deadline_of_the_start(program, supervise, broken):
    program("etcd", "exec sleep 1000")
    program("kube-apiserver", "exec sleep 1000")
    program(broken, "echo 'no space left on device' >&2; exit 3")
    process, directory = supervise("--owned")
    wait_for("the supervisor to begin", lambda: begun(directory), timeout_seconds=120)
    message = wait_for("the failure", lambda: failed(directory), timeout_seconds=START_TIMEOUT_SECONDS / 3)
    assert message == f"{broken} ended with exit code 3; its last lines:\n    no space left on device"
    assert process.wait(20) == 1
    assert inhabitants(directory) == []


def begun(directory):
    if not (directory / "logs" / "etcd.log").exists():
        raise NotYet("no component yet")


def test_a_port_that_is_taken_is_named(supervise):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _, directory = supervise("--owned", f"--api-port={port}")
        message = wait_for("the failure", lambda: failed(directory), timeout_seconds=120)
    assert message == f"API_PORT {port} cannot be had (Address already in use): choose another, or unset it"


@pytest.mark.parametrize("how", ["end of file", "SIGTERM", "stop"])
def test_told_to_end_while_it_starts_it_leaves_nothing(program, supervise, how):
    program("etcd", "exec sleep 1000")
    program("kube-apiserver", "exec sleep 1000")
    process, directory = supervise("--owned")
    wait_for("the supervisor to begin", lambda: begun(directory), timeout_seconds=120)
    if how == "end of file":
        process.stdin.close()
    elif how == "SIGTERM":
        process.terminate()
    else:
        stop(directory)
    assert process.wait(20) == 0
    assert not directory.exists()
    assert inhabitants(directory) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs the parent-death signal of prctl(2)")
def test_components_die_with_a_killed_supervisor(program, supervise):
    program("etcd", "exec sleep 1000")
    program("kube-apiserver", "exec sleep 1000")
    process, directory = supervise("--owned")
    wait_for("the supervisor to begin", lambda: begun(directory), timeout_seconds=120)
    process.kill()
    process.wait()

    def nobody():
        if left := inhabitants(directory):
            raise NotYet(f"processes {left}")

    wait_for("its components to die", nobody, timeout_seconds=5)
    assert not is_running(directory)


def test_a_sweep_removes_what_a_killed_run_left_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead, alive, fresh, foreign = (
        tmp_path / name for name in (f"{PREFIX}dead", f"{PREFIX}alive", f"{PREFIX}fresh", "foreign")
    )
    for directory in (dead, alive, fresh, foreign):
        directory.mkdir()
    Lock(dead).__exit__(None, None, None)
    orphan = subprocess.Popen(["sleep", "1000"], cwd=dead)
    with Lock(alive):
        sweep()
        assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([alive.name, fresh.name, "foreign"])
    if sys.platform == "linux":
        assert orphan.wait(5) == -signal.SIGKILL
    orphan.kill()
    orphan.wait()


def test_a_state_that_was_never_written_means_starting(tmp_path):
    assert state(tmp_path) == ("starting", "")
    (tmp_path / "state.json").write_text(json.dumps({"phase": "ready", "message": ""}))
    assert state(tmp_path) == ("ready", "")


def test_nobody_runs_in_a_folder_without_a_lock(tmp_path):
    assert not is_running(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["absent", "ended"])
def test_what_is_asked_of_a_cluster_that_is_not_there_is_answered_in_one_sentence(tmp_path, name):
    (tmp_path / "ended").mkdir()
    sentence = rf"^the embedded cluster in \S+/{name} does not answer \(.*\): it has ended, start another$"
    with pytest.raises(HarnessError, match=sentence):
        ask(tmp_path / name, "stop")
