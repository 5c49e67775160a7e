"""ServiceMonitor and PrometheusRule, beside the Prometheus operator's own kinds."""

import pytest

from chart.configurations import CONFIGURATIONS, OF_PROMETHEUS, dry_run, rendered, served
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.programs.crds import PROMETHEUS_OPERATOR, generated_crds

pytestmark = pytest.mark.only_on(
    "embedded", reason="the kinds of another cluster's Prometheus operator are not ours to bring"
)


@pytest.fixture(scope="module")
def prometheus_kinds(cluster):
    """Have the cluster serve ServiceMonitor and PrometheusRule, as the operator defines them, while this file runs."""
    folder = generated_crds("prometheus-operator", "prometheus-operator", [PROMETHEUS_OPERATOR])
    files = [
        f"--filename={folder}/monitoring.coreos.com_{plural}.yaml" for plural in ("servicemonitors", "prometheusrules")
    ]
    kubectl = Kubectl(cluster)
    kubectl("apply", "--server-side", *files)
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *files)
    yield
    kubectl("delete", *files)


@pytest.mark.parametrize("name", ["monitoring", "openshift", "insecure", "two-versions"])
def test_the_prometheus_operator_accepts_every_field(name, cluster, prometheus_kinds):
    """By its own CustomResourceDefinitions, strictly; each of these has another tlsConfig or other alerts."""
    on = ["serviceMonitor.enabled", "prometheusRule.enabled", "delegation.authentication", "delegation.authorization"]
    objects = rendered(Helm(cluster, "default"), CONFIGURATIONS[name], *(f"--set={value}=true" for value in on))
    taken, warnings = dry_run(Kubectl(cluster), [one for one in objects if one["kind"] in OF_PROMETHEUS])

    assert warnings == []
    assert taken == len(OF_PROMETHEUS)


def test_the_monitoring_configuration_is_installed_and_goes(another, base_values, prometheus_kinds):
    """chart/ci/monitoring-values.yaml: an upgrade keeps both objects, an uninstall takes them along."""
    helm, files = another("monitoring"), [CONFIGURATIONS["monitoring"]]
    values = {**base_values, "apiService.group": "monitoring-kinds.example.com"}
    kubectl = Kubectl(helm.cluster, helm.namespace)
    found = ("get", "servicemonitor,prometheusrule", "-o", "name")
    helm.upgrade(values, files=files)
    served(helm, "monitoring-kinds.example.com")
    helm.test()
    helm.upgrade(values, files=files)
    made = kubectl(*found).stdout.split()
    helm.uninstall()

    assert len(made) == len(OF_PROMETHEUS)
    assert kubectl(*found).stdout == ""
