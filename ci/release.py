"""Release: check that versions agree, package the chart, cut the changelog; with PUSH, publish all of it, signed.

Without PUSH nothing leaves this machine, and what would is printed. With PUSH=ghcr.io/owner/header-echo and TAG=v1.2.3:
the image for both architectures with SBOM and provenance, the chart as an OCI artifact, keyless signatures of both
(https://docs.sigstore.dev/cosign/signing/overview/), and the GitHub release with the bills of materials of the image's Python part.
All results are in dist/.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import yaml

from harness.base_image import PUBLISHED, VARIABLE, base_image, python_of
from harness.errors import HarnessError
from harness.image import make_context
from harness.progress import say, step
from harness.run import run
from harness.tools import tool

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
CONTEXT = DIST / "image"
ARCHITECTURES = ("amd64", "arm64")
BUILD_SECONDS = 3000
PUSH_SECONDS = 300


def released_version(tag: str) -> str:
    """Return the version that chart, backend and (if given) tag agree on.

    Raises:
        HarnessError: they don't; it names all of them.
    """
    chart = yaml.safe_load((ROOT / "chart" / "Chart.yaml").read_text())
    project = re.search(r'^version = "(.+)"', (ROOT / "backend" / "pyproject.toml").read_text(), re.MULTILINE)
    versions = {
        "chart/Chart.yaml version": str(chart["version"]),
        "chart/Chart.yaml appVersion": str(chart["appVersion"]),
        "backend/pyproject.toml version": project[1] if project else "(none)",
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


def package_chart(version: str, registry: str) -> Path:
    """Package the chart into dist/ with the released image as its default; return the archive."""
    source = DIST / "chart"
    shutil.copytree(ROOT / "chart", source)
    values = source / "values.yaml"
    text, replaced = re.subn(
        r"^  repository: header-echo$", f"  repository: {registry}", values.read_text(), flags=re.MULTILINE
    )
    if replaced != 1:
        raise HarnessError(
            f"chart/values.yaml has {replaced} lines 'repository: header-echo', not one: mend {__file__}"
        )
    values.write_text(text)
    run([tool("helm"), "package", source, "--destination", DIST], timeout_seconds=60)
    return DIST / f"header-echo-{version}.tgz"


def prepare_image() -> str:
    """Fill dist/image with the packages, and the wheels for each architecture; return the base to build on."""
    base = base_image()
    if base != os.environ.get(VARIABLE, PUBLISHED):
        raise HarnessError(
            f"a release is built on {PUBLISHED}, which Docker can't pull here: mend that, or set {VARIABLE}"
        )
    CONTEXT.mkdir()
    make_context(CONTEXT, python_of(base), ARCHITECTURES)
    return base


def publish(version: str, registry: str, chart: Path, *, really: bool) -> None:
    """Push and sign image and chart, then make the GitHub release; only print the commands unless ``really``."""
    metadata = DIST / "image.json"

    def do(title: str, *command: str | Path, timeout_seconds: float = PUSH_SECONDS) -> str:
        words = " ".join(str(word).replace(f"{ROOT}/", "") for word in command)
        if not really:
            say(f"would run: {words}")
            return ""
        with step(title):
            done = run(command, cwd=ROOT, timeout_seconds=timeout_seconds)
        return done.stdout + done.stderr

    base = prepare_image() if really else PUBLISHED
    build: list[str | Path] = ["docker", "buildx", "build", CONTEXT, "--sbom=true", "--provenance=mode=max"]
    build += ["--platform", ",".join(f"linux/{architecture}" for architecture in ARCHITECTURES)]
    build += ["--build-arg", f"BASE={base}"]
    build += ["--label", f"org.opencontainers.image.version={version}", "--tag", f"{registry}:{version}"]
    do("image", *build, "--metadata-file", metadata, "--push", timeout_seconds=BUILD_SECONDS)
    pushed = do("chart", "helm" if not really else tool("helm"), "push", chart, f"oci://{registry}/charts")
    image_digest = json.loads(metadata.read_text())["containerimage.digest"] if really else "<digest>"
    chart_digest = re.findall(r"Digest: (sha256:\w+)", pushed)[0] if really else "<digest>"
    cosign = tool("cosign") if really else "cosign"
    for signed in (f"{registry}@{image_digest}", f"{registry}/charts/header-echo@{chart_digest}"):
        do(f"signature of {signed}", cosign, "sign", "--yes", signed)
    notes: list[str | Path] = ["--verify-tag", "--notes-file", DIST / "notes.md"]
    bills = [CONTEXT / f"sbom-{architecture}.cdx.json" for architecture in ARCHITECTURES]
    do("GitHub release", "gh", "release", "create", f"v{version}", *notes, chart, *bills)


def main() -> None:
    """Check, package, publish."""
    registry, tag = os.environ.get("PUSH", ""), os.environ.get("TAG", "")
    if registry and not tag:
        raise HarnessError("PUSH needs TAG too: set TAG=v<version>, the tag that is released")
    version = released_version(tag)
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    (DIST / "notes.md").write_text(changelog(version, dated=bool(registry)))
    chart = package_chart(version, registry.lower() or "header-echo")
    say(f"{version}: dist/{chart.name} and dist/notes.md are ready")
    publish(version, registry.lower() or "<registry>", chart, really=bool(registry))


if __name__ == "__main__":
    try:
        main()
    except HarnessError as error:
        sys.exit(f"error: {error}")
