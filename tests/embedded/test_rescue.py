"""A namespace was deleted before the release in it: what hangs, and how chart/README.md's two steps under Uninstall mend it."""

import secrets

import pytest

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.why.rules import explain_pods

pytestmark = pytest.mark.only_on("embedded", reason="every namespace of the cluster hangs meanwhile")

NAMESPACE_SECONDS = 120  # its controller tries again ever more rarely


def condition(kubectl, namespace, kind):
    """Return the status of a namespace's condition."""
    found = kubectl.get("namespace", namespace).get("status", {}).get("conditions", [])
    return next((one["status"] for one in found if one["type"] == kind), "absent")


def gone(kubectl, namespace):
    """Wait until the namespace is gone."""

    def away():
        if kubectl("get", "namespace", namespace, "--ignore-not-found", "-o", "name").stdout:
            raise NotYet("it is there")

    wait_for(f"namespace {namespace} to go", away, timeout_seconds=NAMESPACE_SECONDS)


@pytest.fixture
def orphaned(cluster, cert_manager, base_values):
    """Yield (helm, values, API) of a release whose namespace is being deleted."""
    word = f"rescue-{secrets.token_hex(3)}"
    helm, api = Helm(cluster, f"header-echo-{word}", explain=explain_pods), Api(cluster, f"{word}.example.com")
    values = {**base_values, "apiService.group": api.group, "replicas": 1}
    with fresh_namespace(cluster, helm.namespace):
        helm.upgrade(values)
        api.wait_for_available()
    try:
        api.wait_for_available("False")
        yield helm, values, api
    finally:
        api.kubectl("delete", "apiservice", f"v1.{api.group}", "--ignore-not-found")


def test_no_namespace_goes_until_the_apiservice_is_deleted(orphaned, cluster):
    helm, _, api = orphaned
    kubectl = Kubectl(cluster)
    bystander = f"{helm.namespace}-bystander"
    with fresh_namespace(cluster, bystander):
        pass

    def hangs():
        if condition(kubectl, bystander, "NamespaceDeletionDiscoveryFailure") != "True":
            raise NotYet("no complaint")

    wait_for("the bystander to hang", hangs, timeout_seconds=60)
    kubectl("delete", "apiservice", f"v1.{api.group}")
    gone(kubectl, bystander)
    gone(kubectl, helm.namespace)


def test_installed_again_and_uninstalled_nothing_is_left(orphaned, cluster):
    """Helm takes over what has its marks, though its record went with the namespace."""
    helm, values, api = orphaned
    kubectl = Kubectl(cluster)
    kubectl("delete", "apiservice", f"v1.{api.group}")
    gone(kubectl, helm.namespace)

    def left():
        cluster_wide = kubectl("get", "clusterroles,clusterrolebindings", "-o", "name").stdout
        bindings = kubectl("get", "rolebindings", "--namespace=kube-system", "-o", "name").stdout
        return [name for name in (cluster_wide + bindings).split() if f"/{helm.namespace}:" in name]

    assert left()
    with fresh_namespace(cluster, helm.namespace):
        helm.upgrade(values)
        helm.uninstall()
        assert left() == []
