"""Run a program with a deadline; a failure says which command, and shows the end of its output."""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError

SHOWN_LINES = 20


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
) -> subprocess.CompletedProcess[str]:
    """Run ``argv`` (never through a shell) and return it completed, output captured as text.

    Args:
        timeout_seconds: after it the whole process group is killed.
        env: the complete environment; None inherits ours.
        check: False returns a failed process instead of raising.

    Raises:
        HarnessError: not found, timed out, or (with ``check``) a non-zero exit.
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
        stdout, stderr = process.communicate(input, timeout=timeout_seconds)
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


def _kill_group(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
