"""A cluster that is somebody else's is used through a context of its kubeconfig, and left as it was found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.embedded.cluster import EmbeddedCluster

pytestmark = pytest.mark.only_on("embedded", reason="the cluster that is somebody else's is a second embedded one")

ROOT = Path(__file__).resolve().parents[2]
SAME_TESTS = ("test_registration.py", "test_echo.py")
LONGER_TESTS = ("test_availability.py", "test_identity.py")  # with further releases and namespaces
COMES_AND_GOES = {"events", "events.events.k8s.io", "leases.coordination.k8s.io"}
NAME = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}'


@pytest.fixture
def theirs():
    """Yield a cluster that knows cert-manager and our image, as somebody's cluster might; deleted at the end."""
    cluster = EmbeddedCluster()
    cluster.create()
    try:
        cluster.install_cert_manager()
        cluster.load_image("header-echo:local")
        yield cluster
    finally:
        cluster.delete()


def objects(cluster):
    """Return "kind namespace/name" of every object in the cluster."""
    kubectl = Kubectl(cluster)
    kinds = set(kubectl("api-resources", "--verbs=list", "-o", "name").stdout.split()) - COMES_AND_GOES
    listed = kubectl("get", ",".join(sorted(kinds)), "--all-namespaces", "-o", f"jsonpath={NAME}").stdout
    return set(listed.splitlines())


@pytest.mark.parametrize(
    "names", [SAME_TESTS, pytest.param(LONGER_TESTS, marks=pytest.mark.interop)], ids=["few", "more"]
)
def test_the_same_tests_pass_there_and_leave_it_as_it_was(theirs, names):
    before = objects(theirs)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "CLUSTER": "existing",
        "KUBECONFIG": str(theirs.kubeconfig),
        "KUBECONTEXT": theirs.context,
        "APISERVICE_IMAGE": "header-echo:local",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    files = [f"tests/e2e/{name}" for name in names]
    ran = subprocess.run(
        [*command, *files], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert before
    assert objects(theirs) == before
