"""For how long an upstream says nothing when it should."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .failures import UpstreamError


class Silence:
    """One for each connection, whose timer outlives exchanges: to make and to cancel one for each would cost more than to look."""

    def __init__(self, fail: Callable[[UpstreamError], object]) -> None:
        """Expect nothing yet; `fail` is called when it was too long."""
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._most_seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, most_seconds: float) -> None:
        """Expect something within so many seconds; 0 is without end."""
        if not most_seconds:
            self._since = None
            return
        self._since, self._most_seconds = self._loop.time(), most_seconds
        if self._timer is None:
            self._timer = self._loop.call_later(most_seconds, self._look)

    def end(self) -> None:
        """Expect nothing."""
        self._since = None

    def stop(self) -> None:
        """Expect nothing ever again."""
        self._since = None
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._since is None:
            return
        left = self._most_seconds - (self._loop.time() - self._since)
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._fail(UpstreamError(f"was silent for {self._most_seconds:g} seconds", slow=True))
