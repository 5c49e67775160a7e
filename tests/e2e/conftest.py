"""Fixtures that more than one file of tests uses, beside those of harness.plugin."""

import pytest

from harness.crds import PROMETHEUS_OPERATOR, generated_crds
from harness.kubectl import Kubectl


@pytest.fixture(scope="module")
def prometheus_kinds(cluster):
    """Have the cluster serve the Prometheus operator's own ServiceMonitor and PrometheusRule while a file of tests runs; only for a cluster that is thrown away."""
    folder = generated_crds("prometheus-operator", "prometheus-operator", [PROMETHEUS_OPERATOR])
    files = [
        f"--filename={folder}/monitoring.coreos.com_{plural}.yaml" for plural in ("servicemonitors", "prometheusrules")
    ]
    kubectl = Kubectl(cluster)
    kubectl("apply", "--server-side", *files)
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *files)
    yield
    kubectl("delete", *files)
