"""The stores of a server's resources: each is read once for all who watch, and has a say in readiness."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from extension_apiserver.api.resources import Api, Resource
from extension_apiserver.store.feed import Feed
from extension_apiserver.store.opening import store_of
from extension_apiserver.store.protocol import Conflict, Key, Store, Unavailable

from .kept import Kept, kept

#: What to do about a store that is not known.
STORES = "set it to sqlite:///path/of/the/file, postgresql://user@host:port/database or, for what may be lost with the process, memory:"

#: No resource has such a name.
_FIRST = Key("-", "", "first")
_RETRY_SECONDS = 1.0


class ResourceError(Exception):
    """A resource with a store cannot be served as it is; the message is one sentence."""


class Stores:
    """The stores that the resources of a table name.

    Attributes:
        kept: the resources.

    Raises:
        ResourceError: if a resource has a store and nothing says which, or a schema or version of one is wrong.

    """

    def __init__(self, api: Api, url: str) -> None:
        """Take the table, and the URL that stands for `store=True`."""
        self._feeds: dict[int, tuple[Store, Feed]] = {}
        self._url = url
        self._default: Store | None = None
        self.kept: Sequence[Kept] = [kept(one, api, *self._feed(one)) for one in api.resources if one.stored]

    def complaint(self) -> str | None:
        """Return why objects cannot be read now, or None."""
        failures = (feed.unavailable for _, feed in self._feeds.values())
        return next((str(failure) for failure in failures if failure), None)

    async def run(self) -> None:
        """Read what changes, until it is cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for store, feed in self._feeds.values():
                    group.create_task(_begin(store))
                    group.create_task(feed.run())
                await asyncio.Event().wait()
        finally:
            for store, _ in self._feeds.values():
                await store.close()

    def _feed(self, resource: Resource) -> tuple[Store, Feed]:
        store = resource.store
        if isinstance(store, bool):
            store = self._default = self._default or self._configured(resource)
        if id(store) not in self._feeds:
            self._feeds[id(store)] = store, Feed(store)
        return self._feeds[id(store)]

    def _configured(self, resource: Resource) -> Store:
        if not self._url:
            raise ValueError(f"resource '{resource.plural}' has a store, and nothing says which: {STORES}")
        return store_of(self._url)


async def _begin(store: Store) -> None:
    """Write something before anybody does: a list of revision 0 would tell its watch to begin with whatever is there then."""
    while True:
        try:
            if (await store.state()).revision == 0:
                await store.put(_FIRST, b"{}", expected=0)
        except Conflict:
            pass  # another replica was first
        except Unavailable:
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        return
