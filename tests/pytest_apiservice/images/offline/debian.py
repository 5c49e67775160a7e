"""Debian's packages: installed on this machine (and said so), or as a root file system for images."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.run import run
from pytest_apiservice.programs.cache import demand_free_disk

INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120")
NEEDED_MIB = 1500
INSTALLERS = ("dpkg", "debconf", "install-info", "adduser", "tar")


def can_install() -> bool:
    """Tell whether this process may install Debian packages: root, with apt-get."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: Sequence[str], purpose: str) -> None:
    """Install ``packages`` without recommendations, refreshing apt's lists only if it does not find them.

    Raises:
        HarnessError: the disk is nearly full, or apt-get failed, with its last lines.
    """
    demand_free_disk(Path("/var"), NEEDED_MIB, f"installing {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installing {', '.join(packages)} with apt-get ({purpose})") as detail:
        first = run([*INSTALL, *packages], timeout_seconds=600, env=environment, check=False)
        if first.returncode != 0:
            detail("refreshing apt's lists")
            run(["apt-get", "update"], timeout_seconds=300, env=environment)
            run([*INSTALL, *packages], timeout_seconds=600, env=environment)
    say(f"changed on this machine: Debian packages installed for {purpose}: {', '.join(packages)}")


def root_file_system(target: Path, packages: Sequence[str]) -> None:
    """Fill the empty folder ``target`` with Debian's minimal system and ``packages``, from the mirror that apt uses.

    Raises:
        HarnessError: not root or not Debian, no debootstrap to be had, or it failed.
    """
    if not can_install():
        raise HarnessError(
            "making an image from Debian's packages needs root on Debian or Ubuntu:"
            " let Docker reach a registry instead, or use CLUSTER=embedded, which needs no image"
        )
    if shutil.which("debootstrap") is None:
        install(["debootstrap"], "root file systems of images")
    uri, suite = _mirror()
    include = ",".join(packages)
    run(
        ["debootstrap", "--variant=minbase", f"--include={include}", suite, target, uri],
        timeout_seconds=900,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )


def _mirror() -> tuple[str, str]:
    """Return URI and code name of the archive that apt installs this system's main packages from."""
    codename = _release_value("VERSION_CODENAME")
    listed = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"],
        timeout_seconds=30,
    ).stdout
    for line in listed.splitlines():
        uri, suite, component = line.split()
        if suite == codename and component == "main":
            return uri, suite
    raise HarnessError(f"apt knows no archive with the main packages of '{codename}': run 'apt-get update'")


def _release_value(key: str) -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == key:
            return value.strip('"')
    return ""


def unpack(target: Path, packages: Sequence[str]) -> None:
    """Unpack ``packages`` and the libraries they need into ``target``: nothing is configured, and no root is needed.

    Raises:
        HarnessError: not Debian, or apt does not find or cannot fetch a package.
    """
    if shutil.which("apt-get") is None:
        raise HarnessError("making an image from Debian's packages needs Debian or Ubuntu: let Docker reach a registry")
    downloads = target.with_suffix(".packages")
    downloads.mkdir()
    try:
        names = sorted(_closure(packages))
        # as root, apt would download as another user, who may not write here
        run(["apt-get", "download", "-o", "APT::Sandbox::User=root", *names], cwd=downloads, timeout_seconds=300)
        for folder in ("bin", "sbin", "lib", "lib64"):
            (target / "usr" / folder).mkdir(parents=True)
            (target / folder).symlink_to(f"usr/{folder}")
        for package in sorted(downloads.glob("*.deb")):
            run(["dpkg-deb", "--extract", package, target], timeout_seconds=120)
    finally:
        shutil.rmtree(downloads)


def _closure(packages: Sequence[str]) -> set[str]:
    """Return ``packages`` and all they depend on, save for what only their installation needs."""
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    argv = ["apt-cache", "depends", "--recurse", *(f"--no-{kind}" for kind in kinds), *packages]
    dependencies: dict[str, list[str]] = {}
    name, chosen = "", False
    for line in run(argv, timeout_seconds=120).stdout.splitlines():
        if not line.startswith((" ", "<")):
            name = line
            dependencies[name] = []
        match = re.match(r"^ ( |\|)(?:Pre)?Depends: ([^<\s]+)$", line)
        if match:
            if not chosen:
                dependencies[name].append(match[2])
            chosen = match[1] == "|"  # the first of several that would do; the next line is another
    missing = set(packages) - dependencies.keys()
    if missing:
        raise HarnessError(f"apt does not know {', '.join(sorted(missing))}: run 'apt-get update' as root")
    found: set[str] = set()
    left = list(packages)
    while left:
        package = left.pop()
        if package not in found and package not in INSTALLERS:
            found.add(package)
            left += dependencies.get(package, [])
    return found


def strip_file_system(root: Path) -> None:
    """Remove from ``root`` what a container never reads: package lists, documentation, translations, logs."""
    for folder in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale",
                   "usr/share/info", "var/log", "usr/share/bash-completion", "usr/share/lintian"):  # fmt: skip
        shutil.rmtree(root / folder, ignore_errors=True)
    (root / "var/log").mkdir(parents=True)
