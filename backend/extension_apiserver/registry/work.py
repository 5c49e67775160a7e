"""Where the work for large objects is done: the event loop serves everybody else meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from extension_apiserver.status import StatusError

_Result = TypeVar("_Result")

#: Reading, checking and writing so many bytes of JSON takes milliseconds; an apply of a long list of small objects 8 µs a byte.
_SMALL_BYTES = 4 * 2**10
#: Those with more, which may take seconds, wait for each other and hold up nobody who has less.
_LARGE_BYTES = 256 * 2**10


#: As long as upstream lets a request take; one for an object that others hold, or behind many large ones, is not worth waiting for longer.
_MOST_WAIT_SECONDS = 34.0


async def acquire(turn: asyncio.Lock | asyncio.Semaphore) -> None:
    """Wait for one's turn, which then must be released.

    Raises:
        StatusError: 429, so many others wait that it does not come.

    """
    try:
        async with asyncio.timeout(_MOST_WAIT_SECONDS):
            await turn.acquire()
    except TimeoutError:
        words = f"too many requests are before this one: its turn did not come within {_MOST_WAIT_SECONDS:.0f} seconds"
        raise StatusError(429, words, details={"retryAfterSeconds": 1}, headers=[("Retry-After", "1")]) from None


class Work:
    """Runs functions that only compute: in the event loop if there is little to do, else in one of two threads.

    There is one interpreter, so more threads make nothing faster, and each holds its object.
    """

    def __init__(self) -> None:
        self._medium, self._large = asyncio.Semaphore(1), asyncio.Semaphore(1)

    async def run(self, size_bytes: int, function: Callable[[], _Result]) -> _Result:
        """Return what a function returns.

        Args:
            size_bytes: of what it works on.
            function: shares nothing with others.

        Raises:
            StatusError: 429, as `acquire`.

        """
        if size_bytes <= _SMALL_BYTES:
            return function()
        turn = self._medium if size_bytes <= _LARGE_BYTES else self._large
        await acquire(turn)
        running = asyncio.get_running_loop().run_in_executor(None, function)

        def done(future: asyncio.Future[_Result]) -> None:
            turn.release()
            if not future.cancelled():
                future.exception()  # nobody may ask for it any more

        running.add_done_callback(done)
        # A thread goes on whoever left: until it is done no other begins.
        return await asyncio.shield(running)
