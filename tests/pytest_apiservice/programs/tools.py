"""Every program that is not Python, looked up, downloaded or built: pinned in ci/tools/<family>/go.mod, nowhere else.

The order: the program's environment variable, KUBEBUILDER_ASSETS, PATH if the version fits, the cache, the official release where its
host answers, a build with Go.
"""

import os
import re
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say
from pytest_apiservice.programs import download, go, oci, older, releases, versions
from pytest_apiservice.programs.cache import cache_dir, digest, locked, make_room, whole
from pytest_apiservice.programs.link_flags import link_flags
from pytest_apiservice.programs.pinned import IMAGE_ONLY, PROGRAMS, Program

BUILD_MIB = {"k8s.io/kubernetes": 4000}  # by the module that the program is from
# For Go programs: collect garbage a quarter as often, until memory reaches the limit. A fifth less work before an API server is
# ready, a tenth less for helm and kubectl (https://pkg.go.dev/runtime#hdr-Environment_Variables).
RARE_COLLECTION = {"GOGC": "400", "GOMEMLIMIT": "512MiB"}


def variable(name: str) -> str:
    """Return the environment variable that names the program: APISERVICE_KUBE_APISERVER for kube-apiserver."""
    return "APISERVICE_" + re.sub(r"[-.]", "_", name.upper())


def pinned_version(name: str) -> str:
    """Return the version that go.mod pins for the program's module, as "v1.37.2"."""
    program = _program(name)
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
    version = (versions.said_by(found, PROGRAMS[name].version_arguments) if found else "") or pinned_version(name)
    return tuple(int(part) for part in version.removeprefix("v").split(".")[:2])


def tool(name: str) -> Path:
    """Return the path of the program ``name``; download or build it if it is nowhere.

    Raises:
        HarnessError: a variable names something that cannot be run, Go is missing, the disk is full, the build failed.
    """
    prepare([name])
    return present(name) or _cached(name)


def downloaded(name: str) -> Path | None:
    """Return the program ``name`` of IMAGE_ONLY, downloaded unless the cache has it; None if it is not to be had."""
    with locked(f"build-{name}"):
        path = _downloaded(name)
        return path if path and (path.exists() or _download(name, "the image of its release")) else None


def prepare(names: Iterable[str]) -> None:
    """Download or build those of the programs ``names`` that are neither named, on PATH nor in the cache, with visible progress."""
    missing = [name for name in names if present(name) is None]
    for position, name in enumerate(missing):
        rest = missing[position + 1 :]
        with locked(f"build-{name}"):
            if present(name) is None:  # another run may have built it meanwhile
                queue = f"{len(rest)} more after it: {', '.join(rest)}" if rest else "the last one"
                if not _download(name, queue):
                    _build(name, queue)


def present(name: str) -> Path | None:
    """Return the program if it is named, on PATH or in the cache."""
    kept = (find(name) for find in (_cached, _downloaded))
    return _found(name) or next((path for path in kept if path and path.exists()), None)


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
    said = versions.said_by(Path(on_path), PROGRAMS[name].version_arguments) if on_path else ""
    return Path(on_path) if on_path and versions.minor(said) == versions.minor(pinned_version(name)) else None


@cache
def _cached(name: str) -> Path:
    family = FAMILIES / PROGRAMS[name].family
    inputs = [family / "go.mod", family / "go.sum", *family.glob("*.go")]
    key = digest(inputs, go.platform(), _link_flags(name))
    return cache_dir() / "tools" / f"{name}-{pinned_version(name)}-{key}" / name


def _release(name: str) -> releases.Release | None:
    program = _program(name)
    return releases.release(program.package, FAMILIES / program.family, pinned_version(name), go.platform())


def _downloaded(name: str) -> Path | None:
    """Return where the program's release is kept, apart from what is built, whose key changes with every pin of its modules.

    One that only its host vouches for is not taken for one from another host, nor for one that is pinned by SHA-256.
    """
    release = _release(name)
    key = digest([], release.sha256 or release.url) if release else ""
    return cache_dir() / "tools" / f"{name}-{pinned_version(name)}-release-{key}" / name if release else None


def _download(name: str, queue: str) -> bool:
    """Download the program's release and tell whether it is there; if not, one line says why, for a silent host only the first time."""
    release, target, version = _release(name), _downloaded(name), pinned_version(name)
    if release is None or target is None or releases.offline() or download.given_up(release):
        return False
    make_room(target.parent, name, download.NEEDED_MIB, f"downloading {name}")
    try:
        with whole(target.parent) as building:
            fetch = download.fetch if release.checksums else oci.fetch
            fetch(release, building / name, f"downloading {name} {version} from {release.host} ({queue})")
            if not versions.fits(building / name, _program(name).version_arguments, version):
                raise download.DownloadError(f"{release.url} does not run here as {name} {version}")  # noqa: TRY301 - whole() ends first
    except download.DownloadError as error:
        say(f"{error}: {name} is built instead")
        return False
    return True


def _build(name: str, queue: str) -> None:
    program, target = PROGRAMS[name], _cached(name)
    make_room(target.parent, name, BUILD_MIB.get(program.module, 1500), f"building {name}")
    with whole(target.parent) as building:
        go.build(
            program.package,
            building / name,
            directory=FAMILIES / program.family,
            link_flags=_link_flags(name),
            title=f"building {name} {pinned_version(name)} ({queue})",
        )


def _link_flags(name: str) -> str:
    return link_flags(PROGRAMS[name].module, pinned_version(name), kubernetes_version())


def _program(name: str) -> Program:
    return PROGRAMS.get(name) or IMAGE_ONLY[name]
