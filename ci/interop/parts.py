"""The parts of `make interop`: what each runs, and the programs that are built for it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.programs.crds import generated_crds
from pytest_apiservice.programs.pinned import Program
from pytest_apiservice.programs.releases import KUBERNETES_PACKAGES
from pytest_apiservice.programs.tools import kubernetes_version, pinned_version, tool, variable

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "reports"
INTEROP = FAMILIES / "interop"
CERT_MANAGER = tuple(f"github.com/cert-manager/cert-manager/pkg/apis/{group}/v1" for group in ("certmanager", "acme"))
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager")


@dataclass(frozen=True)
class Part:
    """One line of the result: a command, in an environment whose programs are built first."""

    name: str
    command: Sequence[str]
    environment: Callable[[], Mapping[str, str]] = dict

    @property
    def log(self) -> Path:
        """What the command says."""
        return REPORTS / f"interop-{self.name}.log"

    @property
    def report(self) -> Path:
        """What its tests said, as JUnit's XML; not every part has one."""
        return REPORTS / f"interop-{self.name}.xml"


def minors() -> list[str]:
    """Return the minors of Kubernetes that old pins are for, oldest first: ["1.30", "1.31"]."""
    return sorted(folder.name.partition("-")[2] for folder in INTEROP.glob("kubernetes-*"))


def programs() -> dict[str, Program]:
    """Return what only this run needs, to be looked up and built like everything in pytest_apiservice.programs.tools."""
    old = {
        f"{name}-{minor}": Program(f"interop/kubernetes-{minor}", KUBERNETES_PACKAGES + name)
        for minor in minors()
        for name in CONTROL_PLANE
    }
    return {**old, "cert-manager-1.19": Program("interop/cert-manager-1.19", ".")}


def every() -> list[Part]:
    """Return all parts in their order."""
    newest = ".".join(kubernetes_version().removeprefix("v").split(".")[:2])
    return [
        *(_e2e(f"kubernetes-{minor}", partial(_control_plane, minor)) for minor in minors()),
        _e2e(f"kubernetes-{newest}", dict),
        _e2e("cert-manager-1.19", _cert_manager),
        _pytest("kind", "-m", "", "--apiservice-cluster=kind", "tests/install", "tests/e2e"),
        _pytest("left-out", "-m", "interop", "--apiservice-cluster=embedded", "tests/embedded", "tests/harness_unit"),
        Part("conformance", [sys.executable, "ci/interop/conformance.py", str(REPORTS / "interop-conformance.xml")]),
        _pytest("signatures", "tests/signatures"),
        _pytest("merges", "tests/merges"),
        _pytest("twin", "--apiservice-cluster=embedded", "tests/resource_checks/test_twin.py"),
        _pytest("faults", "tests/resource_faults"),
        _pytest(
            "resources",
            "--apiservice-cluster=embedded",
            "--ignore=tests/resource_checks/test_twin.py",
            "tests/resource_checks",
        ),
        _pytest("streams", "--apiservice-cluster=embedded", "tests/long_streams"),
        _pytest("languages", "--apiservice-cluster=embedded", "tests/languages"),
        _pytest("metrics", "--apiservice-cluster=embedded", "tests/metrics_peers"),
        *(
            Part(name, [str(ROOT / ".venv" / "bin" / "tox"), "-q", "run", "-e", name])
            for name in ("autobahn", "mutation")
        ),
    ]


def _pytest(name: str, *arguments: str, environment: Callable[[], Mapping[str, str]] = dict) -> Part:
    report = f"--junitxml={REPORTS / f'interop-{name}.xml'}"
    return Part(name, [sys.executable, "-m", "pytest", "-v", report, *arguments], environment)


def _e2e(name: str, environment: Callable[[], Mapping[str, str]]) -> Part:
    return _pytest(name, "-n", "auto", "--apiservice-cluster=embedded", "tests/e2e", environment=environment)


def _control_plane(minor: str) -> Mapping[str, str]:
    return {variable(name): str(tool(f"{name}-{minor}")) for name in CONTROL_PLANE}


def _cert_manager() -> Mapping[str, str]:
    title = f"cert-manager {pinned_version('cert-manager-1.19')}"
    crds = generated_crds("interop/cert-manager-1.19", title, CERT_MANAGER)
    return {variable("cert-manager"): str(tool("cert-manager-1.19")), "APISERVICE_CERT_MANAGER_CRDS": str(crds)}


def chosen(names: str, known: Sequence[Part]) -> list[Part]:
    """Return the parts that ``names`` begins, all if it is empty.

    Raises:
        HarnessError: a name begins no part.
    """
    wanted = tuple(filter(None, names.split(",")))
    for name in wanted:
        if not any(part.name.startswith(name) for part in known):
            there = ", ".join(part.name for part in known)
            raise HarnessError(f"PARTS names {name}, and there are {there}: correct or unset it")
    return [part for part in known if part.name.startswith(wanted or "")]
