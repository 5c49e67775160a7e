"""The base of the backend image: a slim Python that can be pulled, else Debian's Python and nothing around it."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.run import run
from pytest_apiservice.images.archive import Image, files_below, load, write_archive
from pytest_apiservice.images.offline import debian
from pytest_apiservice.images.registry import forget_others, has_image, named_by, pull, served
from pytest_apiservice.programs.cache import cache_dir, digest, locked
from pytest_apiservice.programs.go import platform

VARIABLE = "APISERVICE_BASE_IMAGE"
PUBLISHED = "python:3.13-slim"
NAME = "header-echo-base"
PACKAGES = ("python3-minimal", "libpython3-stdlib")
ACCOUNTS = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
QUESTION = "import sys; print('{}.{}'.format(*sys.version_info))"


@cache
def base_image() -> str:
    """Return a base that the engine has: APISERVICE_BASE_IMAGE, else python:3.13-slim, else our own.

    Raises:
        HarnessError: the named one cannot be had, or our own cannot be made here.
    """
    if named := named_by(VARIABLE):
        return named
    if has_image(PUBLISHED):
        return PUBLISHED
    if has_image(_own()):
        return _own()
    if served(PUBLISHED) and pull(PUBLISHED):
        return PUBLISHED
    say(f"no registry serves {PUBLISHED}: taking Python from Debian's packages")
    _make_own()
    return _own()


def python_of(base: str) -> str:
    """Return what Python the image ``base`` has, "3.13".

    Raises:
        HarnessError: it has none.
    """
    answer = run(
        ["docker", "run", "--rm", "--network=none", "--entrypoint=python3", base, "-c", QUESTION],
        timeout_seconds=60,
        check=False,
    )
    if answer.returncode != 0:
        raise HarnessError(
            f"the base image '{base}' runs no python3 ({answer.stderr.strip()}): set {VARIABLE} to another"
        )
    return answer.stdout.strip()


def _own() -> str:
    return f"{NAME}:debian-{digest([Path(__file__)], platform(), Path('/etc/os-release').read_text())}"


def _make_own() -> None:
    with locked("base-image"), tempfile.TemporaryDirectory(prefix=".base-image-", dir=cache_dir()) as folder:
        if has_image(_own()):
            return
        root = Path(folder) / "root"
        root.mkdir()
        with step(f"making base image {_own()} from Debian's packages"):
            debian.unpack(root, PACKAGES)
            debian.strip_file_system(root)
            shutil.rmtree(root / "usr/lib/python3", ignore_errors=True)  # Debian's own modules, of its py3compile
            (root / "etc").mkdir(exist_ok=True)
            (root / "etc/passwd").write_text(ACCOUNTS)
            (root / "tmp").mkdir()
            (root / "tmp").chmod(0o1777)
            archive = Path(folder) / "base.tar"
            write_archive(archive, [Image(_own(), files_below(root), ["python3"])])
        load(archive)
        forget_others(_own())
