"""How the owner of an embedded cluster starts its supervisor, and waits for it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_apiservice.base.data import module_path
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.process import last_lines
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.embedded.folder import Lock, state

START_TIMEOUT_SECONDS = 180.0  # about 4 s on an idle machine


def start_supervisor(directory: Path, options: Sequence[str], *, outlives_us: bool) -> subprocess.Popen[bytes]:
    """Start the supervisor of the cluster in ``directory``, which holds its lock; unless it outlives us, it ends with its standard input."""
    command = [sys.executable, "-m", "pytest_apiservice.embedded.supervisor", f"--directory={directory}"]
    with Lock(directory) as lock, (directory / "logs" / "supervisor.log").open("wb") as log:
        supervisor = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.DEVNULL if outlives_us else subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": module_path("pytest_apiservice")},
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
        lock.name_holder(supervisor.pid)
    return supervisor


def wait_until_ready(directory: Path, supervisor: subprocess.Popen[bytes]) -> None:
    """Wait until the cluster's API is ready and has the kinds that were asked for.

    Raises:
        HarnessError: a component failed, or the supervisor ended; with the last lines.
    """

    def ready() -> None:
        phase, message = state(directory)
        if phase == "failed":
            raise HarnessError(message)
        if phase != "ready":
            raise NotYet(message or "starting")

    def died() -> str | None:
        if supervisor.poll() is None:
            return None
        return f"its supervisor ended:\n{last_lines(directory / 'logs' / 'supervisor.log')}"

    wait_for(
        "the embedded cluster",
        ready,
        timeout_seconds=START_TIMEOUT_SECONDS,
        interval_seconds=0.02,
        max_interval_seconds=0.02,  # it reads a small file
        died=died,
    )
