"""The backend image: two packages of ours and pinned wheels on a Python base; its tag stands for its content."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pytest_apiservice.base.data import checkout
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run
from pytest_apiservice.images import sbom
from pytest_apiservice.images.base_image import Python, base_image, python_of
from pytest_apiservice.images.registry import forget_others, has_image
from pytest_apiservice.programs.cache import cache_dir, digest, locked
from pytest_apiservice.programs.go import platform

ROOT = Path(__file__).resolve().parents[3]
BACKEND = ROOT / "backend"
REQUIREMENTS = ROOT / "requirements" / "backend.txt"
NAME = "header-echo"
# Wheels for a C library up to that of the bases we know; pip matches what it is told, not the base.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
REPORT = "pip-report.json"
WHEEL_PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")


def build_image() -> str:
    """Build the backend image unless the engine has it; return its name, "header-echo:<hash of its content>".

    Raises:
        HarnessError: there is no checkout, no base can be had, a wheel is missing for the base's Python, or the build failed.
    """
    checkout("set APISERVICE_IMAGE to your backend's image")
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


def make_context(directory: Path, python: Python, architectures: Sequence[str]) -> None:
    """Fill ``directory`` with what backend/Dockerfile builds from, for each of ``architectures`` ("amd64", "arm64")."""
    shutil.copy(BACKEND / "Dockerfile", directory)
    project = tomllib.loads((BACKEND / "pyproject.toml").read_text())
    for architecture in architectures:
        wheels = _wheels(python, architecture)
        shutil.copytree(wheels / "wheels", directory / f"wheels-{architecture}")
        held = sbom.components(json.loads((wheels / REPORT).read_text()))
        (directory / f"sbom-{architecture}.cdx.json").write_text(
            json.dumps(sbom.bill(project["project"], held), indent=1)
        )
    for package in project["tool"]["setuptools"]["packages"]:
        path = package.replace(".", "/")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(BACKEND / path, directory / "packages" / path, ignore=ignored)
    (directory / "bin").mkdir()
    for script, entry in project["project"]["scripts"].items():
        module, _, function = entry.partition(":")
        start = directory / "bin" / script
        start.write_text(
            f"#!{python.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
        )
        start.chmod(0o755)


def _content(base: str) -> str:
    sources = [path for path in BACKEND.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    relative = [str(path.relative_to(BACKEND)) for path in sorted(sources)]
    return digest([*sources, REQUIREMENTS, Path(__file__), Path(sbom.__file__)], base, platform(), *relative)


def _build(context: Path, base: str, name: str) -> None:
    architecture = platform().partition("-")[2]
    make_context(context, python_of(base), [architecture])
    arguments = ["--build-arg", f"BASE={base}", "--build-arg", f"TARGETARCH={architecture}"]
    run(["docker", "build", *arguments, "--tag", name, str(context)], timeout_seconds=600)
    forget_others(name)


def _wheels(python: Python, architecture: str) -> Path:
    """Return a folder of the cache with the unpacked wheels/ and pip's report; a change of our own code does not fetch them again."""
    target = cache_dir() / f"backend-wheels-{digest([REQUIREMENTS], python.version, architecture, REPORT)}"
    with locked("backend-wheels"):
        if not target.exists():
            building = Path(tempfile.mkdtemp(prefix=".backend-wheels-", dir=cache_dir()))
            try:
                _install_wheels(building / "wheels", python, MACHINES[architecture])
                building.rename(target)
            finally:
                shutil.rmtree(building, ignore_errors=True)
    return target


def _install_wheels(target: Path, python: Python, machine: str) -> None:
    """Unpack the pinned wheels for ``python``, which need not be the Python that runs this.

    pip judges environment markers by the Python it runs under (https://github.com/pypa/pip/issues/11664), so they are
    taken out: at worst that adds a small package that a newer Python no longer needs.
    """
    pinned = target.with_suffix(".txt")
    pinned.write_text(re.sub(r" ;[^\\\n]*", " ", REQUIREMENTS.read_text()))
    platforms = [f"--platform={libc}_{machine}" for libc in WHEEL_PLATFORMS]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    try:
        run(
            [*pip, f"--target={target}", f"--python-version={python.version}", *platforms, "--only-binary=:all:",
             "--no-deps", "--require-hashes", "--report", target.with_name(REPORT), "-r", pinned],
            timeout_seconds=600,
            env={**os.environ, "PIP_NO_INPUT": "1"},
        )  # fmt: skip
    finally:
        pinned.unlink()
    shutil.rmtree(target / "bin", ignore_errors=True)  # commands of the wheels, for the wrong Python
