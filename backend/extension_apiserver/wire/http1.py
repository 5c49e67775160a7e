"""HTTP/1.1 on one connection: requests in, answers out, one at a time and in order."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from extension_apiserver.request import Connection, Request, Response
from extension_apiserver.settings import Settings
from extension_apiserver.status import StatusError
from extension_apiserver.trust.tls import shown_certificates

from .body import BodyReader
from .connections import BytesInFlight, HeldBytes
from .http_answer import answer_in_too_many, encode, encode_or_none, framing, has_body, refusal
from .message import Message
from .outgoing import Outgoing
from .pace import ReadingPace
from .request_parser import RequestParser
from .stream import TlsStream

Handler = Callable[[Request], Awaitable[Response]]


class HttpConnection(TlsStream):
    """Hands each request to the handler once its header is complete, and sends the answer.

    Attributes:
        answering: the task of the request in work.
        outgoing: its answer, if that is a stream.
        draining: answers carry `Connection: close`, so that the client goes elsewhere.

    """

    def __init__(self, context: ssl.SSLContext, handler: Handler, settings: Settings, in_flight: BytesInFlight) -> None:
        super().__init__(context, asyncio.get_running_loop())
        self.answering: asyncio.Task[None] | None = None
        self.outgoing: Outgoing | None = None
        self.draining = False
        self._handler = handler
        self._settings = settings
        self._held_bytes = HeldBytes(in_flight)
        body = BodyReader(self, settings, self._held_bytes)
        self._requests = RequestParser(settings, body.read, body.read_part, body.bound)
        self._pace = ReadingPace(self, settings.body_timeout_seconds)
        #: The client does not read its answers as fast as they come.
        self._clogged = False
        self._set_deadline(settings.tls_handshake_timeout_seconds)

    @property
    def connection(self) -> Connection:
        """What handlers see of it."""
        return self._requests.connection

    def secured(self) -> None:
        """Remember what the client showed."""
        self._requests.connection = Connection(shown_certificates(self.tls), client_address=self.client_address)
        self._set_deadline(self._settings.idle_timeout_seconds)

    def received(self, data: bytes) -> None:
        """Parse, and start what can be started."""
        if self._requests.deaf:
            self._requests.feed(data)
            if self._requests.is_full():
                self.hold()
            if self.outgoing is not None:
                self.outgoing.arrived()
            return
        if self._requests.feed(data) and self.answering is None:
            self._set_deadline(self._settings.header_timeout_seconds)
        self._next()

    def lost(self) -> None:
        """Let go of what was arriving."""
        self._requests.end()
        self._tell_who_waits()
        if self.answering is None:
            self._held_bytes.hold(0)

    def pause_writing(self) -> None:
        """Wait for the client to read, as long as it goes on."""
        self._clogged = True
        self._pace.begin()
        self.hold()
        if self.outgoing is not None:
            self.outgoing.clog(clogged=True)

    def resume_writing(self) -> None:
        """Go on."""
        self._clogged = False
        if self.answering is None:
            self._held_bytes.hold(self.waiting_bytes())
        if self.closing:
            return
        if self.answering is None:
            self._listen()
            return
        self.deadline = None
        if self.outgoing is not None:
            self.outgoing.clog(clogged=False)
            # Who leaves is noticed by reading; but nobody makes room for more by reading slowly.
            if not self._requests.is_full():
                self.proceed()

    def close(self) -> None:
        """Close; an answer that the client is still reading has the time that any answer has."""
        if self.closing:
            return
        super().close()
        self._pace.begin()
        self._tell_who_waits()

    def expire(self) -> None:
        """Do what is due now."""
        if self.closing or self._clogged:
            if self.answering is None:
                self._held_bytes.hold(self.waiting_bytes())
            self._pace.check()
        elif self._requests.is_header_arriving():
            seconds = self._settings.header_timeout_seconds
            self._requests.refuse(StatusError(408, f"the request header must arrive within {seconds:g} seconds"))
            self._next()
        else:
            self.close()

    def _tell_who_waits(self) -> None:
        if self.outgoing is not None:
            self.outgoing.leave()
        for left in list(self.connection.watchers):
            left()

    def _next(self) -> None:
        """Start the next request, or give the bad news, if nothing is in work."""
        requests = self._requests
        if self.answering is not None:
            if requests.waiting:
                self.hold()
        elif self._clogged:
            return
        elif requests.waiting:
            self.deadline = None
            message = requests.waiting.popleft()
            if message.request is not None:
                self.answering = self.loop.create_task(self._answer(message, message.request))
        elif requests.refusal is not None:
            self.send(encode(refusal(requests.refusal), "", close=True))
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
                self._held_bytes.hold(0)
                raise
            if not self._held_bytes.hold(self.waiting_bytes() + len(answer.body)):
                answer = refusal(answer_in_too_many(request.method, len(answer.body), self._settings))
        close = self.draining or not message.keep_alive or not message.complete
        stream = answer.stream if has_body(answer, request.method) and not self.closing else None
        if answer.stream is not None and stream is None:
            answer.stream.abandon()
        how = None if stream is None else framing(answer, stream, chunks=message.chunks)
        content = encode_or_none(answer, request.method, close=close, how=how)
        if content is None:
            if stream is not None:
                stream.abandon()
            close, stream = True, None
            error = refusal(StatusError(500, "Internal error occurred: the answer cannot be sent"))
            content = encode(error, request.method, close=True)
        message.expects_continue = False
        self._pace.expect(len(content))
        self.send(content)
        if stream is not None and how is not None:
            foreign = self._requests.foreign
            self.outgoing = Outgoing(self, how, stream, self._held_bytes, foreign, clogged=self._clogged)
            close = not await self.outgoing.run(self._settings.max_stream_seconds) or close
            self.outgoing = None
        self._held_bytes.hold(self.waiting_bytes())
        self.answering = None
        if close:
            self.close()
        elif not self._clogged:
            self._listen()

    def _listen(self) -> None:
        begun = self._requests.arriving is not None
        self._set_deadline(self._settings.header_timeout_seconds if begun else self._settings.idle_timeout_seconds)
        if self._requests.waiting or self._requests.refusal is not None:
            self._next()
        else:
            self.proceed()

    def _set_deadline(self, seconds: float) -> None:
        self.deadline = self.loop.time() + seconds
