"""One who watches: takes what the feed brings, and is cut off if it does not come to fetch it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from .protocol import Change, StoreError

#: That wait for one watcher: all watchers of a namespace keep the same objects, so a thousand that stand still cost little more than one.
_MOST_CHANGES, _MOST_BYTES = 1000, 16 * 2**20


class TooSlow(StoreError):
    """A watcher has not fetched what waits for it; who comes again with its last revision misses nothing."""

    def __init__(self) -> None:
        super().__init__(f"the watcher is too slow: more than {_MOST_CHANGES} changes wait for it, or too large ones")


class Source(Protocol):
    """What brings changes to watchers.

    Attributes:
        revision: up to here all changes were offered to all watchers.

    """

    revision: int

    async def earlier(self, after: int) -> Sequence[Change]:
        """Return some changes after a revision that is not the newest, of whatever resource."""

    def leave(self, watcher: Watcher) -> None:
        """Bring a watcher nothing any more."""


class Watcher:
    """The changes of a resource since a revision, in one namespace or in all: each once, in the order of revisions. Made by `Feed.watch`.

    Attributes:
        revision: whatever was written up to here has been returned: where to resume, and what a bookmark says.

    """

    def __init__(self, source: Source, resource: str, namespace: str | None, after: int) -> None:
        """Take what is watched; the source offers all that comes from now on."""
        self.resource = resource
        self.revision = after
        self._source = source
        self._joined = source.revision
        self._namespace = namespace
        self._waiting: deque[Change] = deque()
        self._bytes = 0
        self._failure: StoreError | None = None
        self._event = asyncio.Event()

    async def next(self, *, timeout_seconds: float) -> Sequence[Change]:
        """Return changes as soon as there are any; none when the time is over, and then `revision` is good for a bookmark.

        Raises:
            Expired: what happened since `revision` is forgotten.
            TooSlow: the watcher is cut off.
            Unavailable: what happened since `revision` cannot be read now; ask again.

        """
        while self.revision < self._joined:
            self._raise()
            found = await self._source.earlier(self.revision)
            wanted = [one for one in found if one.revision <= self._joined and self._wants(one)]
            self.revision = min(found[-1].revision, self._joined) if found else self._joined
            if wanted:
                return wanted
        if not self._waiting and self._failure is None:
            self._event.clear()
            # `asyncio.timeout` would take a tenth of the time of all that is done to tell one watcher of one event.
            timer = asyncio.get_running_loop().call_later(timeout_seconds, self._event.set)
            try:
                await self._event.wait()
            finally:
                timer.cancel()
        self._raise()
        changes = tuple(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self.revision = max(self.revision, self._source.revision)
        return changes

    def offer(self, change: Change) -> None:
        """Take a change, from the source."""
        if self._failure is None and change.revision > self.revision and self._wants(change):
            self._waiting.append(change)
            self._bytes += change.size
            if len(self._waiting) > _MOST_CHANGES or self._bytes > _MOST_BYTES:
                self.fail(TooSlow())
            self._event.set()

    def fail(self, error: StoreError) -> None:
        """End with an error, from the source."""
        self._failure = self._failure or error
        self._waiting.clear()
        self._event.set()
        self._source.leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.clear()
        self._source.leave(self)

    def _wants(self, change: Change) -> bool:
        return change.key.resource == self.resource and self._namespace in (None, change.key.namespace)

    def _raise(self) -> None:
        if self._failure:
            raise self._failure
