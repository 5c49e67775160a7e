"""Write ci/tools/interop/kubernetes-<minor>: the pins of the old API servers that `make interop` tests with.

    python ci/interop/interop_pins.py v1.31.13
    python ci/interop/interop_pins.py v1.32.13 k8s.io/endpointslice@v0.32.12   # where a proxy lacks a module at the release's own patch

Kubernetes' own modules (its "staging") are required at v0.0.0 by a release and found beside it in its repository; elsewhere each needs a
replace line: https://github.com/kubernetes/kubernetes/issues/79384. The Go checksum database is asked, go.sum keeps its answers.
"""

import json
import os
import re
import sys
from pathlib import Path

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run
from pytest_apiservice.base.script import run_script
from pytest_apiservice.programs import go

PROGRAMS = ("kube-apiserver", "kube-controller-manager")
MODULE = "k8s.io/kubernetes"
GO = ".".join(map(str, go.OLDEST))


def main() -> None:
    """Write the pins of the version named."""
    version, *others = sys.argv[1:] or [""]
    if not re.fullmatch(r"v1\.\d+\.\d+", version):
        raise HarnessError(f"'{version}' is not a release of Kubernetes such as v1.36.5")
    write(version, dict(other.split("@") for other in others))


def write(version: str, others: dict[str, str]) -> None:
    """Write go.mod and go.sum of one release; ``others`` are modules whose version is not the release's."""
    major, minor, patch = version.removeprefix("v").split(".")
    family = FAMILIES / "interop" / f"kubernetes-{major}.{minor}"
    family.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    with step(f"pinning Kubernetes {version} in {family}"):
        found = run([go.go(), "mod", "download", "-json", f"{MODULE}@{version}"], cwd=family, timeout_seconds=600)
        upstream = Path(json.loads(found.stdout)["GoMod"]).read_text()
        staging = sorted(set(re.findall(r"^\s+(k8s\.io/[\w-]+) v0\.0\.0$", upstream, re.MULTILINE)))
        lines = [f"module header-echo.example/tools/interop/kubernetes-{major}.{minor}", f"go {GO}.0"]
        lines += [f"godebug default=go{said}" for said in re.findall(r"^go (\d+\.\d+)", upstream, re.MULTILINE)]
        lines += [f"replace {module} => {module} {others.get(module, f'v0.{minor}.{patch}')}" for module in staging]
        lines += [f"require {MODULE} {version}", *(f"tool {MODULE}/cmd/{program}" for program in PROGRAMS)]
        (family / "go.mod").write_text("\n".join(lines) + "\n")
        (family / "go.sum").unlink(missing_ok=True)
        run([go.go(), "mod", "tidy"], cwd=family, env=environment, timeout_seconds=1800)


if __name__ == "__main__":
    run_script(main)
