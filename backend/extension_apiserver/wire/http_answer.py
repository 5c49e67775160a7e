"""An answer as HTTP/1.1."""

from __future__ import annotations

import enum
import logging
import time
from http import HTTPStatus

from extension_apiserver.request import JSON, Response
from extension_apiserver.settings import Settings
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Stream

from .http_message import RETRY

#: Answers of these codes have none.
NO_BODY = frozenset({204, 304})
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}" for status in HTTPStatus}


def answer_in_too_many(method: str, length: int, settings: Settings) -> StatusError:
    """Return the error for an answer for which there is no room beside those of others, or at all."""
    most = settings.max_bytes_in_flight
    if length > most:
        return StatusError(500, f"Internal error occurred: the answer has {length} bytes, of at most {most} in flight")
    # What was carried out must not be carried out twice.
    done = method not in {"GET", "HEAD", "OPTIONS"}
    sentence = "the request was carried out, but too many bytes are in flight for its answer"
    return StatusError(503, sentence, headers=() if done else RETRY)


_log = logging.getLogger(__name__)


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


class Framing(enum.Enum):
    """How the client knows where the body of a stream ends."""

    CHUNKS = "by an end mark"
    LENGTH = "by its length"
    CLOSE = "by the end of the connection, as HTTP/1.0 has it"
    FOREIGN = "it is no HTTP any more"


def framing(answer: Response, stream: Stream, *, chunks: bool) -> Framing:
    """Return how a stream is framed; `chunks` says whether the client understands them."""
    if answer.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return Framing.FOREIGN
    if stream.length is not None:
        return Framing.LENGTH
    return Framing.CHUNKS if chunks else Framing.CLOSE


def has_body(answer: Response, method: str) -> bool:
    """Return whether anything follows the header."""
    return method != "HEAD" and answer.status not in NO_BODY


def encode(answer: Response, method: str, *, close: bool, how: Framing | None = None) -> bytes:
    """Return an answer as HTTP/1.1, or its header alone if its body is a stream.

    Args:
        answer: what to say.
        method: of the request; HEAD gets no body.
        close: no request will be answered after this one.
        how: the framing of the stream that follows.

    Raises:
        ValueError: if a header holds a line break, which would make a second header or a second answer of it, or is not Latin-1.

    """
    lines = [_STATUS_LINES.get(answer.status) or f"HTTP/1.1 {answer.status} Unknown"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if how is Framing.FOREIGN:
        lines.append("Connection: Upgrade")
    elif how is Framing.CHUNKS:
        lines.append("Transfer-Encoding: chunked")
    elif answer.stream is not None:
        if answer.stream.length is not None:
            lines.append(f"Content-Length: {answer.stream.length}")
    # The application may leave the body of HEAD away, and then its length is not that of GET's.
    elif answer.status not in NO_BODY and (answer.body or method != "HEAD"):
        lines.append(f"Content-Length: {len(answer.body)}")
    lines.append(f"Date: {_Date.now()}")
    lines.append("Server: extension-apiserver")
    if close and how is not Framing.FOREIGN:
        lines.append("Connection: close")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ValueError("a response header holds a line break")
    body = answer.body if has_body(answer, method) else b""
    return b"%b\r\n\r\n%b" % (head.encode("latin-1"), body)


def encode_or_none(answer: Response, method: str, *, close: bool, how: Framing | None) -> bytes | None:
    """Return what `encode` returns, or None if it cannot be sent; then the log says why."""
    try:
        return encode(answer, method, close=close, how=how)
    except ValueError:
        _log.exception("the application's answer cannot be sent")
        return None
