"""What a rehearsed release pushes is signed with the key that it is given, without a network, and nothing else passes for it.

Here and not in tests/install, because building cosign takes minutes.
"""

import json
import os
import sys

import pytest

from docs.clone import make_release_clone
from install.local_registry import loopback_registry
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run
from pytest_apiservice.images.offline.engine import ensure_engine
from pytest_apiservice.programs.tools import tool

RELEASED = "0.0.1"
PASSWORD = {"COSIGN_PASSWORD": "of-a-test"}
BUILD_SECONDS = 3600

pytestmark = pytest.mark.timeout(BUILD_SECONDS)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Yield the address of a registry on this machine."""
    ensure_engine()
    with loopback_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def key(folder, name):
    """Make a pair of keys; return the path without suffix."""
    run(
        [tool("cosign"), "generate-key-pair", f"--output-key-prefix={name}"],
        cwd=folder,
        env={**os.environ, **PASSWORD},
        timeout_seconds=60,
    )
    return folder / name


@pytest.fixture(scope="module")
def ours(registry, tmp_path_factory):
    """Yield the key that a release was signed with."""
    mine = key(tmp_path_factory.mktemp("keys"), "ours")
    clone = make_release_clone(tmp_path_factory.mktemp("released") / "header-echo", RELEASED)
    given = {"PUSH": registry, "TAG": f"v{RELEASED}", "COSIGN_KEY": f"{mine}.key", "PYTHONPATH": str(clone / "tests")}
    run([sys.executable, "ci/release.py"], cwd=clone, env={**os.environ, **PASSWORD, **given}, timeout_seconds=600)
    return mine


def verified(name, mine):
    """Return the digests of what ``mine`` signed under ``name``."""
    options = ["--insecure-ignore-tlog=true", "--allow-http-registry"]  # no log was asked; the registry has no TLS
    done = run([tool("cosign"), "verify", f"--key={mine}.pub", *options, name], timeout_seconds=60)
    return {one["critical"]["image"]["docker-manifest-digest"] for one in json.loads(done.stdout)}


@pytest.mark.parametrize("repository", ["header-echo", "charts/header-echo"])
def test_image_and_chart_are_signed_with_the_key(registry, ours, repository):
    assert len(verified(f"{registry}/{repository}:{RELEASED}", ours)) == 1


@pytest.mark.parametrize("repository", ["header-echo", "charts/header-echo"])
def test_another_key_did_not_sign_them(registry, ours, repository, tmp_path):
    with pytest.raises(HarnessError, match="failed to verify signature"):
        verified(f"{registry}/{repository}:{RELEASED}", key(tmp_path, "others"))
