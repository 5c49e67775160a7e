"""What version a copy of a program says it is, and which two do for each other."""

import re
from collections.abc import Sequence
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run


def said_by(path: Path, arguments: Sequence[str]) -> str:
    """Return the version that the program at ``path`` prints when called with ``arguments``, as "v1.37.2"; "" if none."""
    try:
        answer = run([path, *arguments], timeout_seconds=20, check=False)
    except HarnessError:
        return ""
    match = re.search(r"v?(\d+\.\d+\.\d+[-\w.]*)", answer.stdout + answer.stderr)
    return f"v{match[1]}" if match else ""


def fits(path: Path, arguments: Sequence[str], version: str) -> bool:
    """Tell whether the program at ``path`` runs here and is ``version``; one that has no ``arguments`` to say so need only run."""
    if arguments:
        return said_by(path, arguments) == version
    try:
        return run([path, "--help"], timeout_seconds=20, check=False).returncode == 0
    except HarnessError:
        return False


def minor(version: str) -> tuple[str, ...]:
    """Return major and minor: what must agree for a program on PATH to do; pre-releases never agree."""
    return (version,) if "-" in version else tuple(version.split(".")[:2])
