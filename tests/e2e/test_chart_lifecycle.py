"""Each supported configuration of the chart from install to uninstall, and the ways from one release to another."""

import subprocess
import zipfile
from contextlib import ExitStack
from io import BytesIO

import pytest
import yaml

from harness.api import Api, fresh_namespace
from harness.helm import CHART, Helm

ROOT = CHART.parent
VALUES = sorted(CHART.glob("ci/*-values.yaml"))
ON_KIND = {"default", "two-versions", "secret"}
NEEDS = {
    "host-network": "pods on the node's network, which Pod Security 'restricted' refuses; tests/chart renders it",
    "monitoring": "the Prometheus operator's CRDs; test_metrics.py installs it beside them",
    "openshift": "OpenShift's service-ca operator: CLUSTER=existing runs it on OpenShift, tests/embedded beside a simulated operator",
}


def name_of(path):
    return path.name.removesuffix("-values.yaml")


def group_of(path, values):
    return values.get("apiService", {}).get("group") or f"{name_of(path)}.example.com"


@pytest.fixture
def another(cluster, cert_manager, base_values, run_id):
    """Yield a function that makes helm for a further release, in a namespace of its own; all are gone at the end."""
    with ExitStack() as stack:

        def make(word, program="helm"):
            namespace = stack.enter_context(fresh_namespace(cluster, f"header-echo-{run_id}-{word}"))
            helm = Helm(cluster, namespace, program=program)
            stack.callback(helm.uninstall)
            return helm

        yield make


def served(cluster, group, version="v1"):
    api = Api(cluster, group, version)
    api.wait_for_available("True", "Passed")
    api.wait_until_served()
    return api


def pods(kubectl, namespace):
    items = kubectl.get("pods", f"--namespace={namespace}", "-l", "app.kubernetes.io/name=header-echo")["items"]
    return sorted(pod["metadata"]["uid"] for pod in items if "deletionTimestamp" not in pod["metadata"])


@pytest.mark.parametrize("path", VALUES, ids=name_of)
def test_a_supported_configuration_installs_passes_its_own_tests_and_goes(path, cluster, another, base_values, kubectl):
    name = name_of(path)
    if name in NEEDS and not (name == "openshift" and cluster.values.get("tls.mode") == "openshift"):
        pytest.skip(f"needs {NEEDS[name]}")
    if cluster.kind == "kind" and name not in ON_KIND:
        pytest.skip("on kind three configurations stand for all; CLUSTER=embedded runs each")
    values = yaml.safe_load(path.read_text())
    group = group_of(path, values)
    versions = values.get("apiService", {}).get("versions", [{"name": "v1"}])
    helm = another(name)
    chosen = {**base_values, "apiService.group": group}
    helm.upgrade(chosen, files=[path])
    for version in versions:
        served(cluster, group, version["name"])
    helm.test()
    before = pods(kubectl, helm.namespace)
    manifest = helm("get", "manifest", helm.release).stdout
    helm.upgrade(chosen, files=[path])
    assert helm("get", "manifest", helm.release).stdout == manifest, (
        f"{name}: the same values rendered another manifest"
    )
    assert pods(kubectl, helm.namespace) == before, f"{name}: installing it again replaced pods"
    helm.uninstall()
    for version in versions:
        gone = kubectl("get", "apiservice", f"{version['name']}.{group}", "--ignore-not-found", "-o", "name")
        assert gone.stdout == "", f"{name}: left behind"


def earlier_charts():
    """Return the git revisions to upgrade from: every release, and the commit that the chart began with."""
    git = ["git", "-C", str(ROOT)]
    tags = subprocess.run([*git, "tag", "--list", "v*"], capture_output=True, text=True, check=False).stdout.split()
    added = [*git, "log", "--diff-filter=A", "--format=%h", "--", "chart/Chart.yaml"]
    commits = subprocess.run(added, capture_output=True, text=True, check=False).stdout.split()
    return [*tags[-1:], *commits[-1:]]


@pytest.mark.parametrize("revision", earlier_charts())
def test_an_earlier_chart_is_upgraded_and_rolled_back_to(revision, cluster, another, base_values, tmp_path):
    git = ["git", "-C", str(ROOT), "archive", "--format=zip", revision, "chart"]
    with zipfile.ZipFile(BytesIO(subprocess.check_output(git, timeout=60))) as archive:
        archive.extractall(tmp_path)
    group = "upgraded.example.com"
    helm = another("upgraded")
    chosen = {**base_values, "apiService.group": group}
    helm.upgrade(chosen, chart=tmp_path / "chart")
    served(cluster, group)
    helm.upgrade(chosen)
    served(cluster, group)
    helm("rollback", helm.release, "1", "--wait", "--timeout=120s")
    served(cluster, group)


def test_helm_4_takes_over_from_helm_3_without_a_conflict_over_the_ca_bundle(cluster, another, base_values, kubectl):
    group = "engines.example.com"
    helm3 = another("engines")
    chosen = {**base_values, "apiService.group": group}
    helm3.upgrade(chosen)
    served(cluster, group)
    helm4 = Helm(cluster, helm3.namespace, program="helm4")
    helm4.upgrade({**chosen, "podAnnotations": {"example.com/changed": "yes"}})
    assert kubectl.get("apiservice", f"v1.{group}")["spec"]["caBundle"], "Helm 4 removed the injected CA"
    served(cluster, group)


def test_helm_4_installs_and_upgrades_by_server_side_apply(cluster, another, base_values, kubectl):
    group = "applied.example.com"
    helm = another("applied", program="helm4")
    chosen = {**base_values, "apiService.group": group}
    helm.upgrade(chosen)
    served(cluster, group)
    bundle = kubectl.get("apiservice", f"v1.{group}")["spec"]["caBundle"]
    helm.upgrade({**chosen, "replicas": 1})
    assert kubectl.get("apiservice", f"v1.{group}")["spec"]["caBundle"] == bundle
    served(cluster, group)


def test_two_releases_of_one_name_live_in_two_namespaces(cluster, another, base_values):
    first, second = another("one"), another("two")
    first.upgrade({**base_values, "apiService.group": "one.example.com"})
    second.upgrade({**base_values, "apiService.group": "two.example.com"})
    served(cluster, "one.example.com")
    served(cluster, "two.example.com")
    first.uninstall()
    served(cluster, "two.example.com")
