"""test-adapter of sigs.k8s.io/custom-metrics-apiserver, the same metrics by this library, and the multiplexer before both."""

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from pytest_apiservice.base.authorities import Authority
from pytest_apiservice.base.process import die_with_parent, last_lines
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.embedded.outside import registered
from pytest_apiservice.programs.tools import tool

MUX, NAMESPACE = "metrics-mux", "peers"
GROUPS = ("external.metrics.k8s.io", "custom.metrics.k8s.io")
WRITE_PORT = 8080  # test-adapter has no flag for it
BACKEND = Path(__file__).resolve().parents[2] / "backend"
LABELS = {"web-1": "web", "web-2": "other"}
# What test-adapter is told over its port for tests; its external metrics it has by itself.
WRITTEN = {
    f"namespaces/{NAMESPACE}/pods/web-1/requests": "1500m",
    f"namespaces/{NAMESPACE}/pods/web-2/requests": "2",
    "nodes/one/temperature": "40",
}


@dataclass
class Peer:
    """A server of metrics: its URL, what it is asked with, and its process."""

    url: str
    ca_file: Path
    token: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def get(self, path):
        """Return its answer to a GET."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        return requests.get(self.url + path, headers=headers, verify=str(self.ca_file), timeout=30)

    def start(self):
        """Start it, and return when it answers for the metrics."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - it makes one system call
            )
        wait_for(f"{self.command[0]} to serve metrics", self._demand_metrics, timeout_seconds=60)

    def stop(self):
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _demand_metrics(self):
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"it has ended:\n{last_lines(self.log)}")
        try:
            answer = self.get(f"/apis/{GROUPS[0]}/v1beta1")
        except requests.RequestException as error:
            raise NotYet(f"{error}: {last_lines(self.log)}") from None
        if answer.status_code != requests.codes.ok:
            raise NotYet(f"{answer.status_code}: {answer.text}")


@dataclass
class Peers:
    """All of them.

    Attributes:
        api: kube-apiserver, behind which the multiplexer is.
        adapter: upstream's.
        ours: this library's.
    """

    api: Api
    adapter: Peer
    ours: Peer


def free_port():
    """Return a TCP port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def objects():
    """Yield the rights of the account that all three run with, and the objects whose metrics there are."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    name, rbac = f"{MUX}-reads", "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": list(GROUPS), "resources": ["*"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods", "nodes", "namespaces"], "verbs": ["get", "list"]},
    ]
    yield {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    yield {
        "apiVersion": f"{rbac}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": MUX, "namespace": "default"}],
    }
    for pod, app in LABELS.items():
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": pod, "namespace": NAMESPACE, "labels": {"app": app}},
            "spec": {"schedulerName": "nobody", "containers": [{"name": "a", "image": "a"}]},
        }
    yield {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}, "spec": {"unschedulable": True}}


@contextmanager
def running(cluster, folder):
    """Yield the three of them; the group of external metrics is the multiplexer's."""
    for name in ("mux", "peers"):
        (folder / name).mkdir()
    outside = registered(cluster, folder / "mux", MUX, GROUPS[0], ["v1beta1"])
    api = Api(cluster, GROUPS[0], "v1beta1")
    for one in objects():
        api.kubectl.apply(json.dumps(one))
    authority = Authority("peers")
    authority.server(["127.0.0.1"]).write(folder / "peers", "tls")
    (folder / "peers" / "ca.crt").write_bytes(authority.certificate)
    token = (folder / "mux" / "token").read_text()
    of_ours = {**os.environ, **outside.environment, "PYTHONPATH": str(BACKEND), "PYTHONUNBUFFERED": "1"}
    for name in ("GROUP", "VERSIONS"):
        del of_ours[f"EXTENSION_APISERVER_{name}"]
    adapter = _adapter(cluster, folder / "peers", token)
    ours = _ours(folder / "peers", token, of_ours)
    (address, port), of_mux = outside.address, {**of_ours, "EXTENSION_APISERVER_METRICS_APIS": "external"}
    mux = Peer(f"https://{address}:{port}", Path(), token, _mux(folder, adapter, ours), of_mux, folder / "mux.log")
    mux.get = api.get
    started = []
    try:
        for one in (adapter, ours, mux):
            started.append(one)
            one.start()
        _write(adapter)
        api.wait_for_available()
        yield Peers(api, adapter, ours)
    finally:
        for one in started:
            one.stop()
        api.kubectl("delete", "apiservice", f"v1beta1.{GROUPS[0]}", "--ignore-not-found")
        api.kubectl("delete", "node", "one", "--ignore-not-found")
        api.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


def _adapter(cluster, folder, token):
    port = free_port()
    kubeconfigs = [
        f"--{what}-kubeconfig={cluster.kubeconfig}" for what in ("lister", "authentication", "authorization")
    ]
    files = [f"--tls-cert-file={folder / 'tls.crt'}", f"--tls-private-key-file={folder / 'tls.key'}"]
    where = ["--bind-address=127.0.0.1", f"--secure-port={port}", "--discovery-interval=1s"]
    command = [str(tool("test-adapter")), *where, *files, *kubeconfigs]
    return Peer(f"https://127.0.0.1:{port}", folder / "ca.crt", token, command, {**os.environ}, folder / "adapter.log")


def _ours(folder, token, environment):
    port = free_port()
    changed = {
        "BIND_ADDRESS": "127.0.0.1",
        "PORT": str(port),
        "TLS_DIRECTORY": str(folder),
        "SERVICE_DNS_NAME": "",
        "METRICS_APIS": "external,custom",
        "DELEGATED_AUTHENTICATION": "true",
        "DELEGATED_AUTHORIZATION": "true",
    }
    changed = {f"EXTENSION_APISERVER_{name}": value for name, value in changed.items()}
    command = [sys.executable, str(Path(__file__).with_name("ours.py"))]
    url = f"https://127.0.0.1:{port}"
    return Peer(url, folder / "ca.crt", token, command, {**environment, **changed}, folder / "ours.log")


def _mux(folder, *peers):
    names = ("adapter", "ours")
    providers = [
        {"name": name, "url": peer.url, "tls": {"caFile": str(peer.ca_file)}, "breaker": {"openSeconds": 1}}
        for name, peer in zip(names, peers, strict=True)
    ]
    config = folder / "mux.json"
    config.write_text(json.dumps({"providers": providers, "routes": [{"metric": "other-*", "provider": "adapter"}]}))
    return [sys.executable, "-m", "extension_apiserver", "metrics-mux", f"--config={config}"]


def _write(adapter):
    """Give test-adapter the values that ours has."""
    for path, value in WRITTEN.items():

        def demand_taken(path=path, value=value):
            answer = requests.post(f"http://127.0.0.1:{WRITE_PORT}/write-metrics/{path}", json=value, timeout=30)
            if answer.status_code != requests.codes.ok:
                raise NotYet(answer.text)
            read = adapter.get(f"/apis/{GROUPS[1]}/v1beta2/{path}")
            if read.status_code != requests.codes.ok:  # it knows no objects until it has read discovery
                raise NotYet(read.text)

        wait_for(f"test-adapter to have {path}", demand_taken, timeout_seconds=60)
