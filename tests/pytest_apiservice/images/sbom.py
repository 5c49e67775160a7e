"""The software bill of materials of the backend image's Python part: CycloneDX 1.6, from pip's own report of what it installed.

Formats: https://cyclonedx.org/docs/1.6/json/ and https://pip.pypa.io/en/stable/reference/installation-report/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

Component = dict[str, Any]


def components(report: dict[str, Any]) -> list[Component]:
    """Return each distribution of pip's ``report``, by name: version, the wheel's name and SHA-256."""
    return sorted((_component(installed) for installed in report["install"]), key=lambda component: component["name"])


def bill(project: dict[str, Any], held: Sequence[Component]) -> dict[str, Any]:
    """Return the document that says that ``project`` (pyproject.toml's table) comes with the components ``held``.

    The same content gives the same document: it has no time and no serial number.
    """
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
