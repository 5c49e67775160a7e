"""HTTP/1.1 requests out of bytes. Nothing else knows the parser.

The parser is llhttp (that of Node.js) by httptools, at its strict defaults: it refuses bare line feeds, two Content-Lengths, and
Content-Length beside Transfer-Encoding. What it leaves to its user is refused in `http_message`. kube-apiserver sends many users' requests
over one connection, so a request that two parsers read differently would be one user's request under another user's name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import httptools

from extension_apiserver.request import Connection, Request
from extension_apiserver.settings import Settings
from extension_apiserver.status import StatusError

from .connections import OWN_BYTES
from .http_message import LONGEST_HEADER_LINE, body_too_large, examine, header_too_large, malformed
from .message import Message

#: What chunked encoding may add to a body: sizes, extensions, trailers.
_FRAMING_BYTES = 262144
#: So many bytes on the wire for each of a body in parts, beyond that: chunks of one byte have six.
_MOST_FRAMING = 8
#: llhttp takes these for HTTP.
_OTHER_PROTOCOLS = (b" RTSP/", b" ICE/")


class RequestParser:
    """Parses what arrives on one connection.

    Attributes:
        connection: what requests say of where they came from.
        waiting: requests whose header is complete, in order; whoever starts one takes it out.
        arriving: the request that is not complete yet.
        refusal: what to answer when everything before is answered.
        deaf: input is no request any more: it cannot be trusted to be one, or is another protocol's.
        foreign: what arrived of another protocol, after a header that asks for one; None if none does.

    """

    def __init__(
        self,
        settings: Settings,
        read_body: Callable[[Message], Awaitable[bytes]],
        read_part: Callable[[Message], Awaitable[bytes]],
        body_grew: Callable[[Message], None],
    ) -> None:
        """Expect the first request.

        Args:
            settings: the bounds.
            read_body: what a request reads its body with, whole.
            read_part: what it reads a part of its body with.
            body_grew: called when a part of a body has arrived that is within the bound of one body.

        """
        self.connection = Connection()
        self.waiting: deque[Message] = deque()
        self.arriving: Message | None = None
        self.refusal: StatusError | None = None
        self.deaf = False
        self.foreign: bytearray | None = None
        self._settings = settings
        self._read_body, self._read_part = read_body, read_part
        self._body_grew = body_grew
        self._parser = httptools.HttpRequestParser(self)
        self._target, self._headers = b"", list[tuple[bytes, bytes]]()
        self._header_bytes = self._chunk_bytes = 0
        #: What arrived since the header began, at least all of the request line.
        self._begun = b""

    def feed(self, data: bytes) -> bool:
        """Parse, and return whether a header began that is not complete."""
        if self.deaf:
            if self.foreign is not None:
                self.foreign += data
            return False
        before, self._chunk_bytes = self.arriving, len(data)
        self._begun = (self._begun + data)[: 2 * LONGEST_HEADER_LINE]
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # What follows is no HTTP.
            self.deaf, self.foreign = True, bytearray(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse_malformed()
        began = self.arriving is not before and self.is_header_arriving()
        if self.arriving is not None:
            self._bound(self.arriving)
        if not self.is_header_arriving():
            self._begun = b""
        return began

    def is_header_arriving(self) -> bool:
        """Return whether a header has begun and is not complete."""
        return self.arriving is not None and self.arriving.request is None

    def is_full(self) -> bool:
        """Return whether the client should wait until somebody takes what has arrived."""
        body_waits = self.arriving is not None and self.arriving.is_full()
        return bool(self.waiting) or body_waits or len(self.foreign or b"") > OWN_BYTES

    def refuse(self, error: StatusError) -> None:
        """Answer with an error when everything before is answered, and take no more."""
        self.deaf, self.refusal, self.arriving = True, error, None

    def end(self) -> None:
        """Let go of what was arriving, since no more will."""
        self.deaf = True
        self.waiting.clear()
        if self.arriving is not None:
            self.arriving.fail(StatusError(400, "the connection was closed before the request was complete"))

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.arriving = Message()
        self._target, self._headers, self._header_bytes = b"", [], 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header line, or a trailer; one beyond the bound shows that there are too many."""
        if len(self._headers) <= self._settings.max_header_lines:
            # The parser strips white space only before a value.
            self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Make a request of the header."""
        message, headers, parser = self.arriving, self._headers, self._parser
        if message is None:
            return
        # Trailers come by `on_header` too, and must never be taken for headers.
        self._headers = []
        version = parser.get_http_version()
        message.upgrades = parser.should_upgrade()
        message.keep_alive = version == "1.1" and parser.should_keep_alive() and not message.upgrades
        message.chunks = version == "1.1"
        long = self._header_bytes + self._chunk_bytes > min(self._settings.max_header_bytes, LONGEST_HEADER_LINE)
        examine(message, version, self._target, headers, self._settings, long=long)
        message.request = Request(
            parser.get_method().decode(),
            self._target.decode("latin-1"),
            headers,
            self.connection,
            lambda: self._read_body(message),
            length=message.length,
            read_part=lambda: self._read_part(message),
            upgrades=message.upgrades,
        )
        if any(self._target + protocol in self._begun for protocol in _OTHER_PROTOCOLS):
            message.objection = malformed()
        self.waiting.append(message)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        message = self.arriving
        if message is None or message.objection is not None or message.failure is not None:
            return
        message.add(body)
        if message.body_bytes > message.bound_bytes:
            message.fail(body_too_large(message.bound_bytes))
        else:
            self._body_grew(message)

    def on_message_complete(self) -> None:
        """End a request."""
        message, self.arriving = self.arriving, None
        if message is not None:
            message.complete_body()

    def _bound(self, message: Message) -> None:
        """Bound the size of a header, and what surrounds a body."""
        if message.request is None:
            self._header_bytes += self._chunk_bytes
            if self._header_bytes > self._settings.max_header_bytes:
                self.refuse(header_too_large(self._settings))
            return
        message.wire_bytes += self._chunk_bytes
        # A part that is taken makes room; what surrounds it must not be most of it for ever.
        framing_bytes = message.wire_bytes - (message.body_bytes * _MOST_FRAMING if message.in_parts else 0)
        if framing_bytes > self._settings.max_body_bytes + self._settings.max_header_bytes + _FRAMING_BYTES:
            # What goes on for ever would fill the parser.
            self.deaf, self.arriving = True, None
            message.fail(body_too_large(message.bound_bytes))

    def _refuse_malformed(self) -> None:
        message = self.arriving
        if message is not None and message.request is not None:
            self.deaf, self.arriving = True, None
            message.fail(StatusError(400, "the request body is malformed"))
        else:
            self.refuse(malformed())
