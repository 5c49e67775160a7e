"""The chart's supported configurations, those of chart/ci, and the life of a release with one of them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_apiservice.base.data import CHART
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.programs.tools import kubernetes_version

CONFIGURATIONS = {
    path.name.removesuffix("-values.yaml"): path for path in sorted(CHART.glob("ci/*-values.yaml"))
}  # by name
EVERYWHERE = ("default", "two-versions", "secret")  # stand for all in tests/e2e; tests/embedded has the others
# What stands in the way of a life in an ordinary namespace of an ordinary cluster, and where it is tested instead.
NEEDS = {
    "gateway": "pods that reach Services by name, which the embedded cluster's do by a proxy alone; tests/e2e runs it on kind",
    "host-network": "pods on the node's network, which Pod Security 'restricted' refuses; tests/chart renders it",
    "monitoring": "the Prometheus operator's CRDs; tests/embedded/test_monitoring.py installs it beside them",
    "postgresql": "a database beside it; tests/chart renders it",
    "openshift": "OpenShift's service-ca operator; tests/embedded/test_openshift_simulated.py installs it beside one",
}

OFFERED = ("cert-manager.io/v1", "security.openshift.io/v1", "monitoring.coreos.com/v1")
OF_PROMETHEUS = {"ServiceMonitor", "PrometheusRule"}  # kinds that a cluster serves if it has the Prometheus operator


def offers(served: Iterable[str] = OFFERED) -> list[str]:
    """Return the flags that tell `helm template` of a cluster: its version, and the optional APIs that it serves."""
    return [f"--kube-version={kubernetes_version()}", *(f"--api-versions={version}" for version in served)]


def rendered(helm: Helm, path: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return the objects, hooks too, that the chart makes of the values file ``path`` where every optional API is offered."""
    text = helm("template", helm.release, CHART, f"--values={path}", *offers(), *arguments).stdout
    return [one for one in yaml.safe_load_all(text) if one]


def dry_run(kubectl: Kubectl, objects: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Ask the API server whether it would take ``objects``; unknown fields are errors. Return how many it took, and its warnings."""
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    answer = kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=manifest)
    taken = answer.stdout.count("(server dry run)")
    return taken, [line for line in answer.stderr.splitlines() if "Warning" in line]


def served(helm: Helm, group: str, version: str = "v1", *, has_resources: bool = True, resource: str = "echoes") -> Api:
    """Wait until the API server serves ``resource`` by way of ``helm``'s release; return it. A gateway without a mapping has only paths."""
    api = Api(helm.cluster, group, version)
    api.wait_for_available("True", "Passed")
    if has_resources:
        api.wait_until_served(resource=resource)
    else:
        api.wait_until_answered(f"{api.path}/echoes")
    return api


def _registered(helm: Helm) -> list[str]:
    """Return the names of the release's APIServices."""
    manifest = yaml.safe_load_all(helm("get", "manifest", helm.release).stdout)
    return [one["metadata"]["name"] for one in manifest if one and one["kind"] == "APIService"]


def installed_again_and_gone(helm: Helm, path: Path, base_values: Mapping[str, object]) -> None:
    """Have a release live: install, serve, its own tests, the same install again, uninstall.

    Args:
        helm: of a fresh namespace.
        path: the configuration's values file.
        base_values: those of every release of this run.
    """
    values = yaml.safe_load(path.read_text())
    registered, gateway = values.get("apiService", {}), values.get("gateway", {})
    group = registered.get("group") or f"{helm.namespace}.example.com"
    versions = [version["name"] for version in registered.get("versions", [{"name": "v1"}])]
    kubectl = Kubectl(helm.cluster, helm.namespace)

    def pods() -> list[str]:
        items = kubectl.get("pods", "-l", "app.kubernetes.io/name=header-echo")["items"]
        return sorted(pod["metadata"]["uid"] for pod in items if "deletionTimestamp" not in pod["metadata"])

    chosen = {**base_values, "apiService.group": group}
    helm.upgrade(chosen, files=[path], arguments=["--wait"])  # as many users do
    if registered.get("enabled", True):
        for version in versions:
            has_resources = not gateway.get("enabled") or "resources" in gateway
            [resource] = values.get("store", {}).get("resources", ["echoes"])
            served(helm, group, version, has_resources=has_resources, resource=resource)
    services = _registered(helm)
    for name in services:
        version, _, of_group = name.partition(".")
        Api(helm.cluster, of_group, version).wait_for_available("True", "Passed")
    helm.test()
    before = pods(), helm("get", "manifest", helm.release).stdout
    helm.upgrade(chosen, files=[path])
    after = pods(), helm("get", "manifest", helm.release).stdout
    if after[1] != before[1]:
        pytest.fail(f"{path.name}: the same values rendered another manifest")
    if after[0] != before[0]:
        pytest.fail(f"{path.name}: installing it again replaced pods")
    helm.uninstall()
    if left := kubectl("get", "apiservice", *services, "--ignore-not-found", "-o", "name").stdout:
        pytest.fail(f"{path.name}: left behind {left}")
