"""Answers `get` and `list`: an object is read only where that is needed to answer, and a long list is sent while it is made.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/storage/etcd3/store.go (GetList)
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from extension_apiserver.registry.failures import translated
from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.work import Work
from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError, not_found
from extension_apiserver.store.protocol import Expired, Refused, Stored
from extension_apiserver.store.token import Place, token
from extension_apiserver.streams import Gone

from . import sending
from .answers import Answers
from .asked import Asked, asked_of
from .options import revision_of
from .pages import Pages
from .selection import Seen

_OLD_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue "
    "parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided "
    "token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was "
    "returned and now may show up in the list."
)
_OLD = "The resourceVersion for the provided list is too old."


class Lists:
    """Answers for one resource."""

    def __init__(self, kept: Kept, answers: Answers, work: Work) -> None:
        self._kept = kept
        self._answers = answers
        self._work = work
        self._pages = Pages(kept)

    async def get(self, request: Request, info: RequestInfo) -> Response:
        """Answer with one object.

        Raises:
            StatusError: 404; 400 and 406 for what is asked wrongly; 504, the revision that it must have at least is not reached.
            StoreError: the store cannot be asked.

        """
        self._answers.check(request)
        await self._pages.reached(revision_of(request.query().get("resourceVersion", [""])[0]))
        try:
            found = await self._kept.store.get(self._kept.key(info.namespace, info.name))
        except Refused:
            found = None
        if found is None:
            raise not_found(info.group, info.resource, info.name)
        return await self._work.run(
            len(found.value),
            lambda: self._answers.of_text(request, info.version, found.value, found.revision),
        )

    async def list(self, request: Request, info: RequestInfo) -> Response:
        """Answer with a list, whole or as a stream.

        Raises:
            StatusError: 400, 406 and 422 for what is asked wrongly; 410, it is of a time that is forgotten; 504, of one that is not yet.
            StoreError: the store cannot be asked.
            Gone: the client left while its first objects were looked for.

        """
        asked = await self._work.run(len(request.query_string), lambda: asked_of(request, info, self._kept))
        await self._pages.reached(asked.not_older)
        with _noticing(request) as left:
            return await sending.answer(request, self._parts(asked, left))

    async def _parts(self, asked: Asked, left: Sequence[None]) -> AsyncIterator[bytes]:
        """Yield the document. Its metadata is its end: a client may begin to read before anybody knows how it goes on."""
        selection = asked.selection
        reads = bool(asked.form.kind or selection.reads or asked.version != self._kept.stored_version)
        room = asked.limit
        separator = b""
        # Upstream has an empty token in lists of custom resources, and none in other forms.
        metadata: dict[str, Any] = {} if asked.form.kind else {"continue": ""}
        last: Stored | None = None
        revision = 0
        yield asked.beginning(self._kept, self._answers.forms)
        with translated(), _told_when_old(asked):
            async for page in self._pages.read(asked.start, room if selection.empty else 0):
                if left:
                    raise Gone
                revision = page.revision
                size = sum(len(one.value) for one in page.items)
                items, last = await self._work.run(
                    size if reads else 0,
                    lambda page=page, room=room: self._items(asked, page.items, room),  # type: ignore[misc]
                )
                for part in sending.joined(items):
                    yield separator + part
                    separator = b","
                if asked.limit:
                    room -= len(items)
                    if not room:
                        if last is not None and (page.more or last is not page.items[-1]):
                            metadata |= await self._continued(asked, last, revision)
                        break
        metadata["resourceVersion"] = str(revision)
        yield b'],"metadata":%b}\n' % json.dumps(metadata).encode()

    def _items(self, asked: Asked, items: Sequence[Stored], room: int) -> tuple[Sequence[bytes], Stored | None]:
        """Return what is selected, as many as there is room for, and the last that was looked at."""
        found = []
        one = None
        form, version, item = asked.form, asked.version, self._answers.forms.item
        selects = None if asked.selection.empty else asked.selection.selects
        for one in items:
            if selects is None or selects(one.key, Seen(one.value)):
                found.append(item(form, version, one.value, one.revision))
                if len(found) == room:
                    break
        return found, one

    async def _continued(self, asked: Asked, last: Stored, revision: int) -> dict[str, Any]:
        after = last.key.namespace, last.key.name
        if not asked.selection.empty:
            return {"continue": token(Place(revision, after))}
        left = asked.left - asked.limit
        if left <= 0:
            left = await self._kept.store.count(
                self._kept.table, asked.selection.namespace, after=after, revision=revision
            )
        return {"continue": token(Place(revision, after, left)), "remainingItemCount": left}


@contextlib.contextmanager
def _noticing(request: Request) -> Iterator[Sequence[None]]:
    """Yield a list that is no more empty once the client has left."""
    left: list[None] = []
    with request.connection.watching(lambda: left.append(None)):
        yield left


@contextlib.contextmanager
def _told_when_old(asked: Asked) -> Iterator[None]:
    """Tell a client whose list is of a forgotten time how it can go on.

    https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/storage/etcd3/errors.go (handleCompactedErrorForPaging)
    """
    try:
        yield
    except Expired:
        if not asked.continues:
            raise StatusError(410, _OLD) from None
        raise StatusError(410, _OLD_CONTINUE, metadata={"continue": token(Place(-1, asked.start.after))}) from None
