"""The examples of metrics, installed as they stand, and what the autoscaler makes of them: for test_metrics_api.py and tests/metrics_peers."""

import pytest

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import CHART, Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.rollout import wait_for_rollout
from pytest_apiservice.why.rules import explain_pods

EXAMPLES = CHART.parent / "examples" / "metrics"
SERVED = {
    "jobs": ("external.metrics.k8s.io", "v1beta1"),
    "load": ("custom.metrics.k8s.io", "v1beta2"),
    "usage": ("metrics.k8s.io", "v1beta1"),
}
SCALED_SECONDS = 120  # the controller looks each 15 s, where it is not told otherwise


class Example:
    """A release of one of them, and the rest of its namespace."""

    def __init__(self, cluster, namespace, name, release="header-echo"):
        self.name = name
        self.api = Api(cluster, f"{name}.example.com")
        self.kubectl = Kubectl(cluster, namespace)
        self.helm = Helm(cluster, namespace, release, explain=explain_pods)

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
        """Wait until there are so many."""
        wait_for_replicas(self.kubectl, "workers", wanted)


def wait_for_replicas(kubectl, name, wanted):
    """Wait until the Deployment ``name`` has, and is meant to have, so many pods; say what its autoscaler says."""

    def scaled():
        deployment = kubectl.get("deployment", name)
        seen = deployment["spec"]["replicas"], deployment["status"].get("readyReplicas", 0)
        if seen != (wanted, wanted):
            conditions = kubectl.get("hpa", name).get("status", {}).get("conditions", [])
            said = "; ".join(f"{one['type']} {one['status']}: {one['message']}" for one in conditions)
            raise NotYet(f"{seen[0]} wanted, {seen[1]} ready; {said}")

    wait_for(f"{name}: {wanted} pods", scaled, timeout_seconds=SCALED_SECONDS)


def demand_free(cluster):
    """Skip where the cluster has such APIs already: there is one of each."""
    names = [f"{version}.{group}" for group, version in SERVED.values()]
    if taken := Kubectl(cluster)("get", "apiservice", *names, "--ignore-not-found", "-o", "name").stdout.split():
        pytest.skip(f"the cluster has another's {', '.join(taken)}")
