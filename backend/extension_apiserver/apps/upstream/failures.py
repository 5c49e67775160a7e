"""Ways in which a call of an upstream fails."""

from __future__ import annotations


class UpstreamError(Exception):
    """A call of an upstream failed; the message says what the upstream does, such as "answers with malformed HTTP".

    Attributes:
        slow: it took too long; else something else went wrong.
        unsent: nothing of the request can have reached the upstream, so it may be sent again whatever it asks for.

    """

    def __init__(self, message: str, *, slow: bool = False, unsent: bool = False) -> None:
        super().__init__(message)
        self.slow = slow
        self.unsent = unsent


class Stale(UpstreamError):
    """The connection was used before, and the upstream closed it instead of answering, as it may when it was idle for long."""
