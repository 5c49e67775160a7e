"""Reads a store's changes once in a process, for all who watch there."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence

from .protocol import Change, Expired, Store, StoreError, TooNew, Unavailable
from .watcher import Watcher

#: Changes that resuming watchers need not ask the store for.
_MOST_CHANGES, _MOST_BYTES = 4096, 16 * 2**20
#: At once; watchers fetch theirs in between, or they would be cut off by a burst.
_BATCH = 250
#: Fewer bytes than any answer of a store has that ends before its limit: MOST_PAGE_BYTES without two of the largest values.
_WHOLE_BYTES = 2**20
#: So often the store is asked even if it says nothing.
_POLL_SECONDS = 5.0
_START_SECONDS = 5.0
_RETRY_SECONDS, _MOST_RETRY_SECONDS = 0.1, 2.0
_COMPACT_SECONDS = 30.0
#: Of those who ask the store for what is older, lest all who resume at once keep others from it.
_READERS = 2

_log = logging.getLogger(__name__)


class Feed:
    """One for a store and process; `run` it as long as there are watchers.

    Attributes:
        revision: up to here all watchers have been told.
        unavailable: why the store cannot be read now, None if it can.

    """

    def __init__(self, store: Store, *, keep_seconds: float = 300.0, most_log_bytes: int = 2**30) -> None:
        """Take whose changes, and how old and how many bytes of them the store keeps for those who resume."""
        self.unavailable: Unavailable | None = None
        self._store = store
        self._keep_seconds = keep_seconds
        self._most_log_bytes = most_log_bytes
        self.revision = 0
        self._recent: list[Change] = []  # the newest up to _revision, without a hole
        self._recent_bytes = 0
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._started = asyncio.Event()
        self._readers = asyncio.Semaphore(_READERS)

    async def run(self) -> None:
        """Read, tell and compact until it is cancelled; watchers end with it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read())
                group.create_task(self._compact())
        finally:
            self._end_all(Unavailable("this server ends"))

    async def watch(self, resource: str, namespace: str | None = None, *, after: int) -> Watcher:
        """Return a watcher of what is written after a revision; use it in a `with`.

        Raises:
            Expired, TooNew: the store does not know the revision, or not any more.
            Unavailable: the store cannot be read.

        """
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._started.wait()
        except TimeoutError:
            raise self.unavailable or Unavailable("the store has not been read yet") from None
        if after > self.revision or not self._has(after):
            state = await self._store.state()
            if after > state.revision:
                raise TooNew(after, state.revision)
            if after < state.compacted:
                raise Expired(after, state.compacted)
        watcher = Watcher(self, resource, namespace, after)
        self._watchers[resource].add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """As Source says."""
        watchers = self._watchers.get(watcher.resource, set())
        watchers.discard(watcher)
        if not watchers:
            self._watchers.pop(watcher.resource, None)

    def _has(self, after: int) -> bool:
        return self.revision - len(self._recent) <= after

    async def earlier(self, after: int) -> Sequence[Change]:
        """As Source says: from here if they are here.

        Raises:
            Expired: they are forgotten.

        """
        if not self._has(after):
            async with self._readers:
                try:
                    return await self._store.changes(after)
                except TooNew as error:
                    raise _expired(error, after) from None
        begin = len(self._recent) - (self.revision - after)
        return self._recent[begin : begin + _BATCH]

    async def _read(self) -> None:
        pause = _RETRY_SECONDS
        while True:
            try:
                if not self._started.is_set():
                    state = await self._store.state()
                    self.revision = max(state.compacted, state.revision - _MOST_CHANGES)
                    self._started.set()
                changes = await self._store.changes(self.revision, limit=_BATCH)
                if self.unavailable:
                    _log.warning("the store can be read again")
                self.unavailable, pause = None, _RETRY_SECONDS
                if changes:
                    self._tell(changes)
                    await asyncio.sleep(0)
                if len(changes) < _BATCH and sum(change.size for change in changes) < _WHOLE_BYTES:
                    # These were all: to ask once more after each write would cost a statement in vain.
                    await self._store.wait(self.revision, timeout_seconds=_POLL_SECONDS)
            except (Expired, TooNew) as error:
                # Away for too long, or the database is another one than before, older than what we have told.
                _log.warning("all watchers must begin anew: %s", error)
                self._begin_anew(error)
            except Unavailable as error:
                if self.unavailable is None:
                    _log.warning("the store cannot be read: %s", error)
                self.unavailable = error
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MOST_RETRY_SECONDS)

    def _tell(self, changes: Sequence[Change]) -> None:
        """Bring changes to those who want them; no watcher is made in between, so none misses one or gets it twice."""
        for change in changes:
            for watcher in tuple(self._watchers.get(change.key.resource, ())):
                watcher.offer(change)
        self._recent += changes
        self._recent_bytes += sum(change.size for change in changes)
        surplus = 0
        while len(self._recent) - surplus > _MOST_CHANGES or self._recent_bytes > _MOST_BYTES:
            self._recent_bytes -= self._recent[surplus].size
            surplus += 1
        del self._recent[:surplus]
        self.revision = changes[-1].revision

    async def _compact(self) -> None:
        while True:
            try:
                await self._store.compact(keep_seconds=self._keep_seconds, most_bytes=self._most_log_bytes)
            except Unavailable as error:
                _log.debug("not compacted: %s", error)  # the reader tells it
            await asyncio.sleep(min(_COMPACT_SECONDS, self._keep_seconds / 10))

    def _begin_anew(self, error: Expired | TooNew) -> None:
        self._recent.clear()
        self._recent_bytes = 0
        self._started.clear()
        self._end_all(_expired(error, self.revision))

    def _end_all(self, error: StoreError) -> None:
        for watcher in [one for watchers in self._watchers.values() for one in watchers]:
            watcher.fail(error)


def _expired(error: Expired | TooNew, revision: int) -> Expired:
    """Return what a watcher is told: the revisions of another past are forgotten as well."""
    return error if isinstance(error, Expired) else Expired(revision, error.revision)
