"""Functions of Python as metrics: the real autoscaler scales by them, and `kubectl top` prints them. The programs are those of examples/metrics, as they stand."""

import re
from contextlib import ExitStack

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import CHART, Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.client.rollout import wait_for_rollout
from pytest_apiservice.why.rules import explain_pods

EXAMPLES = CHART.parent / "examples" / "metrics"
SERVED = {
    "jobs": ("external.metrics.k8s.io", "v1beta1"),
    "load": ("custom.metrics.k8s.io", "v1beta2"),
    "usage": ("metrics.k8s.io", "v1beta1"),
}
SCALING = ("jobs", "load")
WORKERS = 3  # what six jobs need, two for each, and a load of three
SCALED_SECONDS = 120  # the controller looks each 15 s, where it is not told otherwise


class Example:
    """A release of one of them, and the rest of its namespace."""

    def __init__(self, cluster, namespace, name):
        self.name = name
        self.api = Api(cluster, f"{name}.example.com")
        self.kubectl = Kubectl(cluster, namespace)
        self.helm = Helm(cluster, namespace, explain=explain_pods)

    def install(self, base_values):
        """Type what examples/README.md shows, without waiting."""
        self.kubectl("create", "configmap", self.name, f"--from-file={EXAMPLES / self.name}.py")
        self.helm.upgrade(base_values, files=[EXAMPLES / f"{self.name}-values.yaml"], wait=False)

    def wait_until_served(self):
        """Wait for its pods, and until discovery lists its API: before that an autoscaler would warn that it is not there."""
        wait_for_rollout(self.api, self.kubectl.namespace, self.helm.release, explain=explain_pods)
        group, version = SERVED[self.name]
        Api(self.api.cluster, group, version).wait_for_available()

        def listed():
            if f"{group}/{version}" not in self.kubectl("api-versions").stdout.split():
                raise NotYet("it is not listed")

        wait_for(f"discovery to list {group}/{version}", listed, timeout_seconds=60)

    def demand(self, workers):
        """Have so much to do that it takes so many workers."""
        if self.name == "jobs":
            self.api.send("DELETE", f"{self.api.path}/jobs")
            for _ in range(2 * workers):
                self.api.send("POST", f"{self.api.path}/jobs", "a job")
        else:
            for pod in self.kubectl.get("pods", "-l=app=workers")["items"]:
                path = f"{self.api.path}/namespaces/{self.kubectl.namespace}/load/{pod['metadata']['name']}"
                self.api.send("PUT", path, workers)

    def autoscale(self):
        """Let the autoscaler begin, once there is a worker."""
        self.kubectl("rollout", "status", "deployment/workers", "--timeout=120s", timeout_seconds=150)
        self.kubectl("apply", "-f", str(EXAMPLES / f"{self.name}-hpa.yaml"))

    def wait_for_workers(self, wanted):
        """Wait until the Deployment has, and is meant to have, so many pods; say what the autoscaler says."""

        def scaled():
            deployment = self.kubectl.get("deployment", "workers")
            seen = deployment["spec"]["replicas"], deployment["status"].get("readyReplicas", 0)
            if seen != (wanted, wanted):
                conditions = self.kubectl.get("hpa", "workers").get("status", {}).get("conditions", [])
                said = "; ".join(f"{one['type']} {one['status']}: {one['message']}" for one in conditions)
                raise NotYet(f"{seen[0]} wanted, {seen[1]} ready; {said}")

        wait_for(f"{self.name}: {wanted} workers", scaled, timeout_seconds=SCALED_SECONDS)


def demand_free(cluster):
    """Skip where the cluster has such APIs already: there is one of each."""
    names = [f"{version}.{group}" for group, version in SERVED.values()]
    if taken := Kubectl(cluster)("get", "apiservice", *names, "--ignore-not-found", "-o", "name").stdout.split():
        pytest.skip(f"the cluster has another's {', '.join(taken)}")


@pytest.fixture(scope="module")
def examples(cluster, cert_manager, base_values, run_id):
    """Yield {name: Example}, each served."""
    demand_free(cluster)
    with ExitStack() as stack:
        made = {}
        for name in SERVED:
            namespace = stack.enter_context(fresh_namespace(cluster, f"header-echo-{run_id}-{name}"))
            made[name] = Example(cluster, namespace, name)
            stack.callback(made[name].helm.uninstall)
            made[name].install(base_values)
        for one in made.values():
            one.wait_until_served()
        yield made


@pytest.fixture(scope="module")
def busy(examples):
    """Have both autoscalers see more to do than one worker can."""
    for name in SCALING:
        examples[name].autoscale()
    for name in SCALING:
        examples[name].demand(WORKERS)


@pytest.fixture(scope="module")
def eased(busy, examples):
    """Have both see nothing to do, after they had more workers."""
    for name in SCALING:
        examples[name].wait_for_workers(WORKERS)
    for name in SCALING:
        examples[name].demand(0)


@pytest.mark.parametrize("name", SCALING)
def test_the_autoscaler_starts_as_many_workers_as_the_function_asks_for(examples, busy, name):
    examples[name].wait_for_workers(WORKERS)


@pytest.mark.parametrize("name", SCALING)
def test_it_stops_them_when_the_number_falls(examples, eased, name):
    examples[name].wait_for_workers(1)


@pytest.mark.parametrize("name", SCALING)
def test_describe_shows_the_metric_and_no_warning(examples, eased, name):
    described = examples[name].kubectl("describe", "hpa", "workers").stdout

    assert "Warning" not in described, described
    assert re.search(r"^ *ScalingActive +True +ValidMetricFound", described, re.MULTILINE), described


def top(example, *arguments):
    """Return the lines of words that `kubectl top` prints, as soon as it finds the API."""

    def printed():
        answer = example.kubectl("top", *arguments, check=False)
        if answer.returncode != 0:
            raise NotYet(answer.stderr.strip())
        return [line.split() for line in answer.stdout.splitlines()]

    return wait_for("kubectl top to print", printed, timeout_seconds=60)


def test_kubectl_top_pods_prints_its_numbers(examples):
    example = examples["usage"]
    names = {pod["metadata"]["name"] for pod in example.kubectl.get("pods")["items"]}
    heading, *rows = top(example, "pods")

    assert heading == ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert {tuple(row) for row in rows} == {(name, "250m", "64Mi") for name in names}


def test_kubectl_top_selects_pods_by_their_labels(examples):
    """As `kubectl get pods -l` does."""
    example = examples["usage"]
    found = [row[0] for row in top(example, "pods", "-l=app.kubernetes.io/name=header-echo", "--no-headers")]

    assert sorted(found) == sorted(pod["metadata"]["name"] for pod in example.kubectl.get("pods")["items"])
    assert "No resources found" in example.kubectl("top", "pods", "-l=app=nobody").stderr


def test_kubectl_top_nodes_prints_its_numbers(examples):
    names = {node["metadata"]["name"] for node in examples["usage"].kubectl.get("nodes")["items"]}
    rows = top(examples["usage"], "nodes", "--no-headers")

    assert {(row[0], row[1], row[3]) for row in rows} == {(name, "1500m", "3072Mi") for name in names}


def test_an_api_that_is_another_releases_is_not_taken(examples, another, base_values):
    """Helm refuses in words that say whose it is and what to do."""
    owner = examples["jobs"].helm
    with pytest.raises(HarnessError) as refused:
        another("second").upgrade(
            {**base_values, "apiService.group": "second.example.com", "metrics.apis": ["external"]}
        )

    assert (
        f"APIService v1beta1.external.metrics.k8s.io is there already, for Service 'header-echo' in namespace '{owner.namespace}', of Helm release 'header-echo' in namespace '{owner.namespace}', and a cluster has one of each. To keep both, install this release with apiService.create=false and a multiplexer"
        in str(refused.value)
    )


def test_the_owner_itself_is_upgraded(examples, base_values):
    """What refuses others knows its own."""
    examples["usage"].helm.upgrade(base_values, files=[EXAMPLES / "usage-values.yaml"])
