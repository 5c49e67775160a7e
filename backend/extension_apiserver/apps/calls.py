"""Runs the user's functions: in the event loop or, if they wait for anything, in threads.

Python waits for the threads of a ThreadPoolExecutor when the process ends, so one call that hangs would hold the end until the
kubelet kills the process. It does not wait for these.
https://docs.python.org/3/library/threading.html#threading.Thread.daemon
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from extension_apiserver.status import StatusError

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

_THREADS = 32
#: Running and waiting calls; those whose clients have gone count, too, since a thread cannot be stopped.
_MOST_CALLS = 1024


class Calls:
    """Where functions of one application and its resources run.

    Args:
        blocking: False only if none of them ever waits: no file, no network, no lock. Then there is no thread.

    """

    def __init__(self, *, blocking: bool) -> None:
        self._threads = _Threads() if blocking else None
        self._count = 0

    async def run(self, function: Callable[[_Argument], _Result], argument: _Argument) -> _Result:
        """Return what a function returns. It ends no more than its own request, whatever it raises.

        Raises:
            StatusError: 503 if too many calls wait for a thread.

        """
        if self._threads is None:
            return _contained(function, argument)
        if self._count >= _MOST_CALLS:
            raise StatusError(503, "too many requests wait for the application", headers=[("Retry-After", "1")])
        self._count += 1
        try:
            return await self._threads.run(function, argument, self._count)
        finally:
            self._count -= 1


def _contained(function: Callable[[_Argument], _Result], argument: _Argument) -> _Result:
    """Call a function; an exception that would end more than its request becomes one that does not."""
    try:
        return function(argument)
    except BaseException as error:
        # A real SIGINT is no KeyboardInterrupt here: `serve` has a handler for it.
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            raise
        raise RuntimeError(f"the application raised {error!r}") from error


class _Threads:
    """At most 32 threads, started when there is work for one more."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[Any], Any], Any]] = queue.SimpleQueue()
        self._started = 0

    async def run(self, function: Callable[[_Argument], _Result], argument: _Argument, most: int) -> _Result:
        """Call a function in a thread; `most` calls are running or waiting now, with this one."""
        future: Future[_Result] = Future()
        self._calls.put((future, function, argument))
        if self._started < min(most, _THREADS):
            self._started += 1
            threading.Thread(target=self._work, name=f"wsgi_{self._started}", daemon=True).start()
        return await asyncio.wrap_future(future)

    def _work(self) -> None:
        while True:
            self._call()

    def _call(self) -> None:
        future, function, argument = self._calls.get()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(_contained(function, argument))
            except Exception as error:  # noqa: BLE001 - it is the caller's
                future.set_exception(error)
