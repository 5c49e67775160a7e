"""Programs that the measurements start, and what the kernel counts for them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.process import die_with_parent, last_lines

STOP_SECONDS = 10.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """Memory of a process and its children, in MiB.

    Attributes:
        rss: resident pages, those shared with other processes counted in full each time.
        pss: resident pages, shared ones divided among those that share them.
        private: pages that nobody shares: what one more replica on the same node costs.
    """

    rss: float
    pss: float
    private: float


@dataclass(frozen=True)
class Child:
    """A running program of ours."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def tree(self) -> list[int]:
        """Return its process id and those of its descendants."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                todo += [int(word) for word in _read(children).split()]
        return found

    def cpu_seconds(self) -> float:
        """Return the processor time used so far, user and system, by the tree and by its children that ended."""
        fields = (_read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split() for pid in self.tree())
        return sum(sum(map(int, values[11:15])) for values in fields) / TICKS_PER_SECOND

    def memory(self) -> Memory:
        """Return the memory of the tree now."""
        sums = {"Rss": 0, "Pss": 0, "Private_Clean": 0, "Private_Dirty": 0}
        for pid in self.tree():
            for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
                name = line.partition(":")[0]
                if name in sums:
                    sums[name] += int(line.split()[1])
        return Memory(sums["Rss"] / 1024, sums["Pss"] / 1024, (sums["Private_Clean"] + sums["Private_Dirty"]) / 1024)

    def descriptors(self) -> int:
        """Return how many file descriptors the tree has open."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.tree())

    def death(self) -> str | None:
        """Say that it ended, with its last lines; None while it runs."""
        if self.process.poll() is None:
            return None
        return f"{self.name} ended with exit code {self.process.returncode}; its last lines:\n{last_lines(self.log)}"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return ""


@contextmanager
def started(
    name: str, argv: Sequence[str | Path], *, directory: Path, env: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Run ``argv`` in ``directory`` while the block runs, output in <name>.log; SIGTERM, then SIGKILL, at its end.

    Raises:
        HarnessError: it cannot be started.
    """
    log = directory / f"{name}.log"
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=directory,
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - started from the main thread, before any other thread
            )
        except OSError as error:
            raise HarnessError(f"cannot start {name} ({argv[0]}): {error.strerror}") from error
    try:
        yield Child(name, process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
