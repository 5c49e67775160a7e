"""How the API server and pods reach pods: an HTTP CONNECT proxy, for the API server on a Unix socket in the cluster's private folder.

kube-apiserver sends everything it dials in the cluster (aggregated APIs, webhooks, kubelet logs, proxy subresources) through
its egress selector: https://kubernetes.io/docs/tasks/extend-kubernetes/setup-konnectivity/. Nobody but the owner of that folder
can use the proxy, so nothing of the cluster is reachable from the network or by another user. Pods are told of the same proxy on
a loopback address, by HTTPS_PROXY; it knows the names of Services.
"""

import asyncio
import re
from pathlib import Path

import aiohttp

from pytest_apiservice.embedded.node.client import ApiClient, ApiError
from pytest_apiservice.embedded.node.network import KUBELET_PORT, PodNetwork
from pytest_apiservice.embedded.node.policies import NetworkPolicies

CHUNK_BYTES = 1 << 16
CONNECT_TIMEOUT_SECONDS = 5.0
# Until who dials what a NetworkPolicy drops gives up, as Go's net.Dialer in the API server would.
DROPPED_SECONDS = 30.0
SERVICE = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\.cluster\.local)?")

CONFIGURATION = {
    "apiVersion": "apiserver.k8s.io/v1beta1",
    "kind": "EgressSelectorConfiguration",
    "egressSelections": [
        {
            "name": "cluster",
            # Relative to the API server's working directory: a Unix socket's path must fit in 108 bytes.
            "connection": {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": "egress.sock"}}},
        }
    ],
}


class ServiceNames:
    """Finds a pod for `<service>.<namespace>.svc`, as DNS and kube-proxy do together; the cluster has neither."""

    def __init__(self, client: ApiClient) -> None:
        """Ask the API of ``client`` at each look-up: they are few."""
        self._client = client

    async def endpoint(self, host: str, port: int) -> tuple[str, int]:
        """Return the address and port of a ready pod behind the Service's ``port``; what is no Service's name comes back as it is.

        Raises:
            OSError: there is no such Service port, or no ready pod behind it.
            ApiError: there is no such Service.
        """
        name = SERVICE.fullmatch(host)
        if name is None:
            return host, port
        service, namespace = name[1], name[2]
        found = await self._client.request("GET", f"/api/v1/namespaces/{namespace}/services/{service}")
        ports = [each.get("name", "") for each in found["spec"]["ports"] if each["port"] == port]
        selector = f"labelSelector=kubernetes.io/service-name={service}"
        slices = await self._client.request(
            "GET", f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?{selector}"
        )
        for each in slices["items"]:
            for target in each["ports"] or []:
                for endpoint in each["endpoints"] or []:
                    if target.get("name", "") in ports and endpoint["conditions"].get("ready"):
                        return endpoint["addresses"][0], target["port"]
        raise OSError(f"no ready pod behind port {port} of Service {namespace}/{service}")


class EgressProxy:
    """Serves CONNECT and joins the two connections."""

    def __init__(self, network: PodNetwork, services: ServiceNames, policies: NetworkPolicies) -> None:
        """Route the addresses of ``network`` to this machine's processes; any other address is dialled as it is.

        Args:
            policies: judge what the API server dials.
        """
        self._network = network
        self._services = services
        self._policies = policies
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, path: Path) -> str:
        """Listen at the Unix socket ``path`` and on the node's loopback address; return the URL of the latter."""
        self._servers.append(await asyncio.start_unix_server(self._serve_api_server, path))
        local = await asyncio.start_server(self._serve, self._network.local_address(self._network.node_ip), 0)
        self._servers.append(local)
        host, port = local.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop listening and drop what is open."""
        for server in self._servers:
            server.close()
        for writer in self._open:
            writer.close()

    async def _target(self, destination: str, *, judged: bool) -> tuple[str, int]:
        name, _, number = destination.rpartition(":")
        host, port = await self._services.endpoint(name.strip("[]"), int(number))
        if judged and self._network.is_ours(host) and not await self._policies.admit(host, port):
            await asyncio.sleep(DROPPED_SECONDS)
            raise TimeoutError(f"a NetworkPolicy keeps the API server from {destination}")
        if host == self._network.node_ip and port == KUBELET_PORT:
            address, actual_port = self._network.kubelet_socket.getsockname()
            return str(address), int(actual_port)
        return (self._network.local_address(host) if self._network.is_ours(host) else host), port

    async def _serve_api_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, judged=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, judged: bool = False) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).split()
            host, port = await self._target(request[1].decode(), judged=judged)
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                pod_reader, pod_writer = await asyncio.open_connection(host, port)
        except (ApiError, aiohttp.ClientError, OSError, ValueError, IndexError, asyncio.IncompleteReadError) as error:
            writer.write(f"HTTP/1.1 502 {type(error).__name__}\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        both = {writer, pod_writer}
        self._open |= both
        try:
            await asyncio.gather(_copy(reader, pod_writer), _copy(pod_reader, writer))
        finally:
            self._open -= both
            for end in both:
                end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end of the stream, and pass the end on; a reset ends both directions."""
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()
