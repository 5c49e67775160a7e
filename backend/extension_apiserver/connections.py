"""Bounds on connections: in all, and without a verified client certificate."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from .metrics import Metrics


class Connections:
    """Counts connections from accept to close and makes room.

    Unfinished TLS handshakes count as unverified. When those are too many, the oldest goes and not the newest, so that a flood of
    silent clients does not keep kube-apiserver out, whose handshake takes milliseconds.
    """

    def __init__(self, maximum: int, maximum_unverified: int, metrics: Metrics) -> None:
        """Take the bounds."""
        self._maximum = maximum
        self._maximum_unverified = maximum_unverified
        self._refused = metrics.refused_connections
        self._open: set[socket.socket] = set()
        #: Oldest first; how to close it, None during the handshake.
        self._unverified: dict[socket.socket, Callable[[], None] | None] = {}
        self._none_open = asyncio.Event()
        self._none_open.set()
        metrics.connections.read = lambda: float(len(self._open))

    def admit(self, client: socket.socket) -> bool:
        """Count a new connection; False if there are too many, then the caller closes it."""
        if len(self._open) >= self._maximum:
            self._refused.add(reason="max_connections")
            return False
        if len(self._unverified) >= self._maximum_unverified:
            self._refused.add(reason="max_unverified_connections")
            self._drop_oldest_unverified()
        self._open.add(client)
        self._none_open.clear()
        self._unverified[client] = None
        return True

    def established(self, client: socket.socket, close: Callable[[], None], *, verified: bool) -> None:
        """Note the end of the handshake.

        Args:
            client: the connection.
            close: closes it at once.
            verified: it showed a certificate of a known authority.

        """
        if verified:
            self._unverified.pop(client, None)
        elif client in self._unverified:
            self._unverified[client] = close

    def failed(self, client: socket.socket) -> None:
        """Note a handshake that failed."""
        self._refused.add(reason="tls_handshake")
        self.lost(client)

    def lost(self, client: socket.socket) -> None:
        """Forget a connection."""
        self._open.discard(client)
        self._unverified.pop(client, None)
        if not self._open:
            self._none_open.set()

    async def wait_until_none(self) -> None:
        """Return when no connection is open."""
        await self._none_open.wait()

    def _drop_oldest_unverified(self) -> None:
        client, close = next(iter(self._unverified.items()))
        del self._unverified[client]
        if close is not None:
            close()
            return
        # asyncio owns the socket and closes it when it reads the end of the stream.
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
