"""Two providers of external metrics in one cluster, behind the multiplexer: a function of Python, and upstream's test-adapter, by this chart too."""

import json
from contextlib import ExitStack

import pytest

from e2e.autoscaled import Example, demand_free, wait_for_replicas
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.client.rollout import wait_for_rollout
from pytest_apiservice.programs.tools import pinned_version
from pytest_apiservice.why.rules import explain_pods

pytestmark = pytest.mark.only_on("kind", "embedded", reason="only its user can give an existing cluster images")
GROUP, VERSION = "external.metrics.k8s.io", "v1beta1"
PORT = 10250
PROVIDER = {
    "metrics.register": False,
    "metrics.apis": ["external"],
    "delegation": {"authentication": True, "authorization": True},
    "replicas": 1,
}
FOREIGN = {
    "apiService.enabled": False,
    "image.repository": "test-adapter",
    "image.pullPolicy": "Never",
    "args": [
        "--secure-port=$(EXTENSION_APISERVER_PORT)",
        "--bind-address=$(EXTENSION_APISERVER_BIND_ADDRESS)",
        "--tls-cert-file=$(EXTENSION_APISERVER_TLS_DIRECTORY)/tls.crt",
        "--tls-private-key-file=$(EXTENSION_APISERVER_TLS_DIRECTORY)/tls.key",
    ],
    "podSecurityContext.runAsUser": 65532,
    "shutdown": {"delaySeconds": 0, "timeoutSeconds": 1},
}
# It always says 42 of this one: three pods with 14 for each, one with 42.
FEW, MANY = "42", "14"
METRIC = {"name": "my-external-metric", "selector": {"matchLabels": {"foo": "bar"}}}


class Behind:
    """What is in the namespace.

    Attributes:
        ours: the jobs of examples/metrics, whose autoscaler scales the Deployment workers.
        foreign: the release of test-adapter; the Deployment others is scaled by what it says.
        mux: the release of the multiplexer.
        api: what it is registered for.
    """

    def __init__(self, cluster, namespace):
        self.ours = Example(cluster, namespace, "jobs", "ours")
        self.kubectl = self.ours.kubectl
        self.foreign = Helm(cluster, namespace, "foreign", validate=False, explain=explain_pods)
        self.mux = Helm(cluster, namespace, "mux", validate=False, explain=explain_pods)
        self.api = Api(cluster, GROUP, VERSION)

    def provider(self, release):
        """Return the entry of a release: its Service, or, where pods know no names of Services, its pod, which has the same certificate."""
        service = f"{release}-header-echo.{self.kubectl.namespace}.svc"
        tls = {"caSecretName": f"{release}-header-echo-serving", "serverName": service}
        if not self.api.cluster.shares_loopback:
            return {"name": release, "url": f"https://{service}", "tls": tls}
        (pod,) = self.kubectl.get("pods", f"-l=app.kubernetes.io/instance={release}")["items"]
        with self.api.cluster.pod_endpoint(self.kubectl.namespace, pod["metadata"]["name"], PORT) as (host, port):
            return {"name": release, "url": f"https://{host}:{port}", "tls": tls}

    def install(self, base_values):
        """Install all three, the multiplexer when it can name the others."""
        self.ours.install({**base_values, **PROVIDER})
        image = {"image.tag": pinned_version("test-adapter")}
        self.foreign.upgrade({**PROVIDER, **FOREIGN, **image}, wait=False)
        for release in ("ours", "foreign"):
            wait_for_rollout(self.api, self.kubectl.namespace, release, explain=explain_pods)
        providers = [self.provider(release) for release in ("ours", "foreign")]
        mux = {"apis": ["external"], "mux": {"enabled": True, "providers": providers}}
        self.mux.upgrade({**base_values, "apiService.enabled": False, "replicas": 1, "metrics": mux})
        for api in (self.ours.api, self.api):
            api.wait_for_available()
        self.api.wait_until_answered(self.api.path, listing="resources")

    def scale_others(self):
        """Have a Deployment like that of the workers, and an autoscaler that asks for test-adapter's number."""
        others = self.kubectl.get("deployment", "workers")
        labels = {"app": "others"}
        template = {"metadata": {"labels": labels}, "spec": others["spec"]["template"]["spec"]}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "others"}
        external = {"metric": METRIC, "target": {"type": "AverageValue", "averageValue": MANY}}
        scaler = {
            "scaleTargetRef": target,
            "maxReplicas": 4,
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
            "metrics": [{"type": "External", "external": external}],
        }
        for version, kind, content in (
            ("apps/v1", "Deployment", spec),
            ("autoscaling/v2", "HorizontalPodAutoscaler", scaler),
        ):
            one = {"apiVersion": version, "kind": kind, "metadata": {"name": "others"}, "spec": content}
            self.kubectl.apply(json.dumps(one))


@pytest.fixture(scope="module")
def behind(cluster, cert_manager, base_values, run_id):
    """Yield both providers behind the multiplexer, served."""
    demand_free(cluster)
    cluster.load_image(f"test-adapter:{pinned_version('test-adapter')}")
    with fresh_namespace(cluster, f"header-echo-{run_id}-mux") as namespace, ExitStack() as stack:
        found = Behind(cluster, namespace)
        for helm in (found.ours.helm, found.foreign, found.mux):
            stack.callback(helm.uninstall)
        found.install(base_values)
        yield found


@pytest.fixture(scope="module")
def scaled(behind):
    """Have both autoscalers start more pods."""
    behind.ours.autoscale()
    behind.scale_others()
    behind.ours.demand(3)
    return behind


@pytest.fixture(scope="module")
def away(scaled):
    """Have test-adapter be away, after it was of use; yield the APIService's condition before that."""
    scaled.kubectl("wait", "hpa/others", "--for=condition=ScalingActive", "--timeout=120s", timeout_seconds=150)
    before = scaled.api.available()
    name = f"deployment/{scaled.foreign.release}-header-echo"
    scaled.kubectl("scale", name, "--replicas=0")
    scaled.kubectl(
        "wait", "pods", "-l=app.kubernetes.io/instance=foreign", "--for=delete", "--timeout=60s", timeout_seconds=90
    )
    return before


def test_discovery_lists_the_metrics_of_both(behind):
    def listed():
        names = {one["name"] for one in behind.api.get(behind.api.path).json()["resources"]}
        if not names >= {"jobs_waiting", "my-external-metric"}:
            raise NotYet(str(names))

    wait_for("the lists of both providers", listed, timeout_seconds=60)


@pytest.mark.parametrize("name", ["workers", "others"])
def test_autoscalers_of_both_start_pods(scaled, name):
    wait_for_replicas(scaled.kubectl, name, 3)


def test_the_autoscaler_of_the_foreign_one_stops_pods(scaled):
    external = {"metric": METRIC, "target": {"type": "AverageValue", "averageValue": FEW}}
    patch = {"spec": {"metrics": [{"type": "External", "external": external}]}}
    wait_for_replicas(scaled.kubectl, "others", 3)
    scaled.kubectl("patch", "hpa", "others", "--type=merge", f"--patch={json.dumps(patch)}")
    wait_for_replicas(scaled.kubectl, "others", 1)


def test_a_provider_that_is_away_leaves_the_other_ones_autoscaler_alone(scaled, away):
    scaled.ours.demand(2)
    scaled.ours.wait_for_workers(2)


def test_its_own_autoscaler_says_who_is_away(scaled, away):
    def said():
        conditions = scaled.kubectl.get("hpa", "others")["status"]["conditions"]
        (active,) = [one for one in conditions if one["type"] == "ScalingActive"]
        if active["status"] != "False" or "foreign" not in active["message"]:
            raise NotYet(f"{active['reason']}: {active['message']}")

    wait_for("the autoscaler to say it", said, timeout_seconds=60)


def test_namespaces_can_be_deleted_meanwhile_and_the_apiservice_stays_available(scaled, away, cluster, run_id):
    with fresh_namespace(cluster, f"header-echo-{run_id}-gone") as name:
        scaled.kubectl("delete", "namespace", name, "--timeout=60s", timeout_seconds=90)

    assert scaled.api.available() == away
