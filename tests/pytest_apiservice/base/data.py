"""Where the files are that travel with the harness, as package data: the chart, the pins of programs, kind's configuration.

In a checkout pytest_apiservice/data holds links to where they are kept; a wheel holds the files themselves.
"""

import site
import sys
from importlib.util import find_spec
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError

PACKAGE = Path(__file__).resolve().parents[1]
DATA = PACKAGE / "data"
CHART = (DATA / "chart").resolve()
FAMILIES = (DATA / "ci" / "tools").resolve()
NODE_IMAGE = (DATA / "ci" / "node-image").resolve()
KIND_CONFIG = (DATA / "ci" / "kind.yaml").resolve()
GO_REQUIREMENTS = (DATA / "requirements" / "go.txt").resolve()


def in_checkout() -> bool:
    """Tell whether the harness runs from a checkout."""
    return (DATA / "chart").is_symlink()


def module_path(*packages: str) -> str:
    """Return what PYTHONPATH must be for another process of this Python to find ``packages``: "" if it finds installed ones.

    Raises:
        HarnessError: this Python has no such package.
    """
    installed = {Path(folder).resolve() for folder in [*site.getsitepackages(), site.getusersitepackages()]}
    folders = dict.fromkeys(package_folder(package).parent for package in packages)
    return ":".join(str(folder) for folder in folders if folder not in installed)


def package_folder(package: str) -> Path:
    """Return where this Python has ``package``; HarnessError with the remedy where it has none."""
    found = find_spec(package)
    if found is None or found.origin is None:
        distribution = package.replace("_", "-")
        raise HarnessError(f"{sys.executable} has no package {package}: {sys.executable} -m pip install {distribution}")
    return Path(found.origin).resolve().parent
