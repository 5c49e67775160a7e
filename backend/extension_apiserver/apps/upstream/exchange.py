"""A request to an upstream and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from .answer_parser import HeaderLines
from .connection import Connection
from .failures import UpstreamError
from .pool import Pool

_KEEP_ALIVE_MARGIN_SECONDS = 1.0


class Exchange:
    """The answer, as it comes.

    Attributes:
        status: HTTP code.
        headers: its lines, names in lower case; hop-by-hop ones are among them.
        length: of the body, in bytes, None if its end shows it.
        received_bytes: of the body, so far.

    """

    def __init__(self, pool: Pool, connection: Connection, silence_seconds: float) -> None:
        """Take a connection.

        Args:
            pool: where it goes back to.
            connection: carries this exchange alone.
            silence_seconds: for how long the upstream may be silent while something is expected of it; 0 is for ever.

        """
        self.status = 0
        self.headers: HeaderLines = []
        self.length: int | None = None
        self.received_bytes = 0
        self._pool = pool
        self._connection = connection
        self._silence_seconds = silence_seconds
        self._loop = asyncio.get_running_loop()
        self._sending: asyncio.Task[None] | None = None
        self._over = False

    async def request(
        self, method: str, data: bytes, body: Callable[[], Awaitable[bytes]] | None, *, chunked: bool, upgrades: bool
    ) -> None:
        """Send a request and wait for the header of its answer.

        Args:
            method: of the request.
            data: its header and what is there already of its body.
            body: returns the next part of the body, b'' at its end; None if there is no more.
            chunked: each part is sent as a chunk.
            upgrades: it asks for another protocol.

        Raises:
            UpstreamError: if no answer comes.
            Exception: what `body` raises.

        """
        self._connection.begin(method, data, upgrades=upgrades)
        self._connection.silence.begin(self._silence_seconds)
        if body is not None:
            self._sending = self._loop.create_task(self._send(body, chunked=chunked))
        parser = await self._connection.header()
        self._connection.silence.end()
        self.status, self.headers, self.length = parser.status, parser.headers, parser.length

    def whole(self) -> bytes | None:
        """Return the body if all of it is there already; then the exchange is over."""
        parser = self._connection.parser
        if parser is None or not parser.complete:
            return None
        body = self._connection.waiting()
        self.end()
        return body

    async def part(self) -> bytes:
        """Return the next part of the body, b'' at its end.

        Raises:
            UpstreamError: if it ends in the middle, or is silent for too long.

        """
        self._connection.silence.begin(self._silence_seconds)
        try:
            part = await self._connection.part()
        finally:
            self._connection.silence.end()
        self.received_bytes += len(part)
        return part

    async def send(self, data: bytes) -> None:
        """Send bytes after an upgrade."""
        await self._connection.send(data)

    def endless(self) -> None:
        """Let the upstream be silent for as long as it likes."""
        self._silence_seconds = 0

    def fail(self, error: Exception) -> None:
        """Have whoever waits for the upstream get an error instead."""
        if not self._over:
            # After its end the connection is another's.
            self._connection.fail(error)

    def end(self) -> None:
        """Let go of the connection, for the next request if the answer was read whole."""
        if self._over:
            return
        self._over = True
        self._connection.silence.end()
        sent = self._sending is None or (self._sending.done() and not self._sending.cancelled())
        if self._sending is not None:
            self._sending.cancel()
        connection = self._connection
        parser = connection.parser
        if parser is not None and connection.complete and parser.reusable and sent and connection.open:
            connection.keeps_seconds = _kept_seconds(self.headers)
            self._pool.give_back(connection)
        else:
            self._pool.drop(connection)

    async def _send(self, body: Callable[[], Awaitable[bytes]], *, chunked: bool) -> None:
        try:
            while True:
                # It is the client that is waited for; the server knows how long.
                self._connection.silence.end()
                part = await body()
                self._connection.silence.begin(self._silence_seconds)
                if chunked:
                    await self._connection.send(b"%x\r\n%b\r\n" % (len(part), part))
                elif part:
                    await self._connection.send(part)
                if not part:
                    return
        except UpstreamError:
            # It may have answered already, as who refuses an upload does.
            return
        except Exception as error:  # noqa: BLE001 - it is the client's, and whoever waits for the answer is told
            self.fail(error)


def _kept_seconds(headers: HeaderLines) -> float | None:
    """Return for how long an answer says that its connection is kept, less a margin; None if it does not say."""
    for name, value in headers:
        if name == b"keep-alive":
            for word in value.split(b","):
                key, _, number = word.strip().partition(b"=")
                if key.lower() == b"timeout" and number.isdigit():
                    return max(float(number[:6]) - _KEEP_ALIVE_MARGIN_SECONDS, 0.001)
    return None
