"""What an ASGI application may send, and how it is told what it did wrong.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ASGI_VERSIONS = {"version": "3.0", "spec_version": "2.3"}
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_VALUE = re.compile(rb"[\r\n\0]")


class AsgiApp(Protocol):
    """An application as ASGI 3 defines it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send, /) -> None:
        """Answer one request, one WebSocket, or the lifespan of the server."""


class AsgiFault(Exception):
    """The application broke a rule of ASGI; the message says which, for its author and never for a caller."""


class ClientLeft(OSError):
    """Nobody takes what the application sends, as version 2.4 of the specification has it."""

    def __init__(self) -> None:
        super().__init__("the client has left")


def header_lines(message: Message) -> list[tuple[str, str]]:
    """Return the headers of a message as text.

    Raises:
        AsgiFault: if they are no pairs of bytes, or not one line each.

    """
    lines = []
    for pair in message.get("headers") or ():
        try:
            name, value = pair
            bad = not _NAME.fullmatch(name) or _NOT_IN_VALUE.search(value)
        except (TypeError, ValueError):
            raise AsgiFault(f"the application gives a header that is no pair of bytes: {pair!r:.100}") from None
        if bad:
            raise AsgiFault(f"the application gives a header that cannot be sent: {pair!r:.100}")
        lines.append((bytes(name).decode("latin-1"), bytes(value).decode("latin-1")))
    return lines


def content_length(headers: list[tuple[str, str]]) -> int | None:
    """Return the Content-Length in bytes, None if there is none.

    Raises:
        AsgiFault: if there are two, or it is no number.

    """
    lengths = [value.strip() for name, value in headers if name.lower() == "content-length"]
    if len(lengths) > 1:
        raise AsgiFault(f"the application gives {len(lengths)} Content-Lengths")
    if not lengths:
        return None
    if not (lengths[0].isascii() and lengths[0].isdigit() and len(lengths[0]) < 19):  # noqa: PLR2004 - of 2**63
        raise AsgiFault(f"the application gives a Content-Length that is no number: '{lengths[0]:.100}'")
    return int(lengths[0])


def status_code(message: Message) -> int:
    """Return the status of an answer.

    Raises:
        AsgiFault: if it is not 200 to 599.

    """
    status = message.get("status")
    if not isinstance(status, int):
        raise AsgiFault(f"the application answers with a status that is no number: {status!r:.100}")
    if not 200 <= status <= 599:  # noqa: PLR2004
        raise AsgiFault(f"the application answers {status}, which is no final status")
    return int(status)


def body_part(message: Message) -> tuple[bytes, bool]:
    """Return a part of a body, and whether there are more.

    Raises:
        AsgiFault: if it is not bytes.

    """
    body = message.get("body", b"")
    if not isinstance(body, bytes | bytearray | memoryview):
        raise AsgiFault(f"the application gives a body of {type(body).__name__}, which must be bytes")
    return bytes(body), bool(message.get("more_body", False))
