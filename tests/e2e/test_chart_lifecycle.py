"""The chart from install to uninstall, and the ways from one release to another."""

import subprocess
import zipfile
from io import BytesIO

import pytest

from chart.configurations import CONFIGURATIONS, EVERYWHERE, NEEDS, installed_again_and_gone, served
from pytest_apiservice.client.helm import CHART, Helm

ROOT = CHART.parent
FIRST, *OTHERS = EVERYWHERE


@pytest.mark.parametrize("name", [FIRST, *(pytest.param(name, marks=pytest.mark.same_on_processes) for name in OTHERS)])
def test_a_supported_configuration_installs_passes_its_own_tests_and_goes(name, another, base_values):
    """The others: tests/embedded/test_chart_configurations.py."""
    installed_again_and_gone(another(name), CONFIGURATIONS[name], base_values)


def test_the_configuration_for_openshift_installs_passes_its_own_tests_and_goes(cluster, another, base_values):
    if cluster.values.get("tls.mode") != "openshift":
        pytest.skip(f"needs {NEEDS['openshift']}; CLUSTER=existing KUBECONTEXT=… runs it on an OpenShift")
    installed_again_and_gone(another("openshift"), CONFIGURATIONS["openshift"], base_values)


def git(*arguments):
    """Return what git prints, "" where this is no clone."""
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False).stdout


def earlier_charts():
    """Return the git revisions to upgrade from: the last release before this commit, and the commit that the chart began with."""
    tags = git("tag", "--list", "v*", "--no-contains", "HEAD", "--sort=version:refname").split()
    added = git("log", "--diff-filter=A", "--format=%h", "--", "chart/Chart.yaml").split()
    return [*tags[-1:], *added[-1:]]


@pytest.mark.same_on_processes
@pytest.mark.parametrize("revision", earlier_charts())
def test_an_earlier_chart_is_upgraded_and_rolled_back_to(revision, another, base_values, tmp_path):
    assert git("rev-parse", f"{revision}^{{commit}}") != git("rev-parse", "HEAD"), (
        f"{revision} is no earlier chart: this clone is shallow, so run 'git fetch --unshallow --tags'"
    )
    archived = ["git", "-C", str(ROOT), "archive", "--format=zip", revision, "chart"]
    with zipfile.ZipFile(BytesIO(subprocess.check_output(archived, timeout=60))) as archive:
        archive.extractall(tmp_path)
    for path in (tmp_path / "chart").rglob(
        "*.tpl"
    ):  # it is tried with today's backend, which has other names for its settings
        path.write_text(path.read_text().replace("HEADER_ECHO_", "EXTENSION_APISERVER_"))
    group = "upgraded.example.com"
    helm = another("upgraded")
    chosen = {**base_values, "replicas": 1, "apiService.group": group}
    helm.upgrade(chosen, chart=tmp_path / "chart")
    served(helm, group)
    helm.upgrade(chosen)
    served(helm, group)
    helm("rollback", helm.release, "1", "--wait", "--timeout=120s")
    served(helm, group)


@pytest.mark.same_on_processes
def test_helm_4_takes_over_from_helm_3_without_a_conflict_over_the_ca_bundle(cluster, another, base_values, kubectl):
    group = "engines.example.com"
    helm3 = another("engines")
    chosen = {**base_values, "replicas": 1, "apiService.group": group}
    helm3.upgrade(chosen)
    served(helm3, group)
    helm4 = Helm(cluster, helm3.namespace, program="helm4")
    helm4.upgrade({**chosen, "podAnnotations": {"example.com/changed": "yes"}})
    assert kubectl.get("apiservice", f"v1.{group}")["spec"]["caBundle"], "Helm 4 removed the injected CA"
    served(helm4, group)


@pytest.mark.same_on_processes
def test_helm_4_installs_and_upgrades_by_server_side_apply(another, base_values, kubectl):
    group = "applied.example.com"
    helm = another("applied", program="helm4")
    chosen = {**base_values, "replicas": 1, "apiService.group": group}
    helm.upgrade(chosen)
    served(helm, group)
    bundle = kubectl.get("apiservice", f"v1.{group}")["spec"]["caBundle"]
    helm.upgrade({**chosen, "replicas": 2})
    assert kubectl.get("apiservice", f"v1.{group}")["spec"]["caBundle"] == bundle
    served(helm, group)


@pytest.mark.same_on_processes
def test_two_releases_of_one_name_live_in_two_namespaces(another, base_values):
    first, second = another("one"), another("two")
    first.upgrade({**base_values, "replicas": 1, "apiService.group": "one.example.com"})
    second.upgrade({**base_values, "replicas": 1, "apiService.group": "two.example.com"})
    served(first, "one.example.com")
    served(second, "two.example.com")
    first.uninstall()
    served(second, "two.example.com")
