"""One watch, from its first event to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

from extension_apiserver.registry.failures import failure
from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.work import Work
from extension_apiserver.status import StatusError
from extension_apiserver.store.protocol import Change, Expired, Page, Stored, StoreError, Unavailable
from extension_apiserver.store.watcher import Watcher
from extension_apiserver.streams import Peer

from . import sending
from .events import Events
from .forms.form import Form
from .options import Options
from .pages import start_of
from .selection import Selection

#: A client that hears nothing else is told so often up to where it has missed nothing, and once more so long before the end.
_BOOKMARK_SECONDS, _LAST_BOOKMARK_SECONDS = 60.0, 2.0
#: Of changes whose lines are made at once.
_GROUP_BYTES = 256 * 2**10


class Session:
    """Tells one client of changes, for some time."""

    def __init__(
        self, kept: Kept, events: Events, work: Work, selection: Selection, form: Form, options: Options, seconds: float
    ) -> None:
        self._kept = kept
        self._events = events
        self._work = work
        self._selection = selection
        self._form = form
        self._options = options
        self._columns = form.is_table
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + seconds
        self._last_bookmark = self._end - _LAST_BOOKMARK_SECONDS

    async def state_and_changes(self, first: Page, rest: AsyncIterator[Page], peer: Peer) -> None:
        """Tell of what there is, and then of changes since.

        Args:
            first: page of the present state, which was read already.
            rest: pages after it.
            peer: the client.

        """
        page: Page | None = first
        last = first
        try:
            while page is not None:
                if self._over(peer):
                    return
                await self._tell_state(peer, page)
                last, page = page, await anext(rest, None)
            if self._options.bookmarks:
                await peer.send(self._bookmark(last.revision, initial_end=True))
            namespace = start_of(self._selection).namespace
            # Not before: what happens meanwhile is kept by the store, not for each who begins.
            watcher = await self._kept.feed.watch(self._kept.table, namespace, after=last.revision)
        except (StatusError, StoreError) as error:
            await self._fail(peer, error)
            return
        await self.changes(watcher, peer)

    async def changes(self, watcher: Watcher, peer: Peer) -> None:
        """Tell of what the watcher brings."""
        ending = asyncio.ensure_future(peer.ending.wait())
        ending.add_done_callback(lambda _: watcher.fail(Unavailable("the stream ends")))
        try:
            with watcher:
                await self._tell_changes(watcher, peer)
        except (StatusError, StoreError) as error:
            await self._fail(peer, error)
        finally:
            ending.cancel()

    async def _tell_changes(self, watcher: Watcher, peer: Peer) -> None:
        bookmark = self._next_bookmark()
        while (now := self._loop.time()) < self._end:
            until = min(bookmark, self._end) if self._options.bookmarks else self._end
            changes = await watcher.next(timeout_seconds=max(until - now, 0))
            await self._send_changes(peer, changes)
            # Among changes, too: kube-apiserver counts the time alone, and its own tests wait for one while they write.
            if self._options.bookmarks and bookmark <= self._loop.time() < self._end:
                await peer.send(self._bookmark(watcher.revision, initial_end=False))
                bookmark = self._next_bookmark()

    def _next_bookmark(self) -> float:
        now = self._loop.time()
        return min(now + _BOOKMARK_SECONDS, self._last_bookmark if now < self._last_bookmark else self._end)

    async def _send_changes(self, peer: Peer, changes: Sequence[Change]) -> None:
        """Send the lines for changes; who stands still keeps those of one group."""
        for group, size in _groups(changes):
            # Converting and comparing a large object takes as long as writing it.
            lines = await self._work.run(size if size > _GROUP_BYTES else 0, lambda group=group: self._of_group(group))  # type: ignore[misc]
            await self._send(peer, lines)

    def _of_group(self, changes: Iterable[Change]) -> Sequence[bytes]:
        return [line for one in changes if (line := self._of_change(one))]

    async def _tell_state(self, peer: Peer, page: Page) -> None:
        reads = self._form.kind or self._selection.reads or self._selection.version != self._kept.stored_version
        size = sum(len(one.value) for one in page.items) if reads else 0
        await self._send(peer, await self._work.run(size, lambda: self._of_state(page.items)))

    def _of_state(self, items: Iterable[Stored]) -> Sequence[bytes]:
        found: list[bytes] = []
        for one in items:
            line = self._events.of_object(one, self._selection, self._form, columns=self._columns)
            if line:
                self._columns = False
                found.append(line)
        return found

    def _of_change(self, change: Change) -> bytes | None:
        line = self._events.of_change(change, self._selection, self._form, columns=self._columns)
        if line:
            self._columns = False
        return line

    def _bookmark(self, revision: int, *, initial_end: bool) -> bytes:
        columns, self._columns = self._columns, False
        return self._events.bookmark(
            self._selection.version, self._form, revision, initial_end=initial_end, columns=columns
        )

    async def _send(self, peer: Peer, lines: Sequence[bytes]) -> None:
        for part in sending.joined(lines, b""):
            await peer.send(part)

    async def _fail(self, peer: Peer, error: StatusError | StoreError) -> None:
        """Tell why there is no more, if the client must do something about it; else it comes again with its last revision."""
        if isinstance(error, StoreError) and not isinstance(error, Expired):
            return
        if not peer.ending.is_set():
            await peer.send(self._events.error(failure(error) if isinstance(error, StoreError) else error))

    def _over(self, peer: Peer) -> bool:
        return peer.ending.is_set() or self._loop.time() >= self._end


def _groups(changes: Iterable[Change]) -> Iterator[tuple[Sequence[Change], int]]:
    """Yield changes in groups of about _GROUP_BYTES, each with its size in bytes."""
    group: list[Change] = []
    size = 0
    for one in changes:
        if group and size + one.size > _GROUP_BYTES:
            yield group, size
            group, size = [], 0
        group.append(one)
        size += one.size
    if group:
        yield group, size
