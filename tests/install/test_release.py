"""A release to a registry on this machine: the chart that it pushed installs, as its own README says, the image that it pushed."""

import re

import pytest
from readme import install_block

from harness.clone import make_clone
from harness.image_push import version

RELEASED = "0.0.1"


@pytest.fixture(scope="module")
def release_clone(tmp_path_factory):
    """Yield a clone of this tree whose version is another, with a dated changelog."""
    clone = make_clone(tmp_path_factory.mktemp("released") / "header-echo")
    for name in ("chart/Chart.yaml", "backend/pyproject.toml", "examples/Dockerfile", "CHANGELOG.md"):
        path = clone / name
        path.write_text(re.sub(rf"(?<=[ :\"\[]){re.escape(version())}(?=[\"\]\n])", RELEASED, path.read_text()))
    changelog = clone / "CHANGELOG.md"
    changelog.write_text(
        re.sub(rf"^(## \[{RELEASED}\] - ).*", r"\g<1>2026-01-01", changelog.read_text(), flags=re.MULTILINE)
    )
    return clone


def test_the_released_chart_installs_the_released_image_by_its_digest(
    registry, release_clone, typed, cats, images, tmp_path
):
    said = typed(f"make release PUSH={registry} TAG=v{RELEASED} 2>&1", release_clone)
    assert "not signed: keyless signatures need Sigstore's servers; COSIGN_KEY=" in said
    readme = typed(f"helm show readme oci://{registry}/charts/header-echo --version {RELEASED}", tmp_path)
    assert "x-remote-user: kubernetes-admin" in typed(install_block(readme), tmp_path)
    ((asked, runs),) = images("header-echo")
    assert re.fullmatch(rf"{registry}/header-echo@sha256:[0-9a-f]{{64}}", asked)
    assert asked == runs
