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
# A cluster serves them if it has the Prometheus operator; the last test here brings them.
OF_PROMETHEUS = {"ServiceMonitor", "PrometheusRule"}


@pytest.fixture(scope="module")
def restricted(cluster, cert_manager, run_id):
    """Yield helm for a namespace under Pod Security "restricted", in which nothing is installed."""
    with fresh_namespace(cluster, f"header-echo-{run_id}-manifests") as namespace:
        yield Helm(cluster, namespace)


def rendered(restricted, values, *arguments):
    """Return the objects that the chart makes of a values file of chart/ci."""
    offered = [f"--api-versions={version}" for version in OFFERED]
    version = f"--kube-version={kubernetes_version()}"
    text = restricted("template", "header-echo", CHART, f"--values={values}", version, *offered, *arguments).stdout
    return [one for one in yaml.safe_load_all(text) if one]


def dry_run(cluster, objects):
    """Send objects to the API server, which shall say whether it would take them; return its words and warnings."""
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    answer = Kubectl(cluster)("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=manifest)
    return answer.stdout, [line for line in answer.stderr.splitlines() if "Warning" in line]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_api_accepts_every_field(name, cluster, restricted):
    """Unknown fields are errors, and a warning (deprecation, Pod Security) counts too."""
    values = CHART / "ci" / f"{name}-values.yaml"
    own_group = "group" in yaml.safe_load(values.read_text()).get("apiService", {})
    # The release under test has the default group.
    group = [] if own_group else ["--set=apiService.group=manifests.example.com"]
    objects = [one for one in rendered(restricted, values, *group) if one["kind"] not in OF_PROMETHEUS]
    for pod in (one for one in objects if one["kind"] == "Pod"):
        pod["spec"]["serviceAccountName"] = "default"  # a dry-run makes no account, and admission looks it up
    accepted, warnings = dry_run(cluster, objects)
    if name == "host-network":
        warnings = [line for line in warnings if "hostNetwork=true" not in line and "hostPort" not in line]

    assert warnings == []
    assert accepted.count("(server dry run)") == len(objects)


@pytest.mark.only_on("embedded", reason="the kinds of another cluster's Prometheus operator are not ours to bring")
@pytest.mark.parametrize("name", ["monitoring", "openshift", "insecure", "two-versions"])
def test_the_prometheus_operator_accepts_every_field(name, cluster, restricted, prometheus_kinds):
    """By its own CustomResourceDefinitions, strictly; each of these has another tlsConfig or other alerts."""
    values = CHART / "ci" / f"{name}-values.yaml"
    on = ["serviceMonitor.enabled", "prometheusRule.enabled", "delegation.authentication", "delegation.authorization"]
    objects = [
        one
        for one in rendered(restricted, values, *(f"--set={value}=true" for value in on))
        if one["kind"] in OF_PROMETHEUS
    ]
    accepted, warnings = dry_run(cluster, objects)

    assert warnings == []
    assert accepted.count("(server dry run)") == len(objects) == len(OF_PROMETHEUS)
