"""Folders of embedded clusters: who lives in one, how to end it, and how to remove what a killed machine left."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.embedded.control import ask
from pytest_apiservice.programs.cache import cache_dir

PREFIX = "header-echo-embedded-"
STOP_TIMEOUT_SECONDS = 20.0
UNLOCKED_GRACE_SECONDS = 60.0


class Lock:
    """Held on a cluster's folder by its owner while it starts, and by its supervisor as long as it lives."""

    def __init__(self, directory: Path) -> None:
        """Take the lock, which has to be free.

        Raises:
            BlockingIOError: somebody holds it.
        """
        self._file = (directory / "lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise

    def fileno(self) -> int:
        """The file descriptor to hand down: the lock is free when all its copies are closed."""
        return self._file.fileno()

    def name_holder(self, pid: int) -> None:
        """Note the process that holds the lock from now on."""
        self._file.truncate(0)
        self._file.write(str(pid))
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def is_running(directory: Path) -> bool:
    """Tell whether a supervisor lives in ``directory``."""
    if not (directory / "lock").exists():
        return False
    try:
        Lock(directory).__exit__(None, None, None)
    except BlockingIOError:
        return True
    return False


def state(directory: Path) -> tuple[str, str]:
    """Return (phase, message) of the cluster in ``directory``: "starting", "ready" or "failed"."""
    try:
        content = json.loads((directory / "state.json").read_text())
    except FileNotFoundError:
        return "starting", ""
    return content["phase"], content["message"]


def stop(directory: Path) -> None:
    """End the cluster in ``directory``, if any, and remove the folder."""
    if is_running(directory):
        try:
            ask(directory, "stop", timeout_seconds=STOP_TIMEOUT_SECONDS)
        except HarnessError:  # it starts, ends or hangs
            _signal_holder(directory, signal.SIGTERM)
        try:
            wait_for(
                "the embedded cluster to end", lambda: _demand_ended(directory), timeout_seconds=STOP_TIMEOUT_SECONDS
            )
        except HarnessError:
            _signal_holder(directory, signal.SIGKILL)
            wait_for(
                "the embedded cluster to die", lambda: _demand_ended(directory), timeout_seconds=STOP_TIMEOUT_SECONDS
            )
    if directory.exists():
        remove(directory)


def end_supervisor(supervisor: subprocess.Popen[bytes]) -> None:
    """End a supervisor that we started, by the end of its standard input if it has one, and wait for it."""
    if supervisor.stdin is not None:
        supervisor.stdin.close()
    else:
        supervisor.terminate()
    try:
        supervisor.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


def sweep() -> None:
    """Remove folders whose supervisor is gone without having removed them: it was killed, together with its owner."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if directory.stat().st_uid != os.getuid() or is_running(directory):
                continue
            if (directory / "lock").exists() or time.time() - directory.stat().st_mtime > UNLOCKED_GRACE_SECONDS:
                remove(directory)
        except FileNotFoundError:  # its owner was faster
            continue


def kept_directory(name: str) -> Path:
    """Return the folder of the kept cluster ``name``."""
    return cache_dir() / "clusters" / f"embedded-{name}"


def delete_kept() -> None:
    """End and remove all kept clusters of this user, and what killed runs left."""
    for directory in kept_directory("").parent.glob("embedded-*"):
        with step(f"removing the embedded cluster in {directory}"):
            stop(directory)
    sweep()


def inhabitants(directory: Path) -> list[int]:
    """Return the ids of processes that work inside ``directory``: components and pods all do. Linux only, else none."""
    if sys.platform != "linux":
        return []
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            place = str((process / "cwd").readlink()).removesuffix(" (deleted)")
        except OSError:  # it ended, or is not ours
            continue
        if Path(place).is_relative_to(directory):
            found.append(int(process.name))
    return found


def remove(directory: Path) -> None:
    """Remove the folder and, before it, whoever of ours still works in it."""
    for pid in inhabitants(directory):
        if pid != os.getpid():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    shutil.rmtree(directory, ignore_errors=True)


def _demand_ended(directory: Path) -> None:
    if directory.exists() and is_running(directory):
        raise NotYet("its supervisor runs")


def _signal_holder(directory: Path, number: signal.Signals) -> None:
    try:
        os.kill(int((directory / "lock").read_text()), number)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        pass
