"""Bounds on connections: in all, without a verified client certificate, and in time."""

from __future__ import annotations

import asyncio
from typing import Protocol

from .metrics import Metrics


class Bounded(Protocol):
    """A connection that can be bounded."""

    deadline: float | None

    def abort(self) -> None:
        """Close at once."""

    def expire(self) -> None:
        """Do what is due now that the deadline has passed."""


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
        self.open: set[Bounded] = set()
        #: A dict is an ordered set: oldest first.
        self._unverified: dict[Bounded, None] = {}
        self._none_open = asyncio.Event()
        self._none_open.set()
        metrics.connections.read = lambda: float(len(self.open))

    def admit(self, connection: Bounded) -> bool:
        """Count a new connection; False if there are too many, then the caller closes it."""
        if len(self.open) >= self._maximum:
            self._refused.add(reason="max_connections")
            return False
        if len(self._unverified) >= self._maximum_unverified:
            self._refused.add(reason="max_unverified_connections")
            oldest = next(iter(self._unverified))
            del self._unverified[oldest]
            oldest.abort()
        self.open.add(connection)
        self._none_open.clear()
        self._unverified[connection] = None
        return True

    def verified(self, connection: Bounded) -> None:
        """Note that it showed a certificate of a known authority."""
        self._unverified.pop(connection, None)

    def lost(self, connection: Bounded, *, secured: bool) -> None:
        """Forget a connection; one that was never `secured` counts as a failed handshake."""
        if connection in self.open and not secured:
            self._refused.add(reason="tls_handshake")
        self.open.discard(connection)
        self._unverified.pop(connection, None)
        if not self.open:
            self._none_open.set()

    async def wait_until_none(self) -> None:
        """Return when no connection is open."""
        await self._none_open.wait()

    def expire(self, now: float) -> None:
        """Tell those whose deadline has passed."""
        for connection in [one for one in self.open if one.deadline is not None and one.deadline < now]:
            connection.expire()
