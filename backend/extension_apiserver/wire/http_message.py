"""One HTTP request on its way in, what may be wrong with its header, and an answer as bytes."""

from __future__ import annotations

import asyncio
import http
import time
from collections.abc import Sequence

from extension_apiserver.request import JSON, Request, Response
from extension_apiserver.settings import Settings
from extension_apiserver.status import StatusError

#: The request line, and one header line; `max_header_bytes` bounds all of them together.
LONGEST_HEADER_LINE = 16384
#: Answers of these codes have none.
NO_BODY = frozenset({204, 304})
_RETRY = (("Retry-After", "1"),)
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}" for status in http.HTTPStatus}


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
    return StatusError(503, "too many bytes are in flight; send the request again later", headers=_RETRY)


def answer_in_too_many(method: str, length: int, settings: Settings) -> StatusError:
    """Return the error for an answer for which there is no room beside those of others, or at all."""
    most = settings.max_bytes_in_flight
    if length > most:
        return StatusError(500, f"Internal error occurred: the answer has {length} bytes, of at most {most} in flight")
    # Clients of Kubernetes repeat whatever has a Retry-After, and what was carried out must not be carried out twice.
    done = method not in {"GET", "HEAD", "OPTIONS"}
    sentence = "the request was carried out, but too many bytes are in flight for its answer"
    return StatusError(503, sentence, headers=() if done else _RETRY)


class _Date:
    """The Date header, made once a second."""

    second = 0
    line = ""

    @classmethod
    def now(cls) -> str:
        second = int(time.time())
        if second != cls.second:
            cls.second, cls.line = second, time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(second))
        return cls.line


def refusal(error: StatusError) -> Response:
    """Return the answer that says an error."""
    return Response(error.code, [("Content-Type", JSON), *error.headers], error.body())


def encode(answer: Response, method: str, *, close: bool) -> bytes:
    """Return an answer as HTTP/1.1.

    Args:
        answer: what to say.
        method: of the request; HEAD gets no body.
        close: no request will be answered after this one.

    Raises:
        ValueError: if a header holds a line break, which would make a second header or a second answer of it, or is not Latin-1.

    """
    lines = [_STATUS_LINES.get(answer.status) or f"HTTP/1.1 {answer.status} Unknown"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    # The application may leave the body of HEAD away, and then its length is not that of GET's.
    if answer.status not in NO_BODY and (answer.body or method != "HEAD"):
        lines.append(f"Content-Length: {len(answer.body)}")
    lines.append(f"Date: {_Date.now()}")
    lines.append("Server: extension-apiserver")
    if close:
        lines.append("Connection: close")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ValueError("a response header holds a line break")
    body = b"" if method == "HEAD" or answer.status in NO_BODY else answer.body
    return b"%b\r\n\r\n%b" % (head.encode("latin-1"), body)
