"""HTTP/1.1 on one connection: requests in, answers out, one at a time and in order. Nothing else knows the parser.

The parser is llhttp (that of Node.js) by httptools, at its strict defaults: it refuses bare line feeds, two Content-Lengths, and
Content-Length beside Transfer-Encoding. What it leaves to its user is refused in `http_message`. kube-apiserver sends many users' requests
over one connection, so a request that two parsers read differently would be one user's request under another user's name.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Awaitable, Callable

import httptools

from extension_apiserver.request import Connection, Request, Response
from extension_apiserver.settings import Settings
from extension_apiserver.status import StatusError

from .connections import BytesInFlight
from .http_message import (
    LONGEST_HEADER_LINE,
    Message,
    answer_in_too_many,
    body_in_too_many,
    body_too_large,
    encode,
    examine,
    header_too_large,
    malformed,
    refusal,
)
from .stream import LINGER_SECONDS, TlsStream

#: Of a body that nobody reads yet, such as that of a caller who is still being authenticated. So much each connection may hold
#: whatever others do, so that small requests and answers, such as probes, pass when `max_bytes_in_flight` is used up.
_OWN_BYTES = 65536
#: Who sends or reads this much of a body in each body timeout goes on: 6.5 kB/s by default, which a modem managed; less is a stall.
_LEAST_BYTES = 65536
#: Who reads a large answer reads at least this part of it in each body timeout, so that nobody holds it for more than 16 of them: 160 s
#: by default, while kube-apiserver itself gives up after 60. For a body of 1 MiB that is what the line above says.
_MOST_PORTIONS = 16
#: What chunked encoding may add to a body: sizes, extensions, trailers.
_FRAMING_BYTES = 262144
#: llhttp takes these for HTTP.
_OTHER_PROTOCOLS = (b" RTSP/", b" ICE/")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Handler = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger(__name__)


class HttpConnection(TlsStream):
    """Parses requests, hands each to the handler once its header is complete, and sends the answer.

    Attributes:
        connection: what handlers see of it.
        answering: the task of the request in work.
        draining: answers carry `Connection: close`, so that the client goes elsewhere.

    """

    def __init__(self, context: ssl.SSLContext, handler: Handler, settings: Settings, in_flight: BytesInFlight) -> None:
        super().__init__(context, asyncio.get_running_loop())
        self.connection = Connection()
        self.answering: asyncio.Task[None] | None = None
        self.draining = False
        self._handler = handler
        self._settings = settings
        self._in_flight = in_flight
        self._held_bytes = 0
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Message] = deque()
        self._arriving: Message | None = None
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_bytes = self._chunk_bytes = 0
        #: What arrived since the header began, at least all of the request line.
        self._begun = b""
        #: What to answer when everything before is answered.
        self._refusal: StatusError | None = None
        #: Input is ignored, because what follows cannot be trusted to be a request.
        self._deaf = False
        #: The client does not read its answers as fast as they come.
        self._clogged = False
        #: How much it must take in each body timeout; what it must have taken, and until when, and whether that is all.
        self._portion_bytes = _LEAST_BYTES
        self._goal_bytes, self._goal_time, self._last_portion = 0, 0.0, False
        self._set_deadline(settings.tls_handshake_timeout_seconds)

    # Called by the stream and by the transport.

    def secured(self) -> None:
        """Remember what the client showed."""
        self.connection = Connection(_peer_chain(self.tls), client_address=self.client_address)
        self._set_deadline(self._settings.idle_timeout_seconds)

    def received(self, data: bytes) -> None:
        """Parse, and start what can be started."""
        if self._deaf:
            return
        before, self._chunk_bytes = self._arriving, len(data)
        self._begun = (self._begun + data)[: 2 * LONGEST_HEADER_LINE]
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # What follows is no HTTP.
            self._deaf = True
        except httptools.HttpParserError:
            self._refuse_malformed()
        if self._arriving is not None:
            self._bound(self._arriving, new=self._arriving is not before)
        if self._arriving is None or self._arriving.request is not None:
            self._begun = b""
        self._next()

    def lost(self) -> None:
        """Let go of what was arriving."""
        self._deaf = True
        self._waiting.clear()
        if self._arriving is not None:
            self._arriving.fail(StatusError(400, "the connection was closed before the request was complete"))
        if self.answering is None:
            self._hold_bytes(0)

    def pause_writing(self) -> None:
        """Wait for the client to read, as long as it goes on."""
        self._clogged = True
        self._await_reader()
        self.hold()

    def resume_writing(self) -> None:
        """Go on."""
        self._clogged = False
        if self.answering is None:
            self._hold_bytes(self.waiting_bytes())
        if self.closing:
            return
        if self.answering is None:
            self._listen()
        else:
            self.deadline = None

    def close(self) -> None:
        """Close; an answer that the client is still reading has the time that any answer has."""
        if not self.closing:
            super().close()
            self._await_reader()

    def expire(self) -> None:
        """Do what is due now that the deadline has passed."""
        if self.closing or self._clogged:
            self._watch_reader()
        elif self._arriving is not None and self._arriving.request is None:
            seconds = self._settings.header_timeout_seconds
            self._refuse(StatusError(408, f"the request header must arrive within {seconds:g} seconds"))
            self._next()
        else:
            self.close()

    def _await_reader(self) -> None:
        goal_bytes = self.taken_bytes() + self._portion_bytes
        self._goal_bytes = min(goal_bytes, self._sent_bytes)
        self._last_portion = goal_bytes >= self._sent_bytes
        self._goal_time = self.loop.time() + self._settings.body_timeout_seconds
        self._set_deadline(min(LINGER_SECONDS, self._settings.body_timeout_seconds))

    def _watch_reader(self) -> None:
        """Give more time to who takes what is sent, but not to who has taken all of it and does not hang up."""
        if self.answering is None:
            self._hold_bytes(self.waiting_bytes())
        if self.taken_bytes() >= self._goal_bytes:
            if self.closing and self._last_portion:
                self.abort()
            else:
                self._await_reader()
        elif self.loop.time() >= self._goal_time:
            self.abort()
        else:
            self._set_deadline(min(LINGER_SECONDS, self._goal_time - self.loop.time()))

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._arriving = Message()
        self._target = b""
        self._headers = []
        self._header_bytes = 0

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
        message, headers, parser = self._arriving, self._headers, self._parser
        if message is None:
            return
        # Trailers come by `on_header` too, and must never be taken for headers.
        self._headers = []
        version = parser.get_http_version()
        message.keep_alive = version == "1.1" and parser.should_keep_alive() and not parser.should_upgrade()
        message.request = Request(
            parser.get_method().decode(),
            self._target.decode("latin-1"),
            headers,
            self.connection,
            lambda: self._read_body(message),
        )
        long = self._header_bytes + self._chunk_bytes > min(self._settings.max_header_bytes, LONGEST_HEADER_LINE)
        examine(message, version, self._target, headers, self._settings, long=long)
        if any(self._target + protocol in self._begun for protocol in _OTHER_PROTOCOLS):
            message.objection = malformed()
        self._waiting.append(message)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        message = self._arriving
        if message is None or message.objection is not None or message.failure is not None:
            return
        message.body += body
        if len(message.body) > self._settings.max_body_bytes:
            message.fail(body_too_large(self._settings))
        elif message.waiter is None:
            if len(message.body) > _OWN_BYTES:
                self.hold()
        elif not self._hold_bytes(len(message.body)):
            message.fail(body_in_too_many())

    def on_message_complete(self) -> None:
        """End a request."""
        message, self._arriving = self._arriving, None
        if message is not None:
            message.complete_body()

    # One request after another.

    def _next(self) -> None:
        """Start the next request, or give the bad news, if nothing is in work."""
        if self.answering is not None:
            if self._waiting:
                self.hold()
        elif self._clogged:
            return
        elif self._waiting:
            self.deadline = None
            message = self._waiting.popleft()
            if message.request is not None:
                self.answering = self.loop.create_task(self._answer(message, message.request))
        elif self._refusal is not None:
            self.send(encode(refusal(self._refusal), "", close=True))
            self.close()

    async def _answer(self, message: Message, request: Request) -> None:
        if message.objection is not None:
            answer = refusal(message.objection)
            message.keep_alive = False
        else:
            try:
                answer = await self._handler(request)
            except BaseException:
                # It answers errors itself; whatever ends it all the same must not leave the client waiting.
                self.abort()
                self._hold_bytes(0)
                raise
            if not self._hold_bytes(self.waiting_bytes() + len(answer.body)):
                answer = refusal(answer_in_too_many(request.method, len(answer.body), self._settings))
        close = self.draining or not message.keep_alive or not message.complete
        try:
            content = encode(answer, request.method, close=close)
        except ValueError:
            _log.exception("the application's answer cannot be sent")
            close = True
            error = StatusError(500, "Internal error occurred: the answer cannot be sent")
            content = encode(refusal(error), request.method, close=True)
        self._portion_bytes = max(_LEAST_BYTES, len(content) // _MOST_PORTIONS)
        self.send(content)
        self._hold_bytes(self.waiting_bytes())
        self.answering = None
        if close:
            self.close()
        elif not self._clogged:
            self._listen()

    def _listen(self) -> None:
        begun = self._arriving is not None
        self._set_deadline(self._settings.header_timeout_seconds if begun else self._settings.idle_timeout_seconds)
        if self._waiting or self._refusal is not None:
            self._next()
        else:
            self.proceed()

    async def _read_body(self, message: Message) -> bytes:
        if not message.complete and message.failure is None:
            message.waiter = self.loop.create_future()
            if message.expects_continue:
                self.send(_CONTINUE)
            self.proceed()
            seconds = self._settings.body_timeout_seconds
            while not message.waiter.done():
                before = len(message.body)
                await asyncio.wait([message.waiter], timeout=seconds)
                if not message.waiter.done() and len(message.body) - before < _LEAST_BYTES:
                    rest = f"{_LEAST_BYTES} bytes or the rest of the request body"
                    message.fail(StatusError(408, f"{rest} must arrive within {seconds:g} seconds"))
        if message.failure is not None:
            raise message.failure
        # Never twice in memory.
        message.body = bytes(message.body)
        return message.body

    # Bounds.

    def _hold_bytes(self, count: int) -> bool:
        """Count what is in memory for this connection; False if it is too much for all together: then nothing changes."""
        shared = max(0, count - _OWN_BYTES)
        if not self._in_flight.add(shared - self._held_bytes):
            return False
        self._held_bytes = shared
        return True

    def _set_deadline(self, seconds: float) -> None:
        self.deadline = self.loop.time() + seconds

    def _bound(self, message: Message, *, new: bool) -> None:
        """Bound the size and time of a header, and what surrounds a body."""
        if message.request is None:
            if new and self.answering is None:
                self._set_deadline(self._settings.header_timeout_seconds)
            self._header_bytes += self._chunk_bytes
            if self._header_bytes > self._settings.max_header_bytes:
                self._refuse(header_too_large(self._settings))
            return
        message.wire_bytes += self._chunk_bytes
        if message.wire_bytes > self._settings.max_body_bytes + self._settings.max_header_bytes + _FRAMING_BYTES:
            message.fail(body_too_large(self._settings))

    def _refuse_malformed(self) -> None:
        message = self._arriving
        if message is not None and message.request is not None:
            self._deaf, self._arriving = True, None
            message.fail(StatusError(400, "the request body is malformed"))
        else:
            self._refuse(malformed())

    def _refuse(self, error: StatusError) -> None:
        """Answer with an error when everything before is answered, and take no more."""
        self._deaf, self._refusal, self._arriving = True, error, None


def _peer_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    if tls.session_reused:
        return ()
    leaf = tls.getpeercert(binary_form=True)
    if leaf is None:
        return ()
    # Since Python 3.13; before, a front proxy certificate must be issued by an authority of the bundle directly.
    chain = getattr(tls, "get_unverified_chain", None)
    return tuple(chain()) if chain else (leaf,)
