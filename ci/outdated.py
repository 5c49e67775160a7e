"""Say which pins have a newer release: the programs of ci/tools/*/go.mod and the Python packages of requirements/*.txt and backend/requirements.txt.

Exit code 1 if there are any, 0 if none. What a pin's own requirements pin (indirect ones) moves with the pin.
Update a program with `go get -tool <package>@<version>` in its folder, an older Kubernetes with `ci/interop/interop_pins.py`, Python with `requirements/update --upgrade`.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run
from pytest_apiservice.base.script import run_script
from pytest_apiservice.programs.go import go
from pytest_apiservice.programs.pinned import PROGRAMS
from pytest_apiservice.programs.tools import pinned_version

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = [*sorted((ROOT / "requirements").glob("*.txt")), ROOT / "backend" / "requirements.txt"]
ASK_SECONDS = 120


def go_modules() -> dict[str, tuple[str, str]]:
    """Return what each family pins directly: {"helm": ("helm.sh/helm/v3", "v3.22.0")}; the first program stands for its family."""
    pins: dict[str, tuple[str, str]] = {}
    for name, program in PROGRAMS.items():
        pins.setdefault(program.family, (module_of(name), pinned_version(name)))
    return pins


def module_of(name: str) -> str:
    """Return the Go module that go.mod requires for the program ``name``."""
    program = PROGRAMS[name]
    if program.package == ".":
        return "github.com/cert-manager/cert-manager"
    required = re.findall(
        r"^\s*(?:require )?(\S+) v\S+", (FAMILIES / program.family / "go.mod").read_text(), re.MULTILINE
    )
    return str(max((module for module in required if (program.package + "/").startswith(module + "/")), key=len))


def newer_module(family: str, module: str) -> str | None:
    """Return the newest version of ``module`` if it is newer than the pinned one. The Go proxy is asked."""
    listed = run(
        [go(), "list", "-mod=mod", "-m", "-u", "-json", module], cwd=FAMILIES / family, timeout_seconds=ASK_SECONDS
    )
    update = json.loads(listed.stdout).get("Update")
    return str(update["Version"]) if update else None


def newer_patches() -> Iterator[tuple[str, str, str, str]]:
    """Yield (where, name, pinned, newest) of what `make interop` pins to an old minor and has a newer patch. The Go proxy is asked."""
    for folder in sorted((FAMILIES / "interop").glob("*-1.*")):
        pinned = re.findall(
            r"(k8s\.io/kubernetes|\S+/cert-manager) (v(\d+\.\d+)\.(\d+))", (folder / "go.mod").read_text()
        )
        module, version, minor, patch = pinned[0]
        listed = run([go(), "list", "-mod=mod", "-m", "-versions", module], cwd=folder, timeout_seconds=ASK_SECONDS)
        newest = max(map(int, re.findall(rf" v{re.escape(minor)}\.(\d+)\b(?!-)", listed.stdout)), default=0)
        if newest > int(patch):
            yield f"ci/tools/interop/{folder.name}", module, version, f"v{minor}.{newest}"


def python_pins() -> dict[str, str]:
    """Return the packages that the *.in beside each of REQUIREMENTS name and the versions that these pin, {"aiohttp": "3.12.0"}."""
    named: set[str] = set()
    pinned: dict[str, str] = {}
    for path in REQUIREMENTS:
        named |= set(re.findall(r"^([A-Za-z][\w.-]*)", path.with_suffix(".in").read_text(), re.MULTILINE))
        pinned |= dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE))
    known = {normal(name): version for name, version in pinned.items()}
    return {name: known[normal(name)] for name in sorted(named, key=str.lower)}


def normal(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def newer_package(name: str, version: str) -> str | None:
    """Return the newest version of a package if it isn't ``version``. The package index is asked."""
    asked = run([sys.executable, "-m", "pip", "index", "versions", name], timeout_seconds=ASK_SECONDS)
    match = re.search(r"\((\S+)\)", asked.stdout)
    if match is None:
        raise HarnessError(f"'pip index versions {name}' gives no version: is the package index reachable?")
    return match[1] if match[1] != version else None


def outdated() -> Iterator[tuple[str, str, str, str]]:
    """Yield (where, name, pinned, newest) of each pin that has a newer release."""
    with step("asking for newer releases") as detail:
        for family, (module, version) in go_modules().items():
            detail(module)
            if newest := newer_module(family, module):
                yield f"ci/tools/{family}", module, version, newest
        detail("older minors")
        yield from newer_patches()
        for name, version in python_pins().items():
            detail(name)
            if newest := newer_package(name, version):
                yield "requirements", name, version, newest


def main() -> int:
    """Print a table of outdated pins; return 1 if there are any, else 0."""
    found = list(outdated())
    for where, name, version, newest in found:
        print(f"{where:<24} {name:<40} {version:<12} → {newest}")
    if not found:
        print("every pin is the newest release")
    return 1 if found else 0


if __name__ == "__main__":
    run_script(main)
