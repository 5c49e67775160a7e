"""HTTP/1.1 answers out of bytes, by the parser that the server has for requests."""

from __future__ import annotations

from collections.abc import Callable

import httptools

from .failures import UpstreamError

MOST_HEADER_BYTES = 65536
_MOST_HEADER_LINES = 512
#: What chunks may add to each byte of a body, in marks and extensions, beyond what one header may have.
_MOST_FRAMING = 8
#: Their answers have no body, whatever the header says.
_NO_BODY = frozenset({204, 304})
_INFORMATION, _SUCCESS, _SWITCHING = 100, 200, 101

#: (name in lower case, value) in the order in which they came.
HeaderLines = list[tuple[bytes, bytes]]


class AnswerParser:
    """Parses the answer to one request.

    Attributes:
        status: HTTP code, 0 until the header is there. Codes of 1xx are left out, but 101 to who asks for another protocol.
        headers: all lines, without trailers.
        length: of the body, in bytes, None if its end shows it.
        complete: all of it is there.
        reusable: another request may follow on the connection.
        foreign: what arrived after an answer with 101.

    """

    def __init__(self, method: str, on_part: Callable[[bytes], None], *, upgrades: bool) -> None:
        """Expect the answer to a request.

        Args:
            method: of the request.
            on_part: takes each part of the body.
            upgrades: the request asks for another protocol.

        """
        self.status = 0
        self.headers: HeaderLines = []
        self.length: int | None = None
        self.complete = self.reusable = False
        self.foreign = b""
        self._head = method == "HEAD"
        self._upgrades = upgrades
        self._on_part = on_part
        self._header_bytes = self._framing_bytes = self._body_bytes = 0
        self._to_the_end = self._bodiless = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Parse.

        Raises:
            UpstreamError: if it is no answer.

        """
        body_bytes = self._body_bytes
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.foreign = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, UpstreamError):
                raise cause from None
            if not self.complete:
                raise UpstreamError(f"answers with malformed HTTP: {error}") from None
        if self.complete:
            return
        # A long body earns no long trailer, of which the parser makes one value.
        framing_bytes = len(data) - _MOST_FRAMING * (self._body_bytes - body_bytes)
        self._framing_bytes = max(0, self._framing_bytes + framing_bytes)
        if not self.status:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                raise _too_large()
        elif self._framing_bytes > 2 * MOST_HEADER_BYTES:
            raise UpstreamError("answers with chunks of next to nothing, or with trailers without end")

    def end(self) -> bool:
        """Note that the connection has ended; return whether that completes the answer."""
        if self._to_the_end and not self.complete:
            self.complete = True
        return self.complete

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Begin an answer; after the one that was asked for, it is nobody's."""
        self.headers = [] if not self.status else self.headers
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header line, not a trailer."""
        if self.status or self.complete:
            return
        if len(self.headers) >= _MOST_HEADER_LINES:
            raise UpstreamError(f"answers with more than {_MOST_HEADER_LINES} header lines")
        self.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """Know what the answer is, unless another follows."""
        if self.complete:
            return
        parser = self._parser
        status = parser.get_status_code()
        if status < _SUCCESS and status != _SWITCHING:
            if status < _INFORMATION:
                raise UpstreamError(f"answers with the code {status}, which is none")
            return
        if parser.get_http_version() not in {"1.0", "1.1"}:
            raise UpstreamError(f"answers in HTTP/{parser.get_http_version()}")
        if status == _SWITCHING and not (self._upgrades and parser.should_upgrade()):
            raise UpstreamError("goes on with another protocol than HTTP, for which nobody asked")
        self._read_lines(status)
        self.status = status
        if self._head:
            # The parser would wait for a body of that length.
            self.complete = True
            self.reusable = self._bodiless and parser.get_http_version() == "1.1" and not self._closes()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._head or self.complete:
            self.reusable = False
            return
        self._body_bytes += len(body)
        self._on_part(body)

    def on_message_complete(self) -> None:
        """End the answer."""
        if self.status and not self.complete:
            self.complete = True
            has_room = self._bodiless or self.status not in _NO_BODY
            self.reusable = has_room and self.status != _SWITCHING and self._parser.should_keep_alive()

    def _read_lines(self, status: int) -> None:
        if sum(len(name) + len(value) + 4 for name, value in self.headers) > MOST_HEADER_BYTES:
            raise _too_large()
        lengths = [value for name, value in self.headers if name == b"content-length"]
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings and codings != [b"chunked"]:
            raise UpstreamError("answers with a Transfer-Encoding other than 'chunked', for which nobody asked")
        if any(not value.isdigit() for value in lengths):
            raise UpstreamError("answers with a Content-Length that is no number")
        if any(b"\r" in value or b"\n" in value or b"\0" in value for _, value in self.headers):
            raise UpstreamError("answers with a header line that holds a line break")
        self.length = int(lengths[0]) if lengths else None
        # Whoever announces a body where none belongs might send it, and it would be taken for the answer to the next request.
        self._bodiless = not codings and (self.length == 0 or (self.length is None and status in _NO_BODY))
        self._to_the_end = not lengths and not codings and status not in _NO_BODY and status != _SWITCHING

    def _closes(self) -> bool:
        tokens = b",".join(value for name, value in self.headers if name == b"connection").lower().split(b",")
        return b"close" in {token.strip() for token in tokens}


def _too_large() -> UpstreamError:
    return UpstreamError(f"answers with a header of more than {MOST_HEADER_BYTES} bytes")
