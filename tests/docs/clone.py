"""What git would clone of this tree, to type in what documents tell to type."""

import re
import shutil
from pathlib import Path

from image_push import version
from pytest_apiservice.base.run import run

ROOT = Path(__file__).resolve().parents[2]
MADE_FROM = ("requirements/tox.txt", "ci/setup.py")  # .venv, by the Makefile


def make_clone(folder: Path) -> Path:
    """Fill ``folder`` with the tree, changes not yet committed included, and with our .venv if that is up to date; return it."""
    return with_environment(copy_tree(folder))


def copy_tree(folder: Path) -> Path:
    """Fill ``folder`` with what git tracks or would track; return it."""
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, timeout_seconds=60).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file() or (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    return folder


def with_environment(folder: Path) -> Path:
    """Give the clone ``folder`` our .venv, if that is up to date: `make` would make one of its own; return it."""
    made = run(["make", "--question", ".venv/done"], cwd=ROOT, timeout_seconds=30, check=False)
    if made.returncode == 0:
        (folder / ".venv").symlink_to(ROOT / ".venv")
        for name in MADE_FROM:  # a clone's files are newer than what was made from ours
            shutil.copystat(ROOT / name, folder / name)
    return folder


def make_release_clone(folder: Path, released: str) -> Path:
    """Do the same, and in the clone what comes before a release: give it the version ``released``, and its changelog a date."""
    clone = make_clone(folder)
    projects = [f"{folder}/pyproject.toml" for folder in ("backend", "backend/header_echo", "tests")]
    for name in ("chart/Chart.yaml", *projects, "examples/Dockerfile", "CHANGELOG.md"):
        path = clone / name
        path.write_text(re.sub(rf"(?<=[ :\"\[]){re.escape(version())}(?=[\"\]\n])", released, path.read_text()))
    changelog = clone / "CHANGELOG.md"
    heading = rf"^(## \[{re.escape(released)}\] - ).*"
    changelog.write_text(re.sub(heading, r"\g<1>2026-01-01", changelog.read_text(), flags=re.MULTILINE))
    return clone
