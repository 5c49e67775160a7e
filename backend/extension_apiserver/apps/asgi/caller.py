"""Calls an ASGI application with a Request."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from extension_apiserver.request import Request, Response
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Gone
from extension_apiserver.trust.identity import Identity
from extension_apiserver.wire.connections import BytesInFlight, HeldBytes

from .answer import Answer
from .messages import AsgiApp, Message
from .scope import build_scope
from .tasks import GRACE_SECONDS, Tasks


class AppError(Exception):
    """The application cannot be served; the message is one sentence that says why."""


def is_asgi(app: object) -> bool:
    """Return whether an application is ASGI's, which is told by its being asynchronous, and not WSGI's.

    Raises:
        AppError: if it is neither.

    """
    while isinstance(app, functools.partial):
        app = app.func
    if not callable(app):
        raise AppError(f"the application must be one of WSGI or ASGI, which can be called; {type(app).__name__} cannot")
    if inspect.iscoroutinefunction(app):
        return True
    if not inspect.iscoroutinefunction(getattr(app, "__call__", None)):  # noqa: B004 - it is callable
        return False
    if isinstance(app, type):
        raise AppError(f"the application must be an instance of {app.__name__}, not the class")
    return True


class AsgiCaller:
    """Calls an application, each time in a task of its own in the event loop."""

    def __init__(
        self,
        app: AsgiApp,
        state: Mapping[str, Any],
        in_flight: BytesInFlight,
        *,
        max_message_bytes: int,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """Take the application.

        Args:
            app: what is called.
            state: of its lifespan.
            in_flight: where messages count that arrive over WebSockets.
            max_message_bytes: bound of one of them.
            grace_seconds: how long a call goes on after its client left.

        """
        self._state = state
        self._in_flight = in_flight
        self._max_message_bytes = max_message_bytes
        self._tasks = Tasks(app, grace_seconds)

    async def call(self, request: Request, identity: Identity) -> Response:
        """Return the application's answer: whole, or with a stream.

        Raises:
            StatusError: 503 if too many calls go on; whatever reading the body raises.
            Gone: if the client leaves before there is an answer.
            Exception: whatever the application raises; AsgiFault if its answer is none.

        """
        answer = Answer(self._tasks, request.method)
        body = _Body(request, answer)
        scope = build_scope(request, identity, self._state, type="http", scheme="https")
        with request.connection.watching(answer.leave):
            return await answer.response(self._tasks.start(scope, body.receive, answer.send))

    async def connect(self, request: Request, identity: Identity) -> Response:
        """Return the application's answer to a WebSocket handshake: 101 and a stream, or a refusal.

        Raises:
            StatusError: 400 or 426 if it is no handshake, 403 if the application refuses it; otherwise as `call`.

        """
        # Not before it is needed: it costs a process that serves no WebSocket time to start and memory.
        from .handshake import handshake
        from .websocket import WebSocket

        shaken = handshake(request)
        held = HeldBytes(self._in_flight)
        socket = WebSocket(self._tasks, shaken, held, max_message_bytes=self._max_message_bytes)
        scope = build_scope(
            request,
            identity,
            self._state,
            type="websocket",
            scheme="wss",
            subprotocols=shaken.subprotocols,
            extensions={"websocket.http.response": {}},
        )
        with request.connection.watching(socket.leave):
            return await socket.response(self._tasks.start(scope, socket.receive, socket.send))

    async def stop(self, timeout_seconds: float) -> None:
        """Wait for calls that go on, and cancel those that are not over then."""
        await self._tasks.stop(timeout_seconds)


class _Body:
    """The request as the application receives it: in parts, then the news that nobody waits."""

    def __init__(self, request: Request, answer: Answer) -> None:
        self._request = request
        self._answer = answer
        self._left = request.length
        self._read = False

    async def receive(self) -> Message:
        """Return the next part of the body, as it arrives, or http.disconnect."""
        if self._read or self._answer.over.is_set():
            await self._answer.over.wait()
            return {"type": "http.disconnect"}
        try:
            part = await self._request.read_part() if self._left != 0 else b""
        except (StatusError, Gone) as error:
            # The client is told by the server, in its words; applications have no word for it.
            self._read = True
            self._answer.fail(error)
            return {"type": "http.disconnect"}
        if self._left is not None:
            self._left = max(self._left - len(part), 0)
        self._read = not part or self._left == 0
        return {"type": "http.request", "body": part, "more_body": not self._read}
