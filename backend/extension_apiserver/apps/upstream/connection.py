"""One connection to an upstream: a request out, its answer in, then the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from .answer_parser import AnswerParser
from .failures import Stale, UpstreamError
from .silence import Silence

#: What waits for who reads the answer; beyond it the upstream is not read.
_MOST_WAITING = 65536
#: All connections read into it, one at a time, as the event loop calls them.
_ARRIVED = bytearray(65536)
_VIEW = memoryview(_ARRIVED)
_SWITCHING, _LINGER_SECONDS = 101, 10.0


class Connection(asyncio.BufferedProtocol):
    """Carries one exchange at a time.

    Attributes:
        parser: of the answer that is expected.
        idle_since: when its last exchange ended, in the time of the event loop.
        keeps_seconds: for how long the upstream keeps it open without a request, if it says so.
        used: it carried an exchange before this one.
        silence: for how long the upstream may say nothing.

    """

    #: From the moment in which it is connected, before which nobody has it.
    _transport: asyncio.Transport

    def __init__(self) -> None:
        self.parser: AnswerParser | None = None
        self.idle_since = 0.0
        self.keeps_seconds: float | None = None
        self.used = False
        self._body = bytearray()
        self._closed: Callable[[], object] = lambda: None
        self.silence = Silence(self.fail)
        self._waiter: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self._paused = self._answered = self._upgraded = self._ended = False

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, _size_hint: int) -> memoryview:
        """Return where to read to: a view, as a slice of a bytearray, into which asyncio reads what comes after 16 KiB of TLS, is a copy."""
        return _VIEW

    def buffer_updated(self, count: int) -> None:
        """Parse what arrived."""
        data = bytes(_VIEW[:count])
        if self._upgraded:
            self._take(data)
        elif self.parser is None or self.parser.complete:
            # Whoever speaks unasked might be taken for the answer to the next request.
            return self.fail(UpstreamError("sends more than its answer"))
        else:
            self._answered = True
            try:
                self.parser.feed(data)
            except UpstreamError as error:
                return self.fail(error)
            if self.parser.status == _SWITCHING:
                self._upgraded = True
                self._take(self.parser.foreign)
        return self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Complete the answer that ends with the connection, or fail."""
        self._ended = True
        self._closed()
        self.silence.stop()
        if (exc is None and self.parser is not None and self.parser.end()) or (exc is None and self._upgraded):
            self._wake()
        elif self.used and not self._answered:
            self._fail(Stale("closed a connection before it answered", unsent=False))
        else:
            self._fail(UpstreamError("closed the connection before its answer was complete"))
        self.resume_writing()

    def pause_writing(self) -> None:
        """Wait for room."""
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Go on."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    # Called by who makes an exchange.

    @property
    def open(self) -> bool:
        """Whether a request may be sent."""
        return self._failure is None and not self._transport.is_closing()

    @property
    def complete(self) -> bool:
        """Whether the whole answer was read by who waits for it."""
        return self.parser is not None and self.parser.complete and not self._body

    def begin(self, method: str, data: bytes, *, upgrades: bool) -> None:
        """Send a request, or its beginning, and expect the answer."""
        self.parser = AnswerParser(method, self._take, upgrades=upgrades)
        self._answered = False
        self._transport.write(data)

    async def send(self, data: bytes) -> None:
        """Send, and return when there is room for more. Raises UpstreamError if the connection has ended."""
        if self._ended:
            raise UpstreamError("closed the connection before the request was sent")
        self._transport.write(data)
        if self._room is not None:
            await self._room

    async def header(self) -> AnswerParser:
        """Return the parser once it knows the answer's header; raise UpstreamError if there is none."""
        parser = cast("AnswerParser", self.parser)
        while not parser.status:
            await self._wait()
        return parser

    def waiting(self) -> bytes:
        """Return what has arrived of the body since the last time."""
        data = bytes(self._body)
        self._body.clear()
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def part(self) -> bytes:
        """Return the next part of the body, or of what follows an upgrade, once there is any; b'' at its end.

        Raises:
            UpstreamError: if it ends in the middle.

        """
        while not self._body:
            if self._ended_well():
                return b""
            await self._wait()
        return self.waiting()

    def close(self, closed: Callable[[], object]) -> None:
        """Close once what was sent after an upgrade has left, else at once; then call `closed`."""
        if not self._upgraded or self._ended:
            self.abort()
            closed()
            return
        self._closed = closed
        self._transport.close()
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.abort)

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def fail(self, error: Exception) -> None:
        """Have whoever waits get an error, and close."""
        self._fail(error)
        self.abort()

    def _ended_well(self) -> bool:
        if self._upgraded:
            return self._ended and self._failure is None
        return self.parser is not None and self.parser.complete

    def _take(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > _MOST_WAITING and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
