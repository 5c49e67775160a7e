"""Pages of a resource's objects, all at one revision: what a list is made of, and what a watch begins with."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

from extension_apiserver.registry.kept import Kept
from extension_apiserver.store.protocol import Page, Refused, TooNew

from .selection import Selection

#: A page has about so many bytes: whoever stops reading a list keeps one of them in memory.
_BYTES, _MOST_ITEMS = 512 * 2**10, 2000
#: Of an object, until some have been seen.
_TYPICAL_BYTES = 2048
#: As upstream, for a revision that is not there yet.
_WAIT_SECONDS, _LOOK_SECONDS = 3.0, 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """Where to begin.

    Attributes:
        revision: of the store, None for the newest.
        namespace: the only one, None for all.
        name: the only one, None for all; only with a namespace, or where there are none.
        after: namespace and name of the last one that is known already.

    """

    revision: int | None = None
    namespace: str | None = None
    name: str | None = None
    after: tuple[str, str] = ("", "")


def start_of(selection: Selection, revision: int | None = None) -> Start:
    """Return where to begin with what is selected: at the only object there can be, if there is but one."""
    namespaced = selection.kept.resource.namespaced
    namespace = selection.namespace if namespaced else None
    return Start(revision, namespace, selection.name if namespace or not namespaced else None)


class Pages:
    """Reads one resource."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._typical = float(_TYPICAL_BYTES)

    async def read(self, start: Start, most: int = 0) -> AsyncIterator[Page]:
        """Yield the pages; others have their turn after each.

        Args:
            start: where to begin.
            most: objects, 0 for all.

        Raises:
            Expired, TooNew: the revision cannot be read.

        """
        revision, after = start.revision, start.after
        while True:
            limit = min(max(int(_BYTES / self._typical), 1), _MOST_ITEMS)
            page = await self._page(start, after, min(limit, most) if most else limit, revision)
            if page.items:
                size = sum(len(one.value) for one in page.items) / len(page.items)
                self._typical += (size - self._typical) / 2 if size < self._typical else size - self._typical
            yield page
            if not page.more or len(page.items) == most:
                return
            most = most and most - len(page.items)
            last = page.items[-1].key
            after, revision = (last.namespace, last.name), page.revision
            await asyncio.sleep(0)

    async def _page(self, start: Start, after: tuple[str, str], limit: int, revision: int | None) -> Page:
        table, store = self._kept.table, self._kept.store
        try:
            if start.name is None:
                return await store.page(table, start.namespace, after=after, limit=limit, revision=revision)
            page = await store.page(
                table, start.namespace, after=_before(start.namespace, start.name), limit=1, revision=revision
            )
        except Refused:
            # No object has such a name or namespace.
            found = revision if revision is not None else (await store.state()).revision
            return Page((), found, more=False)
        except TooNew as error:
            raise self._kept.unreached(error) from None
        items = tuple(one for one in page.items if one.key.name == start.name)
        return Page(items, page.revision, more=False)

    async def reached(self, revision: int | None) -> None:
        """Return once the store is at a revision.

        Raises:
            TooNew: it is not for some seconds.
            Expired: it is of another process.

        """
        if not revision or revision <= self._kept.feed.revision:
            return
        store, feed = self._kept.store, self._kept.feed
        state = await store.state()
        if state.revision >= revision:
            return
        if self._kept.local:
            raise self._kept.unreached(TooNew(revision, state.revision))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_SECONDS):
                # The feed reads the store anyway, so those who wait ask nobody.
                while feed.revision < revision:  # noqa: ASYNC110 - nobody tells of a revision
                    await asyncio.sleep(_LOOK_SECONDS)
        state = await store.state()
        if state.revision < revision:
            raise TooNew(revision, state.revision)


def _before(namespace: str | None, name: str) -> tuple[str, str]:
    """Return a namespace and name between which and the given ones there is no object: the store reads one row, as for an index."""
    if not name:
        raise Refused("no object has an empty name")
    last = ord(name[-1]) - 1
    # Keys are sorted by their bytes; no name has the largest of all characters, or those that are no characters.
    beginning = name[:-1] + (chr(last) + "\U0010ffff" if last > 0 and not 0xD800 <= last <= 0xDFFF else "")  # noqa: PLR2004
    return namespace or "", beginning
