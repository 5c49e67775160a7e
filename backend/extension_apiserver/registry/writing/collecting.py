"""Finds what a deletecollection deletes, and tells of it afterwards.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/registry/generic/registry/store.go (DeleteCollection)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.reading.asked import Asked
from extension_apiserver.registry.reading.forms.form import Forms
from extension_apiserver.registry.reading.pages import Pages
from extension_apiserver.registry.reading.selection import Seen
from extension_apiserver.registry.work import Work
from extension_apiserver.store.protocol import Page, Stored
from extension_apiserver.store.token import Place, token

#: Of a list of what was deleted; beyond it the answer is a Status, so that who deletes much needs no memory for it.
MOST_ANSWER_BYTES = 8 * 2**20


class Collecting:
    """The objects of one request, at the revision of their first page."""

    def __init__(self, kept: Kept, forms: Forms, work: Work, asked: Asked) -> None:
        """Take what is asked for."""
        self._kept, self._forms, self._work, self._asked = kept, forms, work, asked
        self._items: list[bytes] = []
        self._bytes = 0
        # As in a list: upstream has an empty token in lists of custom resources, and none in other forms.
        self._metadata: dict[str, Any] = {} if asked.form.kind else {"continue": ""}

    async def selected(self) -> AsyncIterator[Stored]:
        """Yield the objects, at most as many as are asked for.

        Raises:
            Expired, TooNew: the revision cannot be read.

        """
        pages, limit, found = Pages(self._kept), self._asked.limit, 0
        await pages.reached(self._asked.not_older)
        async for page in pages.read(self._asked.start):
            self._metadata["resourceVersion"] = str(page.revision)
            size = sum(len(one.value) for one in page.items)
            for index, stored, item in await self._work.run(size, lambda page=page: self._of_page(page)):  # type: ignore[misc]
                self._keep(item)
                yield stored
                found += 1
                if found == limit:
                    await self._end(page, index, stored)
                    return

    def answer(self) -> bytes | None:
        """Return the list of the objects as they were, in the form asked for; None if it is too long."""
        if self._bytes > MOST_ANSWER_BYTES:
            return None
        metadata = json.dumps(self._metadata).encode()
        return b'%b%b],"metadata":%b}\n' % (
            self._asked.beginning(self._kept, self._forms),
            b",".join(self._items),
            metadata,
        )

    def _of_page(self, page: Page) -> Sequence[tuple[int, Stored, bytes]]:
        asked = self._asked
        return [
            (index, one, self._forms.item(asked.form, asked.version, one.value, one.revision))
            for index, one in enumerate(page.items)
            if asked.selection.empty or asked.selection.selects(one.key, Seen(one.value))
        ]

    def _keep(self, item: bytes) -> None:
        self._bytes += len(item)
        if self._bytes > MOST_ANSWER_BYTES:
            self._items.clear()
        else:
            self._items.append(item)

    async def _end(self, page: Page, index: int, last: Stored) -> None:
        """Say where the next page begins, if there is one."""
        if not page.more and index + 1 == len(page.items):
            return
        after = last.key.namespace, last.key.name
        self._metadata["continue"] = token(Place(page.revision, after))
        if self._asked.selection.empty:
            self._metadata["remainingItemCount"] = await self._kept.store.count(
                self._kept.table, self._asked.selection.namespace, after=after, revision=page.revision
            )
