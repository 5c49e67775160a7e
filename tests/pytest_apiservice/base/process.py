"""A child process that cannot outlive us: own process group, parent-death signal, output in a file."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from pytest_apiservice.base.run import SHOWN_LINES, tail

PR_SET_PDEATHSIG = 1
COPIED_BYTES = 2_000_000


def die_with_parent(then: Callable[[], None] | None = None) -> Callable[[], None] | None:
    """Return what a child has to call before exec so that the kernel kills it when we die, and ``then``; None where there is no such thing.

    Linux only (prctl(2)). Elsewhere a supervisor that gets SIGKILL leaves its children to the next start, which
    sweeps (pytest_apiservice.embedded.cluster). The signal follows the *thread* that forked, so children are started from the main thread only.
    """
    if sys.platform != "linux":
        return then
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)
        if then is not None:
            then()

    return prepare


class LocalProcess:
    """One running child."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(
        cls,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> Self:
        """Start ``argv`` with stdout and stderr appended to ``log``.

        Args:
            name: what people call it, for messages.
            env: the complete environment; None inherits ours.
            prepare: called in the child before it executes the program.

        Raises:
            OSError: the program is missing or cannot be executed.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *map(str, argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=die_with_parent(prepare),  # safe: this process has one thread
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        """Process id, also the id of its process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 + n after signal n, as shells and containers count."""
        code = self._process.returncode
        return code if code is None or code >= 0 else 128 - code

    async def wait(self) -> int:
        """Wait for its end and return the exit code; what it left in its process group is killed."""
        await self._process.wait()
        self.signal(signal.SIGKILL)
        return self.exit_code or 0

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, SIGKILL to all of its group; nothing happens when it is gone."""
        try:
            if number == signal.SIGKILL:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass
        except PermissionError:  # macOS answers so for a group of zombies
            pass

    async def stop(self, grace_seconds: float) -> int:
        """SIGTERM, then SIGKILL after ``grace_seconds``; return the exit code."""
        if self.exit_code is None:
            self.signal(signal.SIGTERM)
        return await self.end_by(grace_seconds)

    async def end_by(self, seconds: float) -> int:
        """Wait at most ``seconds`` for its end, then SIGKILL; return the exit code."""
        try:
            await asyncio.wait_for(self._process.wait(), max(0.0, seconds))
        except TimeoutError:
            self.signal(signal.SIGKILL)
        return await self.wait()

    def last_lines(self, count: int = SHOWN_LINES) -> str:
        """Return the end of its output, indented."""
        return last_lines(self.log, count)


def copy_ends(source: Path, target: Path) -> None:
    """Copy the logs below ``source`` into the one folder ``target``; of long ones the end, as the whole may be hundreds of megabytes."""
    target.mkdir(parents=True, exist_ok=True)
    for log in sorted(path for path in source.rglob("*") if path.is_file()):
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - COPIED_BYTES))
            (target / str(log.relative_to(source)).replace("/", "-")).write_bytes(file.read())


def last_lines(log: Path, count: int = SHOWN_LINES) -> str:
    """Return the last ``count`` lines of a file, indented; '' when there is none."""
    return tail(log.read_text(errors="replace"), count) if log.exists() else ""
