"""A release to a registry on this machine: the chart that it pushed installs, as its own README says, the image that it pushed."""

import pytest
from readme import install_block

from docs.clone import make_release_clone

pytestmark = pytest.mark.interop

RELEASED = "0.0.1"


@pytest.fixture(scope="module")
def release_clone(tmp_path_factory):
    """Yield a clone of this tree as it is before a release of another version."""
    return make_release_clone(tmp_path_factory.mktemp("released") / "header-echo", RELEASED)


def test_the_released_chart_installs_the_released_image_by_its_digest(
    registry, release_clone, typed, cats, images, tmp_path
):
    said = typed(f"make release PUSH={registry} TAG=v{RELEASED} 2>&1", release_clone)
    assert "not signed: keyless signatures need Sigstore's servers; COSIGN_KEY=" in said
    readme = typed(f"helm show readme oci://{registry}/charts/header-echo --version {RELEASED}", tmp_path)
    assert "x-remote-user: kubernetes-admin" in typed(install_block(readme), tmp_path)
    ((asked, runs),) = images("header-echo")
    assert asked == f"{registry}/header-echo@{runs}"
