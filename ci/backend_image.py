"""The backend image: `docker build backend` with the base and the wheels laid before it; its tag stands for its content."""

import importlib.resources
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from base_image import base_image, python_of
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run
from pytest_apiservice.images.registry import forget_others, has_image
from pytest_apiservice.programs.cache import cache_dir, digest, locked
from pytest_apiservice.programs.go import platform

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ROOT / "backend"
REQUIREMENTS = BACKEND / "requirements.txt"
NAME = "header-echo"
# Wheels for a C library up to that of the bases we know; pip matches what it is told, not the base.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
WHEELS = "wheels"
STAGE_LABEL, STAGES = "header-echo.stage", ("build", "sbom")
NOT_OURS = {"__pycache__", WHEELS}
WHEEL_PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")


def build_image() -> str:
    """Build the backend image unless the engine has it; return its name, "header-echo:<hash of its content>".

    Raises:
        HarnessError: no base can be had, a wheel is missing for the base's Python, or the build failed.
    """
    base = base_image()
    name = f"{NAME}:{_content(base)}"
    with locked("backend-image"):
        if not has_image(name):
            with (
                step(f"building image {name} on {base}"),
                tempfile.TemporaryDirectory(prefix=".backend-image-", dir=cache_dir()) as folder,
            ):
                _build(Path(folder), base, name)
    return name


def make_context(directory: Path, python: str, architectures: Sequence[str]) -> None:
    """Fill ``directory`` with backend/ and, beside it, all that its build would fetch: wheels for each of ``architectures``, and pip.

    Args:
        python: the base's, "3.13".
        architectures: "amd64", "arm64".
    """
    shutil.copytree(BACKEND, directory, ignore=shutil.ignore_patterns(*NOT_OURS), dirs_exist_ok=True)
    for architecture in architectures:
        shutil.copytree(_wheels(python, architecture), directory / WHEELS, dirs_exist_ok=True)
    own_pip = str(importlib.resources.files("pip"))
    shutil.copytree(own_pip, directory / WHEELS / "pip", ignore=shutil.ignore_patterns("__pycache__"))


def _content(base: str) -> str:
    relative = sorted(path.relative_to(BACKEND) for path in BACKEND.rglob("*") if path.is_file())
    ours = [path for path in relative if not NOT_OURS & set(path.parts)]
    return digest([*(BACKEND / path for path in ours), Path(__file__)], base, platform(), *map(str, ours))


def _build(context: Path, base: str, name: str) -> None:
    make_context(context, python_of(base), [platform().partition("-")[2]])
    run(["docker", "build", "--build-arg", f"BASE={base}", "--tag", name, str(context)], timeout_seconds=600)
    forget_others(name)
    forget_stages(STAGE_LABEL, STAGES)


def _wheels(python: str, architecture: str) -> Path:
    """Return a folder of the cache with the wheels; a change of our own code does not fetch them again."""
    target = cache_dir() / f"backend-wheels-{digest([REQUIREMENTS], python, architecture, 'packed')}"
    with locked("backend-wheels"):
        if not target.exists():
            building = Path(tempfile.mkdtemp(prefix=".backend-wheels-", dir=cache_dir()))
            try:
                _fetch_wheels(building / WHEELS, python, MACHINES[architecture])
                (building / WHEELS).rename(target)
            finally:
                shutil.rmtree(building, ignore_errors=True)
    return target


def _fetch_wheels(target: Path, python: str, machine: str) -> None:
    """Fetch the pinned wheels for ``python``, which need not be the Python that runs this.

    pip judges environment markers by the Python it runs under (https://github.com/pypa/pip/issues/11664), so they are
    taken out: at worst that fetches a small package that the base's Python does not need.
    """
    pinned = target.with_suffix(".txt")
    pinned.write_text(re.sub(r" ;[^\\\n]*", " ", REQUIREMENTS.read_text()))
    platforms = [f"--platform={libc}_{machine}" for libc in WHEEL_PLATFORMS]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    run(
        [*pip, f"--dest={target}", f"--python-version={python}", *platforms, "--only-binary=:all:",
         "--no-deps", "--require-hashes", "-r", pinned],
        timeout_seconds=600,
        env={**os.environ, "PIP_NO_INPUT": "1"},
    )  # fmt: skip


def forget_stages(label: str, stages: Sequence[str]) -> None:
    """Remove what a builder other than BuildKit leaves of the earlier ``stages`` of a build, but the newest of each, its cache."""
    for stage in stages:
        chosen = ["--filter", "dangling=true", "--filter", f"label={label}={stage}"]
        listed = run(["docker", "image", "ls", "--quiet", "--no-trunc", *chosen], timeout_seconds=30).stdout
        for old in listed.split()[1:]:
            run(["docker", "image", "rm", old], timeout_seconds=60, check=False)  # a build may be using it
