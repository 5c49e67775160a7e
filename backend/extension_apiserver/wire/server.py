"""The HTTPS port: accepts connections, bounds them, drains them.

Neither aiohttp nor Tornado, the two servers that give the peer certificate and the raw header list by documented means: bounds on header
bytes, on the TLS hello and on connections would reach into their private parts, and asyncio's TLS under both keeps 256 KiB for each
connection. Measured against aiohttp: /livez takes half the processor time, the echo 15 % less; hostile clients (bench/soak/attacks.py) drive
memory to 60 MiB instead of 642 (at aiohttp's default read buffer). The parser is llhttp, Node.js's (`request_parser`); TLS is OpenSSL on memory
buffers (`stream`).

HTTP/1.1 only: the aggregator is content with it, no Python server is faster with HTTP/2 than the better ones are without, and HTTP/2
brought rapid resets (CVE-2023-44487) and connections pinned to a dead replica (kubernetes/kubernetes#141318).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.request import Connection
from extension_apiserver.settings import Settings
from extension_apiserver.trust.tls import Tls

from .connections import BytesInFlight, Connections
from .http1 import Handler, HttpConnection
from .stream import LINGER_SECONDS

_BACKLOG = 512
#: A client that is gone without a word is noticed after two minutes, also by a stream that sends nothing. Accepted connections inherit it.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
)
#: In one round of the event loop; closing one that is dead takes about five rounds. With 16, dead ones in the kernel's queue took all
#: descriptors that a low limit leaves, and asyncio pauses for a second each time: 200 of them kept everybody out for 6 s, now for 1 s.
ACCEPTED_AT_ONCE = 4
#: Deadlines are looked at this often, or four times within the shortest timeout.
_SWEEP_SECONDS = 1.0


class Server:
    """One listening port."""

    def __init__(
        self,
        handler: Handler,
        trusted: Callable[[Connection], bool],
        tls: Tls,
        settings: Settings,
        metrics: Metrics,
        in_flight: BytesInFlight,
    ) -> None:
        """Open the port; `start` accepts.

        Args:
            handler: answers requests.
            trusted: returns whether a connection is proven, now, to be the front proxy's.
            tls: the context for new connections.
            settings: the bounds.
            metrics: where refusals are counted.
            in_flight: where bodies and answers count.

        Raises:
            OSError: if it is taken or not permitted.

        """
        self._handler = handler
        self._trusted = trusted
        self._tls = tls
        self._settings = settings
        self._connections = Connections(settings.max_connections, settings.max_unverified_connections, metrics)
        self._in_flight = in_flight
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self.draining = False
        family = socket.AF_INET6 if ":" in settings.bind_address else socket.AF_INET
        self._listener = socket.create_server((settings.bind_address, settings.port), family=family, backlog=_BACKLOG)
        # Accepted connections inherit it. asyncio sets it only on sockets that were made with IPPROTO_TCP; without it the kernel keeps the
        # end of a part for up to 40 ms, until the client has acknowledged what was sent before.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for level, option, value in _KEEPALIVE:
            self._listener.setsockopt(level, option, value)

    @property
    def port(self) -> int:
        """The port in use, which the kernel chose if the settings say 0."""
        return int(self._listener.getsockname()[1])

    async def start(self) -> None:
        """Accept connections from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, sock=self._listener, backlog=ACCEPTED_AT_ONCE)
        # For asyncio the kernel's queue and what it accepts at once, with a traceback for each when descriptors run out, are one number.
        self._listener.listen(_BACKLOG)
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self, timeout_seconds: float) -> None:
        """Close the port, let requests finish and answers be read for `timeout_seconds`, close all connections."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout_seconds
        if self._server is not None:
            self._server.close()
        self.drain()
        for connection in self._open():
            if connection.answering is None:
                connection.close()
            elif connection.outgoing is not None:
                connection.outgoing.end()
        answering = [one.answering for one in self._open() if one.answering is not None and not one.closing]
        if answering:
            await asyncio.wait(answering, timeout=timeout_seconds)
        for connection in self._open():
            connection.close()
        # Clients have the rest of the time to take the last answers, and a moment in any case.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connections.wait_until_none(), max(ends - loop.time(), LINGER_SECONDS))
        for connection in self._open():
            connection.abort()
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        await self._connections.wait_until_none()

    def drain(self) -> None:
        """Answer with `Connection: close` from now on, so that clients go elsewhere."""
        self.draining = True
        for connection in self._open():
            connection.draining = True

    def _open(self) -> list[HttpConnection]:
        return [connection for connection in self._connections.open if isinstance(connection, HttpConnection)]

    def _connection(self) -> HttpConnection:
        connection = _Connection(
            self._connections, self._trusted, self._tls.context, self._handler, self._settings, self._in_flight
        )
        connection.draining = self.draining
        return connection

    async def _sweep(self) -> None:
        settings = self._settings
        shortest = min(
            settings.tls_handshake_timeout_seconds, settings.header_timeout_seconds, settings.body_timeout_seconds
        )
        interval_seconds = min(_SWEEP_SECONDS, max(shortest / 4, 0.01))
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(interval_seconds)
            self._connections.check(loop.time())


class _Connection(HttpConnection):
    """A connection that is counted."""

    def __init__(
        self,
        connections: Connections,
        trusted: Callable[[Connection], bool],
        context: ssl.SSLContext,
        handler: Handler,
        settings: Settings,
        in_flight: BytesInFlight,
    ) -> None:
        super().__init__(context, handler, settings, in_flight)
        self._connections = connections
        self._trusted = trusted

    def busy(self) -> bool:
        return self.answering is not None

    def trusted(self) -> bool:
        return self.secure and self._trusted(self.connection)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connections.admit(self)

    def secured(self) -> None:
        super().secured()
        self._connections.place(self)

    def lost(self) -> None:
        super().lost()
        self._connections.lost(self, secured=self.secure)
