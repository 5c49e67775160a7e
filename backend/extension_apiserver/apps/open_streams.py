"""Counts answers that are still being made: how many there may be, in all and of one caller, and what each came to."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable

from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.request import Response
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Peer

#: Of all streams, those of one caller: whoever leaves many of them open keeps nobody else out.
_SHARE = 0.5


class OpenStreams:
    """Admits streams."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        """Take the bound."""
        self._most = most
        self._most_of_one = max(1, int(most * _SHARE))
        self._open = self._working = 0
        #: With those for which somebody still works although their client has left or was refused.
        self._by_user: Counter[str] = Counter()
        self._refused = metrics.refused_requests
        metrics.streams.read = lambda: float(self._open)

    def check(self, user: str) -> None:
        """Let nobody call the application who leaves it with more work than that of open streams.

        Raises:
            StatusError: 503 if it still works for too many whose client has left.

        """
        if self._by_user[user] > self._most_of_one or self._working > 2 * self._most:
            raise self._too_many(user)

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
        full = self._open >= self._most or self._by_user[user] >= self._most_of_one
        error = self._too_many(user) if full else None
        self._by_user[user] += 1
        self._working += 1

        def free(_made: object = None) -> None:
            self._working -= 1
            self._by_user[user] -= 1
            if not self._by_user[user]:
                del self._by_user[user]

        def leave() -> None:
            if stream.made is None:
                free()
            else:
                stream.made.add_done_callback(free)

        if error is not None:
            stream.abandon()
            leave()
            raise error
        self._open += 1

        def over(sent_bytes: int) -> None:
            self._open -= 1
            leave()
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

        return Response(
            response.status, response.headers, stream=dataclasses.replace(stream, run=run, abandon=abandon, made=None)
        )

    def _too_many(self, user: str) -> StatusError:
        self._refused.add(reason="max_streams")
        whose = "of this caller " if self._by_user[user] >= self._most_of_one else ""
        sentence = f"too many streams {whose}are open; close some, or try again later"
        return StatusError(503, sentence, headers=[("Retry-After", "1")])


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
