"""The Python distributions: built from a copy of the tree, so that nothing of a build stays in it, and checked."""

import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("backend", "backend/header_echo", "tests")  # of extension-apiserver, header-echo, pytest-apiservice
NOT_OURS = shutil.ignore_patterns("__pycache__", ".*_cache", "*.egg-info", "build", "dist")
BUILD_SECONDS = 300
TOOLS = "requirements/release.txt has what builds them: pip install -r requirements/release.txt"


def projects() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each folder with its pyproject.toml's table "project"."""
    for folder in FOLDERS:
        yield folder, tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]


def versions() -> Iterator[tuple[str, str]]:
    """Yield where a version of ours stands in the pyproject.toml files, and that version."""
    for folder, project in projects():
        yield f"{folder}/pyproject.toml version", str(project["version"])
        for requirement in project["dependencies"]:
            if ours := re.fullmatch(r"extension-apiserver == (\S+)", requirement):
                yield f"{folder}/pyproject.toml extension-apiserver", ours[1]


def build(directory: Path, folders: Sequence[str] = FOLDERS) -> list[Path]:
    """Build the wheel and the sdist of those in ``folders`` into the new folder ``directory`` and return them.

    The wheel is made from the sdist, so that what the sdist lacks is noticed. The build backend is the one that
    requirements/release.txt pins, with its hash: `build` by itself would fetch the newest.

    Raises:
        HarnessError: a build failed, or there is nothing to build with.
    """
    with step("building the Python distributions"), ThreadPoolExecutor() as pool:
        for built in [pool.submit(_build, folder, directory) for folder in folders]:
            built.result()
    return sorted(directory.iterdir())


def _build(folder: str, directory: Path) -> None:
    with tempfile.TemporaryDirectory() as parent:
        source = Path(parent) / "source"
        shutil.copytree(ROOT / folder, source, ignore=NOT_OURS)  # what links lead to, too
        options = ["--no-isolation", "--skip-dependency-check", f"--outdir={directory}"]
        command: list[str | Path] = [sys.executable, "-m", "build", *options, source]
        answer = run(command, cwd=Path(parent), timeout_seconds=BUILD_SECONDS, check=False)
    if answer.returncode != 0:
        raise HarnessError(f"{folder} does not build ({TOOLS}):\n{answer.stdout}{answer.stderr}")


def check(files: list[Path]) -> None:
    """Raise HarnessError unless an index would take ``files``: their metadata is complete, their README can be shown."""
    with step("checking the Python distributions"):
        answer = run([sys.executable, "-m", "twine", "check", "--strict", *files], timeout_seconds=60, check=False)
    if answer.returncode != 0:
        raise HarnessError(f"an index would not take the distributions ({TOOLS}):\n{answer.stdout}{answer.stderr}")
