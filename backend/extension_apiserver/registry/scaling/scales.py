"""The subresource `scale`: what `kubectl scale` and autoscalers read and write."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

from extension_apiserver.api import table
from extension_apiserver.api.column import Column
from extension_apiserver.api.negotiation import as_kind
from extension_apiserver.api.stored import Scale
from extension_apiserver.objects import patching, writing
from extension_apiserver.objects.json_text import parse
from extension_apiserver.objects.request import Request as ObjectRequest
from extension_apiserver.objects.values import Object
from extension_apiserver.objects.writing import Written
from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.reading.forms.warned import warning_headers
from extension_apiserver.registry.work import Work
from extension_apiserver.registry.writing.bodies import APPLY, as_json, object_type, patch_type
from extension_apiserver.registry.writing.options import Options, write_options
from extension_apiserver.registry.writing.storing import Outcome, Storing
from extension_apiserver.request import JSON, Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError, not_found

from .scale_object import scaling

#: https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apiserver/customresource_handler.go (scaleColumns)
_COLUMNS = (
    Column("Desired", lambda item: item["spec"].get("replicas", 0), type="integer"),
    Column("Available", lambda item: item["status"]["replicas"], type="integer"),
)
#: Given the Scale before and how the request came, returns the Scale after, unchecked.
Change = Callable[[Object, ObjectRequest], Written]


class Scales:
    """Answers for the scales of one resource."""

    def __init__(self, kept: Kept, work: Work, storing: Storing) -> None:
        """Take the resource; one without a scale is never asked."""
        self._kept, self._work, self._storing = kept, work, storing
        self._scaling = scaling(kept, kept.resource.scale or Scale())

    async def get(self, request: Request, info: RequestInfo) -> Response:
        """Return an object's Scale.

        Raises:
            StatusError: what the client is told instead.

        """
        _check(request)
        stored = await self._storing.read(self._kept.key(info.namespace, info.name))
        if stored is None:
            raise not_found(info.group, info.resource, info.name)
        found = stored

        def shown() -> Object:
            return self._scaling.shown(self._kept.object(found.value, found.revision, info.version))

        return _answer(request, await self._work.run(len(stored.value), shown))

    async def update(self, request: Request, info: RequestInfo) -> Response:
        """Replace an object's Scale, of which only the number that is wanted counts.

        Raises:
            StatusError: what the client is told instead.

        """
        content_type = object_type(request)
        _check(request)
        options = write_options(request, "UpdateOptions")
        text = await request.read_body()

        def change(old: Object, sender: ObjectRequest) -> Written:
            sent, warnings = writing.replaced(as_json(text, content_type), old, sender)
            if sent["kind"] != sender.kind.name:
                raise StatusError(400, f"the object must be of kind '{sender.kind.name}'")
            return sent, warnings

        return await self._written(request, info, options, len(text), change)

    async def patch(self, request: Request, info: RequestInfo) -> Response:
        """Patch an object's Scale, or apply to it.

        Raises:
            StatusError: what the client is told instead.

        """
        how = patch_type(request)
        _check(request)
        options = write_options(request, "PatchOptions", applies=how == APPLY)
        text = await request.read_body()

        def change(old: Object, sender: ObjectRequest) -> Written:
            if how != APPLY:
                return patching.patched(text, old, sender, how)
            said, twice = parse(as_json(text, how))
            return patching.applied(said, twice, old, sender, force=options.force)

        return await self._written(request, info, options, patching.most_made_bytes(text, how), change)

    async def _written(
        self, request: Request, info: RequestInfo, options: Options, size_bytes: int, change: Change
    ) -> Response:
        now = dt.datetime.now(dt.UTC)
        where = (info.namespace, info.name, options.manager, now)
        of_scale = ObjectRequest(
            self._scaling.kind, self._scaling.versions, *where, subresource="scale", directive=options.directive
        )
        of_object = ObjectRequest(self._kept.kinds[info.version], self._kept.versions, *where)

        def compute(old: Object | None) -> Written:
            there = old or {}
            sent, warnings = change(self._scaling.before(there), of_scale)
            if request.method == "PUT":
                writing.check_uid(sent, there, of_object.kind)
            try:
                made = self._scaling.after(sent, there)
            except StatusError as error:
                error.warnings = warnings
                raise
            return writing.updated(made, there, of_object, warnings)

        key = self._kept.key(info.namespace, info.name)
        outcome: Outcome = await self._storing.change(key, info.version, size_bytes, compute, dry_run=options.dry_run)
        return _answer(request, self._scaling.shown(outcome.item), outcome)


def _check(request: Request) -> None:
    """Let nobody write something who asks for an answer that there is not.

    Raises:
        StatusError: 406, there is no such form.

    """
    as_kind(request.header(b"accept"), table.OBJECT_FORMS)


def _answer(request: Request, item: Object, outcome: Outcome | None = None) -> Response:
    form = as_kind(request.header(b"accept"), table.OBJECT_FORMS)
    shown = table.form_of_object(form, _COLUMNS, item, table.include_object(request.query()))
    headers = [("Content-Type", JSON), *warning_headers(outcome.warnings if outcome else ())]
    return Response(200, headers, json.dumps(shown).encode() + b"\n")
