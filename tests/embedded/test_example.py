"""A user's own backend, examples/zoo.py, installed with the same chart beside the header echo."""

import json
import sys

import pytest

from harness.api import Api
from harness.helm import CHART, Helm
from harness.namespaces import fresh_namespace
from harness.pod_images import BACKEND, LocalImage
from harness.wait import NotYet, wait_for

pytestmark = pytest.mark.only_on("embedded", reason="its image is the user's to build; here its command stands for it")

GROUP = "zoo.example.com"


@pytest.fixture(scope="module")
def zoo(cluster, cert_manager, base_values, run_id):
    """The example's API, served."""
    command = [sys.executable, str(CHART.parent / "examples" / "zoo.py")]
    cluster.load_image("zoo:1", LocalImage(command, {"PYTHONPATH": str(BACKEND)}))
    values = {
        **base_values,
        "image.repository": "zoo",
        "image.tag": "1",
        "apiService.group": GROUP,
        "userRoles.resources": ["animals"],
        "replicas": 1,  # its animals live in its memory
    }
    with fresh_namespace(cluster, f"header-echo-{run_id}-zoo") as namespace:
        helm = Helm(cluster, namespace)
        helm.upgrade(values)
        api = Api(cluster, GROUP)
        api.wait_for_available()
        yield api, helm
        helm.uninstall()


def test_its_objects_are_listed_and_created(zoo, kubectl):
    """Animals are to kubectl what anything is."""
    rex = {"apiVersion": f"{GROUP}/v1", "kind": "Animal", "metadata": {"name": "rex"}, "spec": {"species": "dog"}}

    def listed():
        answer = kubectl("get", "animals", check=False)
        if answer.returncode != 0:
            raise NotYet(answer.stderr.strip())
        return answer.stdout

    assert wait_for("discovery to list animals", listed, timeout_seconds=120).split()[:4] == [
        "NAME",
        "SPECIES",
        "leo",
        "lion",
    ]
    kubectl("create", "-f", "-", input=json.dumps(rex))
    assert kubectl.get("animal", "rex")["spec"] == {"species": "dog"}
    twice = kubectl("create", "-f", "-", input=json.dumps(rex), check=False)
    assert "AlreadyExists" in twice.stderr


def test_its_own_path_knows_the_visitor(zoo):
    """What is no resource is Flask's, with the verified user."""
    api, _ = zoo

    assert api.get(f"{api.path}/opening-hours").json()["visitor"] == "kubernetes-admin"


def test_it_passes_the_test_of_the_chart(zoo):
    """`helm test` runs the example's `selftest`, which it has from the library."""
    _, helm = zoo
    printed = helm.test()

    assert "[+] a direct call with a forged X-Remote-User is refused with 401" in printed, printed
