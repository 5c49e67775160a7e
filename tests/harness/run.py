"""Run a program with a deadline; a failure says which command, and shows the end of its output."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.errors import HarnessError

SHOWN_LINES = 20
LOOK_SECONDS = 3.0
ENDING_SECONDS = 20.0


def tail(text: str, lines: int = SHOWN_LINES) -> str:
    """Return the last ``lines`` lines of ``text``, indented."""
    return "\n".join(f"    {line}" for line in text.strip().splitlines()[-lines:])


def run(
    argv: Sequence[str | Path],
    *,
    timeout_seconds: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    input: str | None = None,  # noqa: A002 - the name subprocess gives it
    check: bool = True,
    hopeless: Callable[[], str | None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``argv`` (never through a shell) and return it completed, output captured as text.

    Args:
        timeout_seconds: after it the whole process group is killed.
        env: the complete environment; None inherits ours.
        check: False returns a failed process instead of raising.
        hopeless: asked every few seconds; a text, as the reason why waiting is pointless, ends the process.

    Raises:
        HarnessError: not found, timed out, hopeless, or (with ``check``) a non-zero exit.
    """
    command = shlex.join(str(word) for word in argv)
    try:
        process = subprocess.Popen(
            [str(word) for word in argv],
            env=env,
            cwd=cwd,
            stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise HarnessError(f"cannot run '{command}': {error.strerror or error}") from error
    try:
        stdout, stderr = _communicate(process, input, timeout_seconds, hopeless)
    except _Hopeless as why:
        raise HarnessError(f"'{command}' was ended, as it waits in vain:\n{why}") from None
    except subprocess.TimeoutExpired:
        _kill_group(process)
        stdout, stderr = process.communicate()
        raise HarnessError(f"'{command}' did not end within {timeout_seconds:g} s:\n{tail(stdout + stderr)}") from None
    except BaseException:
        _kill_group(process)
        process.wait()
        raise
    if check and process.returncode != 0:
        raise HarnessError(f"'{command}' failed with exit code {process.returncode}:\n{tail(stdout + stderr)}")
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


class _Hopeless(Exception):
    pass


def _communicate(
    process: subprocess.Popen[str], text: str | None, timeout_seconds: float, hopeless: Callable[[], str | None] | None
) -> tuple[str, str]:
    deadline = time.monotonic() + timeout_seconds
    while hopeless is not None and time.monotonic() + LOOK_SECONDS < deadline:
        try:
            return process.communicate(text, timeout=LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            text = None  # it is on its way
        if why := hopeless():
            process.terminate()  # helm marks the release as failed then
            process.communicate(timeout=ENDING_SECONDS)
            raise _Hopeless(why)
    return process.communicate(text, timeout=deadline - time.monotonic())


def _kill_group(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
