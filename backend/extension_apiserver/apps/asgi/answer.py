"""The answer of an ASGI application: whole if it gives it at once, else made while it is sent."""

from __future__ import annotations

import asyncio

from extension_apiserver.request import Response
from extension_apiserver.streams import Gone, Peer, Stream
from extension_apiserver.wire.http_answer import NO_BODY

from .messages import AsgiFault, ClientLeft, Message, body_part, content_length, header_lines, status_code
from .tasks import Tasks, failure


class Answer:
    """Takes the messages of one call of the application.

    Attributes:
        over: set once the application should know that its client waits for nothing more.

    """

    def __init__(self, tasks: Tasks, method: str) -> None:
        """Begin; `method` is that of the request."""
        self.over = asyncio.Event()
        self._tasks = tasks
        self._head = method == "HEAD"
        self._task: asyncio.Task[None] | None = None
        self._response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._start: tuple[int, list[tuple[str, str]]] | None = None
        self._length: int | None = None
        self._taken = 0
        self._complete = self._left = False
        self._failure: Exception | None = None
        #: Set once it is known where parts go, or that they go nowhere.
        self._begun = asyncio.Event()
        self._peer: Peer | None = None
        #: Set once the answer is complete, or nobody takes it, or it cannot go on.
        self._ended = asyncio.Event()

    @property
    def started(self) -> bool:
        """Whether there is a response or a reason for none."""
        return self._response.done()

    async def response(self, task: asyncio.Task[None]) -> Response:
        """Return what the application, which runs in a task, answers.

        Raises:
            Exception: whatever it raised; AsgiFault if it gave no answer or a bad one.

        """
        self._task = task
        task.add_done_callback(self._returned)
        try:
            response = await self._response
        except BaseException:
            self.leave()
            raise
        if self._complete:
            self._tasks.finish(task)
        return response

    def respond(self, response: Response) -> None:
        """Answer with a response, if nothing was answered yet."""
        if not self._response.done():
            self._response.set_result(response)

    def fail(self, error: Exception) -> None:
        """End with an error: instead of the response, or, after its header, without an end mark."""
        self._failure = self._failure or error
        if not self._response.done():
            self._response.set_exception(error)
        self.over.set()
        self._begun.set()
        self._ended.set()

    def leave(self) -> None:
        """Note that nobody takes the rest."""
        if not self._response.done():
            self._response.set_exception(Gone())
        self.over.set()
        self._begun.set()
        self._ended.set()
        if self._task is not None and not self._left:
            self._left = True
            self._tasks.let_go(self._task, self._failure)

    async def send(self, message: Message) -> None:
        """Take a message.

        Raises:
            AsgiFault: if it breaks a rule.
            ClientLeft: if nobody takes it.

        """
        try:
            await self._take(message)
        except AsgiFault as fault:
            if not self._complete:
                self.fail(fault)
            raise

    async def _take(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "http.response.start":
            if self._start is not None:
                raise AsgiFault("the application sends http.response.start twice")
            headers = header_lines(message)
            self._start = status_code(message), headers
            self._length = content_length(headers)
        elif kind == "http.response.body":
            if self._start is None:
                raise AsgiFault("the application sends http.response.body before http.response.start")
            await self._body(*self._start, *body_part(message))
        else:
            raise AsgiFault(f"the application sends {kind!r:.100}, which has no place in an answer")

    async def _body(self, status: int, headers: list[tuple[str, str]], body: bytes, more: bool) -> None:
        if self._complete:
            raise AsgiFault("the application sends http.response.body after the end of its answer")
        if self._ended.is_set():
            raise ClientLeft
        self._count(status, len(body), more=more)
        if not self._response.done():
            if not more:
                self._end()
                self.respond(Response(status, headers, body))
                return
            self.respond(Response(status, headers, stream=Stream(self._run, self.leave, self._length)))
        try:
            await self._forward(body)
        except ClientLeft:
            raise
        except BaseException as error:
            # Perhaps a part of it was sent, so nothing may follow it.
            self.fail(error if isinstance(error, Exception) else AsgiFault("the application cancels its own send"))
            raise
        if not more:
            self._end()

    async def _forward(self, body: bytes) -> None:
        # The next part is not made before there is room for it.
        await self._begun.wait()
        if self._peer is None or self._ended.is_set():
            raise ClientLeft
        if body:
            try:
                await self._peer.send(body)
            except Gone:
                self.leave()
                raise ClientLeft from None

    def _count(self, status: int, count: int, *, more: bool) -> None:
        self._taken += count
        if self._length is None or self._head or status in NO_BODY:
            return
        if self._taken > self._length:
            raise AsgiFault(f"the application gives more than the {self._length} bytes of its Content-Length")
        if not more and self._taken < self._length:
            raise AsgiFault(f"the application gives {self._taken} bytes of the {self._length} of its Content-Length")

    def _end(self) -> None:
        self._complete = True
        self.over.set()
        self._ended.set()

    def _returned(self, task: asyncio.Task[None]) -> None:
        if self._complete or self._left or self._failure is not None:
            return
        error = failure(task)
        if error is not None:
            self.fail(error)
        elif not self._ended.is_set():
            how = "is cancelled" if task.cancelled() else "returns"
            self.fail(AsgiFault(f"the application {how} before its answer is complete"))

    async def _run(self, peer: Peer) -> None:
        """Send the body, while the application makes it."""
        self._peer = peer
        self._begun.set()
        ended = asyncio.ensure_future(self._ended.wait())
        ending = asyncio.ensure_future(peer.ending.wait())
        try:
            await asyncio.wait([ended, ending], return_when=asyncio.FIRST_COMPLETED)
            self.over.set()
            # Whoever still sends to a client that still reads is not hurried here; the server knows how much time there is.
            before = -1
            while not ended.done() and before != self._taken:
                before = self._taken
                await asyncio.wait([ended], timeout=self._tasks.grace_seconds)
        finally:
            ended.cancel()
            ending.cancel()
            if not self._complete:
                self.leave()
        if not self._complete:
            raise self._failure or Gone
        if self._task is not None:
            self._tasks.finish(self._task)
