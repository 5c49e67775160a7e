"""What an ASGI application does before the first request and after the last.

https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from extension_apiserver.streams import contained

from .caller import AppError
from .messages import ASGI_VERSIONS, AsgiApp, AsgiFault, Message, Scope

START_SECONDS = 60.0
#: After the drain; the chart's grace period has five seconds for it and for what else ends then.
STOP_SECONDS = 2.0
_SILENT = "it does not say why"

_log = logging.getLogger(__name__)


class Lifespan:
    """The lifespan of one application; many applications have none, which is no error.

    Attributes:
        state: what the application leaves there for its requests.

    """

    def __init__(self, app: AsgiApp) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._task: asyncio.Task[None] | None = None
        #: What the application is told, one after the other.
        self._told: asyncio.Queue[str] = asyncio.Queue()
        self._asked = False
        #: What it should do now, and why it could not: None if it could.
        self._phase = ""
        self._answer: asyncio.Future[str | None] | None = None

    async def start(self, stop: asyncio.Event, timeout_seconds: float = START_SECONDS) -> None:
        """Return when the application has started, or has nothing to start.

        Raises:
            AppError: if it fails, or has not started in time, or when `stop` is set.

        """
        loop = asyncio.get_running_loop()
        answer = self._tell("startup")
        scope: Scope = {"type": "lifespan", "asgi": dict(ASGI_VERSIONS), "state": self.state}
        self._task = loop.create_task(contained(self._app(scope, self.receive, self.send)))
        stopping = loop.create_task(stop.wait())
        await _first([self._task, answer, stopping], timeout_seconds)
        stopping.cancel()
        if answer.done():
            failure = answer.result()
            if failure is None:
                self._task.add_done_callback(_log_failure)
                return
            await self._end()
            _log.error("the application does not start: %s", failure)
            lines = [line.strip() for line in failure.splitlines() if line.strip()]
            raise AppError(f"the application does not start: {lines[-1] if lines else _SILENT}")
        if not self._task.done():
            await self._end()
            when = "before the server is stopped" if stop.is_set() else f"within {timeout_seconds:g} seconds"
            raise AppError(f"the application does not start {when}")
        error = self._task.exception()
        if error is not None:
            # By the specification this means that it has no lifespan. Who asked what to do may have meant something else.
            _log.log(logging.WARNING if self._asked else logging.INFO, "the application has no lifespan: %r", error)

    async def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Let the application end what it started; what goes wrong is logged."""
        if self._task is None or self._task.done():
            return
        answer = self._tell("shutdown")
        await _first([self._task, answer], timeout_seconds)
        if answer.done() and answer.result() is not None:
            _log.error("the application does not stop as it should: %s", answer.result())
        elif not answer.done() and not self._task.done():
            _log.error("the application does not stop within %g seconds", timeout_seconds)
        await self._end()

    async def receive(self) -> Message:
        """Return what the application should do next."""
        phase = await self._told.get()
        self._asked = True
        return {"type": f"lifespan.{phase}"}

    async def send(self, message: Message) -> None:
        """Take the application's word.

        Raises:
            AsgiFault: if it is not the time for it.

        """
        kind = message.get("type")
        complete, failed = f"lifespan.{self._phase}.complete", f"lifespan.{self._phase}.failed"
        if kind not in {complete, failed} or self._answer is None or self._answer.done():
            raise AsgiFault(f"the application sends {kind!r:.100} at the wrong time of its lifespan")
        self._answer.set_result(str(message.get("message") or _SILENT) if kind == failed else None)

    def _tell(self, phase: str) -> asyncio.Future[str | None]:
        self._phase = phase
        self._answer = asyncio.get_running_loop().create_future()
        self._told.put_nowait(phase)
        return self._answer

    async def _end(self) -> None:
        """Give it a moment to return, then cancel it."""
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=1)
        self._task.cancel()
        await asyncio.wait([self._task], timeout=1)


async def _first(ones: Sequence[asyncio.Future[Any]], timeout_seconds: float) -> None:
    await asyncio.wait(ones, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)


def _log_failure(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("the application's lifespan failed", exc_info=error)
