"""Bounds on connections: how many of the front proxy and of others, for how long, and how many bytes they all hold."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from extension_apiserver.observe.metrics import Metrics

#: Of a body that nobody reads yet, such as that of a caller who is still being authenticated. So much each connection may hold
#: whatever others do, so that small requests and answers, such as probes, pass when `max_bytes_in_flight` is used up.
OWN_BYTES = 65536

_log = logging.getLogger(__name__)


class Bounded(Protocol):
    """A connection that can be bounded.

    Attributes:
        client_address: IP address of the client.
        deadline: when `expire` is due, in the time of the event loop; None is never.

    """

    client_address: str
    deadline: float | None

    def busy(self) -> bool:
        """Return whether a request is being answered."""

    def trusted(self) -> bool:
        """Return whether it is proven, now, to be the front proxy's."""

    def abort(self) -> None:
        """Close at once."""

    def expire(self) -> None:
        """Do what is due now that the deadline has passed."""


class Connections:
    """Counts connections from accept to close and makes room.

    The front proxy, which is kube-apiserver, has places that nobody else can take, and so have all others: the kubelet, which has no
    certificate, direct callers, whatever certificate they have, and unfinished handshakes. When others are too many, the address that
    has the most of them loses its oldest idle one: a flood from some pods keeps out neither kube-apiserver, whose handshake takes
    milliseconds, nor the kubelet.
    """

    def __init__(self, maximum: int, maximum_unverified: int, metrics: Metrics) -> None:
        """Take the bounds: of the front proxy's connections, and of others."""
        self._maximum = maximum
        self._maximum_unverified = maximum_unverified
        self._refused = metrics.refused_connections
        self.open: set[Bounded] = set()
        self._verified: set[Bounded] = set()
        #: By address of the client; a dict is an ordered set: oldest first.
        self._unverified: dict[str, dict[Bounded, None]] = {}
        self._unverified_count = 0
        self._none_open = asyncio.Event()
        self._none_open.set()
        metrics.connections.read = lambda: float(len(self.open))

    def admit(self, connection: Bounded) -> None:
        """Count a new connection."""
        self.open.add(connection)
        self._none_open.clear()
        self._add_unverified(connection)

    def place(self, connection: Bounded) -> None:
        """Count it as the front proxy's if it is that now, else among the others; close it if there is no place left."""
        verified = connection in self._verified
        if connection.trusted() == verified:
            return
        if verified:
            self._verified.discard(connection)
            self._add_unverified(connection)
        elif len(self._verified) < self._maximum:
            self._remove_unverified(connection)
            self._verified.add(connection)
        else:
            self._refused.add(reason="max_connections")
            connection.abort()

    def lost(self, connection: Bounded, *, secured: bool) -> None:
        """Forget a connection; one that was never `secured` counts as a failed handshake."""
        if not secured:
            self._refused.add(reason="tls_handshake")
        self.open.discard(connection)
        self._verified.discard(connection)
        self._remove_unverified(connection)
        if not self.open:
            self._none_open.set()

    async def wait_until_none(self) -> None:
        """Return when no connection is open."""
        await self._none_open.wait()

    def check(self, now: float) -> None:
        """Tell those whose deadline has passed, and count anew those whose proof ended or was found since."""
        for connection in list(self.open):
            try:
                self.place(connection)
                if connection.deadline is not None and connection.deadline < now:
                    connection.expire()
            except Exception:  # noqa: BLE001 - whatever it is, the deadlines of all others depend on this loop
                _log.exception("a connection could not be closed in time")
                connection.abort()

    def _add_unverified(self, connection: Bounded) -> None:
        if self._unverified_count >= self._maximum_unverified:
            self._refused.add(reason="max_unverified_connections")
            neighbours = max(self._unverified.values(), key=len)
            going = next((one for one in neighbours if not one.busy()), next(iter(neighbours)))
            self._remove_unverified(going)
            going.abort()
        self._unverified.setdefault(connection.client_address, {})[connection] = None
        self._unverified_count += 1

    def _remove_unverified(self, connection: Bounded) -> None:
        neighbours = self._unverified.get(connection.client_address, {})
        if connection in neighbours:
            del neighbours[connection]
            self._unverified_count -= 1
            if not neighbours:
                del self._unverified[connection.client_address]


class BytesInFlight:
    """Bytes of bodies on their way in and of answers on their way out, over all connections."""

    def __init__(self, maximum: int, metrics: Metrics) -> None:
        """Take the bound in bytes."""
        self.maximum = maximum
        self._refused = metrics.refused_requests
        self._held = 0
        metrics.bytes_in_flight.read = lambda: float(self._held)

    def add(self, count: int) -> bool:
        """Hold so many bytes more, or fewer if negative; False if that is too much: then nothing changes."""
        if count > 0 and self._held + count > self.maximum:
            self._refused.add(reason="max_bytes_in_flight")
            return False
        self._held += count
        return True


class HeldBytes:
    """The bytes of one connection among all that are in flight."""

    def __init__(self, in_flight: BytesInFlight) -> None:
        """Begin with none."""
        self._in_flight = in_flight
        self._held = 0

    def hold(self, count: int) -> bool:
        """Hold so many, instead of those before; False if it is too much for all together: then nothing changes."""
        shared = max(0, count - OWN_BYTES)
        if not self._in_flight.add(shared - self._held):
            return False
        self._held = shared
        return True
