"""Functions of Python as metrics: the real autoscaler scales by them, and `kubectl top` prints them. The programs are those of examples/metrics, as they stand."""

import re
from contextlib import ExitStack

import pytest

from e2e.autoscaled import SERVED, Example, demand_free
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.namespaces import fresh_namespace

pytestmark = pytest.mark.same_on_processes

SCALING = ("jobs", "load")
WORKERS = 3  # what six jobs need, two for each, and a load of three


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
        f"APIService v1beta1.external.metrics.k8s.io is there already, for Service 'header-echo' in namespace '{owner.namespace}', of Helm release 'header-echo' in namespace '{owner.namespace}', and a cluster has one of each. To keep both, set metrics.register to false and install a multiplexer"
        in str(refused.value)
    )
