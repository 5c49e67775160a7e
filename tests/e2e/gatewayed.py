"""A release of the gateway in front of gateway_upstream.py, for test_gateway.py and the long streams of tests/long_streams."""

from contextlib import contextmanager
from pathlib import Path

import urllib3

from languages.behind import Service
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.why.rules import explain_pods

PROGRAM = Path(__file__).with_name("gateway_upstream.py")
SOCKET = "/run/upstream/http.sock"
PORT, CONTROL_PORT = 8000, 8001
DRAIN_SECONDS = 6  # before the upstream hears of its end: longer than the gateway in its pod still serves, and than a node sends requests to a pod that ends
UPSTREAM = "upstream"
GATEWAY = {
    "enabled": True,
    "readinessPath": "/pets",
    # Names of our own, so that forgeries of the defaults and of these are both tried.
    "identity": {"userHeader": "X-Cat-User", "groupHeader": "X-Cat-Groups", "groupSeparator": "|"},
    "resources": [
        {
            "kind": "Pet",
            "list": {"path": "/pets", "items": "items"},
            "get": {"path": "/pets/{name}"},
            "fields": {"name": "id", "labels": "tags", "creationTimestamp": "born"},
            "columns": [{"name": "Species", "value": "species"}],
        }
    ],
    "access": [{"path": "/pets/{name}/visits/*/bill", "methods": ["GET"], "resource": "pets/bills", "verb": "get"}],
}


class Gatewayed(Service):
    """The API of the release.

    Attributes:
        own: kubectl in its namespace.
        helm: of the release.
        upstream: labels of the pods in which the upstream runs.
    """

    own: Kubectl
    helm: Helm
    upstream: str

    def pods(self, selector):
        """Return the pods that stay."""
        items = self.own.get("pods", f"-l={selector}")["items"]
        return [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]

    def gateway_pod(self):
        """Return the pod of the gateway."""
        (pod,) = self.pods("app.kubernetes.io/name=header-echo")
        return pod

    def endpoint(self, pod, port):
        """Return a context with the address at which this process reaches the pod itself."""
        return self.cluster.pod_endpoint(self.own.namespace, pod["metadata"]["name"], port)

    def switch(self, word):
        """Have the upstream be "off" or "on" again."""
        for pod in self.pods(self.upstream):
            with self.endpoint(pod, CONTROL_PORT) as (host, port):
                answer = urllib3.request("POST", f"http://{host}:{port}/{word}", timeout=30, retries=False)
                assert answer.status == 204, answer.data

    def download(self, count):
        """Return how many bytes of ``count`` came, below proxy/."""
        with self.session() as session:
            url = f"{self.server}{self.path}/proxy/bytes?count={count}"
            with session.get(url, stream=True, timeout=600) as answer:
                assert answer.status_code == 200, answer.text
                return sum(map(len, answer.iter_content(1 << 20)))

    def upload(self, count):
        """Return how many bytes of ``count``, sent in chunks, came to the upstream."""
        part = bytes(65536)
        with self.session() as session:
            url = f"{self.server}{self.path}/proxy/bytes"
            answer = session.post(url, data=(part for _ in range(count // len(part))), timeout=600)
        assert answer.status_code == 200, answer.text
        return answer.json()["count"]


def container(base_values, where):
    """Return the upstream's container, which listens at ``where``."""
    return {
        "name": UPSTREAM,
        "image": f"{base_values['image.repository']}:{base_values['image.tag']}",
        "imagePullPolicy": base_values["image.pullPolicy"],
        "command": ["python3", f"/program/{PROGRAM.name}", where, f"$(POD_IP):{CONTROL_PORT}"],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "program", "mountPath": "/program"}],
    }


def beside(base_values):
    """Return the chart's values for the upstream in the gateway's pod, on a Unix socket."""
    run = {"name": "run", "mountPath": str(Path(SOCKET).parent)}
    upstream = container(base_values, SOCKET)
    upstream["volumeMounts"].append(run)
    return {
        "gateway": {**GATEWAY, "sidecar": True, "upstream": f"unix://{SOCKET}"},
        "extraContainers": [upstream],
        "volumes": [{"name": "program", "configMap": {"name": UPSTREAM}}, {"name": "run", "emptyDir": {}}],
        "volumeMounts": [run],
    }


def behind_a_service(base_values):
    """Return the chart's values for the upstream in a pod of its own, and the objects that make it; one pod, since its events live in its memory."""
    upstream = container(base_values, str(PORT))
    upstream |= {
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": CONTROL_PORT}, "periodSeconds": 1},
    }
    labels = {"app": UPSTREAM}
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [upstream],
        "volumes": [{"name": "program", "configMap": {"name": UPSTREAM}}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    at_once = {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}}
    deployment = {"selector": {"matchLabels": labels}, "template": template, "strategy": at_once}
    service = {"selector": labels, "ports": [{"name": "http", "port": PORT, "targetPort": "http"}]}
    objects = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": UPSTREAM}, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": UPSTREAM}, "spec": service},
    ]
    return {"gateway": {**GATEWAY, "upstream": f"http://{UPSTREAM}:{PORT}"}}, objects


@contextmanager
def gatewayed(cluster, base_values, run_id, word):
    """Yield the API of a release: the upstream is in the gateway's pod where pods find no Services by name, else behind a Service."""
    name = f"header-echo-{run_id}-{word}"
    program = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": UPSTREAM},
        "data": {PROGRAM.name: PROGRAM.read_text()},
    }
    chosen, objects = (beside(base_values), []) if cluster.shares_loopback else behind_a_service(base_values)
    with fresh_namespace(cluster, name, emptied=True) as namespace:
        helm = Helm(cluster, namespace, validate=False, explain=explain_pods)
        api = Gatewayed(cluster, f"{name}.example.com")
        api.own, api.helm = Kubectl(cluster, namespace), helm
        api.upstream = "app.kubernetes.io/name=header-echo" if cluster.shares_loopback else f"app={UPSTREAM}"
        values = {
            **base_values,
            "apiService.group": api.group,
            "replicas": 1,
            "delegation.authorization": True,
            "extraObjects": [program, *objects],
        }
        try:
            helm.upgrade(values | chosen)
            api.wait_for_available()
            api.wait_until_answered(f"{api.path}/pets")
            yield api
        finally:
            helm.uninstall()
