"""One HTTP request on its way in, and what may be wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from extension_apiserver.request import Request
from extension_apiserver.settings import Settings
from extension_apiserver.status import StatusError

#: The request line, and one header line; `max_header_bytes` bounds all of them together.
LONGEST_HEADER_LINE = 16384
#: Who sends or reads this much of a body in each body timeout goes on: 6.5 kB/s by default, which a modem managed; less is a stall.
LEAST_BYTES = 65536
#: Clients of Kubernetes repeat whatever has it.
RETRY = (("Retry-After", "1"),)


class Message:
    """A request on its way in.

    Attributes:
        request: None until its header is complete.
        body: what has arrived; bytes once it was read.
        wire_bytes: what has arrived since the header, with the framing of chunks.
        complete: everything has arrived.
        keep_alive: another request may follow.
        expects_continue: the client waits for `100 Continue` before it sends the body.
        objection: why the header is refused before anybody asks who sent it.
        failure: why the body cannot be had; raised when it is read.
        waiter: set while somebody waits for the body.

    """

    __slots__ = (
        "body", "complete", "expects_continue", "failure", "keep_alive", "objection", "request", "waiter", "wire_bytes",
    )  # fmt: skip

    def __init__(self) -> None:
        self.request: Request | None = None
        self.body: bytearray | bytes = bytearray()
        self.wire_bytes = 0
        self.complete = self.expects_continue = False
        self.keep_alive = True
        self.objection: StatusError | None = None
        self.failure: StatusError | None = None
        self.waiter: asyncio.Future[None] | None = None

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
                rest = f"{LEAST_BYTES} bytes or the rest of the request body"
                self.fail(StatusError(408, f"{rest} must arrive within {timeout_seconds:g} seconds"))
        if self.failure is not None:
            raise self.failure
        # Never twice in memory.
        self.body = bytes(self.body)
        return self.body

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


def examine(
    message: Message,
    version: str,
    target: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    settings: Settings,
    *,
    long: bool,
) -> None:
    """Note in the message what is wrong with a header that the parser accepts, and what it says about the body.

    Args:
        message: whose header it is.
        version: of HTTP, as "1.1".
        target: path and query.
        headers: all lines, names in lower case.
        settings: the bounds.
        long: whether it is worth while to add up its bytes.

    """
    message.objection = _too_long(target, headers, settings) if long else None
    if message.objection is not None:
        return
    if len(headers) > settings.max_header_lines:
        message.objection = StatusError(431, f"the request header must have at most {settings.max_header_lines} lines")
    elif version not in {"1.0", "1.1"}:
        message.objection = malformed()
    elif not target.startswith(b"/"):
        # `GET http://elsewhere/`, `CONNECT elsewhere:443` and `OPTIONS *` have no meaning here.
        message.objection = StatusError(400, "the request target must be a path")
    else:
        message.objection = _read_lines(message, version, headers, settings)


def _read_lines(
    message: Message, version: str, headers: Sequence[tuple[bytes, bytes]], settings: Settings
) -> StatusError | None:
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"content-length" and int(value.lstrip(b"0") or b"0") > settings.max_body_bytes:
            message.fail(body_too_large(settings))
        elif name == b"transfer-encoding" and (value.lower() != b"chunked" or version != "1.1"):
            return malformed()
        elif name == b"expect":
            message.expects_continue = value.lower() == b"100-continue" and version == "1.1"
    if hosts > 1 or (version == "1.1" and not hosts):
        return StatusError(400, "the request must have one Host header")
    return None


def _too_long(target: bytes, headers: Sequence[tuple[bytes, bytes]], settings: Settings) -> StatusError | None:
    lines = [len(target), *(len(name) + len(value) + 4 for name, value in headers)]
    if sum(lines) > settings.max_header_bytes:
        return header_too_large(settings)
    if max(lines) > LONGEST_HEADER_LINE:
        return StatusError(431, "a line of the request header is too long")
    return None


def malformed() -> StatusError:
    """Return the error for what is no HTTP."""
    return StatusError(400, "the request is malformed HTTP")


def header_too_large(settings: Settings) -> StatusError:
    """Return the error for a header over its bound."""
    return StatusError(431, f"the request header must be at most {settings.max_header_bytes} bytes")


def body_too_large(settings: Settings) -> StatusError:
    """Return the error for a body over its bound."""
    return StatusError(413, f"the request body must be at most {settings.max_body_bytes} bytes", details={"causes": []})


def body_in_too_many() -> StatusError:
    """Return the error for a body for which there is no room beside those of others."""
    return StatusError(503, "too many bytes are in flight; send the request again later", headers=RETRY)
