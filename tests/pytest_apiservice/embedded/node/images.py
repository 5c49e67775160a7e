"""Which local command stands for a container image in the embedded cluster."""

import compileall
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from pytest_apiservice.base.data import module_path, package_folder
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.images.archive import short_name
from pytest_apiservice.programs.pinned import PROGRAMS
from pytest_apiservice.programs.tools import tool

BACKEND = ("header_echo", "extension_apiserver")  # our own backend's packages: this Python's stand for the image


@dataclass(frozen=True)
class LocalImage:
    """What runs in place of an image.

    Attributes:
        entrypoint: stands for the image's ENTRYPOINT; the container's ``args`` follow it, its ``command`` replaces it.
        environment: stands for the image's ENV.
    """

    entrypoint: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return it as values for JSON; LocalImage(**values) reads them."""
        return {"entrypoint": list(self.entrypoint), "environment": dict(self.environment)}


def of_this_python(*command: str, packages: Sequence[str] = BACKEND) -> LocalImage:
    """Return the image that runs this Python with ``command``, which imports ``packages``.

    Raises:
        HarnessError: this Python lacks one of them.
    """
    found = module_path(*packages)
    environment = {"PYTHONPATH": found} if found else {}
    # For a container's `command` that names python3 without its folder, as it may where the image is ours.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return LocalImage((sys.executable, *command), {**environment, "PATH": path, "PYTHONUNBUFFERED": "1"})


# By the last part of the repository: localhost/header-echo:dev and registry.example.com/team/header-echo@sha256:… are both header-echo.
LOCAL_IMAGES: Mapping[str, Callable[[], LocalImage]] = {"header-echo": lambda: of_this_python("-m", "header_echo")}


def local_image(image: str, table: Mapping[str, LocalImage] | None = None) -> LocalImage:
    """Return the local command for ``image``: the table's, else the program of that name that ci/tools pins, built if need be.

    Raises:
        HarnessError: there is neither.
    """
    known, name = table or {}, short_name(image)
    if name in known:
        return known[name]
    if name in LOCAL_IMAGES:
        return LOCAL_IMAGES[name]()
    if name in PROGRAMS:
        program = tool(name)  # on PATH too, for a container's `command` that names it without its folder
        return LocalImage(
            (str(program),), {"PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
        )
    raise HarnessError(
        f"the embedded cluster has no local command for the image {image!r} (it has: {', '.join(sorted({*known, *LOCAL_IMAGES, *PROGRAMS}))}):"
        f" for the demo, make load IMAGE={image} COMMAND='program argument …';"
        f" in a test, EmbeddedCluster(images={{{name!r}: LocalImage((program, argument, …))}})"
    )


def compile_backend() -> None:
    """Compile our backend, if it is here, where its pods find it: their root is read-only, so each would do it again, a fifth of a second long."""
    ours, sys.pycache_prefix = sys.pycache_prefix, None  # pods have no PYTHONPYCACHEPREFIX
    try:
        for package in filter(find_spec, BACKEND):
            compileall.compile_dir(package_folder(package), quiet=2)
    finally:
        sys.pycache_prefix = ours
