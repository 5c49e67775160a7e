"""What the documents tell to type to get a backend into a cluster, typed: in a clone, on a kind cluster that pulls from a real registry."""

import os
import re
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / "docs"), str(ROOT / "ci")]

from docs.clone import make_clone  # noqa: E402
from image_push import image_name  # noqa: E402
from install.local_registry import kind_registry  # noqa: E402
from pytest_apiservice.base.guard import Guard  # noqa: E402
from pytest_apiservice.base.run import run  # noqa: E402
from pytest_apiservice.client.helm import Helm  # noqa: E402
from pytest_apiservice.client.kubectl import Kubectl  # noqa: E402
from pytest_apiservice.images.registry import has_image  # noqa: E402
from pytest_apiservice.programs.tools import tool  # noqa: E402
from workflow_steps import outside  # noqa: E402 - found by the line above

APISERVICE = "v1.cats.example.com"
TYPED_SECONDS = 900  # with no environment of tox and no base image; usually 30


def pytest_collection_modifyitems(items):
    """Leave these tests out where pods do not pull, and give the first of them time to make what `make` needs."""
    reason = "its nodes pull images from a registry of the tests"
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.only_on("kind", reason=reason))
            item.add_marker(pytest.mark.timeout(3 * TYPED_SECONDS))


@pytest.fixture(scope="session")
def registry(cluster):
    """Yield the address of a registry that this machine pushes to and the cluster pulls from."""
    with kind_registry(cluster.node) as address:
        yield address


@pytest.fixture(scope="session")
def cloned(tmp_path_factory, local_image):
    """Yield a function (word) → a clone of this tree, whose image has further content.

    An image that the kubelet has pulled under one name it pulls again when a pod wants the same content under another one, even if
    it was loaded into the node: https://kep.k8s.io/2535. Where other tests load what these pull, nothing would be there to pull.
    """

    def make(word):
        clone = make_clone(tmp_path_factory.mktemp(word) / "header-echo")
        (clone / "backend" / "header_echo" / "clone.txt").write_text(word)
        return clone

    return make


@pytest.fixture(scope="session")
def clone(cloned):
    """Yield a clone of this tree."""
    return cloned("clone")


@pytest.fixture(scope="session")
def local_image(cluster):
    """Yield the name of the image that no registry has; the engine loses it at the end, unless it had it before."""
    name = image_name("")
    if has_image(name):
        yield name
        return
    forget = ["docker", "image", "rm", name]
    guard = Guard([forget])
    yield name
    run(forget, timeout_seconds=60, check=False)
    guard.disarm()


@pytest.fixture(scope="session")
def environment(cluster, cert_manager):
    """Yield the environment of somebody who has helm, kubectl, kind, and this cluster as theirs."""
    programs = [str(tool(name).parent) for name in ("helm", "kubectl", "kind")]
    return {
        **outside(),
        "PATH": ":".join([*programs, os.environ["PATH"]]),
        "KUBECONFIG": str(cluster.kubeconfig),
        "KIND_CLUSTER_NAME": cluster.name,
        "TOX_WORK_DIR": str(ROOT / ".tox"),
    }


@pytest.fixture(scope="session")
def typed(environment, clone):
    """Yield a function (text, variables that the reader sets) → what a shell prints for it, in the clone or another folder."""

    def type_in(text, folder=clone, **variables):
        for name, value in variables.items():
            text, times = re.subn(rf"^{name}=\S+", f"{name}={value}", text, flags=re.MULTILINE)
            assert times == 1, f"a reader finds no place to set {name} in\n{text}"
        done = run(["bash", "-ec", text], cwd=folder, env=environment, timeout_seconds=TYPED_SECONDS, check=False)
        assert done.returncode == 0, f"{text}\nfails:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return type_in


@pytest.fixture
def gone(cluster):
    """Yield a function (name) by which a release, and the namespace of its name that it is in, are gone at the end."""
    names = []
    yield names.append
    for name in names:
        Helm(cluster, name, name).uninstall()
        if cluster.keep:
            Kubectl(cluster)("delete", "namespace", name, "--wait=false")


@pytest.fixture
def cats(request, cluster, cert_manager):
    """Have nobody serve cats.example.com, so that a release header-echo can; that of other tests, if it stands, does again at the end."""
    registered = {one["metadata"]["name"] for one in Kubectl(cluster).get("apiservices")["items"]}
    standing = request.getfixturevalue("release") if APISERVICE in registered else None
    if standing:
        standing.uninstall()
    yield
    Helm(cluster, "header-echo").uninstall()
    if standing:
        standing.upgrade(request.getfixturevalue("base_values"))


@pytest.fixture
def images(cluster):
    """Yield a function (namespace) → (image that was asked for, digest of that which runs) of each of its pods."""

    def of(namespace):
        pods = Kubectl(cluster, namespace).get("pods", "--field-selector=status.phase=Running")["items"]
        return {
            (pod["spec"]["containers"][0]["image"], status["imageID"].rpartition("@")[2])
            for pod in pods
            for status in pod["status"]["containerStatuses"]
        }

    return of
