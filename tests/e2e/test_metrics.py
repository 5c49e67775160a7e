"""Prometheus reads the metrics of a pod directly, with its own token, if RBAC lets it; nobody else does."""

import base64
import ssl

import pytest
import urllib3

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.why.rules import explain_pods

NAME = "header-echo"
IN_ALERTS = ("certificate_not_after_seconds", "tls_reloads_total", "requestheader_reloads_total")


@pytest.fixture(scope="module")
def pod(cluster, cert_manager, base_values, run_id):
    """Yield (kubectl, function: ServiceAccount or None → answer to GET /metrics) for a release that delegates, as chart/ci/monitoring-values.yaml does."""
    word = f"header-echo-{run_id}-metrics"
    with fresh_namespace(cluster, word, emptied=True) as namespace:
        helm, api, kubectl = (
            Helm(cluster, namespace, explain=explain_pods),
            Api(cluster, f"{word}.example.com"),
            Kubectl(cluster, namespace),
        )
        values = {"apiService.group": api.group, "delegation.authentication": True, "delegation.authorization": True}
        try:
            helm.upgrade({**base_values, **values, "replicas": 1})
            api.wait_for_available()
            authority = kubectl.get("apiservice", f"v1.{api.group}")["spec"]["caBundle"]
            context = ssl.create_default_context(cadata=base64.b64decode(authority).decode())
            (found,) = kubectl.get("pods", "-l", f"app.kubernetes.io/instance={NAME}")["items"]
            name = f"{NAME}.{namespace}.svc"

            def scrape(account):
                headers = {"Authorization": f"Bearer {api.token(namespace, account)}"} if account else {}
                with (
                    cluster.pod_endpoint(namespace, found["metadata"]["name"], 10250) as (host, port),
                    urllib3.HTTPSConnectionPool(
                        host, port, ssl_context=context, server_hostname=name, assert_hostname=name
                    ) as pool,
                ):
                    return pool.request("GET", "/metrics", headers=headers, timeout=30)

            yield kubectl, scrape
        finally:
            helm.uninstall()


def test_who_may_read_metrics_reads_those_that_alerts_ask_for(pod):
    kubectl, scrape = pod
    role = kubectl.namespace
    kubectl("create", "serviceaccount", "prometheus")
    kubectl("create", "clusterrole", role, "--verb=get", "--non-resource-url=/metrics")
    try:
        kubectl("create", "clusterrolebinding", role, f"--clusterrole={role}", f"--serviceaccount={role}:prometheus")

        def allowed():
            answer = scrape("prometheus")
            if answer.status != 200:
                raise NotYet(f"{answer.status} {answer.data.decode()}")
            return answer.data.decode()

        text = wait_for("the right to be known", allowed, timeout_seconds=60)
    finally:
        kubectl("delete", "clusterrole,clusterrolebinding", role, "--ignore-not-found")

    assert [name for name in IN_ALERTS if f"\nextension_apiserver_{name}" not in text] == []


@pytest.mark.parametrize("account", ["default", None])
def test_nobody_else_reads_metrics(account, pod):
    """Neither a ServiceAccount without the right nor a caller without a token."""
    _, scrape = pod

    assert scrape(account).status == 403
