"""CustomResourceDefinitions: cert-manager's are kept, others generated from the Go types that ci/tools pins."""

import os
from collections.abc import Sequence
from pathlib import Path

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run
from pytest_apiservice.programs import go
from pytest_apiservice.programs.cache import cache_dir, digest, locked, whole
from pytest_apiservice.programs.tools import tool

PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"


def cert_manager_crds() -> Path:
    """Return a folder with cert-manager's CRDs, one file each (ci/commands/keep_crds.py).

    APISERVICE_CERT_MANAGER_CRDS names a folder instead: those of the program that APISERVICE_CERT_MANAGER names.
    """
    named = os.environ.get("APISERVICE_CERT_MANAGER_CRDS")
    return Path(named) if named else FAMILIES / "cert-manager" / "crds"


def generated_crds(family: str, title: str, packages: Sequence[str]) -> Path:
    """Return a folder with the CRDs of ``packages``, one YAML file each; kept in the cache under ``title``.

    Args:
        family: the folder of ci/tools whose go.mod pins the packages' modules.
        title: what they are the CRDs of, "cert-manager v1.21.2".
        packages: Go packages with kubebuilder's markers.
    """
    module = FAMILIES / family
    product, _, version = title.partition(" ")
    key = digest([module / "go.mod", module / "go.sum"])
    target = cache_dir() / "-".join(filter(None, [product, "crds", version, key]))
    with locked(f"{product}-crds"):
        if not target.exists():
            _generate(target, module, title, packages)
    return target


def _generate(target: Path, module: Path, title: str, packages: Sequence[str]) -> None:
    generator = tool("controller-gen")
    path = f"{go.go().parent}{os.pathsep}{os.environ.get('PATH', '')}"  # it calls go to find the packages
    environment = {**os.environ, "PATH": path, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    with whole(target) as building, step(f"generating the CRDs of {title}"):
        paths = [f"paths={package}" for package in packages]
        argv = [str(generator), "crd", *paths, f"output:crd:dir={building}"]
        run(argv, cwd=module, env=environment, timeout_seconds=600)
