"""Runs the user's functions: in the event loop or, if they wait for anything, in threads.

Python waits for the threads of a ThreadPoolExecutor when the process ends, so one call that hangs would hold the end until the
kubelet kills the process. It does not wait for these.
https://docs.python.org/3/library/threading.html#threading.Thread.daemon
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from extension_apiserver.status import StatusError

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

#: Gives a result before the function returns.
HandOver = Callable[[_Result], None]

THREADS = 32
#: Running and waiting calls; those whose clients have gone count, too, since a thread cannot be stopped.
_MOST_CALLS = 1024


class Calls:
    """Where functions of one application and its resources run.

    Args:
        blocking: False only if none of them ever waits: no file, no network, no lock. Then there is no thread.

    """

    def __init__(self, *, blocking: bool) -> None:
        self.blocking = blocking
        self._threads = _Threads() if blocking else None
        self._count = 0

    async def run(self, function: Callable[[_Argument], _Result], argument: _Argument) -> _Result:
        """Return what a function returns. It ends no more than its own request, whatever it raises.

        Raises:
            StatusError: 503 if too many calls wait for a thread.

        """
        if self._threads is None:
            return _contained(function, argument)
        self._admit()
        try:
            result: _Result = await self._threads.run(lambda given, _: function(given), argument, self._count)
        finally:
            self._count -= 1
        return result

    async def begin(self, function: Callable[[_Argument, HandOver[_Result]], _Result], argument: _Argument) -> _Result:
        """Return what a function returns or what it hands over first: then its thread is its own until it ends.

        Only where calls have threads. It must raise nothing after it has handed over a result.

        Raises:
            StatusError: 503 if too many calls wait for a thread.

        """
        if self._threads is None:
            raise RuntimeError("there are no threads")
        self._admit()
        try:
            result: _Result = await self._threads.run(function, argument, self._count)
        finally:
            self._count -= 1
        return result

    def _admit(self) -> None:
        if self._count >= _MOST_CALLS:
            raise StatusError(503, "too many requests wait for the application", headers=[("Retry-After", "1")])
        self._count += 1


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
    """At most 32 threads, started when there is work for one more; those that went on with a stream are no longer among them."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Call] = queue.SimpleQueue()
        self._started = 0

    async def run(self, function: Callable[[Any, HandOver[Any]], Any], argument: object, most: int) -> Any:  # noqa: ANN401
        """Call a function in a thread; `most` calls are running or waiting now, with this one."""
        call = _Call(function, argument, functools.partial(asyncio.get_running_loop().call_soon_threadsafe, self._left))
        self._calls.put(call)
        if self._started < min(most, THREADS):
            try:
                self._start()
            except RuntimeError:
                # The system has no more; those that there are take their time.
                if not self._started:
                    call.future.cancel()
                    raise StatusError(503, "no thread can be started", headers=[("Retry-After", "1")]) from None
        return await asyncio.wrap_future(call.future)

    def _start(self) -> None:
        threading.Thread(target=self._work, name=f"calls_{self._started + 1}", daemon=True).start()
        self._started += 1

    def _left(self) -> None:
        """Note, in the event loop, that a thread works for a stream alone from now on."""
        self._started -= 1
        if not self._calls.empty():
            with contextlib.suppress(RuntimeError):
                self._start()

    def _work(self) -> None:
        while self._calls.get().run():
            pass


class _Call:
    """One call of a function, in one thread."""

    def __init__(
        self, function: Callable[[Any, HandOver[Any]], Any], argument: object, left: Callable[[], object]
    ) -> None:
        self.future: Future[Any] = Future()
        self._function = function
        self._argument = argument
        self._left = left
        self._handed_over = False

    def run(self) -> bool:
        """Make it, unless nobody waits for it any more; return whether the thread is free again."""
        if not self.future.set_running_or_notify_cancel():
            return True
        try:
            result = _contained(lambda argument: self._function(argument, self._hand_over), self._argument)
            if not self._handed_over:
                self.future.set_result(result)
        except Exception as error:  # noqa: BLE001 - it is the caller's
            if not self._handed_over:
                self.future.set_exception(error)
        return not self._handed_over

    def _hand_over(self, result: object) -> None:
        self._handed_over = True
        self._left()
        self.future.set_result(result)
