"""Counts answers that are still being made: how many there may be, in all and of one caller, and what each came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.request import Response
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Peer, Stream

#: Of all streams, those of one caller: whoever leaves many of them open keeps nobody else out.
_SHARE = 0.5


class OpenStreams:
    """Admits streams."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        """Take the bound."""
        self._most = most
        self._most_of_one = max(1, int(most * _SHARE))
        self._by_user: Counter[str] = Counter()
        self._refused = metrics.refused_requests
        metrics.streams.read = lambda: float(self._by_user.total())

    def admit(self, response: Response, user: str, ended: Callable[[int], None]) -> Response:
        """Return the response, whose stream is counted from now until its end.

        Args:
            response: an answer with a stream.
            user: who gets it.
            ended: called with the number of bytes when it is over.

        Raises:
            StatusError: 503 if there are too many.

        """
        stream = response.stream
        if stream is None:
            return response
        if self._by_user.total() >= self._most or self._by_user[user] >= self._most_of_one:
            stream.abandon()
            whose = "of this caller " if self._by_user[user] >= self._most_of_one else ""
            self._refused.add(reason="max_streams")
            raise StatusError(
                503, f"too many streams {whose}are open; close some, or try again later", headers=[("Retry-After", "1")]
            )
        self._by_user[user] += 1

        def over(sent_bytes: int) -> None:
            self._by_user[user] -= 1
            if not self._by_user[user]:
                del self._by_user[user]
            ended(sent_bytes)

        async def run(peer: Peer) -> None:
            counting = _Counting(peer)
            try:
                await stream.run(counting)
            finally:
                over(counting.sent_bytes)

        def abandon() -> None:
            stream.abandon()
            over(0)

        return Response(response.status, response.headers, stream=Stream(run, abandon, stream.length))


class _Counting:
    """A peer that counts what it is sent."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.ending = peer.ending
        self.sent_bytes = 0

    async def send(self, data: bytes) -> None:
        await self._peer.send(data)
        self.sent_bytes += len(data)

    async def receive(self) -> bytes:
        return await self._peer.receive()
