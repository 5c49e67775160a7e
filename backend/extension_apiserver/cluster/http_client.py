"""HTTP/1.1 over asyncio's streams, with the parser that the server has anyway.

An HTTP client library would be the largest thing in the process's memory, and half of its start.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

import httptools

_CHUNK_BYTES = 65536
#: Every way in which an exchange can fail; TimeoutError is an OSError.
FAILURES = (httptools.HttpParserError, OSError, ValueError, asyncio.IncompleteReadError)


def environment_proxy(host: str) -> str:
    """Return the proxy that the environment names for HTTPS to a host (HTTPS_PROXY, NO_PROXY), or ''."""
    from urllib.request import getproxies, proxy_bypass  # large, and seldom needed

    return "" if proxy_bypass(host) else getproxies().get("https", "")


def _demand_success(answer: bytes, proxy: str) -> None:
    line = answer.partition(b"\r\n")[0].decode(errors="replace")
    if line.split()[1:2] != ["200"]:
        raise ConnectionRefusedError(f"the proxy {proxy} answers '{line}'")


async def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class ClientConnection:
    """A TLS connection, and the answer that is arriving on it.

    Attributes:
        code: HTTP code of the answer, 0 until its header is there.

    """

    def __init__(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host = host
        self._reader, self._writer = reader, writer
        self.code = 0
        self._pieces: list[bytes] = []
        self._complete = self._keep_alive = False

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext, *, proxy: str = "") -> ClientConnection:
        """Connect to a host, whose certificate must have that name or address.

        Args:
            host: name or address.
            port: TCP port.
            tls: whom to trust.
            proxy: URL of an HTTP proxy to go through by CONNECT; '' goes straight.

        Raises:
            OSError: if it cannot be reached or its certificate does not verify.

        """
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if not proxy:
            return cls(authority, *await asyncio.open_connection(host, port, ssl=tls))
        via = urlsplit(proxy)
        reader, writer = await asyncio.open_connection(via.hostname, via.port)
        try:
            writer.write(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
            _demand_success(await reader.readuntil(b"\r\n\r\n"), via.netloc)
            await writer.start_tls(tls, server_hostname=host)
        except BaseException:
            await _abort(writer)
            raise
        return cls(authority, reader, writer)

    @property
    def reusable(self) -> bool:
        """Whether the answer was read whole and another one may follow."""
        return self._complete and self._keep_alive and not self._pieces

    @property
    def alive(self) -> bool:
        """Whether the other side has not closed it."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    def send(self, method: str, path: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> None:
        """Send a request; it is small enough not to wait for."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", *(f"{name}: {value}" for name, value in headers)]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self._parser = httptools.HttpResponseParser(self)
        self.code, self._complete = 0, False
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def receive_header(self) -> None:
        """Wait until `code` is known. Raises one of FAILURES if the connection ends before."""
        while not self.code:
            await self._receive()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, without the marks of chunks. Raises one of FAILURES if it ends in the middle."""
        while True:
            while self._pieces:
                yield self._pieces.pop(0)
            if self._complete:
                return
            await self._receive()

    async def read(self) -> bytes:
        """Return the whole body. Raises one of FAILURES if it ends in the middle."""
        return b"".join([piece async for piece in self.pieces()])

    async def close(self) -> None:
        """Close without waiting for the other side."""
        await _abort(self._writer)

    async def _receive(self) -> None:
        data = await self._reader.read(_CHUNK_BYTES)
        if not data:
            raise ConnectionResetError("the connection was closed")
        self._parser.feed_data(data)

    # Called by the parser, which gives these names: https://github.com/MagicStack/httptools#apis

    def on_headers_complete(self) -> None:
        """Note the code; the parser knows it from here on."""
        self.code = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body until `pieces` yields it."""
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Note that the body is whole, and whether the server lets another request follow."""
        self._complete, self._keep_alive = True, self._parser.should_keep_alive()
