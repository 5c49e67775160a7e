"""How fast a client must read its answers: who takes what is sent has time, and who does not is reset."""

from __future__ import annotations

from .message import LEAST_BYTES
from .stream import LINGER_SECONDS, TlsStream

#: Who reads a large answer reads at least this part of it in each body timeout, so that nobody holds it for more than 16 of them: 160 s
#: by default, while kube-apiserver itself gives up after 60. For a body of 1 MiB that is `LEAST_BYTES`.
_MOST_PORTIONS = 16


class ReadingPace:
    """Watches how the client of one connection takes its answers, by the deadline of the connection."""

    def __init__(self, stream: TlsStream, timeout_seconds: float) -> None:
        """Remember whom to watch.

        Args:
            stream: the connection.
            timeout_seconds: in which the client must take its next portion.

        """
        self._stream = stream
        self._timeout_seconds = timeout_seconds
        #: How much it must take in each timeout; what it must have taken, and until when, and whether that is all.
        self._portion_bytes = LEAST_BYTES
        self._goal_bytes, self._goal_time, self._last_portion = 0, 0.0, False

    def expect(self, answer_bytes: int) -> None:
        """Set the portion for an answer of that size."""
        self._portion_bytes = max(LEAST_BYTES, answer_bytes // _MOST_PORTIONS)

    def begin(self) -> None:
        """Give the client time for the next portion."""
        stream = self._stream
        goal_bytes = stream.taken_bytes() + self._portion_bytes
        self._goal_bytes = min(goal_bytes, stream.sent_bytes)
        self._last_portion = goal_bytes >= stream.sent_bytes
        self._goal_time = stream.loop.time() + self._timeout_seconds
        stream.deadline = stream.loop.time() + min(LINGER_SECONDS, self._timeout_seconds)

    def check(self) -> None:
        """Give more time to who takes what is sent, but not to who has taken all of it and does not hang up."""
        stream = self._stream
        if stream.taken_bytes() >= self._goal_bytes:
            if stream.closing and self._last_portion:
                stream.abort()
            else:
                self.begin()
        elif stream.loop.time() >= self._goal_time:
            stream.abort()
        else:
            now = stream.loop.time()
            stream.deadline = now + min(LINGER_SECONDS, self._goal_time - now)
