"""Between a thread that makes a stream, or reads a body, and the event loop that sends it."""

from __future__ import annotations

import asyncio
import io
import threading
from collections import deque
from collections.abc import Awaitable, Callable

from extension_apiserver.status import StatusError
from extension_apiserver.streams import Gone, Peer

#: What waits to be sent before the thread waits, whatever the size of a part.
_MOST_BYTES = 65536


class Pipe:
    """Parts of a stream, from one thread to one client, in order.

    The thread waits while there is no room, and gets `Gone` once nobody takes more.

    Attributes:
        made: done, in the event loop, once the thread has ended its work.

    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin empty, before anybody sends."""
        self._loop = loop
        self._parts: deque[bytes] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._wake = asyncio.Event()
        self._ended = self._gone = False
        self._failure: BaseException | None = None
        self.made: asyncio.Future[None] = loop.create_future()

    # Called in the thread.

    def put(self, part: bytes) -> None:
        """Have a part sent.

        Raises:
            Gone: if nobody takes it.

        """
        with self._changed:
            while self._bytes >= _MOST_BYTES and not self._gone:
                self._changed.wait()
            if self._gone:
                raise Gone
            self._parts.append(part)
            self._bytes += len(part)
        self._loop.call_soon_threadsafe(self._wake.set)

    def end(self, failure: BaseException | None = None) -> None:
        """Say that no part follows, because the answer is complete or because it failed."""
        self._failure = failure
        self._ended = True
        self._loop.call_soon_threadsafe(self._wake.set)
        self._loop.call_soon_threadsafe(self.made.set_result, None)

    # Called in the event loop.

    async def run(self, peer: Peer) -> None:
        """Send what comes, until the thread ends it.

        Raises:
            Gone: if nobody takes it.
            BaseException: what the thread failed with.

        """
        ending = self._loop.create_task(peer.ending.wait())
        ending.add_done_callback(lambda _: self._wake.set())
        try:
            while True:
                self._wake.clear()
                ended = self._ended
                await peer.send(self._take())
                if self._parts:
                    continue
                if ended:
                    break
                await self._wake.wait()
        finally:
            ending.cancel()
            self.abandon()
        if self._failure is not None:
            raise self._failure

    def abandon(self) -> None:
        """Tell the thread that nobody takes more."""
        with self._changed:
            self._gone = True
            self._changed.notify()

    def _take(self) -> bytes:
        """Return one part, or more that make no more than there is always room for."""
        taken: list[bytes] = []
        size = 0
        with self._changed:
            while self._parts and (not taken or size + len(self._parts[0]) <= _MOST_BYTES):
                taken.append(self._parts.popleft())
                size += len(taken[-1])
            self._bytes -= size
            self._changed.notify()
        return b"".join(taken)


class BodyInput(io.RawIOBase):
    """The body of a request as a file for a thread, read from the client as it is read here.

    Attributes:
        failure: why it could not be read further, if it could not.

    """

    def __init__(self, loop: asyncio.AbstractEventLoop, read_part: Callable[[], Awaitable[bytes]]) -> None:
        super().__init__()
        self.failure: StatusError | None = None
        self._loop = loop
        self._read_part = read_part
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # bytes-like is all it is called with
        """Fill a part of the buffer and return how much, 0 at the end.

        Raises:
            StatusError: why it cannot be had.

        """
        if not self._rest:
            self._rest = memoryview(self._next())
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _next(self) -> bytes:
        async def read() -> bytes:
            return await self._read_part()

        try:
            return asyncio.run_coroutine_threadsafe(read(), self._loop).result()
        except StatusError as error:
            self.failure = error
            raise
