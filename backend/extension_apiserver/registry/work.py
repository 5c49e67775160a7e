"""Where the work for large objects is done: the event loop serves everybody else meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")

#: Reading, checking and writing so many bytes of JSON takes some milliseconds.
_SMALL_BYTES = 16 * 2**10
#: There is one interpreter, so more threads make nothing faster, and each holds its object.
_MOST_THREADS = 2


class Work:
    """Runs functions that only compute: in the event loop if there is little to do, else in one of few threads."""

    def __init__(self) -> None:
        self._threads = asyncio.Semaphore(_MOST_THREADS)

    async def run(self, size_bytes: int, function: Callable[[], _Result]) -> _Result:
        """Return what a function returns.

        Args:
            size_bytes: of what it works on.
            function: shares nothing with others.

        """
        if size_bytes <= _SMALL_BYTES:
            return function()
        async with self._threads:
            return await asyncio.to_thread(function)
