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
import asyncio.sslproto
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import cast

from aiohttp import http_exceptions, web

from .connections import Connections
from .messages import JSON, Connection, Request, Response
from .metrics import Metrics
from .settings import Settings
from .status import StatusError
from .tls import Tls

Handler = Callable[[Request], Awaitable[Response]]

_BACKLOG = 512
#: aiohttp would name itself and Python with their versions.
_SERVER = "extension-apiserver"
_TLS_SHUTDOWN_SECONDS = 1.0
_ACCEPT_PAUSE_SECONDS = 0.1
#: The request line, and one header line; `max_header_bytes` bounds all of them together.
_LONGEST_HEADER_LINE = 16384

# asyncio gives every TLS connection a read buffer of 256 KiB, though a TLS record has at most 16: 120 connections took 35 MiB.
asyncio.sslproto.SSLProtocol.max_size = 32768

_log = logging.getLogger(__name__)


class Server:
    """Accepts connections and hands complete headers to a handler."""

    def __init__(self, handler: Handler, tls: Tls, settings: Settings, metrics: Metrics) -> None:
        """Open the port; `start` accepts.

        Raises:
            OSError: if it is taken or not permitted.

        """
        self._handler = handler
        self._tls = tls
        self._settings = settings
        self._connections = Connections(settings.max_connections, settings.max_unverified_connections, metrics)
        self._manager = web.Server(self._serve)
        self._handshakes: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None
        #: Answers carry `Connection: close`, so that clients go elsewhere.
        self.draining = False
        family = socket.AF_INET6 if ":" in settings.bind_address else socket.AF_INET
        self._listener = socket.create_server((settings.bind_address, settings.port), family=family, backlog=_BACKLOG)
        self._listener.setblocking(False)

    @property
    def port(self) -> int:
        """The port in use, which the kernel chose if the settings say 0."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Accept connections from now on."""
        self._accepting = asyncio.create_task(self._accept())

    async def stop(self, timeout_seconds: float) -> None:
        """Close the port, let requests finish for at most `timeout_seconds`, close all connections."""
        if self._accepting is not None:
            self._accepting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._accepting
        self._listener.close()
        self._manager.pre_shutdown()
        await self._manager.shutdown(timeout_seconds)
        for task in self._handshakes:
            task.cancel()
        # The TLS shutdown has a bound of its own.
        await self._connections.wait_until_none()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                # Usually EMFILE: descriptors must come free first.
                _log.error("a connection cannot be accepted: %s", error)
                await asyncio.sleep(_ACCEPT_PAUSE_SECONDS)
                continue
            if not self._connections.admit(client):
                client.close()
                continue
            task = loop.create_task(self._handshake(client))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _handshake(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: _Protocol(self._manager, self._connections, client, self._settings),
                client,
                ssl=self._tls.context,
                ssl_handshake_timeout=self._settings.tls_handshake_timeout_seconds,
                ssl_shutdown_timeout=_TLS_SHUTDOWN_SECONDS,
            )
        except (OSError, TimeoutError) as error:
            _log.debug("TLS handshake failed: %s", error)
            self._connections.failed(client)
        except asyncio.CancelledError:
            self._connections.lost(client)
            raise

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        protocol = cast("_Protocol", request.protocol)
        headers = [(name.lower(), value) for name, value in request.raw_headers]
        refused = True
        if not request.raw_path.startswith("/"):
            # `GET http://elsewhere/`, `CONNECT elsewhere:443` and `OPTIONS *` have no meaning here.
            answer = _failure(StatusError(400, "the request target must be a path"))
        elif sum(len(name) + len(value) for name, value in headers) > self._settings.max_header_bytes:
            answer = _failure(_header_too_large(self._settings))
        else:
            refused = False
            answer = await self._handler(
                Request(
                    request.method,
                    request.raw_path,
                    headers,
                    protocol.connection,
                    lambda: _read_body(request, self._settings),
                )
            )
        response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        response.headers["Server"] = _SERVER
        if self.draining or refused or "Upgrade" in request.headers:
            response.force_close()
        return response


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
        raise StatusError(
            408, f"the request body must arrive within {settings.body_timeout_seconds:g} seconds"
        ) from None
    except (web.RequestPayloadError, http_exceptions.HttpProcessingError):
        raise StatusError(400, "the request body is malformed") from None
    return b"".join(chunks)


class _Protocol(web.RequestHandler):
    """The connection of aiohttp, with the bounds it lacks.

    Reads three private attributes of aiohttp (`_request_count`, `_waiter`, `_current_request`); tests/unit/test_abuse.py fails if
    they change their meaning.
    """

    __slots__ = ("_client", "_connections", "_header_bytes", "_header_timer", "_settings", "connection")

    def __init__(
        self, manager: web.Server, connections: Connections, client: socket.socket, settings: Settings
    ) -> None:
        longest = min(settings.max_header_bytes, _LONGEST_HEADER_LINE)
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=settings.idle_timeout_seconds,
            max_line_size=longest,
            max_field_size=longest,
            max_headers=settings.max_header_lines,
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type]  # as web.Server itself documents
        )
        self._connections = connections
        self._client = client
        self._settings = settings
        self._header_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self.connection = Connection()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        self.connection = Connection(_peer_chain(tls), session_reused=bool(tls.session_reused))
        abort = cast("asyncio.Transport", transport).abort
        self._connections.established(self._client, abort, verified=bool(self.connection.certificates))

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._stop_header_timer()
        self._connections.lost(self._client)

    def data_received(self, data: bytes) -> None:
        requests = self._request_count
        current = self._current_request
        waiting = requests == 0 or (self._waiter is not None and not self._waiter.done())
        header = waiting or (current is not None and current.content.is_eof())
        super().data_received(data)
        if self._request_count != requests:
            self._header_bytes = 0
            self._stop_header_timer()
        elif header:
            self._header_bytes += len(data)
            self._bound_header()

    def _bound_header(self) -> None:
        if self._header_bytes > self._settings.max_header_bytes:
            self._refuse_header(_header_too_large(self._settings))
        elif self._header_timer is None:
            seconds = self._settings.header_timeout_seconds
            late = StatusError(408, f"the request header must arrive within {seconds:g} seconds")
            self._header_timer = asyncio.get_running_loop().call_later(seconds, self._refuse_header, late)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """Answer what could not be parsed, or what failed outside the handler, with a Status."""
        if isinstance(exc, http_exceptions.LineTooLong):
            error = StatusError(431, "a line of the request header is too long")
        elif status == 400:  # noqa: PLR2004
            error = StatusError(400, "the request is malformed HTTP")
        else:
            _log.error("request failed", exc_info=exc)
            error = StatusError(status, "the server failed; its log says why")
        response = web.Response(status=error.code, body=error.body(), content_type=JSON, headers={"Server": _SERVER})
        response.force_close()
        return response

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _refuse_header(self, error: StatusError) -> None:
        self._stop_header_timer()
        if self.transport is not None:
            body = error.body()
            head = (
                f"HTTP/1.1 {error.code} {HTTPStatus(error.code).phrase}\r\n"
                f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.force_close()


def _failure(error: StatusError) -> Response:
    return Response(error.code, [("Content-Type", JSON)], error.body())


def _header_too_large(settings: Settings) -> StatusError:
    return StatusError(431, f"the request header must be at most {settings.max_header_bytes} bytes")


def _peer_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    if tls.session_reused:
        return ()
    leaf = tls.getpeercert(binary_form=True)
    if leaf is None:
        return ()
    # Since Python 3.13; before, a front proxy certificate must be issued by an authority of the bundle directly.
    chain = getattr(tls, "get_unverified_chain", None)
    return tuple(chain()) if chain else (leaf,)
