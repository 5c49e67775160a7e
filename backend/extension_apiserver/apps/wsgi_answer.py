"""What a WSGI application answers, until it is known whether that is a stream.

A server must not keep parts back (https://peps.python.org/pep-3333/#buffering-and-streaming), so whatever does not announce a small
length becomes a stream with its first part.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from types import TracebackType

from extension_apiserver.request import Response
from extension_apiserver.streams import Peer, Stream
from extension_apiserver.wire.http_answer import NO_BODY

from .calls import HandOver
from .pipe import Pipe

#: An answer that announces at most this is collected: one write instead of many. So is one that is all there already.
_WHOLE_BYTES = 65536

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class WsgiAnswer:
    """One answer.

    Attributes:
        streams: its header is on its way, and parts go to the client as they come.

    """

    __slots__ = (
        "_hand_over",
        "_headers",
        "_is_over",
        "_is_there",
        "_length",
        "_method",
        "_parts",
        "_pipe",
        "_status",
        "streams",
    )

    def __init__(self, method: str, pipe: Pipe | None, hand_over: HandOver[Response] | None) -> None:
        """Begin with nothing.

        Args:
            method: of the request.
            pipe: takes the parts of a stream.
            hand_over: takes a response that becomes a stream. Without it whoever calls `take` looks at `is_stream` himself.

        """
        self.streams = False
        self._method = method
        self._pipe = pipe
        self._hand_over = hand_over
        self._status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        self._headers: list[tuple[str, str]] = []
        self._length: int | None = None
        self._parts: list[bytes] = []
        self._is_there = self._is_over = False

    @property
    def is_stream(self) -> bool:
        """Whether it must not be kept until it is whole."""
        return self._is_endless and not self._is_bodiless

    @property
    def is_enough(self) -> bool:
        """Whether the rest need not be asked for: nobody gets it, and it may be without end."""
        return self._is_endless and self._is_bodiless

    @property
    def _is_endless(self) -> bool:
        if not self._parts or self._is_there:
            return False
        return self._length is None or self._length > max(_WHOLE_BYTES, len(self._parts[0]))

    @property
    def _is_bodiless(self) -> bool:
        return self._method == "HEAD" or self._status in NO_BODY

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: _ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """Take status and header, as PEP 3333 says; the last ones count, until the first part was sent."""
        if self.streams:
            if exc_info is not None and exc_info[1] is not None:
                raise exc_info[1].with_traceback(exc_info[2])
            raise RuntimeError("start_response is called after the body began")
        self._status, self._headers = int(status[:3]), headers
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        self._length = _one_length(lengths) if lengths else None
        return self.take

    def take(self, part: bytes) -> None:
        """Take a part of the body: an item of the iterable, or what `write` is called with.

        Raises:
            Gone: if the client left.
            RuntimeError: if the answer has ended.

        """
        if self._is_over:
            raise RuntimeError("write is called after the end of the answer")
        if self.streams and self._pipe is not None:
            self._pipe.put(part)
        elif part:
            self._parts.append(part)
            if self.is_stream and self._pipe is not None and self._hand_over is not None:
                self.streams = True
                self._hand_over(self.with_stream(self._pipe.run, self._pipe.abandon))
                self._pipe.put(self.taken())

    def take_all(self, parts: Iterable[bytes]) -> None:
        """Take a body that is there already, after what was written."""
        self._is_there = True
        self._parts.extend(parts)

    def taken(self) -> bytes:
        """Return what was collected, and forget it."""
        parts = b"".join(self._parts)
        self._parts.clear()
        return parts

    def end(self, failure: BaseException | None = None) -> None:
        """Say that no part follows."""
        self._is_over = True
        # Where nobody reads the pipe, two calls into the event loop for each request would wake it for nothing.
        if self.streams and self._pipe is not None:
            self._pipe.end(failure)

    def with_stream(self, run: Callable[[Peer], Awaitable[None]], abandon: Callable[[], object]) -> Response:
        """Return the response as a stream."""
        made = self._pipe.made if self._pipe is not None else None
        return Response(self._status, self._headers, stream=Stream(run, abandon, self._length, made))

    def whole(self) -> Response:
        """Return the response as it was collected."""
        # Of what nobody gets only the beginning is here, whose length is not that of the whole.
        return Response(self._status, self._headers, b"" if self.is_enough else self.taken())


def _one_length(values: Sequence[str]) -> int:
    lengths = {value.strip() for value in values}
    if len(lengths) > 1 or not all(length.isascii() and length.isdigit() for length in lengths):
        raise ValueError(f"Content-Length must be one number of bytes, not {', '.join(sorted(lengths))}")
    return int(lengths.pop())


class Closing:
    """Closes what an application returned, if it wants to be closed."""

    def __init__(self, result: Iterable[bytes]) -> None:
        self.close: Callable[[], object] = getattr(result, "close", lambda: None)


async def pull(parts: Iterator[bytes], first: bytes, closing: Closing, peer: Peer) -> None:
    """Send the rest of a body, in the event loop; its next part is made when there is room for it."""
    with contextlib.closing(closing):
        await peer.send(first)
        for part in parts:
            await peer.send(part)
