"""The Docker engine: a running one, else Debian's, installed and started; every change to the machine is said.

An engine that we started is detached: own session, own log in the cache, no terminal or pipe of the caller held open.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.images.offline import debian, dockerd
from pytest_apiservice.programs.cache import locked

PACKAGES = ("docker.io", "iptables", "iproute2")
WITHOUT = "or use CLUSTER=embedded, which needs no Docker"
ANSWER_SECONDS = 20
START_SECONDS = 60


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers."""

    version: str
    ours: bool  # started by us, so ours to stop


def ensure_engine() -> Engine:
    """Return a Docker engine that answers: the one that DOCKER_HOST or docker's context names, else our own.

    Raises:
        HarnessError: none answers and none may be started here, or ours did not come up (with its log's end).
    """
    version, cause = _ask()
    if version:
        return Engine(version, dockerd.our_pid() is not None)
    _demand_startable(cause)
    with locked("engine"):
        version, cause = _ask()  # another run may have started it meanwhile
        if not version:
            version = _start()
    return Engine(version, dockerd.our_pid() is not None)


def stop_engine() -> bool:
    """Stop the engine that we started; False if there is none, or if somebody's containers still run on it."""
    pid = dockerd.our_pid()
    if pid is None:
        return False
    containers = run(["docker", "ps", "--quiet"], timeout_seconds=ANSWER_SECONDS, check=False).stdout.split()
    if containers:
        say(f"the Docker engine we started (pid {pid}) is left running: {len(containers)} containers run on it")
        return False
    dockerd.stop(pid)
    return True


def _ask() -> tuple[str, str]:
    """Return the engine's version ("" if none answers) and, in its client's words, why not."""
    if shutil.which("docker") is None:
        return "", "there is no docker on PATH"
    try:
        answer = run(
            ["docker", "version", "--format", "{{.Server.Version}}"], timeout_seconds=ANSWER_SECONDS, check=False
        )
    except HarnessError:
        return "", f"no answer within {ANSWER_SECONDS} s"
    if answer.returncode == 0:
        return answer.stdout.strip(), ""
    return "", (answer.stderr.strip().splitlines() or ["it says nothing"])[-1].rstrip(".?")


def _demand_startable(cause: str) -> None:
    """Raise HarnessError where starting an engine of our own would be wrong or impossible; ``cause`` is why none runs."""
    host = os.environ.get("DOCKER_HOST")
    if host:
        raise HarnessError(
            f"DOCKER_HOST is '{host}' and no engine answers there ({cause}): start it, or unset DOCKER_HOST, {WITHOUT}"
        )
    context = (
        run(["docker", "context", "show"], timeout_seconds=ANSWER_SECONDS, check=False) if _has("docker") else None
    )
    if context is not None and context.returncode == 0 and context.stdout.strip() != "default":
        raise HarnessError(
            f"docker's context is '{context.stdout.strip()}' and no engine answers there ({cause}):"
            f" start it, or 'docker context use default', {WITHOUT}"
        )
    if "permission denied" in cause:
        raise HarnessError(f"this user may not use Docker ({cause}): add it to the group 'docker', {WITHOUT}")
    if not debian.can_install():
        raise HarnessError(
            f"no Docker engine answers ({cause}), and only root on Debian or Ubuntu can have one installed here:"
            f" start or install Docker, {WITHOUT}"
        )


def _has(program: str) -> bool:
    return shutil.which(program) is not None


def _start() -> str:
    if not all(_has(program) for program in ("docker", "dockerd", "iptables", "ip")):
        debian.install(PACKAGES, "Docker")
        version, _ = _ask()  # where systemd runs, installing starts it
        if version:
            say("changed on this machine: the service docker was started by its package; we leave it running")
            return version
    if Path("/run/systemd/system").exists():
        with step("starting Docker with systemctl"):
            run(["systemctl", "start", "docker"], timeout_seconds=START_SECONDS)
        say("changed on this machine: the service docker was started; 'systemctl stop docker' stops it")
        return _wait(lambda: None)
    return dockerd.start(_wait)


def _wait(died: Callable[[], str | None]) -> str:
    def answers() -> str:
        version, cause = _ask()
        if not version:
            raise NotYet(cause)
        return version

    return wait_for("the Docker engine", answers, timeout_seconds=START_SECONDS, died=died)
