"""A backend that nobody here wrote, k8s.io/sample-apiserver, installed by this chart from examples/sample-apiserver-values.yaml."""

import base64
import ssl

import pytest
import urllib3
import yaml

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import CHART, Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.why.rules import explain_pods

pytestmark = pytest.mark.only_on("kind", "embedded", reason="only its user can give an existing cluster images")
EXAMPLES = CHART.parent / "examples"
VALUES = EXAMPLES / "sample-apiserver-values.yaml"
GROUP = "wardle.example.com"
VERSIONS = ("v1beta1", "v1alpha1")


def images():
    values = yaml.safe_load(VALUES.read_text())
    return ["{repository}:{tag}".format(**values["image"]), *(each["image"] for each in values["extraContainers"])]


@pytest.fixture(scope="module")
def wardle(cluster, cert_manager, run_id):
    """Yield its API as the administrator sees it, both versions served."""
    for image in images():
        cluster.load_image(image)
    with fresh_namespace(cluster, f"header-echo-{run_id}-wardle") as namespace:
        helm = Helm(cluster, namespace, "flunders", explain=explain_pods)
        helm.upgrade(files=[VALUES])
        for version in VERSIONS:
            Api(cluster, GROUP, version).wait_for_available()
        yield Api(cluster, GROUP, VERSIONS[0])
        helm.uninstall()


@pytest.fixture
def kubectl(cluster, wardle, other_namespace):
    """Yield kubectl in a namespace of the test's own, once it finds flunders there."""
    kubectl = Kubectl(cluster, other_namespace)

    def listed():
        answer = kubectl("get", "flunders", check=False)
        if answer.returncode != 0:
            raise NotYet(answer.stderr.strip())

    wait_for("kubectl to find flunders", listed, timeout_seconds=60)
    return kubectl


@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_server_verifies_its_certificate(cluster, wardle, version):
    spec = Kubectl(cluster).get("apiservice", f"{version}.{GROUP}")["spec"]
    assert (bool(spec["caBundle"]), spec.get("insecureSkipTLSVerify", False)) == (True, False), spec


def test_kubectl_creates_and_lists_its_objects(kubectl):
    kubectl("create", "-f", str(EXAMPLES / "flunder.yaml"))
    assert kubectl("get", "flunders", "-o", "name").stdout == "flunder.wardle.example.com/first\n"
    assert kubectl.get("flunder", "first")["spec"] == {"flunderReference": "another", "referenceType": "Flunder"}
    older = kubectl.get(f"flunders.v1alpha1.{GROUP}", "first")["spec"]
    assert older == {"reference": "another", "referenceType": "Flunder"}, "it converts between its versions"


def test_its_own_admission_plugin_is_asked(kubectl):
    fischer = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "Fischer", "metadata": {"name": kubectl.namespace}}
    kubectl("create", "-f", "-", input=yaml.safe_dump({**fischer, "disallowedFlunders": ["first"]}))
    try:
        wait_for("the ban to be known", lambda: demand_banned(kubectl), timeout_seconds=30)
    finally:
        kubectl("delete", "fischer", kubectl.namespace)


def demand_banned(kubectl):
    refused = kubectl("create", "-f", str(EXAMPLES / "flunder.yaml"), check=False)
    if refused.returncode == 0:
        kubectl("delete", "flunder", "first")
        raise NotYet("created")
    assert "this name may not be used" in refused.stderr


def test_the_roles_of_the_chart_decide_who_may(cluster, wardle, kubectl):
    """It asks for each request, so that a caller who has "view" in one namespace has it there and nowhere else."""
    kubectl("create", "serviceaccount", "reader")
    kubectl("create", "rolebinding", "reader", "--clusterrole=view", f"--serviceaccount={kubectl.namespace}:reader")
    token = wardle.token(kubectl.namespace, "reader")
    path = "/apis/{}/v1beta1/namespaces/{}/flunders"

    def allowed():  # the aggregated role is the controller manager's to fill
        answer = wardle.get(path.format(GROUP, kubectl.namespace), token)
        if answer.status_code != 200:
            raise NotYet(answer.text)

    wait_for("the reader to be let in", allowed, timeout_seconds=30)
    elsewhere = wardle.get(path.format(GROUP, "default"), token)
    assert (elsewhere.status_code, elsewhere.json()["reason"]) == (403, "Forbidden")
    with wardle.session(token) as session:
        flunder = yaml.safe_load((EXAMPLES / "flunder.yaml").read_text())
        written = session.post(wardle.server + path.format(GROUP, kubectl.namespace), json=flunder, timeout=30)
    assert written.status_code == 403, written.text


def test_a_direct_caller_is_who_its_token_says(cluster, wardle, kubectl):
    """Past the API server it asks it whose the token is, and what they may: it delegates by the pod's own ServiceAccount."""
    kubectl("create", "serviceaccount", "direct")
    account = f"system:serviceaccount:{kubectl.namespace}:direct"
    (pod,) = kubectl.get("pods", "--all-namespaces", "-l=app.kubernetes.io/instance=flunders")["items"]
    where = pod["metadata"]["namespace"], pod["metadata"]["name"]
    spec = kubectl.get("apiservice", f"v1beta1.{GROUP}")["spec"]
    name = "{name}.{namespace}.svc".format(**spec["service"])
    context = ssl.create_default_context(cadata=base64.b64decode(spec["caBundle"]).decode())
    headers = {"Authorization": f"Bearer {wardle.token(kubectl.namespace, 'direct')}"}
    with (
        cluster.pod_endpoint(*where, 10250) as (host, port),
        urllib3.HTTPSConnectionPool(
            host, port, ssl_context=context, server_hostname=name, assert_hostname=name
        ) as pool,
    ):
        known = pool.request("GET", f"{wardle.path}/flunders", headers=headers, timeout=30)
        forged = pool.request("GET", f"{wardle.path}/flunders", headers={"X-Remote-User": "admin"}, timeout=30)
    assert (known.status, f'User "{account}" cannot list' in known.json()["message"]) == (403, True), known.data
    assert (forged.status, 'User "system:anonymous" cannot' in forged.json()["message"]) == (403, True), forged.data


def test_a_deleted_namespace_takes_its_objects_along(cluster, wardle, run_id):
    with fresh_namespace(cluster, f"header-echo-{run_id}-gone") as namespace:
        kubectl = Kubectl(cluster, namespace)
        kubectl("create", "-f", str(EXAMPLES / "flunder.yaml"))
        kubectl("delete", "namespace", namespace, "--timeout=60s")
    left = wardle.get(f"{wardle.path}/flunders").json()["items"]
    assert [item for item in left if item["metadata"]["namespace"] == namespace] == []
