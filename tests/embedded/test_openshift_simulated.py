"""`tls.mode=openshift` beside a SIMULATED service-ca operator: where no OpenShift can be had, a thread does what the operator is documented to do.

It reads the two annotations that the chart writes, and makes from them a Secret and a caBundle, nothing else
(https://github.com/openshift/service-ca-operator/blob/main/docs/ARCHITECTURE.md). Nothing here proves how a real operator behaves:
CLUSTER=existing with an OpenShift context runs chart/ci/openshift-values.yaml against one, in test_chart_lifecycle.py.
"""

import base64
import json
import socket
import ssl
import threading

import pytest

from e2e.steady_requests import SteadyRequests
from pytest_apiservice.base.authorities import Authority
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import CHART, Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.why.rules import explain_pods

pytestmark = pytest.mark.only_on("embedded", reason="it plays an operator, in a cluster that is thrown away")

NAME = "header-echo"
VALUES = CHART / "ci" / "openshift-values.yaml"
SECRET_NAME = "service.beta.openshift.io/serving-cert-secret-name"
INJECT = "service.beta.openshift.io/inject-cabundle"
APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
MANAGER = {"fieldManager": "service-ca-operator", "force": "true"}
# By this group the chart knows OpenShift.
SECURITY = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "securitycontextconstraints.security.openshift.io"},
    "spec": {
        "group": "security.openshift.io",
        "scope": "Cluster",
        "names": {"plural": "securitycontextconstraints", "kind": "SecurityContextConstraints"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}


class ServiceCA:
    """The operator, simulated; a context manager: it works within its block.

    Attributes:
        bundle: what it writes into each APIService that asks for it, base64.
    """

    def __init__(self, api):
        """Act on the API server as the administrator."""
        self._authority = Authority("openshift-service-serving-signer")
        self.bundle = base64.b64encode(self._authority.certificate).decode()
        self._server, self._session = api.server, api.session()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_):
        """Stop."""
        self._stop.set()
        self._thread.join()
        self._session.close()

    def issue(self, service, namespace, secret):
        """Make the Secret, or replace what is in it, and return the new certificate (PEM)."""
        dns_name = f"{service}.{namespace}.svc"
        pair = self._authority.server([dns_name, f"{dns_name}.cluster.local"])
        certificate = pair.certificate + self._authority.certificate  # the operator sends its CA along
        data = {"tls.crt": certificate, "tls.key": pair.key}
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret, "namespace": namespace},
            "type": "kubernetes.io/tls",
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }
        self._patch(f"/api/v1/namespaces/{namespace}/secrets/{secret}", "apply-patch+yaml", manifest)
        return pair.certificate.decode()

    def _run(self):
        while not self._stop.wait(0.1):
            secrets = {(one["namespace"], one["name"]) for one in map(metadata, self._list("/api/v1/secrets"))}
            for service in map(metadata, self._list("/api/v1/services")):
                wanted = service.get("annotations", {}).get(SECRET_NAME)
                if wanted and (service["namespace"], wanted) not in secrets:
                    self.issue(service["name"], service["namespace"], wanted)
            for one in self._list(APISERVICES):
                asked = metadata(one).get("annotations", {}).get(INJECT) == "true"
                if asked and one["spec"].get("caBundle") != self.bundle:
                    change = {"spec": {"caBundle": self.bundle}}
                    self._patch(f"{APISERVICES}/{metadata(one)['name']}", "merge-patch+json", change)

    def _list(self, path):
        answer = self._session.get(self._server + path, timeout=10)
        answer.raise_for_status()
        return answer.json()["items"]

    def _patch(self, path, kind, body):
        parameters = MANAGER if kind.startswith("apply") else {"fieldManager": MANAGER["fieldManager"]}
        headers = {"Content-Type": f"application/{kind}"}
        url = self._server + path
        answer = self._session.patch(url, data=json.dumps(body), params=parameters, headers=headers, timeout=10)
        if answer.status_code != 404:  # gone since it was listed
            answer.raise_for_status()


def metadata(one):
    """Return an object's metadata."""
    return one["metadata"]


@pytest.fixture(scope="module")
def operator(cluster):
    """Yield the simulated operator at work, in a cluster that serves OpenShift's group."""
    kubectl, api = Kubectl(cluster), Api(cluster)
    kubectl.apply(json.dumps(SECURITY))

    def served():
        answer = api.get("/apis/security.openshift.io/v1")
        if answer.status_code != 200:
            raise NotYet(answer.text)

    wait_for("security.openshift.io/v1", served, timeout_seconds=30)
    with ServiceCA(api) as operator:
        yield operator
    kubectl("delete", "crd", metadata(SECURITY)["name"])


@pytest.fixture(scope="module")
def installed(cluster, base_values, operator, run_id):
    """Yield (helm, values, API) of a release with two replicas in mode openshift; gone at the end."""
    values = {**base_values, "apiService.group": "openshift.example.com"}
    with fresh_namespace(cluster, f"header-echo-{run_id}-openshift") as namespace:
        helm, api = Helm(cluster, namespace, explain=explain_pods), Api(cluster, values["apiService.group"])
        try:
            helm.upgrade(values, files=[VALUES])
            api.wait_for_available()
            api.wait_until_served()
            yield helm, values, api
        finally:
            helm.uninstall()


def ca_bundle(api):
    return api.kubectl.get("apiservice", f"v1.{api.group}")["spec"].get("caBundle")


def pods(cluster, namespace):
    found = Kubectl(cluster, namespace).get("pods", "-l", f"app.kubernetes.io/instance={NAME}")["items"]
    return {metadata(pod)["name"]: metadata(pod)["uid"] for pod in found}


def test_the_api_is_served_with_the_operators_certificate_and_ca(installed, operator):
    _, _, api = installed

    assert api.available()["reason"] == "Passed"
    assert ca_bundle(api) == operator.bundle
    assert "x-remote-user: kubernetes-admin" in api.get(f"{api.path}/").text


def test_helm_test_passes(installed):
    helm, _, _ = installed

    assert "[+] a direct call with a forged X-Remote-User is refused with 401" in helm.test()


@pytest.mark.parametrize("program", ["helm", "helm4"])
def test_an_upgrade_leaves_the_ca_bundle_and_the_pods_alone(program, installed, operator, cluster):
    helm, values, api = installed
    before = pods(cluster, helm.namespace)
    Helm(cluster, helm.namespace, program=program, explain=explain_pods).upgrade(values, files=[VALUES])

    assert ca_bundle(api) == operator.bundle
    assert pods(cluster, helm.namespace) == before


def presented(cluster, namespace, pod, authority):
    """Return the certificate (PEM) that a pod shows, asked directly and verified."""
    context = ssl.create_default_context(cadata=base64.b64decode(authority).decode())
    with (
        cluster.pod_endpoint(namespace, pod, 10250) as address,
        socket.create_connection(address, timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=f"{NAME}.{namespace}.svc") as tls,
    ):
        return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True))


def test_no_request_fails_while_the_operator_replaces_the_certificate(installed, operator, cluster, noted):
    helm, _, api = installed
    with SteadyRequests(api) as running:
        new = operator.issue(NAME, helm.namespace, f"{NAME}-serving")

        def taken_up():
            for pod in pods(cluster, helm.namespace):
                if presented(cluster, helm.namespace, pod, operator.bundle) != new:
                    raise NotYet(f"{pod} presents the old one")

        wait_for("the pods to present the new certificate", taken_up, timeout_seconds=120)
    noted(running.outcome)

    assert not running.outcome.failures, running.outcome


def test_helm_4_installs_and_uninstalls_it(cluster, base_values, operator, run_id):
    """By server-side apply: whoever writes caBundle afterwards is in nobody's way."""
    values = {**base_values, "apiService.group": "applied-openshift.example.com", "replicas": 1}
    with fresh_namespace(cluster, f"header-echo-{run_id}-openshift-4") as namespace:
        helm, api = (
            Helm(cluster, namespace, program="helm4", explain=explain_pods),
            Api(cluster, values["apiService.group"]),
        )
        try:
            helm.upgrade(values, files=[VALUES])
            api.wait_for_available()
            helm.upgrade({**values, "podAnnotations": {"example.com/changed": "yes"}}, files=[VALUES])
            assert ca_bundle(api) == operator.bundle
        finally:
            helm.uninstall()
        left = api.kubectl("get", "apiservice", f"v1.{api.group}", "--ignore-not-found", "-o", "name").stdout

    assert left == ""
