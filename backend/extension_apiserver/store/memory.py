"""Objects in the memory of this process: for tests, and for what may be lost with it."""

from __future__ import annotations

import time
from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from itertools import chain, islice

from .checks import MOST_PAGE_BYTES, beginning, checked, readable, taken
from .log import Mark, forgotten
from .protocol import Change, Conflict, Key, Page, State, Stored
from .wake import Wake, waited

#: Of the values in the log, whenever something is written: memory cannot wait for the next compaction.
_MOST_LOG_BYTES = 64 * 2**20
_MOST_LOG_ITEMS = 100_000


class _Entry:
    """A write in the log, and the revision of what it replaced; -1 if that was nothing."""

    __slots__ = ("change", "replaced")

    def __init__(self, change: Change, replaced: int) -> None:
        self.change = change
        self.replaced = replaced


class MemoryStore:
    """A Store in one event loop. What waits does not exist, so each method is one step that no other interrupts."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        """Start empty, with seconds since 1970 from `clock`."""
        self._objects: dict[Key, Stored] = {}
        self._keys: list[Key] = []
        self._log: list[_Entry] = []  # all revisions after the compacted one, without a hole
        self._log_bytes = self._written = 0
        self._state = State(0, 0)
        self._marks: list[Mark] = []
        self._clock = clock
        self._wake = Wake()

    async def state(self) -> State:
        """As Store says."""
        return self._state

    async def get(self, key: Key) -> Stored | None:
        """As Store says."""
        return self._objects.get(checked(key))

    async def page(
        self,
        resource: str,
        namespace: str | None = None,
        *,
        after: tuple[str, str] = ("", ""),
        limit: int = 500,
        revision: int | None = None,
    ) -> Page:
        """As Store says."""
        at = self._state.revision if revision is None else revision
        readable(at, self._state)
        found = self._at(at, resource, namespace, after)
        items: list[Stored] = []
        size = 0
        for one in found:
            if len(items) == taken(limit) or (items and size + len(one.value) > MOST_PAGE_BYTES):
                return Page(tuple(items), at, more=True)
            items.append(one)
            size += len(one.value)
        return Page(tuple(items), at, more=False)

    async def count(
        self, resource: str, namespace: str | None = None, *, after: tuple[str, str] = ("", ""), revision: int
    ) -> int:
        """As Store says."""
        begin = beginning(resource, namespace, after)
        if begin is None:
            return 0
        if revision < self._state.compacted:
            return sum(1 for _ in self._at(revision, resource, namespace, after))
        # Not one by one: of a hundred thousand objects others would wait for it.
        first = Key(resource, *begin)
        same = 1 if namespace is None else 2
        end = bisect_right(self._keys, first[:same], key=lambda key: key[:same])
        since = [
            one for one in self._since(revision) if one.change.key[:same] == first[:same] and one.change.key > first
        ]
        old = sum(0 <= one.replaced <= revision for one in since)
        young = {one.change.key for one in since} & self._objects.keys()
        return end - bisect_right(self._keys, first) - len(young) + old

    async def put(self, key: Key, value: bytes, *, expected: int) -> int:
        """As Store says."""
        current = self._expected(checked(key, value), expected)
        if current and current.value == value:
            return current.revision
        if current is None:
            insort(self._keys, key)
        self._objects[key] = Stored(key, self._state.revision + 1, value)
        return self._wrote(key, value, current)

    async def delete(self, key: Key, *, expected: int) -> int:
        """As Store says."""
        current = self._expected(checked(key), expected or -1)
        del self._objects[key]
        del self._keys[bisect_right(self._keys, key) - 1]
        return self._wrote(key, None, current)

    async def changes(self, after: int, *, limit: int = 500) -> tuple[Change, ...]:
        """As Store says."""
        readable(after, self._state)
        found: list[Change] = []
        size = 0
        begin = after - self._state.compacted
        for entry in self._log[begin : begin + taken(limit)]:
            size += entry.change.size
            if found and size > MOST_PAGE_BYTES:
                break
            found.append(entry.change)
        return tuple(found)

    async def wait(self, after: int, *, timeout_seconds: float) -> None:
        """As Store says."""
        if self._state.revision <= after:
            await waited(self._wake.event, timeout_seconds)

    async def compact(self, *, keep_seconds: float, most_bytes: int) -> int:
        """As Store says."""
        now = self._clock()
        self._marks = [one for one in self._marks if one.time <= now]
        if not self._marks or self._marks[-1].revision < self._state.revision:
            self._marks.append(Mark(self._state.revision, self._written, now))
        self._forget(forgotten(self._marks, self._written, now, keep_seconds, most_bytes))
        self._marks = [one for one in self._marks if one.revision >= self._state.compacted]
        return self._state.compacted

    async def close(self) -> None:
        """As Store says; the objects stay as long as this one."""

    def _expected(self, key: Key, expected: int) -> Stored | None:
        current = self._objects.get(key)
        if (current.revision if current else 0) != expected:
            raise Conflict(key, expected, current)
        return current

    def _wrote(self, key: Key, value: bytes | None, current: Stored | None) -> int:
        revision = self._state.revision + 1
        change = Change(revision, key, value, current.value if current else None)
        self._log.append(_Entry(change, current.revision if current else -1))
        self._log_bytes += change.size
        self._written += len(value or b"")
        self._state = self._state._replace(revision=revision)
        if self._log_bytes > _MOST_LOG_BYTES or len(self._log) > _MOST_LOG_ITEMS:
            self._forget(self._state.compacted + len(self._log) // 8 + 1)
        self._wake.all()
        return revision

    def _forget(self, revision: int) -> None:
        gone = max(0, revision - self._state.compacted)
        self._log_bytes -= sum(entry.change.size for entry in islice(self._log, gone))
        del self._log[:gone]
        self._state = self._state._replace(compacted=self._state.compacted + gone)

    def _since(self, revision: int) -> list[_Entry]:
        return self._log[max(0, revision - self._state.compacted) :]

    def _at(self, revision: int, resource: str, namespace: str | None, after: tuple[str, str]) -> Iterator[Stored]:
        """Yield the objects as they were: those that are as old, and what younger writes replaced."""
        begin = beginning(resource, namespace, after)
        if begin is None:
            return
        first = Key(resource, *begin)
        replaced = sorted(
            Stored(entry.change.key, entry.replaced, entry.change.previous or b"")
            for entry in self._since(revision)
            if 0 <= entry.replaced <= revision and entry.change.key.resource == resource
            if namespace in (None, entry.change.key.namespace) and entry.change.key > first
        )
        behind = iter(replaced)
        waiting = next(behind, None)
        for key in islice(self._keys, bisect_right(self._keys, first), None):
            if key.resource != resource or namespace not in (None, key.namespace):
                break
            while waiting and waiting.key <= key:
                yield waiting
                waiting = next(behind, None)
            if self._objects[key].revision <= revision:
                yield self._objects[key]
        if waiting:
            yield from chain((waiting,), behind)
