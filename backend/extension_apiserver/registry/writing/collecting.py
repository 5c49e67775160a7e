"""Finds what a deletecollection deletes.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/registry/generic/registry/store.go (DeleteCollection)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

from extension_apiserver.objects.values import Object
from extension_apiserver.registry.kept import Kept
from extension_apiserver.request import Request
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.selectors import selectors
from extension_apiserver.status import StatusError
from extension_apiserver.store.protocol import Stored
from extension_apiserver.store.token import BadToken, parsed, token

from .options import first

#: Objects of a page have 8 MiB at most; what is deleted meanwhile need not be read again.
_PAGE = 500


class Collecting:
    """One request's objects, at the revision of their first page.

    Raises:
        StatusError: 400, a selector, `limit` or `continue` cannot be read.

    """

    def __init__(self, kept: Kept, request: Request, info: RequestInfo) -> None:
        """Take what is asked for."""
        query = request.query()
        self._kept, self._info = kept, info
        self._selectors = selectors(query)
        self._limit = _whole(first(query, "limit"))
        self._revision, self._after = _begin(first(query, "continue"))
        self._more = False

    async def selected(self) -> AsyncIterator[Stored]:
        """Yield the objects, at most `limit` of them."""
        found = 0
        more = True
        while more:
            page = await self._kept.store.page(
                self._kept.table, self._info.namespace or None, after=self._after, limit=_PAGE, revision=self._revision
            )
            self._revision, more = page.revision, page.more
            for index, stored in enumerate(page.items):
                self._after = stored.key.namespace, stored.key.name
                if not self._selects(stored):
                    continue
                yield stored
                found += 1
                if found == self._limit:
                    self._more = more or index + 1 < len(page.items)
                    return

    def answer(self, items: Sequence[bytes]) -> bytes:
        """Return the list of objects, each as JSON, and where the next page begins."""
        metadata: Object = {"resourceVersion": str(self._revision or 0)}
        if self._more:
            metadata["continue"] = token(self._revision or 0, self._after)
        kind = json.dumps(f"{self._kept.resource.kind}List").encode()
        version = json.dumps(f"{self._info.group}/{self._info.version}").encode()
        listed = b",".join(items)
        return b'{"apiVersion":%b,"kind":%b,"metadata":%b,"items":[%b]}\n' % (
            version,
            kind,
            json.dumps(metadata).encode(),
            listed,
        )

    def _selects(self, stored: Stored) -> bool:
        if not self._selectors:
            return True
        item = self._kept.object(stored.value, stored.revision, self._info.version)
        return all(selects(item) for selects in self._selectors)


def _whole(text: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 18:  # noqa: PLR2004 - digits of 64 bits
        raise StatusError(400, f"limit must be a whole number, not {text[:32]!r}")
    return int(text)


def _begin(text: str) -> tuple[int | None, tuple[str, str]]:
    if not text:
        return None, ("", "")
    try:
        revision, after = parsed(text)
    except BadToken as error:
        raise StatusError(400, str(error)) from None
    return (None if revision < 0 else revision), after
