"""create, update and patch of a resource and its `status`.

https://github.com/kubernetes/apiserver/tree/v0.37.2/pkg/endpoints/handlers
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable

from extension_apiserver.objects import patching, writing
from extension_apiserver.objects.json_text import parse
from extension_apiserver.objects.request import Request as ObjectRequest
from extension_apiserver.objects.values import Object
from extension_apiserver.objects.writing import Written
from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.namespaces import Namespaces
from extension_apiserver.registry.reading.answers import Answers
from extension_apiserver.registry.work import Work
from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError, not_found

from .bodies import APPLY, as_json, object_type, patch_type
from .creating import Creating
from .options import Options, new_uid, write_options
from .storing import Compute, Outcome, Storing, conflict

#: Raises StatusError where the caller may not create what it may patch.
MayCreate = Callable[[], Awaitable[None]]


class Writes:
    """Changes the objects of one resource."""

    def __init__(
        self, kept: Kept, answers: Answers, work: Work, storing: Storing, namespaces: Namespaces | None
    ) -> None:
        """Take the resource, and who knows which namespaces there are."""
        self._kept, self._answers, self._work = kept, answers, work
        self._storing = storing
        self._creating = Creating(kept, work, storing, namespaces)

    async def create(self, request: Request, info: RequestInfo) -> Response:
        """Store a new object: 201.

        Raises:
            StatusError: what the client is told instead.

        """
        self._answers.check(request)
        content_type = object_type(request)
        options = write_options(request, "CreateOptions")
        text = await request.read_body()
        sender = self._sender(info, options)

        def make(suffix: str) -> Written:
            new, warnings = writing.create(as_json(text, content_type), sender, uid=new_uid(), suffix=suffix)
            revision = new["metadata"].get("resourceVersion", "")
            # As upstream, one that is no number counts for nothing.
            if revision.isdecimal() and revision.strip("0"):
                raise StatusError(500, "resourceVersion should not be set on objects to be created", reason="")
            return new, warnings

        outcome = await self._creating.create(info.namespace, info.version, len(text), make, dry_run=options.dry_run)
        return self._answer(request, info, outcome)

    async def update(self, request: Request, info: RequestInfo) -> Response:
        """Replace an object, or its `status`.

        Raises:
            StatusError: what the client is told instead.

        """
        self._answers.check(request)
        content_type = object_type(request)
        options = write_options(request, "UpdateOptions")
        text = await request.read_body()
        sender = self._sender(info, options)

        def compute(old: Object | None) -> Written:
            return writing.update(as_json(text, content_type), _there(old), sender)

        async def refuse() -> None:
            # As upstream, what cannot be read is told first.
            _, warnings = await self._work.run(len(text), lambda: writing.read(as_json(text, content_type), sender))
            missing = not_found(info.group, info.resource, info.name)
            missing.warnings = warnings
            raise missing

        return self._answer(request, info, await self._change(info, options, len(text), compute, refuse))

    async def patch(self, request: Request, info: RequestInfo, may_create: MayCreate | None = None) -> Response:
        """Patch or apply to an object or its `status`; an apply creates the object if need be: 201.

        Args:
            request: as it came.
            info: what it asks for.
            may_create: asked before an apply creates something; None lets it.

        Raises:
            StatusError: what the client is told instead.

        """
        how = patch_type(request)
        self._answers.check(request)
        options = write_options(request, "PatchOptions", applies=how == APPLY)
        text = await request.read_body()
        sender = self._sender(info, options)

        def patched(old: Object | None) -> Written:
            return patching.patch(text, _there(old), sender, how)

        def applied(old: Object | None) -> Written:
            said, twice = parse(as_json(text, how))
            metadata = said.get("metadata") if isinstance(said, dict) else None
            uid = metadata.get("uid") if isinstance(metadata, dict) else None
            if old is None and uid:
                words = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                raise conflict(info.group, info.resource, info.name, words)
            return patching.apply(said, twice, old, sender, force=options.force, uid=new_uid())

        async def creates() -> None:
            if may_create is not None:
                await may_create()
            await self._creating.check_place(info.namespace, info.name)

        async def refuse() -> None:
            await self._work.run(len(text), lambda: parse(text))
            raise not_found(info.group, info.resource, info.name)

        if how != APPLY:
            size = patching.most_made_bytes(text, how)
            outcome = await self._change(info, options, size, patched, refuse)
        else:
            creating = None if info.subresource else creates
            outcome = await self._change(info, options, len(text), applied, creating, applies=True)
        return self._answer(request, info, outcome)

    async def _change(
        self,
        info: RequestInfo,
        options: Options,
        size_bytes: int,
        compute: Compute,
        creates: Callable[[], Awaitable[None]] | None = None,
        *,
        applies: bool = False,
    ) -> Outcome:
        key = self._kept.key(info.namespace, info.name)
        return await self._storing.change(
            key, info.version, size_bytes, compute, dry_run=options.dry_run, applies=applies, creates=creates
        )

    def _sender(self, info: RequestInfo, options: Options) -> ObjectRequest:
        return ObjectRequest(
            self._kept.kinds[info.version],
            self._kept.versions,
            info.namespace,
            info.name,
            options.manager,
            dt.datetime.now(dt.UTC),
            info.subresource,
            options.directive,
        )

    def _answer(self, request: Request, info: RequestInfo, outcome: Outcome) -> Response:
        code = 201 if outcome.created else 200
        return self._answers.of_object(request, info.version, outcome.item, code=code, warnings=outcome.warnings)


def _there(old: Object | None) -> Object:
    assert old is not None  # noqa: S101 - who does not create is given what is there
    return old
