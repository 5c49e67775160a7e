"""Whom hostile clients attack, and the ways to send that they share; each ends its connection without a farewell."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

HOST = "127.0.0.1"
#: A few pods that are neither the API server nor the kubelet (Linux has all of 127.0.0.0/8).
SOURCES = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
#: A client that is never answered gives up after this.
PATIENCE_SECONDS = 30.0

#: Headers as they must not be; each has its own connection.
MALFORMED = (
    b"GET / HTTP/1.1\nHost: x\n\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Remote-User : admin\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET http://elsewhere/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /"
    + b"%2e%2e/" * 500
    + b" HTTP/1.1\r\nHost: x\r\nX-Remote-User: system:admin\r\nX-Remote-Group: system:masters\r\n\r\n",
)


@dataclass
class Target:
    """Whom to attack.

    Attributes:
        port: of the backend.
        api_port: of the API server, 0 for none; `token` is for it.
        path: of the echo.
        streams: whether it has events at `log` below that, and a WebSocket at `socket`.
    """

    port: int
    api_port: int
    token: bytes
    context: ssl.SSLContext
    path: bytes
    streams: bool
    ends: float
    counts: Counter[str]

    async def connect(
        self, *, tls: bool = True, api: bool = False
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection without certificate."""
        port = self.api_port if api else self.port
        source = None if api else (random.choice(SOURCES), 0)  # noqa: S311 - no secret
        return await asyncio.open_connection(HOST, port, ssl=self.context if tls else None, local_addr=source)

    def asks(self, what: bytes, lines: bytes = b"") -> bytes:
        """Return a request of a user with rights, for the API server."""
        header = b"GET %b%b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n%b\r\n"
        return header % (self.path, what, self.token, lines)

    @property
    def over(self) -> bool:
        """Whether time is up."""
        return asyncio.get_running_loop().time() > self.ends


async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Wait until the server closes or patience ends."""
    with suppress(OSError, TimeoutError):
        await asyncio.wait_for(reader.read(1), PATIENCE_SECONDS)
    writer.transport.abort()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, start: bytes, drop: bytes) -> None:
    """Send ``start``, then ``drop`` once a second, until the server closes or patience ends."""
    writer.write(start)
    with suppress(OSError):
        for _ in range(int(PATIENCE_SECONDS)):
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(65536), 1.0)
                break
            writer.write(drop)
    writer.transport.abort()


async def pour(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, start: bytes, portion: bytes, times: int
) -> None:
    """Send ``start``, then ``portion`` that many times, as fast as it is taken."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            writer.write(start)
            for _ in range(times):
                writer.write(portion)
                await writer.drain()
                if reader.at_eof():
                    break
    writer.transport.abort()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    """Send ``request`` and read the beginning of an answer."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            writer.write(request)
            await reader.read(4096)
    writer.transport.abort()
