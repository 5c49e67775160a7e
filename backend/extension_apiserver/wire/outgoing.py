"""The rest of an answer while it is made, and an upgraded connection: what a stream sees of its client."""

from __future__ import annotations

import asyncio
import logging

from extension_apiserver.status import StatusError
from extension_apiserver.streams import Gone, Stream, contained

from .connections import HeldBytes
from .http_answer import Framing
from .stream import TlsStream

#: So much is sent before there must be room again, whatever the application gives at once.
_PORTION_BYTES = 65536
#: Whoever makes a stream that nobody takes any more has this time to end by itself.
_LEAVE_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Outgoing:
    """Sends one stream over its connection; this is the `Peer` of who makes it.

    Attributes:
        ending: as `Peer` has it.
        over: done once nothing more is sent.

    """

    def __init__(
        self,
        connection: TlsStream,
        how: Framing,
        stream: Stream,
        held_bytes: HeldBytes,
        foreign: bytearray | None,
        *,
        clogged: bool,
    ) -> None:
        """Begin after the header.

        Args:
            connection: what it is sent over.
            how: the framing.
            stream: what is sent.
            held_bytes: where what waits to be sent counts.
            foreign: where what arrives is put, after an upgrade.
            clogged: there is no room already.

        """
        self.ending = asyncio.Event()
        self.over: asyncio.Future[None] = connection.loop.create_future()
        self._connection = connection
        self._how = how
        self._stream = stream
        self._left = stream.length
        self._held_bytes = held_bytes
        self._foreign = foreign
        #: Wakes whoever waits for room or for input.
        self._changed = asyncio.Event()
        self._clogged = clogged
        #: Some of a part was sent, and some not.
        self._within = self._input_ended = False
        self._timers: list[asyncio.TimerHandle] = []

    async def run(self, most_seconds: float) -> bool:
        """Send the stream until its end, for `most_seconds` if that is not 0; return whether another answer may follow it."""
        loop = self._connection.loop
        if most_seconds:
            self._timers.append(loop.call_later(most_seconds, self._expire))
        making = loop.create_task(contained(self._stream.run(self)))
        try:
            await asyncio.wait([making, self.over], return_when=asyncio.FIRST_COMPLETED)
            if not making.done():
                self.ending.set()
                await asyncio.wait([making], timeout=_LEAVE_SECONDS)
        finally:
            for timer in self._timers:
                timer.cancel()
            making.cancel()
        return self._conclude(making)

    def _conclude(self, making: asyncio.Future[None]) -> bool:
        failure = None if making.cancelled() or not making.done() else making.exception()
        if failure is not None and not isinstance(failure, Gone):
            # A traceback for each who comes and leaves, or whose body does not come, would be theirs to write.
            if self.over.done() or isinstance(failure, StatusError):
                _log.warning("a stream was cut off: %.200s", failure)
            else:
                _log.error("a stream was cut off: %s", failure, exc_info=failure)
        if self.over.done():
            return False
        if failure is None and self._left:
            _log.error("a stream was cut off: it ended %d bytes before its Content-Length", self._left)
        elif failure is None and self._how in {Framing.CHUNKS, Framing.LENGTH}:
            self._finish()
            return True
        elif failure is None:
            self._connection.close()
            return False
        # Without an end mark, so that the client knows that this is not all.
        self._connection.abort()
        return False

    # Called by whoever makes the stream.

    async def send(self, data: bytes) -> None:
        """Send a part, as `Peer` says.

        Raises:
            Gone: if nobody takes it.
            ValueError: if it is more than the length of the stream; what fits is sent.
            MemoryError: if there is no room for so much beside what others hold.

        """
        rest = memoryview(data)
        if self._left is not None and len(rest) > self._left:
            excess = len(rest) - self._left
            await self.send(bytes(rest[: self._left]))
            raise ValueError(f"the answer is {excess} bytes longer than its Content-Length")
        while True:
            while self._clogged and not self.over.done():
                self._changed.clear()
                await self._changed.wait()
            if self.over.done():
                raise Gone
            # What waits in the connection may always wait; counted with it, any part would be too much while others hold all.
            if not self._held_bytes.hold(len(rest)):
                raise MemoryError(f"there is no room for {len(rest)} bytes beside what is in flight; give less at once")
            self._within = bool(rest)
            if not rest:
                if self.ending.is_set():
                    self.end()
                return
            portion, rest = bytes(rest[:_PORTION_BYTES]), rest[_PORTION_BYTES:]
            self._connection.send(b"%x\r\n%b\r\n" % (len(portion), portion) if self._how is Framing.CHUNKS else portion)
            if self._left is not None:
                self._left -= len(portion)
            # Whoever never waits would keep the loop from everybody else, and from noticing that this client has left.
            await asyncio.sleep(0)

    async def receive(self) -> bytes:
        """Return what arrived, as `Peer` says."""
        foreign = self._foreign
        if foreign is None:
            return b""
        while not foreign and not self._input_ended:
            self._connection.proceed()
            if foreign:
                break
            self._changed.clear()
            await self._changed.wait()
        data = bytes(foreign)
        foreign.clear()
        return data

    # Called by the connection.

    def clog(self, *, clogged: bool) -> None:
        """Note whether there is room."""
        self._clogged = clogged
        self._changed.set()

    def arrived(self) -> None:
        """Note that there is input."""
        self._changed.set()

    def leave(self) -> None:
        """Note that the client is gone."""
        self._input_ended = True
        self._end()

    def end(self) -> None:
        """Ask for the end: who knows no other end has reached it after this part; others have the rest of the time."""
        self.ending.set()
        if self._within or self.over.done() or not self._stream.ends_anywhere:
            return
        if self._how is Framing.CHUNKS:
            self._finish()
            self._connection.close()
        elif self._how is Framing.CLOSE:
            self._connection.close()

    def _expire(self) -> None:
        self.end()
        if not self.over.done():
            self._timers.append(self._connection.loop.call_later(_LEAVE_SECONDS, self._connection.abort))

    def _finish(self) -> None:
        if self._how is Framing.CHUNKS and not self.over.done():
            self._connection.send(b"0\r\n\r\n")
        self._end()

    def _end(self) -> None:
        self.ending.set()
        self._changed.set()
        if not self.over.done():
            self.over.set_result(None)
