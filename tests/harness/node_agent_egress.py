"""How the API server reaches pods: an HTTP CONNECT proxy on a Unix socket in the cluster's private folder.

kube-apiserver sends everything it dials in the cluster (aggregated APIs, webhooks, kubelet logs, proxy subresources) through
its egress selector: https://kubernetes.io/docs/tasks/extend-kubernetes/setup-konnectivity/. Nobody but the owner of that folder
can use the proxy, so nothing of the cluster is reachable from the network or by another user.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from harness.pod_network import KUBELET_PORT, PodNetwork

CHUNK_BYTES = 1 << 16
CONNECT_TIMEOUT_SECONDS = 5.0

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


class EgressProxy:
    """Serves CONNECT and joins the two connections."""

    def __init__(self, network: PodNetwork) -> None:
        """Route the addresses of ``network`` to this machine's processes; any other address is dialled as it is."""
        self._network = network
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, path: Path) -> None:
        """Listen at the Unix socket ``path``."""
        self._server = await asyncio.start_unix_server(self._serve, path)

    async def close(self) -> None:
        """Stop listening and drop what is open."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.close()

    def _target(self, destination: str) -> tuple[str, int]:
        host, _, port = destination.rpartition(":")
        host = host.strip("[]")
        if host == self._network.node_ip and int(port) == KUBELET_PORT:
            address, actual_port = self._network.kubelet_socket.getsockname()
            return str(address), int(actual_port)
        return (self._network.local_address(host) if self._network.is_ours(host) else host), int(port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).split()
            host, port = self._target(request[1].decode())
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                pod_reader, pod_writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError, ValueError, IndexError, asyncio.IncompleteReadError) as error:
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
