"""One WebSocket: frames towards the client, ASGI towards the application."""

from __future__ import annotations

import asyncio
import functools
import logging

from websockets.frames import CloseCode

from extension_apiserver.request import Response
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Gone, Peer, Stream
from extension_apiserver.wire.connections import HeldBytes

from .answer import Answer
from .frames import Frames
from .handshake import Handshake
from .inbox import Inbox
from .messages import AsgiFault, ClientLeft, Message
from .pace import SendingPace
from .tasks import Tasks, failure

#: The client has this time to answer a close frame.
CLOSE_SECONDS = 5.0
#: So much is parsed at once, since the smallest frames become a hundred times their size.
_SLICE_BYTES = 4096
_SWITCHING = 101

_log = logging.getLogger(__name__)


class WebSocket:
    """Takes the messages of one call of the application, and the frames of its client."""

    def __init__(self, tasks: Tasks, handshake: Handshake, held: HeldBytes, *, max_message_bytes: int) -> None:
        """Begin before the handshake is answered; messages count as `held` on their way to the application."""
        self._tasks = tasks
        self._handshake = handshake
        self._held = held
        self._answer = Answer(tasks, "GET")
        self._frames = Frames(max_message_bytes)
        self._inbox, self._pace = Inbox(), SendingPace()
        self.receive = self._inbox.receive
        self._begun, self._sending = asyncio.Event(), asyncio.Lock()
        self._peer: Peer | None = None
        #: Set once a close frame was sent or received, nobody is there any more, or the application broke a rule.
        self._closing = asyncio.Event()
        self._refusing = self._closed_by_application = False
        self._fault: Exception | None = None

    async def response(self, task: asyncio.Task[None]) -> Response:
        """Return the application's answer to the handshake, as `Answer.response` does; raises StatusError 403 if it refuses."""
        response = None
        try:
            response = await self._answer.response(task)
            if response.status == _SWITCHING:
                response.stream = Stream(functools.partial(self._run, task), self.leave)
        finally:
            if response is None or response.status != _SWITCHING:
                self._inbox.end(CloseCode.ABNORMAL_CLOSURE)
        return response

    # What the application calls, beside `receive`.

    async def send(self, message: Message) -> None:
        """Take a message.

        Raises:
            AsgiFault: if it breaks a rule.
            ClientLeft: if nobody takes it.

        """
        kind = str(message.get("type"))
        if self._refusing or (kind.startswith("websocket.http.response.") and not self._answer.started):
            self._refusing = True
            await self._answer.send({**message, "type": kind.removeprefix("websocket.")})
            return
        try:
            if not self._answer.started:
                self._answer_handshake(kind, message)
            else:
                await self._take(kind, message)
        except AsgiFault as fault:
            self._fault = self._fault or fault
            self._closing.set()
            if not self._answer.started:
                self._answer.fail(fault)
            raise

    def _answer_handshake(self, kind: str, message: Message) -> None:
        if kind == "websocket.close":
            why = f": {message['reason']}" if message.get("reason") else ""
            self._answer.fail(StatusError(403, f"the application refuses the WebSocket{why}"))
        elif kind == "websocket.accept":
            self._answer.respond(Response(_SWITCHING, self._handshake.accepted(message)))
        else:
            raise AsgiFault(f"the application sends {kind:.100} before websocket.accept")

    async def _take(self, kind: str, message: Message) -> None:
        await self._begun.wait()
        if self._closed_by_application:
            raise AsgiFault(f"the application sends {kind} after websocket.close")
        if self._closing.is_set() or not self._frames.open:
            raise ClientLeft
        if kind == "websocket.send":
            self._frames.send(message)
        elif kind == "websocket.close":
            self._inbox.end(*self._frames.close(message.get("code"), message.get("reason")))
            self._closed_by_application = True
            self._closing.set()
        else:
            raise AsgiFault(f"the application sends {kind:.100}, which has no place in a WebSocket")
        try:
            await self._flush()
        except Gone:
            raise ClientLeft from None

    # What the client's side calls.

    def leave(self) -> None:
        """Note that the client has left, or that nobody wants the answer."""
        self._inbox.end(CloseCode.ABNORMAL_CLOSURE)
        self._closing.set()
        self._begun.set()
        self._answer.leave()

    async def _run(self, task: asyncio.Task[None], peer: Peer) -> None:
        """Carry messages both ways until one side closes, then wait a little for the other."""
        self._peer = peer
        self._begun.set()
        reading = asyncio.ensure_future(self._read(peer))
        events = [asyncio.ensure_future(event.wait()) for event in (self._closing, peer.ending)]
        try:
            await asyncio.wait([task, reading, *events], return_when=asyncio.FIRST_COMPLETED)
            await self._close(self._code(peer, task))
            await asyncio.wait([reading], timeout=CLOSE_SECONDS)
        finally:
            for one in (reading, *events):
                one.cancel()
            self._inbox.end(CloseCode.ABNORMAL_CLOSURE)
            self._closing.set()
            self._held.hold(0)
            self._tasks.let_go(task, self._fault)

    def _code(self, peer: Peer, task: asyncio.Task[None]) -> CloseCode:
        """Return with which code to close, if nobody has yet."""
        if task.done() and (self._closed_by_application or not self._inbox.ended):
            self._fault = self._fault or failure(task)
        if self._fault is not None:
            _log.error("the application failed in a WebSocket", exc_info=self._fault)
            return CloseCode.INTERNAL_ERROR
        return CloseCode.GOING_AWAY if peer.ending.is_set() else CloseCode.NORMAL_CLOSURE

    async def _close(self, code: CloseCode) -> None:
        """Send a close frame, unless there was one or nobody is there, and whatever was not sent yet."""
        if self._frames.open:
            self._frames.close(code)
        self._closing.set()
        try:
            await self._flush()
        except Gone:
            return
        self._inbox.end(code)

    async def _read(self, peer: Peer) -> None:
        """Read until the client closes, leaves or breaks a rule."""
        try:
            while not self._frames.over and (data := await self._pace.receive(peer, self._frames.held_bytes)):
                for begin in range(0, len(data), _SLICE_BYTES):
                    for message in self._frames.take(data[begin : begin + _SLICE_BYTES]):
                        self._inbox.add(message)
                    if not self._held.hold(self._frames.held_bytes + self._inbox.waiting_bytes):
                        self._frames.fail(CloseCode.TRY_AGAIN_LATER, "too many bytes are in flight")
                    await self._flush()
                    if self._frames.over:
                        break
                    await self._inbox.wait_for_room()
        except TimeoutError:
            self._frames.fail(CloseCode.POLICY_VIOLATION, "the message comes too slowly")
        except Gone:
            pass
        finally:
            self._inbox.end(*self._frames.closed())
            self._closing.set()

    async def _flush(self) -> None:
        """Send what there is to send, in its order."""
        async with self._sending:
            data = self._frames.data_to_send()
            if not data or self._peer is None:
                return
            try:
                await self._peer.send(data)
            except BaseException as error:
                self._closing.set()
                if not isinstance(error, Gone):
                    # Perhaps a part of a frame was sent, so nothing may follow it.
                    self._frames.fail(CloseCode.ABNORMAL_CLOSURE)
                raise
