"""Runs a coroutine in a thread of its own, so that tests can be plain blocking code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

_TIMEOUT_SECONDS = 20


class Background:
    """One event loop in one thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine there and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(_TIMEOUT_SECONDS)

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function there and return its result."""

        async def coroutine() -> object:
            return function()

        return self.run(coroutine())

    def close(self) -> None:
        """End what still runs, and the thread."""

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_TIMEOUT_SECONDS)
        self.loop.close()
