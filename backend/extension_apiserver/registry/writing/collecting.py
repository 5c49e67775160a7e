"""Finds what a deletecollection deletes.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/registry/generic/registry/store.go (DeleteCollection)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

from extension_apiserver.objects.values import Object
from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.reading.asked import asked_of
from extension_apiserver.registry.reading.pages import Pages
from extension_apiserver.registry.reading.selection import Seen
from extension_apiserver.request import Request
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.store.protocol import Stored
from extension_apiserver.store.token import Place, token


class Collecting:
    """One request's objects, at the revision of their first page.

    Raises:
        StatusError: 400, 406 and 422 for what is asked wrongly.

    """

    def __init__(self, kept: Kept, request: Request, info: RequestInfo) -> None:
        """Take what is asked for, as for a list."""
        self._kept, self._info = kept, info
        self._asked = asked_of(request, info, kept)
        self._revision, self._after = 0, ("", "")
        self._more = False

    async def selected(self) -> AsyncIterator[Stored]:
        """Yield the objects, at most `limit` of them."""
        found = 0
        selection = self._asked.selection
        async for page in Pages(self._kept).read(self._asked.start):
            self._revision = page.revision
            for index, stored in enumerate(page.items):
                self._after = stored.key.namespace, stored.key.name
                if not selection.selects(stored.key, Seen(stored.value)):
                    continue
                yield stored
                found += 1
                if found == self._asked.limit:
                    self._more = page.more or index + 1 < len(page.items)
                    return

    def answer(self, items: Sequence[bytes]) -> bytes:
        """Return the list of objects, each as JSON, and where the next page begins."""
        metadata: Object = {"resourceVersion": str(self._revision)}
        if self._more:
            metadata["continue"] = token(Place(self._revision, self._after))
        kind = json.dumps(f"{self._kept.resource.kind}List").encode()
        version = json.dumps(f"{self._info.group}/{self._info.version}").encode()
        listed = b",".join(items)
        return b'{"apiVersion":%b,"kind":%b,"metadata":%b,"items":[%b]}\n' % (
            version,
            kind,
            json.dumps(metadata).encode(),
            listed,
        )
