"""The echo's lines as a bare ASGI application on the library, events without end at …/log, and a WebSocket that says back what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from extension_apiserver import main

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def echo(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer any path of the group with the headers, and any WebSocket with its own messages."""
    if scope["type"] == "http" and scope["path"].endswith("/log"):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        while True:
            await send({"type": "http.response.body", "body": b"data: %b\n\n" % (b"x" * 1000), "more_body": True})
            await asyncio.sleep(0.01)
    elif scope["type"] == "http":
        lines = b"".join(b"%b: %b\n" % header for header in scope["headers"])
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": lines})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})


if __name__ == "__main__":
    raise SystemExit(main(echo))
