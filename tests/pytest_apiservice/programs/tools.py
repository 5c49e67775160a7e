"""Every program that is not Python, looked up or built: pinned in ci/tools/<family>/go.mod, nowhere else.

The order: the program's environment variable, KUBEBUILDER_ASSETS, PATH if the version fits, the cache, a build with Go.
"""

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run
from pytest_apiservice.programs import go, older
from pytest_apiservice.programs.cache import cache_dir, demand_free_disk, digest, locked, whole

BUILD_MIB = {"k8s.io/kubernetes": 4000}  # by the module that the program is from
KUBERNETES_PACKAGES = "k8s.io/kubernetes/cmd/"
VERSION_PACKAGE = {
    "helm.sh/helm/v3": "helm.sh/helm/v3/internal/version",
    "helm.sh/helm/v4": "helm.sh/helm/v4/internal/version",
    "k8s.io/kubernetes": "k8s.io/component-base/version",
}
# For Go programs: collect garbage a quarter as often, until memory reaches the limit. A fifth less work before an API server is
# ready, a tenth less for helm and kubectl (https://pkg.go.dev/runtime#hdr-Environment_Variables).
RARE_COLLECTION = {"GOGC": "400", "GOMEMLIMIT": "512MiB"}


@dataclass(frozen=True)
class Program:
    """A program: the family that pins it, its Go package, and how to ask a copy found on PATH for its version."""

    family: str
    package: str
    version_arguments: tuple[str, ...] = ("--version",)

    @property
    def module(self) -> str:
        """The module it is from, as BUILD_MIB and VERSION_PACKAGE name it; the package itself where neither does."""
        return next((name for name in VERSION_PACKAGE if self.package.startswith(name)), self.package)


PROGRAMS = {
    "kind": Program("kind", "sigs.k8s.io/kind"),
    "helm": Program("helm", "helm.sh/helm/v3/cmd/helm", ("version", "--short")),
    "helm4": Program("helm4", "helm.sh/helm/v4/cmd/helm", ("version", "--short")),
    "etcd": Program("etcd", "go.etcd.io/etcd/server/v3"),
    "coredns": Program("coredns", "github.com/coredns/coredns", ("-version",)),
    "kube-apiserver": Program("kubernetes", KUBERNETES_PACKAGES + "kube-apiserver"),
    "kube-controller-manager": Program("kubernetes", KUBERNETES_PACKAGES + "kube-controller-manager"),
    "kube-scheduler": Program("kubernetes", KUBERNETES_PACKAGES + "kube-scheduler"),
    "kube-proxy": Program("kubernetes", KUBERNETES_PACKAGES + "kube-proxy"),
    "kubeadm": Program("kubernetes", KUBERNETES_PACKAGES + "kubeadm", ("version", "-o", "short")),
    "kubectl": Program("kubernetes", KUBERNETES_PACKAGES + "kubectl", ("version", "--client")),
    "kubelet": Program("kubernetes", KUBERNETES_PACKAGES + "kubelet"),
    "cert-manager": Program("cert-manager", "."),
    "controller-gen": Program("cert-manager", "sigs.k8s.io/controller-tools/cmd/controller-gen"),
    "actionlint": Program("actionlint", "github.com/rhysd/actionlint/cmd/actionlint"),
    "sample-apiserver": Program("sample-apiserver", "k8s.io/sample-apiserver"),
    "registry": Program("registry", "github.com/distribution/distribution/v3/cmd/registry"),
    "cosign": Program("cosign", "github.com/sigstore/cosign/v3/cmd/cosign", ("version",)),
}


def variable(name: str) -> str:
    """Return the environment variable that names the program: APISERVICE_KUBE_APISERVER for kube-apiserver."""
    return "APISERVICE_" + re.sub(r"[-.]", "_", name.upper())


def pinned_version(name: str) -> str:
    """Return the version that go.mod pins for the program's module, as "v1.37.2"."""
    program = PROGRAMS[name]
    text = (FAMILIES / program.family / "go.mod").read_text()
    module = "github.com/cert-manager/cert-manager" if program.package == "." else program.package
    while module:
        match = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", text, re.MULTILINE)
        if match:
            return match[1]
        module = module.rpartition("/")[0]
    raise HarnessError(f"ci/tools/{program.family}/go.mod requires no module for {name}: add it with 'go get -tool'")


def kubernetes_version() -> str:
    """Return the Kubernetes version that everything is built and tested with, as "v1.37.2"."""
    return pinned_version("kube-apiserver")


@cache
def minor_version(name: str) -> tuple[int, ...]:
    """Return the program's major and minor version, as (1, 37): what a copy found says, else what go.mod pins."""
    found = _found(name)
    version = (_version_of(found, name) if found else "") or pinned_version(name)
    return tuple(int(part) for part in version.removeprefix("v").split(".")[:2])


def tool(name: str) -> Path:
    """Return the path of the program ``name``; build it if it is nowhere.

    Raises:
        HarnessError: a variable names something that cannot be run, Go is missing, the disk is full, the build failed.
    """
    prepare([name])
    return _found(name) or _cached(name)


def prepare(names: Iterable[str]) -> None:
    """Build those of the programs ``names`` that are neither named, on PATH nor in the cache, with visible progress."""
    missing = [name for name in names if _found(name) is None and not _cached(name).exists()]
    for position, name in enumerate(missing):
        rest = missing[position + 1 :]
        with locked(f"build-{name}"):
            if not _cached(name).exists():  # another run may have built it meanwhile
                _build(name, f"{len(rest)} more after it: {', '.join(rest)}" if rest else "the last one")


@cache
def _found(name: str) -> Path | None:
    older.refuse_settings(map(variable, PROGRAMS))
    named = os.environ.get(variable(name))
    if named:
        if not os.access(named, os.X_OK):
            raise HarnessError(f"{variable(name)} names {named}, which cannot be run: correct or unset it")
        return Path(named)
    asset = Path(os.environ.get("KUBEBUILDER_ASSETS", "/nonexistent")) / name
    if os.access(asset, os.X_OK):
        return asset
    on_path = shutil.which(name)
    if on_path and _minor(_version_of(Path(on_path), name)) == _minor(pinned_version(name)):
        return Path(on_path)
    return None


def _version_of(path: Path, name: str) -> str:
    try:
        answer = run([path, *PROGRAMS[name].version_arguments], timeout_seconds=20, check=False)
    except HarnessError:
        return ""
    match = re.search(r"v?(\d+\.\d+\.\d+[-\w.]*)", answer.stdout + answer.stderr)
    return f"v{match[1]}" if match else ""


def _minor(version: str) -> tuple[str, ...]:
    """Return major and minor: what must agree for a program on PATH to do; pre-releases never agree."""
    return (version,) if "-" in version else tuple(version.split(".")[:2])


@cache
def _cached(name: str) -> Path:
    family = FAMILIES / PROGRAMS[name].family
    inputs = [family / "go.mod", family / "go.sum", *family.glob("*.go")]
    key = digest(inputs, go.platform(), _version_flags(name))
    return cache_dir() / "tools" / f"{name}-{pinned_version(name)}-{key}" / name


def _build(name: str, queue: str) -> None:
    program, target = PROGRAMS[name], _cached(name)
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.parent.glob(f".building-{name}-*"):  # we hold the lock: its builder is dead
        shutil.rmtree(stale)
    demand_free_disk(target.parent.parent, BUILD_MIB.get(program.module, 1500), f"building {name}")
    with whole(target.parent) as building:
        go.build(
            program.package,
            building / name,
            directory=FAMILIES / program.family,
            link_flags=_version_flags(name),
            title=f"building {name} {pinned_version(name)} ({queue})",
        )


def _version_flags(name: str) -> str:
    """Return linker flags that tell a program its version: kubeadm refuses to run without, helm reports it."""
    package = VERSION_PACKAGE.get(PROGRAMS[name].module)
    version = pinned_version(name)
    if package is None:
        return ""
    if "helm" in package:  # Helm 3 takes a cluster it cannot ask for Kubernetes 1.20, unless told which; Helm 4 knows
        _, minor = _minor(kubernetes_version())
        rendered_for = f" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor={minor}" if name == "helm" else ""
        return f"-X {package}.version={version}{rendered_for}"
    major, minor = version.removeprefix("v").split(".")[:2]
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = (package, "k8s.io/client-go/pkg/version")  # the second is for the User-Agent
    return " ".join(f"-X {package}.{key}={value}" for package in packages for key, value in values.items())
