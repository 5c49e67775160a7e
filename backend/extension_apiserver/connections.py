"""Bounds on connections: in all, without a verified client certificate, and in time."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from .metrics import Metrics

_log = logging.getLogger(__name__)


class Bounded(Protocol):
    """A connection that can be bounded.

    Attributes:
        client_address: IP address of the client.
        deadline: when `expire` is due, in the time of the event loop; None is never.

    """

    client_address: str
    deadline: float | None

    def abort(self) -> None:
        """Close at once."""

    def expire(self) -> None:
        """Do what is due now that the deadline has passed."""


class Connections:
    """Counts connections from accept to close and makes room.

    Unfinished TLS handshakes count as unverified. When those are too many, the address that has the most of them loses its oldest: a
    flood from some pods keeps out neither kube-apiserver, whose handshake takes milliseconds, nor the kubelet, who has no certificate.
    """

    def __init__(self, maximum: int, maximum_unverified: int, metrics: Metrics) -> None:
        """Take the bounds."""
        self._maximum = maximum
        self._maximum_unverified = maximum_unverified
        self._refused = metrics.refused_connections
        self.open: set[Bounded] = set()
        #: By address of the client; a dict is an ordered set: oldest first.
        self._unverified: dict[str, dict[Bounded, None]] = {}
        self._unverified_count = 0
        self._none_open = asyncio.Event()
        self._none_open.set()
        metrics.connections.read = lambda: float(len(self.open))

    def admit(self, connection: Bounded) -> bool:
        """Count a new connection; False if there are too many, then the caller closes it."""
        if len(self.open) >= self._maximum:
            self._refused.add(reason="max_connections")
            return False
        if self._unverified_count >= self._maximum_unverified:
            self._refused.add(reason="max_unverified_connections")
            address = max(self._unverified, key=lambda one: len(self._unverified[one]))
            oldest = next(iter(self._unverified[address]))
            self.verified(oldest)
            oldest.abort()
        self.open.add(connection)
        self._none_open.clear()
        self._unverified.setdefault(connection.client_address, {})[connection] = None
        self._unverified_count += 1
        return True

    def verified(self, connection: Bounded) -> None:
        """Stop counting it as unverified: it showed a certificate of a known authority, or is to be closed."""
        neighbours = self._unverified.get(connection.client_address, {})
        if connection in neighbours:
            del neighbours[connection]
            self._unverified_count -= 1
            if not neighbours:
                del self._unverified[connection.client_address]

    def lost(self, connection: Bounded, *, secured: bool) -> None:
        """Forget a connection; one that was never `secured` counts as a failed handshake."""
        if connection in self.open and not secured:
            self._refused.add(reason="tls_handshake")
        self.open.discard(connection)
        self.verified(connection)
        if not self.open:
            self._none_open.set()

    async def wait_until_none(self) -> None:
        """Return when no connection is open."""
        await self._none_open.wait()

    def expire(self, now: float) -> None:
        """Tell those whose deadline has passed."""
        for connection in [one for one in self.open if one.deadline is not None and one.deadline < now]:
            try:
                connection.expire()
            except Exception:  # noqa: BLE001 - whatever it is, the deadlines of all others depend on this loop
                _log.exception("a connection could not be closed in time")
                connection.abort()
