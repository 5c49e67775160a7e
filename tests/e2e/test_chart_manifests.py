"""What the chart renders is valid to the real API: server-side dry-run of each supported configuration, hooks included."""

import json

import pytest
import yaml

from harness.api import fresh_namespace
from harness.helm import CHART, Helm
from harness.kubectl import Kubectl
from harness.tools import kubernetes_version

CONFIGURATIONS = sorted(path.name.removesuffix("-values.yaml") for path in CHART.glob("ci/*-values.yaml"))
OFFERED = ("cert-manager.io/v1", "security.openshift.io/v1", "monitoring.coreos.com/v1")
# Prometheus operator's kinds aren't served here; tests/chart reads them.
NOT_SERVED = {"ServiceMonitor", "PrometheusRule"}


@pytest.fixture(scope="module")
def restricted(cluster, cert_manager, run_id):
    """Yield helm for a namespace under Pod Security "restricted", in which nothing is installed."""
    with fresh_namespace(cluster, f"header-echo-{run_id}-manifests") as namespace:
        yield Helm(cluster, namespace)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_api_accepts_every_field(name, cluster, restricted):
    """Unknown fields are errors, and a warning (deprecation, Pod Security) counts too."""
    offered = [f"--api-versions={version}" for version in OFFERED]
    values = CHART / "ci" / f"{name}-values.yaml"
    if "group" not in yaml.safe_load(values.read_text()).get("apiService", {}):
        offered.append("--set=apiService.group=manifests.example.com")  # the release under test has the default group
    text = restricted(
        "template", "header-echo", CHART, f"--values={values}", f"--kube-version={kubernetes_version()}", *offered
    ).stdout
    objects = [one for one in yaml.safe_load_all(text) if one and one["kind"] not in NOT_SERVED]
    for pod in (one for one in objects if one["kind"] == "Pod"):
        pod["spec"]["serviceAccountName"] = "default"  # a dry-run makes no account, and admission looks it up
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    answer = Kubectl(cluster)("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=manifest)
    warnings = [line for line in answer.stderr.splitlines() if "Warning" in line]
    if name == "host-network":
        warnings = [line for line in warnings if "hostNetwork=true" not in line and "hostPort" not in line]

    assert warnings == []
    assert answer.stdout.count("(server dry run)") == len(objects)
