"""The TLS mode of a release that is in use is changed by `helm upgrade`: what callers notice, as chart/README.md says it under Upgrades."""

import base64
import json
import secrets

import pytest

from e2e.steady_requests import SteadyRequests
from pytest_apiservice.base.authorities import Authority
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.why.rules import explain_pods

pytestmark = pytest.mark.only_on("embedded", reason="a control plane of its own measures it; none of it is the node's")

NAME = "header-echo"
GIVEN = "given-tls"


@pytest.fixture
def installed(cluster, cert_manager, base_values):
    """Yield (helm, values, API, CA) of a release in mode certManager, beside a Secret of another CA."""
    word = f"modes-{secrets.token_hex(3)}"
    authority = Authority("given")
    with fresh_namespace(cluster, f"header-echo-{word}") as namespace:
        pair = authority.server([f"{NAME}.{namespace}.svc"])
        data = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.certificate}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": GIVEN, "annotations": {"cert-manager.io/allow-direct-injection": "true"}},
            "type": "kubernetes.io/tls",
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }
        Kubectl(cluster, namespace).apply(json.dumps(secret))
        helm, api = Helm(cluster, namespace, explain=explain_pods), Api(cluster, f"{word}.example.com")
        values = {**base_values, "apiService.group": api.group}
        try:
            helm.upgrade(values)
            api.wait_for_available()
            api.wait_until_served()
            yield helm, values, api, authority.certificate.decode()
        finally:
            helm.uninstall()


def spec(api):
    return api.kubectl.get("apiservice", f"v1.{api.group}")["spec"]


def authorities(api):
    """Return how many CAs the APIService has."""
    return base64.b64decode(spec(api).get("caBundle", "")).count(b"BEGIN CERTIFICATE")


def wait_for_authorities(api, count):
    def injected():
        if authorities(api) != count:
            raise NotYet(f"{authorities(api)} CAs")

    wait_for(f"{count} CAs in caBundle", injected, timeout_seconds=60)


def test_no_request_fails_from_cert_manager_to_an_injected_secret_and_back(installed, noted):
    """Both CAs stay in caBundle: cainjector adds, and takes away only what has expired."""
    helm, values, api, _ = installed
    given = {"tls.mode": "secret", "tls.secretName": GIVEN, "tls.injectCaFromSecret": f"{helm.namespace}/{GIVEN}"}
    with SteadyRequests(api) as running:
        helm.upgrade({**values, **given})
        helm.upgrade(values)
    noted(running.outcome)

    assert not running.outcome.failures, running.outcome
    assert authorities(api) == 2


@pytest.mark.interop
def test_no_request_fails_from_cert_manager_to_an_issuer_and_back(installed, noted):
    """The new certificate is in the Secret and its CA in caBundle before a pod shows it."""
    helm, values, api, _ = installed
    issuer = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "spec": {"selfSigned": {}}}
    issuer["metadata"] = {"name": "given", "namespace": helm.namespace}
    given = {"tls.mode": "certManagerIssuer", "tls.issuerRef.name": "given", "extraObjects": [issuer]}
    with SteadyRequests(api) as running:
        helm.upgrade({**values, **given})
        wait_for_authorities(api, 2)
        running.wait_for_more(200)
        helm.upgrade(values)
        running.wait_for_more(200)
    noted(running.outcome)

    assert not running.outcome.failures, running.outcome


def test_no_request_fails_to_a_secret_whose_bundle_has_both_cas(installed, noted):
    """While pods are replaced, some have a certificate of the old CA, some of the new one."""
    helm, values, api, given_ca = installed
    old_ca = base64.b64decode(spec(api)["caBundle"]).decode()
    given = {"tls.mode": "secret", "tls.secretName": GIVEN, "tls.caBundle": old_ca + given_ca}
    with SteadyRequests(api) as running:
        helm.upgrade({**values, **given})
    noted(running.outcome)

    assert not running.outcome.failures, running.outcome


@pytest.mark.interop
def test_back_from_a_bundle_in_the_values_the_api_is_away_until_the_pods_are_replaced(installed, noted):
    """Helm empties caBundle, cainjector writes the new CA alone, and old pods have certificates of the other one."""
    helm, values, api, given_ca = installed
    old_ca = base64.b64decode(spec(api)["caBundle"]).decode()
    given = {"tls.mode": "secret", "tls.secretName": GIVEN, "tls.caBundle": old_ca + given_ca}
    helm.upgrade({**values, **given})
    with SteadyRequests(api) as running:
        helm.upgrade(values)
        api.wait_for_available()
    noted(running.outcome)

    assert authorities(api) == 1
    assert running.outcome.failures, "nobody noticed: the README may say so"


@pytest.mark.interop
def test_helm_4_takes_the_bundle_over_only_when_told_to(installed, cluster):
    """By server-side apply the field is cainjector's; the release is then made by Helm 4 from its start."""
    helm3, values, api, given_ca = installed
    helm3.uninstall()
    helm = Helm(cluster, helm3.namespace, program="helm4", explain=explain_pods)
    helm.upgrade(values)
    api.wait_for_available()
    given = {"tls.mode": "secret", "tls.secretName": GIVEN, "tls.caBundle": given_ca}
    with pytest.raises(HarnessError, match="conflict"):
        helm.upgrade({**values, **given})
    helm.upgrade({**values, **given}, arguments=["--force-conflicts"])

    assert base64.b64decode(spec(api)["caBundle"]).decode() == given_ca


def test_insecure_is_refused_over_an_injected_ca_until_the_apiservice_is_deleted(installed, noted):
    """Kubernetes takes no insecureSkipTLSVerify beside a caBundle, and Helm doesn't remove what it didn't write."""
    helm, values, api, _ = installed
    insecure = {"tls.mode": "insecure", "tls.secretName": GIVEN}
    with pytest.raises(HarnessError, match="insecureSkipTLSVerify"):
        helm.upgrade({**values, **insecure})
    with SteadyRequests(api) as running:
        api.kubectl("delete", "apiservice", f"v1.{api.group}")
        helm.upgrade({**values, **insecure})
        api.wait_for_available()
        api.wait_until_served()
    noted(running.outcome)

    assert spec(api)["insecureSkipTLSVerify"] is True
    assert "caBundle" not in spec(api)
