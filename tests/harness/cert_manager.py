"""cert-manager in a cluster: the official chart where its images can be pulled, else our build of its controllers.

Our build (ci/tools/cert-manager) also runs beside a control plane, as a plain process with cluster-admin's kubeconfig:

    kubectl apply --server-side -f <crds()>
    <tool("cert-manager")> --kubeconfig=<file>

It needs the CRDs first, else it ends with "no matches for kind"; without --kubeconfig it takes its pod's ServiceAccount.
It ends with exit code 1 and one line on stderr when it cannot work, with 0 on SIGTERM. What it needs of RBAC inside a
cluster is in ci/tools/cert-manager/deployment.yaml.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from harness import go
from harness.cache import cache_dir, digest, locked
from harness.progress import step
from harness.run import run
from harness.tools import FAMILIES, pinned_version, tool

FAMILY = FAMILIES / "cert-manager"
MODULE = "github.com/cert-manager/cert-manager"
API_PACKAGES = (f"{MODULE}/pkg/apis/certmanager/v1", f"{MODULE}/pkg/apis/acme/v1")


def crds() -> Path:
    """Return a folder with cert-manager's CustomResourceDefinitions, one YAML file each, generated from its types."""
    version = pinned_version("cert-manager")
    target = cache_dir() / f"cert-manager-crds-{version}-{digest([FAMILY / 'go.mod', FAMILY / 'go.sum'])}"
    with locked("cert-manager-crds"):
        if not target.exists():
            _generate(target, version)
    return target


def _generate(target: Path, version: str) -> None:
    generator = tool("controller-gen")
    path = f"{go.go().parent}{os.pathsep}{os.environ.get('PATH', '')}"  # it calls go to find the packages
    environment = {**os.environ, "PATH": path, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    building = Path(tempfile.mkdtemp(prefix=".crds-", dir=target.parent))
    try:
        with step(f"generating the CRDs of cert-manager {version}"):
            paths = [f"paths={package}" for package in API_PACKAGES]
            argv = [generator, "crd", *paths, f"output:crd:dir={building}"]
            run(argv, cwd=FAMILY, env=environment, timeout_seconds=600)
        building.chmod(0o755)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
