"""One HTTP request on its way in: what its header said, and its body as it comes."""

from __future__ import annotations

import asyncio

from extension_apiserver.request import Request
from extension_apiserver.status import StatusError

from .connections import OWN_BYTES

#: Who sends or reads this much of a body in each body timeout goes on: 6.5 kB/s by default, which a modem managed; less is a stall.
LEAST_BYTES = 65536


class Message:
    """A request on its way in.

    Attributes:
        request: None until its header is complete.
        length: of the body, as announced; None if it comes in chunks.
        body: what has arrived and was not taken; bytes once it was read whole.
        wire_bytes: what has arrived since the header, with the framing of chunks.
        body_bytes: what has arrived of the body.
        bound_bytes: what may arrive of it, since the header.
        complete: everything has arrived.
        in_parts: it is read in parts.
        keep_alive: another request may follow.
        chunks: the client understands an answer in chunks.
        upgrades: the client wants to go on with another protocol.
        expects_continue: the client waits for `100 Continue` before it sends the body.
        objection: why the header is refused before anybody asks who sent it.
        failure: why the body cannot be had; raised when it is read.
        waiter: set while somebody waits for the body.

    """

    __slots__ = (
        "body", "body_bytes", "bound_bytes", "chunks", "complete", "expects_continue", "failure", "in_parts", "keep_alive",
        "length", "objection", "request", "upgrades", "waited_seconds", "waiter", "wire_bytes",
    )  # fmt: skip

    def __init__(self) -> None:
        self.request: Request | None = None
        self.length: int | None = 0
        self.body: bytearray | bytes = bytearray()
        self.wire_bytes = self.body_bytes = self.bound_bytes = 0
        self.complete = self.in_parts = self.upgrades = self.expects_continue = False
        self.keep_alive = self.chunks = True
        self.objection: StatusError | None = None
        self.failure: StatusError | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.waited_seconds = 0.0

    def is_full(self) -> bool:
        """Return whether more of the body has arrived than should wait for who reads it."""
        return (self.waiter is None or self.in_parts) and len(self.body) > OWN_BYTES

    def complete_body(self) -> None:
        """Note that everything has arrived."""
        self.complete = True
        self._wake()

    def fail(self, error: StatusError) -> None:
        """Give up the body, for the first reason given."""
        self.failure = self.failure or error
        self.keep_alive = False
        self.body = bytearray()
        self._wake()

    def add(self, part: bytes) -> None:
        """Take a part of the body that has arrived."""
        self.body += part
        self.body_bytes += len(part)
        if self.in_parts:
            self._wake()

    async def read(self, timeout_seconds: float) -> bytes:
        """Return the whole body, once it has arrived if somebody waits for it.

        Args:
            timeout_seconds: in which the next `LEAST_BYTES` or the rest must arrive.

        Raises:
            StatusError: why it cannot be had; 408 if it comes too slowly.

        """
        while self.waiter is not None and not self.waiter.done():
            before = len(self.body)
            await asyncio.wait([self.waiter], timeout=timeout_seconds)
            if not self.waiter.done() and len(self.body) - before < LEAST_BYTES:
                self._fail_slow(timeout_seconds)
        if self.failure is not None:
            raise self.failure
        # Never twice in memory.
        self.body = bytes(self.body)
        return self.body

    async def read_part(self, timeout_seconds: float) -> bytes:
        """Return what has arrived since the last time, once there is any, and b'' at the end.

        Args:
            timeout_seconds: for which may be waited for each `LEAST_BYTES`, and once more: who pauses must have been fast before.

        Raises:
            StatusError: as `read`.

        """
        loop = asyncio.get_running_loop()
        while self.waiter is not None and not self.waiter.done():
            allowed_seconds = timeout_seconds * (1 + self.body_bytes / LEAST_BYTES)
            before = loop.time()
            try:
                await asyncio.wait([self.waiter], timeout=allowed_seconds - self.waited_seconds)
            finally:
                # Who gives up and comes again does not begin anew.
                self.waited_seconds += loop.time() - before
            if not self.waiter.done():
                self._fail_slow(timeout_seconds)
        if self.failure is not None:
            raise self.failure
        part, self.body = bytes(self.body), bytearray()
        return part

    def _fail_slow(self, timeout_seconds: float) -> None:
        rest = f"{LEAST_BYTES} bytes or the rest of the request body"
        self.fail(StatusError(408, f"{rest} must arrive within {timeout_seconds:g} seconds"))

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)
