"""What backend/Dockerfile runs: pip installs the wheels that requirements.txt pins, and a bill of materials says what they are.

Wheels beside this file (the image's context has them in wheels/) are all that is taken then; else pip asks PyPI, or what PIP_INDEX_URL
names. So with pip itself: a folder pip/ beside this file comes before the pip of this Python, which may have none.
The bill is CycloneDX 1.6 from pip's own report, without a time and a serial number: the same content gives the same document.
Formats: https://cyclonedx.org/docs/1.6/json/ and https://pip.pypa.io/en/stable/reference/installation-report/
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
Component = dict[str, Any]


def main(target: Path) -> None:
    """Fill ``target`` with wheels/, sbom.cdx.json and bin/, the start scripts of the project.

    Raises:
        SystemExit: there is no pip, or it could not install what is pinned; one sentence with the remedy.
    """
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    bill = bill_of_materials(project, install(target / "wheels"))
    (target / "sbom.cdx.json").write_text(json.dumps(bill, indent=1))
    (target / "bin").mkdir()
    for name, entry in project["scripts"].items():
        module, _, function = entry.partition(":")
        script = target / "bin" / name
        script.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
        script.chmod(0o755)


def install(target: Path) -> list[Component]:
    """Install what is pinned into ``target``; return the bill's component for each distribution, by name.

    Raises:
        SystemExit: as of `main`.
    """
    if importlib.util.find_spec("pip") is None:
        sys.exit(
            "error: this base has no pip: build on one that has, as python:3.13-slim, or let 'make image' bring it"
        )
    beside = any(HERE.glob("*.whl"))
    where = ["--no-index", f"--find-links={HERE}"] if beside else []
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    options = ["--no-cache-dir", "--no-compile", "--root-user-action=ignore", "--no-deps", "--only-binary=:all:"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        put = [f"--target={target}", f"--report={report}", "--require-hashes", "--requirement=requirements.txt"]
        if subprocess.run([*pip, *options, *where, *put], cwd=HERE, check=False).returncode != 0:
            remedy = (
                "wheels/ must have each of them for this base's Python and machine: complete it, or remove it to ask an index"
                if beside
                else "is the index reachable? --build-arg PIP_INDEX_URL=… names another, and wheels/ makes it needless"
            )
            sys.exit(f"error: pip could not install what requirements.txt pins (its words are above): {remedy}")
        installed = json.loads(report.read_text())["install"]
    shutil.rmtree(target / "bin", ignore_errors=True)  # commands of the wheels, which nothing calls
    return components(installed)


def components(installed: Sequence[dict[str, Any]]) -> list[Component]:
    """Return the bill's component for each distribution that pip reports as ``installed``, by name."""
    return sorted(map(_component, installed), key=lambda component: str(component["name"]))


def bill_of_materials(project: dict[str, Any], held: Sequence[Component]) -> dict[str, Any]:
    """Return the document that says that ``project`` (pyproject.toml's table) comes with the components ``held``."""
    own = {
        "type": "application",
        "bom-ref": "header-echo",
        "name": project["name"],
        "version": project["version"],
        "description": "The Python packages of the backend image; those of its base are the base's to tell",
        "licenses": [{"license": {"id": project["license"]}}],
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own},
        "components": list(held),
        "dependencies": [{"ref": "header-echo", "dependsOn": [component["bom-ref"] for component in held]}],
    }


def _component(installed: dict[str, Any]) -> Component:
    metadata, download = installed["metadata"], installed["download_info"]
    url = f"pkg:pypi/{metadata['name'].lower().replace('_', '-')}@{metadata['version']}"
    return {
        "type": "library",
        "bom-ref": url,
        "name": metadata["name"],
        "version": metadata["version"],
        "purl": url,
        "hashes": [{"alg": "SHA-256", "content": download["archive_info"]["hashes"]["sha256"]}],
        "properties": [{"name": "header-echo:wheel", "value": urlsplit(download["url"]).path.rpartition("/")[2]}],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
