"""Where the kernel lets pods have no file system of their own, the chart works all the same, and other pods hear what they lack."""

import json

import pytest

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.embedded.cluster import EmbeddedCluster
from pytest_apiservice.embedded.node.images import LocalImage
from pytest_apiservice.why.rules import explain_pods

pytestmark = pytest.mark.only_on("embedded", reason="it is about the embedded cluster's pods")


@pytest.fixture(scope="module")
def bare():
    """Yield a cluster as a user has it whose kernel forbids user namespaces."""
    cluster = EmbeddedCluster(one_root=True)
    cluster.create()
    try:
        yield cluster
    finally:
        cluster.delete()


def test_the_chart_is_served(bare):
    bare.install_cert_manager()
    bare.load_image("header-echo:local")
    values = {"image.tag": "local", "image.pullPolicy": "Never", "delegation.authentication": True}
    Helm(bare, "echo", explain=explain_pods).upgrade(values, arguments=["--create-namespace"])
    api = Api(bare)
    api.wait_for_available()
    api.wait_until_served()


def test_a_pod_that_cannot_find_its_volumes_is_told_where_it_could(bare):
    bare.load_image("shell:1", LocalImage(["/bin/sh", "-c"]))
    kubectl = Kubectl(bare, "default")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "subject"}}
    kubectl.apply(
        json.dumps({**pod, "spec": {"containers": [{"name": "main", "image": "shell:1", "args": ["sleep 1000"]}]}})
    )

    def told():
        events = kubectl.get("events", "--field-selector=reason=MountPathNotGiven")["items"]
        if not events:
            raise NotYet("no such event")
        return events[0]["message"]

    message = wait_for("an event", told, timeout_seconds=30)
    assert "its volumes are not at /var/run/secrets/kubernetes.io/serviceaccount" in message
    assert "(it was started with --one-root)" in message
    assert message.endswith("use CLUSTER=kind")
