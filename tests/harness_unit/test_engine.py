"""An engine is found, or started and stopped, or refused with one sentence. Stub programs stand for Docker."""

import os
import signal
import sys
from pathlib import Path

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.images.offline import debian, dockerd
from pytest_apiservice.images.offline.engine import Engine, ensure_engine, stop_engine

REFUSES = 'case "$1" in version) echo "Cannot connect to the Docker daemon. Is it running?" >&2; exit 1;; esac\n'


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Have an empty machine: no program but stubs, an empty cache, an ordinary user; yields the way to add a stub."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("APISERVICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def add(name, script):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)

    return add


@pytest.fixture
def root_on_debian(machine, tmp_path, monkeypatch):
    """Have everything installed but nothing running, and be root; dockerd comes up once its stub made the file up."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("apt-get", "iptables", "ip"):
        machine(name, f"echo {name} >> {tmp_path}/called")
    version = f"[ -e {tmp_path}/up ] && echo 20.10.24 || {{ echo down >&2; exit 1; }}"
    machine("docker", f'case "$1" in version) {version};; context) echo default;; esac')
    return tmp_path


@pytest.fixture
def running(root_on_debian, machine):
    """Have a dockerd that we started; ended even if the test does not."""
    machine(
        "dockerd", f"echo hello; echo up > {root_on_debian}/up; exec {sys.executable} -c 'import time; time.sleep(300)'"
    )
    engine = ensure_engine()
    pid = dockerd.our_pid()
    yield engine, pid
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def test_a_running_engine_is_used_as_it_is(machine):
    machine("docker", "echo 28.2.2")
    assert ensure_engine() == Engine("28.2.2", ours=False)


def test_a_docker_host_that_does_not_answer_is_named_and_nothing_is_started(machine, root_on_debian, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(HarnessError, match=r"DOCKER_HOST is 'tcp://192\.0\.2\.1:2375'.*unset.*CLUSTER=embedded"):
        ensure_engine()
    assert not (root_on_debian / "called").exists()


def test_a_docker_context_that_does_not_answer_is_named(machine):
    machine("docker", f'{REFUSES}case "$1" in context) echo faraway;; esac')
    with pytest.raises(HarnessError, match=r"context is 'faraway'.*docker context use default"):
        ensure_engine()


def test_a_user_outside_the_group_docker_is_told_so(machine):
    machine(
        "docker",
        'case "$1" in version) echo "permission denied while trying to connect" >&2; exit 1;; *) echo default;; esac',
    )
    with pytest.raises(HarnessError, match="add it to the group 'docker'"):
        ensure_engine()


def test_without_docker_and_root_the_way_without_docker_is_named(machine):
    with pytest.raises(HarnessError, match=r"no docker on PATH.*only root on Debian.*CLUSTER=embedded"):
        ensure_engine()


def test_root_on_another_system_is_not_offered_apt(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(HarnessError, match="start or install Docker"):
        ensure_engine()


def test_installing_on_a_full_disk_says_what_it_needs(root_on_debian, monkeypatch):
    monkeypatch.setattr(debian, "NEEDED_MIB", 10**9)
    with pytest.raises(HarnessError, match=r"installing docker\.io, iptables, iproute2 needs \d+ MiB"):
        ensure_engine()


def test_a_daemon_that_dies_shows_the_end_of_its_log(root_on_debian, machine):
    machine("dockerd", "echo no space left on device >&2; exit 3")
    with pytest.raises(HarnessError, match=r"(?s)exit code 3.*no space left on device"):
        ensure_engine()
    assert dockerd.our_pid() is None


def test_our_daemon_holds_no_terminal_or_pipe_of_the_caller(running):
    _, pid = running
    assert os.getsid(pid) == pid
    opened = {number: str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (0, 1, 2)}
    assert opened[0] == "/dev/null"
    assert opened[1] == opened[2] == str(dockerd.record_path().with_name("dockerd.log"))


def test_our_daemon_is_found_again_and_stopped_by_us(running):
    engine, pid = running
    assert engine.ours
    assert ensure_engine().ours
    assert stop_engine()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
    assert not stop_engine()


def test_an_engine_that_runs_containers_is_left_running(running, root_on_debian, machine):
    machine("docker", "echo 3f2a9c")
    assert not stop_engine()
    assert dockerd.our_pid() is not None


def test_another_process_under_a_recorded_id_is_never_ours(machine):
    dockerd.record_path().parent.mkdir(parents=True)
    dockerd.record_path().write_text(f'{{"pid": {os.getpid()}, "started": "1"}}')
    assert dockerd.our_pid() is None
    assert not stop_engine()
