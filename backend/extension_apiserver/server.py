"""The HTTP server: aiohttp's low-level `web.Server` over asyncio's TLS, HTTP/1.1 only. Nothing else knows aiohttp's server.

Why aiohttp: of the servers that give the peer certificate and the raw header list by documented means (aiohttp, Tornado), it is
the faster one (1.4 to 1.6 times Tornado's requests per second at 32 connections) and has the stricter parser: it refuses bare line
feeds, two Content-Lengths, and Content-Length beside Transfer-Encoding. kube-apiserver sends many users' requests over one connection,
so a request that two parsers read differently would be one user's request under another user's name.
What aiohttp does not bound is bounded here: total header bytes, time to a complete header, time to a TLS hello, connections.

Why HTTP/1.1 only: the aggregator is content with it, no Python server is faster with HTTP/2 than the better ones are without,
and HTTP/2 brought rapid resets (CVE-2023-44487) and connections pinned to a dead replica (kubernetes/kubernetes#141318).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from typing import TYPE_CHECKING, Any

from aiohttp import http_exceptions, web

from .messages import Connection, Request, Response
from .status import StatusError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .metrics import Metrics
    from .settings import Settings
    from .tls import Tls

    Handler = Callable[[Request], Awaitable[Response]]

_BACKLOG = 512
_TLS_SHUTDOWN_SECONDS = 3.0

_log = logging.getLogger(__name__)


class Server:
    """Accepts connections and hands complete headers to a handler."""

    def __init__(self, handler: Handler, tls: Tls, settings: Settings, metrics: Metrics) -> None:
        """Remember the parts; `start` opens the port."""
        self._handler = handler
        self._tls = tls
        self._settings = settings
        self._metrics = metrics
        self._manager = web.Server(self._serve)
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._handshakes: set[asyncio.Task[None]] = set()
        #: Every accepted connection, and those whose client is not (yet) verified, oldest first.
        self._open: set[socket.socket] = set()
        self._unverified: dict[socket.socket, _Protocol | None] = {}
        #: Answers carry `Connection: close`, so that clients go elsewhere.
        self.draining = False
        metrics.connections.read = lambda: float(len(self._open))

    @property
    def port(self) -> int:
        """The port in use, which the kernel chose if the settings say 0."""
        assert self._listener is not None
        return int(self._listener.getsockname()[1])

    async def start(self) -> None:
        """Open the port.

        Raises:
            OSError: if it is taken or not permitted.

        """
        family = socket.AF_INET6 if ":" in self._settings.bind_address else socket.AF_INET
        self._listener = socket.create_server(
            (self._settings.bind_address, self._settings.port), family=family, backlog=_BACKLOG, reuse_port=False
        )
        self._listener.setblocking(False)  # noqa: FBT003
        self._accepting = asyncio.create_task(self._accept())

    async def stop(self, timeout_seconds: float) -> None:
        """Close the port, let requests finish for at most `timeout_seconds`, close all connections."""
        if self._accepting is not None:
            self._accepting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._accepting
        if self._listener is not None:
            self._listener.close()
        await self._manager.shutdown(timeout_seconds)
        for task in self._handshakes:
            task.cancel()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._listener is not None
        while True:
            try:
                client, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                # Usually EMFILE: the descriptors in use must come free first.
                _log.error("a connection cannot be accepted: %s", error)
                await asyncio.sleep(0.1)
                continue
            if len(self._open) >= self._settings.max_connections:
                self._metrics.refused_connections.add(reason="max_connections")
                client.close()
                continue
            if len(self._unverified) >= self._settings.max_unverified_connections:
                # The oldest goes, not the newest: a flood of silent clients must not keep kube-apiserver out.
                self._metrics.refused_connections.add(reason="max_unverified_connections")
                self._drop_oldest_unverified()
            self._open.add(client)
            self._unverified[client] = None
            task = loop.create_task(self._handshake(client))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    def _drop_oldest_unverified(self) -> None:
        client, protocol = next(iter(self._unverified.items()))
        del self._unverified[client]
        if protocol is None:
            # Still in the handshake: asyncio closes it as soon as it reads the end of the stream.
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        else:
            protocol.abort()

    async def _handshake(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: _Protocol(self, client, loop),
                client,
                ssl=self._tls.context,
                ssl_handshake_timeout=self._settings.tls_handshake_timeout_seconds,
                ssl_shutdown_timeout=_TLS_SHUTDOWN_SECONDS,
            )
        except (OSError, ssl.SSLError, asyncio.TimeoutError) as error:
            self._metrics.refused_connections.add(reason="tls_handshake")
            _log.debug("TLS handshake failed: %s", error)
            self.lost(client)
            client.close()

    def lost(self, client: socket.socket) -> None:
        """Forget a connection."""
        self._open.discard(client)
        self._unverified.pop(client, None)

    def connected(self, client: socket.socket, protocol: _Protocol, *, verified: bool) -> None:
        """Note that the handshake is complete; `verified` if the client showed a certificate of a known authority."""
        if verified:
            self._unverified.pop(client, None)
        elif client in self._unverified:
            self._unverified[client] = protocol

    @property
    def protocol_arguments(self) -> dict[str, Any]:
        """Arguments of aiohttp's RequestHandler."""
        return {
            "keepalive_timeout": self._settings.idle_timeout_seconds,
            "max_line_size": min(self._settings.max_header_bytes, 16384),
            "max_field_size": min(self._settings.max_header_bytes, 16384),
            "max_headers": self._settings.max_header_lines,
            "auto_decompress": False,
            "access_log": None,
        }

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        protocol = request.protocol
        assert isinstance(protocol, _Protocol)

        async def read_body() -> bytes:
            return await _read_body(request, self._settings)

        message = Request(
            request.method,
            request.raw_path if request.raw_path.startswith("/") else "/",
            [(name.lower(), value) for name, value in request.raw_headers],
            protocol.connection,
            read_body,
        )
        if not request.raw_path.startswith("/"):
            # `GET http://elsewhere/` and CONNECT have no meaning here.
            error = StatusError(400, "the request target must be a path")
            answer = Response(error.code, [("Content-Type", "application/json")], error.body())
        else:
            answer = await self._handler(message)
        response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        if self.draining or answer.status == 413 or "upgrade" in request.headers.get("Connection", "").lower():  # noqa: PLR2004
            response.force_close()
        return response

    @property
    def manager(self) -> web.Server:
        """aiohttp's list of connections."""
        return self._manager

    @property
    def settings(self) -> Settings:
        """The bounds."""
        return self._settings


async def _read_body(request: web.BaseRequest, settings: Settings) -> bytes:
    limit = settings.max_body_bytes
    too_large = StatusError(413, f"the request body must be at most {limit} bytes", details={"causes": []})
    if request.content_length is not None and request.content_length > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.body_timeout_seconds):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > limit:
                    raise too_large
                chunks.append(chunk)
    except TimeoutError:
        raise StatusError(408, f"the request body must arrive within {settings.body_timeout_seconds:g} seconds") from None
    except (web.RequestPayloadError, http_exceptions.HttpProcessingError):
        raise StatusError(400, "the request body is malformed") from None
    return b"".join(chunks)


class _Protocol(web.RequestHandler):
    """aiohttp's connection, with the bounds it lacks.

    Reads three private attributes of aiohttp (`_request_count`, `_waiter`, `_current_request`); the abuse tests fail if they change.
    """

    __slots__ = ("_client", "_header_bytes", "_header_timer", "_server", "connection")

    def __init__(self, server: Server, client: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server.manager, loop=loop, **server.protocol_arguments)
        self._server = server
        self._client = client
        self._header_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self.connection = Connection()

    def abort(self) -> None:
        """Close at once."""
        self.force_close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        self.connection = Connection(_peer_chain(tls), bool(tls.session_reused))
        self._server.connected(self._client, self, verified=bool(self.connection.certificates))

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._stop_header_timer()
        self._server.lost(self._client)

    def data_received(self, data: bytes) -> None:
        requests = self._request_count
        super().data_received(data)
        if self._request_count != requests:
            self._header_bytes = 0
            self._stop_header_timer()
            return
        current = self._current_request
        idle = self._waiter is not None and not self._waiter.done()
        if idle or (current is not None and current.content.is_eof()):
            self._header_bytes += len(data)
            if self._header_bytes > self._server.settings.max_header_bytes:
                self._refuse_header(431, f"the request header must be at most {self._server.settings.max_header_bytes} bytes")
            elif self._header_timer is None:
                seconds = self._server.settings.header_timeout_seconds
                self._header_timer = self._loop.call_later(
                    seconds, self._refuse_header, 408, f"the request header must arrive within {seconds:g} seconds"
                )

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what could not be parsed, or what failed outside the handler, with a Status."""
        if isinstance(exc, http_exceptions.LineTooLong):
            error = StatusError(431, "a line of the request header is too long")
        elif status == 400:  # noqa: PLR2004
            error = StatusError(400, "the request is malformed HTTP")
        else:
            _log.error("request failed", exc_info=exc)
            error = StatusError(status, "the server failed; its log says why")
        response = web.Response(status=error.code, body=error.body(), content_type="application/json")
        response.force_close()
        return response

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _refuse_header(self, code: int, message: str) -> None:
        self._header_timer = None
        if self.transport is None:
            return
        body = StatusError(code, message).body()
        head = f"HTTP/1.1 {code} \r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.force_close()


def _peer_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    if tls.session_reused:
        return ()
    leaf = tls.getpeercert(binary_form=True)
    if leaf is None:
        return ()
    # Since Python 3.13; before, a front proxy certificate must be issued by an authority of the bundle directly.
    chain = getattr(tls, "get_unverified_chain", None)
    return tuple(chain()) if chain else (leaf,)
