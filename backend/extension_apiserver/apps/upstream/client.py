"""Calls one upstream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from .exchange import Exchange
from .failures import Stale
from .origin import Origin
from .pool import Pool
from .tls import ClientTls

#: They may be sent twice: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


class Client:
    """Sends requests to an upstream.

    Attributes:
        origin: where it is.

    """

    def __init__(
        self,
        origin: Origin,
        tls: ClientTls | None = None,
        *,
        connections: int = 128,
        connect_seconds: float = 5,
        silence_seconds: float = 55,
    ) -> None:
        """Take the bounds.

        Args:
            origin: where it is.
            tls: for https.
            connections: at once.
            connect_seconds: for a connection.
            silence_seconds: for which it may be silent when it should speak.

        """
        self.origin = origin
        self._silence_seconds = silence_seconds
        self._pool = Pool(origin, tls, most=connections, connect_seconds=connect_seconds)

    async def call(
        self,
        method: str,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes | Callable[[], Awaitable[bytes]] = b"",
        *,
        length: int | None = 0,
        upgrade: bytes = b"",
        began: Callable[[Exchange], object] = lambda _: None,
    ) -> Exchange:
        """Send a request and return its answer once the header is there; whoever gets it must `end` it.

        Args:
            method: upper case.
            target: path and query, percent-encoded.
            headers: without Host and those of the connection.
            body: all of it, or what returns the next part, b'' at the end.
            length: of a body in parts, None if it is not known.
            upgrade: what the header Upgrade says, if it asks for another protocol.
            began: called with the exchange before there is an answer, so that somebody can make it fail.

        Raises:
            UpstreamError: if there is no answer.
            Exception: what `body` raises.

        """
        lines = [b"%b %b%b HTTP/1.1\r\nHost: %b" % (
            method.encode(), self.origin.path.encode(), target, self.origin.authority.encode(),
        )]  # fmt: skip
        lines += [b"%b: %b" % line for line in headers]
        whole = isinstance(body, bytes)
        if upgrade:
            lines.append(b"Connection: Upgrade\r\nUpgrade: %b" % upgrade)
        if isinstance(body, bytes):
            if body or method in {"POST", "PUT", "PATCH"}:
                lines.append(b"Content-Length: %d" % len(body))
        else:
            lines.append(b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length)
        data = b"\r\n".join(lines) + b"\r\n\r\n" + (body if isinstance(body, bytes) else b"")
        repeatable = whole and method in _REPEATABLE and not upgrade
        parts = None if isinstance(body, bytes) else body
        for fresh in (bool(upgrade), True):
            exchange = Exchange(
                self._pool, await self._pool.take(careful=not repeatable, fresh=fresh), self._silence_seconds
            )
            try:
                began(exchange)
                await exchange.request(method, data, parts, chunked=length is None, upgrades=bool(upgrade))
            except BaseException as error:
                exchange.end()
                if isinstance(error, Stale) and repeatable and not fresh:
                    continue
                raise
            return exchange
        raise AssertionError("unreachable")

    async def reach(self) -> None:
        """Return if a connection can be had.

        It is not kept: a service that has one connection at a time would wait for a request on it for ever.

        Raises:
            UpstreamError: if not.

        """
        self._pool.drop(await self._pool.take())

    def close(self) -> None:
        """Close connections that are idle."""
        self._pool.close()
