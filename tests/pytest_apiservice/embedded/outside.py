"""An embedded cluster with an API that a process of this machine serves, no pod: what `extension-apiserver dev` of extension-apiserver calls."""

import base64
import secrets
import shlex
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pytest_apiservice.base.authorities import Authority
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.process import die_with_parent
from pytest_apiservice.client.api import Api
from pytest_apiservice.cluster import Choice
from pytest_apiservice.embedded import folder
from pytest_apiservice.embedded.cluster import EmbeddedCluster
from pytest_apiservice.embedded.node.network import has_whole_loopback_network
from pytest_apiservice.embedded.registration import registration
from pytest_apiservice.programs.tools import tool

__all__ = ["HarnessError", "Outside", "die_with_parent", "outside", "registered", "registration"]

NAMESPACE = "default"
PORT = 10443  # of the node's address, which is this cluster's alone where a system has the whole of 127.0.0.0/8
LASTS_SECONDS = 30 * 86400  # longer than anybody leaves it running


@dataclass(frozen=True)
class Outside:
    """What a process needs to serve the API.

    Attributes:
        environment: variables of extension-apiserver.
        export: the line that makes a shell use the cluster.
        address: where it has to listen.
        trust: the CA of its certificate, for who asks it directly.
    """

    environment: Mapping[str, str]
    export: str
    address: tuple[str, int]
    trust: ssl.SSLContext
    _api: Api
    _versions: Sequence[str]
    _directory: Path

    def discover(self) -> None:
        """Have the API server ask anew what resources there are; by itself it does once a minute."""
        for version in self._versions:
            path = f"/apis/apiregistration.k8s.io/v1/apiservices/{version}.{self._api.group}"
            change = {"metadata": {"annotations": {"extension-apiserver/started": secrets.token_hex(8)}}}
            self._api.send("PATCH", path, change, "application/merge-patch+json")

    def demand_control_plane(self) -> None:
        """Raise HarnessError if the control plane has ended by itself."""
        phase, message = folder.state(self._directory)
        if phase == "failed" or not folder.is_running(self._directory):
            raise HarnessError(message or "the control plane has ended: somebody has killed its supervisor")


@contextmanager
def outside(name: str, group: str, versions: Sequence[str]) -> Iterator[Outside]:
    """Yield the cluster with ``versions`` of ``group`` registered, the Service called ``name``; it is gone at the end.

    Raises:
        HarnessError: it does not come up, API_PORT is taken, or the API server refuses a name.
    """
    cluster = EmbeddedCluster(api_port=Choice.read("embedded").api_port, releases=False)
    try:
        cluster.create()
        place = cluster.directory / "outside"  # gone with the cluster, whatever ends us
        place.mkdir()
        yield registered(cluster, place, name, group, versions)
    finally:
        cluster.delete()


def registered(cluster: EmbeddedCluster, place: Path, name: str, group: str, versions: Sequence[str]) -> Outside:
    """Register ``versions`` of ``group`` for a process behind the Service ``name``; its files go to ``place``."""
    api = Api(cluster, group, versions[0])
    authority, host = Authority("extension-apiserver dev"), f"{name}.{NAMESPACE}.svc"
    authority.server([host]).write(place, "tls")
    with api.session() as session:
        ip, token = _created(partial(api.send, session=session), name, group, versions, authority.certificate)
    for file, text in (("token", token), ("namespace", NAMESPACE), ("ca.crt", Path(api.ca_file).read_text())):
        (place / file).write_text(text)
    server = urlsplit(api.server)
    address = f"127{ip[ip.index('.') :]}" if has_whole_loopback_network() else "127.0.0.1"
    environment = {
        "GROUP": group,
        "VERSIONS": ",".join(versions),
        "BIND_ADDRESS": address,
        "PORT": str(PORT),
        "TLS_DIRECTORY": str(place),
        "SERVICE_ACCOUNT_DIRECTORY": str(place),
        "SERVICE_DNS_NAME": host,
        # A file, so that objects outlive each change of the program; it ends with the cluster, whose namespaces they are in.
        "STORE_URL": f"sqlite:///{quote(str(place / 'objects.db'))}",
        "SHUTDOWN_DELAY_SECONDS": "0",
        "SHUTDOWN_TIMEOUT_SECONDS": "0.3",
    }
    trust = ssl.create_default_context(cadata=authority.certificate.decode())
    trust.check_hostname = False  # it is asked by its address
    return Outside(
        {
            **{f"EXTENSION_APISERVER_{key}": value for key, value in environment.items()},
            "KUBERNETES_SERVICE_HOST": str(server.hostname),
            "KUBERNETES_SERVICE_PORT": str(server.port),
        },
        f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))} PATH={shlex.quote(str(tool('kubectl').parent))}:$PATH",
        (address, PORT),
        trust,
        api,
        versions,
        cluster.directory,
    )


def _created(
    send: Callable[..., dict[str, Any]], name: str, group: str, versions: Sequence[str], ca: bytes
) -> tuple[str, str]:
    """Create all that the API server has to know, and return the node's address and the account's token."""
    (node,) = send("GET", "/api/v1/nodes")["items"]
    ip = next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
    for one in (*_account(name), *_service(name, ip), *_registrations(name, group, versions, ca)):
        version, namespace = one["apiVersion"], one["metadata"].get("namespace")
        prefix = f"/{'apis' if '/' in version else 'api'}/{version}{f'/namespaces/{namespace}' if namespace else ''}"
        send("POST", f"{prefix}/{one['kind'].lower()}s", one)
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": LASTS_SECONDS},
    }
    answer = send("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{name}/token", request)
    return ip, str(answer["status"]["token"])


def _account(name: str) -> Iterator[dict[str, Any]]:
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAMESPACE}}
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}]
    rbac, own = "rbac.authorization.k8s.io", f"extension-apiserver-dev:{name}"
    namespaces = f"{own}:namespaces"
    yield {
        "apiVersion": f"{rbac}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": namespaces},
        "rules": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]}],
    }
    for binding, kind, role, place in (
        (namespaces, "ClusterRole", namespaces, {}),
        (own, "ClusterRole", "system:auth-delegator", {}),
        (own, "Role", "extension-apiserver-authentication-reader", {"namespace": "kube-system"}),
    ):
        yield {
            "apiVersion": f"{rbac}/v1",
            "kind": f"{kind}Binding",
            "metadata": {"name": binding, **place},
            "roleRef": {"apiGroup": rbac, "kind": kind, "name": role},
            "subjects": subjects,
        }


def _service(name: str, ip: str) -> Iterator[dict[str, Any]]:
    """Yield the Service, and where it leads: the node's address, behind which this machine's loopback is."""
    place = {"name": name, "namespace": NAMESPACE}
    port = {"name": "https", "port": 443, "targetPort": PORT}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": place, "spec": {"ports": [port]}}
    yield {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**place, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": "https", "port": PORT, "protocol": "TCP"}],
        "endpoints": [{"addresses": [ip], "conditions": {"ready": True}}],
    }


def _registrations(name: str, group: str, versions: Sequence[str], ca: bytes) -> Iterator[dict[str, Any]]:
    for place, version in enumerate(versions):
        yield {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{version}.{group}"},
            "spec": {
                "group": group,
                "version": version,
                "groupPriorityMinimum": 1000,
                "versionPriority": 100 - place,
                "caBundle": base64.b64encode(ca).decode(),
                "service": {"name": name, "namespace": NAMESPACE, "port": 443},
            },
        }
