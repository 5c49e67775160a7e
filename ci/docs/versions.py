"""What a release is called, and what is new in it: read off the files that have to agree."""

import re
from pathlib import Path

import yaml

import distributions
from pytest_apiservice.base.errors import HarnessError

ROOT = Path(__file__).resolve().parents[2]


def released_version(tag: str) -> str:
    """Return the version that chart, distributions, example and (if given) tag agree on.

    Raises:
        HarnessError: they don't; it names all of them.
    """
    chart = yaml.safe_load((ROOT / "chart" / "Chart.yaml").read_text())
    example = re.search(r"^FROM header-echo:(\S+)", (ROOT / "examples" / "Dockerfile").read_text(), re.MULTILINE)
    versions = {
        "chart/Chart.yaml version": str(chart["version"]),
        "chart/Chart.yaml appVersion": str(chart["appVersion"]),
        **dict(distributions.versions()),
        "examples/Dockerfile": example[1] if example else "(none)",
    }
    if tag:
        versions["tag"] = tag.removeprefix("v")
    if len(set(versions.values())) != 1:
        differing = ", ".join(f"{where} {version}" for where, version in versions.items())
        raise HarnessError(f"versions differ: {differing}; make them one, and the tag v<version>")
    return versions["chart/Chart.yaml version"]


def changelog(version: str, *, dated: bool) -> str:
    """Return the text of CHANGELOG.md under the heading of ``version``.

    Raises:
        HarnessError: there is no such section, it is empty, or (with ``dated``) it has no date yet.
    """
    pattern = rf"^## \[{re.escape(version)}\] - (\S+)\n(.*?)(?=^## |^\[|\Z)"
    section = re.search(pattern, (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE | re.DOTALL)
    if section is None or not section[2].strip():
        raise HarnessError(f"CHANGELOG.md has no section '## [{version}] - <date>' with text: write it")
    if dated and not re.fullmatch(r"\d{4}-\d\d-\d\d", section[1]):
        raise HarnessError(f"CHANGELOG.md says '{section[1]}' for {version}: put the date of the release there")
    return section[2].strip() + "\n"
