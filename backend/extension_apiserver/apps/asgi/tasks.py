"""Calls of an ASGI application: each is a task that is neither lost nor left behind."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Iterator

from extension_apiserver.status import StatusError
from extension_apiserver.streams import contained

from .messages import AsgiApp, ClientLeft, Receive, Scope, Send

#: An application whose client has left, or that goes on without a sign of life when its stream should end, has this time.
GRACE_SECONDS = 10.0
#: Of those, so many: whoever comes and leaves again and again fills nothing.
_MOST_LEAVING = 256
#: All together, with what applications do after their answers, for which there is no other bound.
_MOST_CALLS = 4096

_log = logging.getLogger(__name__)


class Tasks:
    """The calls of one application that go on."""

    def __init__(self, app: AsgiApp, grace_seconds: float = GRACE_SECONDS) -> None:
        """Take the application; `grace_seconds` is how long one goes on after its client left."""
        self.grace_seconds = grace_seconds
        self._app = app
        self._tasks: set[asyncio.Task[None]] = set()
        #: A dict is an ordered set: oldest first.
        self._leaving: dict[asyncio.Task[None], asyncio.TimerHandle] = {}

    def start(self, scope: Scope, receive: Receive, send: Send) -> asyncio.Task[None]:
        """Call the application.

        Raises:
            StatusError: 503 if too many calls go on.

        """
        if len(self._tasks) >= _MOST_CALLS:
            raise StatusError(503, "too many requests wait for the application", headers=[("Retry-After", "1")])
        task = asyncio.get_running_loop().create_task(contained(self._app(scope, receive, send)))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def finish(self, task: asyncio.Task[None]) -> None:
        """Let it do what it does after a complete answer; an error is logged."""
        task.add_done_callback(_log_failure)

    def let_go(self, task: asyncio.Task[None], told: Exception | None = None) -> None:
        """Cancel it, once, if it goes on for too long, since nobody waits for it; `told` is an error that somebody else logs."""
        task.add_done_callback(functools.partial(_log_late, told))
        if task.done():
            return
        if len(self._leaving) >= _MOST_LEAVING:
            next(iter(self._leaving)).cancel()
        self._leaving[task] = asyncio.get_running_loop().call_later(self.grace_seconds, task.cancel)

    async def stop(self, timeout_seconds: float) -> None:
        """Wait for all calls, cancel those that are not over then."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds)
        going = set(self._tasks)
        for task in going:
            task.cancel()
        if going:
            _, deaf = await asyncio.wait(going, timeout=1)
            _log.warning("%d calls of the application were cancelled at the end", len(going))
            if deaf:
                _log.error("%d calls of the application go on although they were cancelled", len(deaf))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        timer = self._leaving.pop(task, None)
        if timer is not None:
            timer.cancel()
        if not task.cancelled():
            task.exception()  # Whoever waits gets it; asyncio need not complain if nobody does.


def failure(task: asyncio.Task[None]) -> Exception | None:
    """Return what a call that is over raised, unless it only says, in its own words, that its client left."""
    error = None if task.cancelled() else task.exception()
    about_the_client = any(isinstance(one, ClientLeft) for one in _reasons(error))
    return error if isinstance(error, Exception) and not about_the_client else None


def _reasons(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        if isinstance(error, BaseExceptionGroup):
            # Frameworks on anyio wrap what ends a task group.
            for one in error.exceptions:
                yield from _reasons(one)
        error = error.__cause__ or error.__context__


def _log_failure(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("the application failed after its answer", exc_info=error)


def _log_late(told: Exception | None, task: asyncio.Task[None]) -> None:
    error = failure(task)
    if error is not None and not any(one is told for one in _reasons(error)):
        # Most frameworks have an exception of their own for it; a traceback of each would be theirs who come and leave.
        _log.warning("the application ended with %.200r after its client had left", error)
