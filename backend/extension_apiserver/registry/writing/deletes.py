"""delete and deletecollection.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/delete.go
"""

from __future__ import annotations

import asyncio

from extension_apiserver.objects.causes import invalid
from extension_apiserver.objects.values import Object
from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.reading.answers import Answers
from extension_apiserver.registry.reading.asked import asked_of
from extension_apiserver.registry.work import Work
from extension_apiserver.request import JSON, Request, Response, json_response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import not_found

from .collecting import Collecting
from .delete_options import UNREADABLE, delete_options
from .options import refuse
from .removing import Removing
from .storing import Storing


class Deletes:
    """Deletes objects of one resource."""

    def __init__(self, kept: Kept, answers: Answers, work: Work, storing: Storing) -> None:
        """Take the resource."""
        self._kept, self._answers, self._work = kept, answers, work
        self._removing = Removing(kept, work, storing)

    async def delete(self, request: Request, info: RequestInfo) -> Response:
        """Delete an object, or let its deletion begin where it has finalizers.

        Raises:
            StatusError: what the client is told instead.

        """
        self._answers.check(request)
        options = await delete_options(request, self._work)
        removed = await self._removing.remove(self._kept.key(info.namespace, info.name), options)
        if removed is None:
            raise not_found(info.group, info.resource, info.name)
        if removed.gone:
            details = {"name": info.name, "group": info.group, "kind": info.resource, "uid": removed.uid}
            return _success(details)
        left = removed
        item = await self._work.run(len(left.value), lambda: self._kept.object(left.value, left.revision, info.version))
        # https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/delete.go (wasDeleted)
        code = 202 if options.orphan_dependents is False else 200
        return self._answers.of_object(request, info.version, item, code=code)

    async def deletecollection(self, request: Request, info: RequestInfo) -> Response:
        """Delete the objects that are selected; the answer is the list of them, as they were.

        Raises:
            StatusError: what the client is told instead; some may be deleted by then.

        """
        asked = await self._work.run(len(request.query_string), lambda: asked_of(request, info, self._kept))
        options = await delete_options(request, self._work)
        if options.unreadable:
            words = "is not allowed with DELETECOLLECTION, try again after removing the option"
            refuse("DeleteOptions", [invalid(UNREADABLE, True, words)])
        collecting = Collecting(self._kept, self._answers.forms, self._work, asked)
        async for stored in collecting.selected():
            await self._removing.remove(stored.key, options, stored)
            # A store in memory never waits, and others would.
            await asyncio.sleep(0)
        text = collecting.answer()
        if text is None:
            return _success({"group": info.group, "kind": info.resource})
        return Response(200, [("Content-Type", JSON)], text)


def _success(details: Object) -> Response:
    # `kind` is the resource, as upstream: finalizeDelete of
    # https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/registry/generic/registry/store.go
    return json_response(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    )
