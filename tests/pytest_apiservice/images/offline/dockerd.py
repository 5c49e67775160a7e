"""A dockerd of our own, where no service manager would run it: detached, with its own log, and ended by us alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.run import tail
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.images.offline import bounded_runtime
from pytest_apiservice.programs.cache import cache_dir

STOP_SECONDS = 40


def start(wait: Callable[[Callable[[], str | None]], str]) -> str:
    """Start dockerd in its own session and return its version.

    Args:
        wait: waits for the engine to answer and returns its version; given what says that the process died.

    Raises:
        HarnessError: it ended or did not answer in time, with the end of its log.
    """
    directory = cache_dir() / "engine"
    directory.mkdir(exist_ok=True)
    log = directory / "dockerd.log"
    with step("starting dockerd"), log.open("w") as output:
        process = subprocess.Popen(
            [shutil.which("dockerd") or "dockerd", *_runtime_arguments(directory)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
        record_path().write_text(json.dumps({"pid": process.pid, "started": _start_time(process.pid)}))

        def died() -> str | None:
            code = process.poll()
            return None if code is None else f"dockerd ended with exit code {code}"

        try:
            version = wait(died)
        except BaseException as error:
            process.terminate()
            record_path().unlink(missing_ok=True)
            if isinstance(error, HarnessError):
                raise HarnessError(f"{error}; the end of its log {log}:\n{tail(log.read_text())}") from error
            raise
    say(f"changed on this machine: dockerd {version} was started (pid {process.pid}, log {log}); 'make clean' stops it")
    return version


def stop(pid: int) -> None:
    """End the dockerd ``pid``, gracefully if it lets us, and forget it."""

    def gone() -> None:
        if our_pid() is not None:
            raise NotYet(f"pid {pid} runs")

    with step(f"stopping the Docker engine we started (pid {pid})"):
        os.kill(pid, signal.SIGTERM)
        try:
            wait_for("the end of dockerd", gone, timeout_seconds=STOP_SECONDS)
        except HarnessError:
            os.kill(pid, signal.SIGKILL)
    record_path().unlink(missing_ok=True)


def _runtime_arguments(directory: Path) -> list[str]:
    """Return dockerd's flags for bounded_runtime.py where this machine's capability bound is short, else none."""
    if not bounded_runtime.missing_capabilities(Path("/proc/self/status").read_text()):
        return []
    runtime = directory / "bounded-runtime"  # a copy: the checkout may go while the engine stays
    runtime.write_text(f"#!{sys.executable} -IS\n{Path(bounded_runtime.__file__).read_text()}")
    runtime.chmod(0o755)
    return ["--add-runtime", f"bounded={runtime}", "--default-runtime", "bounded"]


def record_path() -> Path:
    """Return the file that names the process we started."""
    return cache_dir() / "engine" / "dockerd.json"


def our_pid() -> int | None:
    """Return the process id of the dockerd that we started, if that very process still runs."""
    try:
        record = json.loads(record_path().read_text())
    except (OSError, ValueError):
        return None
    pid = int(record["pid"])
    return pid if record["started"] == _start_time(pid) else None


def _start_time(pid: int) -> str | None:
    """Return field 22 of /proc/<pid>/stat, which with the id names one process for good; None if it ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
