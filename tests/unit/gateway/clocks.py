"""A clock that a test sets."""

from __future__ import annotations


class Clock:
    """Says what it was set to."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds
