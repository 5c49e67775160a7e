"""The APIService tells the truth about its backend, and nothing of the cluster is wedged by it."""

import pytest

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.why.rules import explain_pods

KINDS_OF_THE_CLUSTER = "apiservices,clusterroles,clusterrolebindings"
KINDS_OF_A_NAMESPACE = (
    "deployments,replicasets,pods,services,endpointslices,serviceaccounts,secrets,configmaps,roles,rolebindings"
)


def namespace_gone(kubectl, name):
    def gone():
        answer = kubectl("get", "namespace", name, "-o", "jsonpath={.status}", check=False)
        if answer.returncode == 0:
            raise NotYet(answer.stdout)

    return gone


@pytest.fixture
def scaled_to_zero(api, kubectl):
    """Have no replica of the backend, and as many as before at the end; yield how many that are."""
    replicas = kubectl.get("deployment", "header-echo")["spec"]["replicas"]
    kubectl("scale", "deployment/header-echo", "--replicas=0")
    yield replicas
    kubectl("scale", "deployment/header-echo", f"--replicas={replicas}")
    kubectl("rollout", "status", "deployment/header-echo", "--timeout=120s", timeout_seconds=150)
    api.wait_for_available()
    api.wait_until_served()


@pytest.mark.same_on_processes
def test_without_replicas_the_apiservice_says_missing_endpoints(api, scaled_to_zero):
    api.wait_for_available("False", "MissingEndpoints")
    answer = api.get(f"{api.path}/echoes")
    assert (answer.status_code, answer.text.strip()) == (503, "service unavailable")


def test_scaling_back_heals_the_apiservice(api, scaled_to_zero, kubectl):
    api.wait_for_available("False")
    kubectl("scale", "deployment/header-echo", f"--replicas={scaled_to_zero}")
    api.wait_for_available("True", "Passed")
    api.wait_until_served()


def test_a_namespace_can_be_deleted_while_the_backend_is_up(api, cluster, kubectl, run_id):
    name = f"header-echo-{run_id}-bystander"
    with fresh_namespace(cluster, name):
        pass
    wait_for(f"namespace {name} to go", namespace_gone(kubectl, name), timeout_seconds=120)


def of_the_release(kubectl, namespace):
    """Return the names of all objects that belong to the release in ``namespace``, wherever they are."""
    selector = "-l=app.kubernetes.io/instance=header-echo"
    where = kubectl("get", KINDS_OF_THE_CLUSTER, "-o", "name", selector).stdout.split()
    inside = kubectl("get", KINDS_OF_A_NAMESPACE, f"--namespace={namespace}", "-o", "name").stdout.split()
    system = kubectl("get", "rolebindings", "--namespace=kube-system", "-o", "name", selector).stdout.split()
    return sorted(set(where + inside + system))


@pytest.mark.same_on_processes
def test_uninstall_leaves_nothing_of_the_release_but_the_secrets_cert_manager_keeps(
    api, cluster, kubectl, base_values, run_id
):
    """A second release, of another group, so that the first one stays as it is."""
    group = "dogs.example.com"
    with fresh_namespace(cluster, f"header-echo-{run_id}-second") as namespace:
        before = of_the_release(kubectl, namespace)
        helm = Helm(cluster, namespace, explain=explain_pods)
        helm.upgrade({**base_values, "replicas": 1, "shutdown.delaySeconds": 0, "apiService.group": group})
        second = Api(cluster, group)
        second.wait_for_available()
        second.wait_until_served()
        helm.uninstall()

        def only_what_is_kept():
            left = sorted(set(of_the_release(kubectl, namespace)) - set(before))
            if any(not name.startswith("secret/") for name in left):
                raise NotYet(", ".join(left))
            return left

        left = wait_for("the release's objects to go", only_what_is_kept, timeout_seconds=60)
        kept = [kubectl.get(name, f"--namespace={namespace}") for name in left]
        assert all("cert-manager.io/certificate-name" in s["metadata"].get("annotations", {}) for s in kept), left
        assert api.get(f"/apis/{group}").status_code == 404
        name = f"header-echo-{run_id}-after"
        with fresh_namespace(cluster, name):
            pass
        wait_for(f"namespace {name} to go", namespace_gone(kubectl, name), timeout_seconds=120)
