"""Whether a provider is asked at all: one that answers nobody is left alone for a while, so that nobody waits for it."""

from __future__ import annotations

import asyncio


class Breaker:
    """Counts failures in a row.

    A request that fails says nothing of the provider if another one, which began no earlier, was answered meanwhile: then it is
    that metric which is slow or broken, and whoever asks for it keeps nobody else from the provider.

    Attributes:
        why: the last failure, in words that begin after the provider's name.

    """

    def __init__(self, failures: int, open_seconds: float) -> None:
        """Take the bounds: so many failures in a row open it for so long; then one request is let through to try."""
        self._most, self._open_seconds = failures, open_seconds
        self._failures = 0
        self._answered_at = self._opened_at = float("-inf")
        self._trying = False
        self.why = ""

    @property
    def is_open(self) -> bool:
        """Whether the provider is left alone, but for tries."""
        return self._failures >= self._most

    def admits(self) -> bool:
        """Tell whether a request may be sent; whoever sends it must tell how it ended."""
        if not self.is_open:
            return True
        if self._trying or self._now() < self._opened_at + self._open_seconds:
            return False
        self._trying = True
        return True

    def answered(self) -> None:
        """Note an answer, whatever it says."""
        self._failures, self._answered_at, self._trying = 0, self._now(), False

    def failed(self, began: float, why: str) -> None:
        """Note that there was none to a request that began then, in the time of the event loop."""
        if self._trying and self.is_open:
            self._trying = False
        elif began <= self._answered_at:
            return
        self.why = why
        self._failures += 1
        if self.is_open:
            self._opened_at = self._now()

    def left(self) -> None:
        """Note that nobody waits for the answer any more, so that nothing is known."""
        self._trying = False

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
