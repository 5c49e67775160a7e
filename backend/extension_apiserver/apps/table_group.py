"""The group of a table of resources, and of the application that answers what is none of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from extension_apiserver.api.documents.discovery import entries
from extension_apiserver.api.documents.openapi import OpenApi, OpenApiDocuments
from extension_apiserver.api.resources import Api, Resource
from extension_apiserver.api.rest import Rest
from extension_apiserver.registry.computed.computed import Computed
from extension_apiserver.registry.rest import Registry
from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError, no_such_path, not_found
from extension_apiserver.trust.authentication import Caller
from extension_apiserver.trust.delegation import Authorizer
from extension_apiserver.wire.http_message import body_too_large

from .application import Application
from .calls import Calls
from .open_streams import OpenStreams
from .subresources import Subresources


@dataclasses.dataclass(slots=True, kw_only=True)
class TableGroup:
    """One group, as `Group` has it.

    Attributes:
        api: its name, versions and resources.
        calls: where functions of resources run.
        streams: lets nobody begin more of them than there may be.
        most_body_bytes: of a body that is read at all.
        app: answers what is no resource's; None answers it with 404.
        registries: plural → who answers for the objects of a resource with a store.
        authorizer: asks kube-apiserver what else a caller may; None if its own authorization is relied on, by which a patch may create.
        openapi_source: documents that are made anew while the server runs; by default they are made once.
        below_objects: paths below objects of a resource are the application's if the resource knows no such subresource.

    """

    api: Api
    calls: Calls
    streams: OpenStreams
    most_body_bytes: int
    app: Application | None = None
    registries: Mapping[str, Registry] = dataclasses.field(default_factory=dict)
    authorizer: Authorizer | None = None
    openapi_source: OpenApi | None = None
    below_objects: bool = False
    name: str = dataclasses.field(init=False)
    versions: Sequence[str] = dataclasses.field(init=False)
    _entries: Sequence[Mapping[str, Any]] = dataclasses.field(init=False)
    _openapi: OpenApi = dataclasses.field(init=False)
    _rest: Rest = dataclasses.field(init=False)
    _subresources: Subresources = dataclasses.field(init=False)
    _computed: Mapping[str, Computed] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.name, self.versions = self.api.group, self.api.versions
        self._entries = entries(self.api.resources)
        self._openapi = self.openapi_source or OpenApi(self.api)
        self._rest = Rest(self.calls.run)
        self._subresources = Subresources(self.calls)
        self._computed = {
            one.plural: Computed(one, self.api, self.calls.run) for one in self.api.resources if one.poll_seconds
        }

    def resources(self, version: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - each version has the same
        """Return the entries of discovery."""
        return self._entries

    def openapi(self) -> OpenApiDocuments:
        """Return the documents of OpenAPI."""
        return self._openapi.documents

    async def answer(self, request: Request, info: RequestInfo, caller: Caller) -> Response:
        """Answer a request, as `Group` says."""
        # What is below …/proxy/ is the application's, whatever resource its permission names.
        resource = self.api.resource(info.resource) if info.is_resource and info.verb != "proxy" else None
        registry = self._registry(info, resource)
        if registry is not None:
            if request.length is not None and request.length > self.most_body_bytes:
                raise body_too_large(self.most_body_bytes)
            if request.header(b"upgrade"):
                # Who watches by a WebSocket first goes on without one after this code alone:
                # https://github.com/kubernetes/kubernetes/issues/25126
                code = 503 if info.verb == "watch" else 400
                raise StatusError(code, "connections cannot be upgraded here: ask without the header Upgrade")
            return await registry.answer(request, info, lambda: self._demand_creation(info, caller))
        if resource is not None and self.below_objects and info.subresource not in {"", *resource.subresources}:
            resource = None
        if resource is not None and info.subresource:
            self.streams.check(caller.identity.user)
            return await self._subresources.answer(request, caller.identity, info, resource)
        if request.length is not None and request.length > self.most_body_bytes:
            # Whether the application would have read it or not.
            raise body_too_large(self.most_body_bytes)
        if resource is not None:
            if request.header(b"upgrade"):
                raise StatusError(400, "connections cannot be upgraded here")
            return await self._call(request, info, caller, resource)
        self.streams.check(caller.identity.user)
        if self.app is None:
            raise no_such_path()
        answer = self.app.connect if request.header(b"upgrade") else self.app.call
        return await answer(request, caller)

    def _registry(self, info: RequestInfo, resource: Resource | None) -> Registry | None:
        """Return who answers for a resource with a store, None for what its program answers.

        Raises:
            StatusError: 404, an object has no such subresource.

        """
        registry = self.registries.get(info.resource) if resource is not None else None
        if registry is None or resource is None or info.subresource in registry.subresources:
            return registry
        if info.name and info.subresource not in resource.subresources and not self.below_objects:
            # As upstream, which looks for no object there, and names one.
            raise not_found(self.name, info.resource, info.name)
        return None

    async def _call(self, request: Request, info: RequestInfo, caller: Caller, resource: Resource) -> Response:
        computed = self._computed.get(resource.plural) if info.verb in {"list", "watch"} else None
        if computed is None:
            return await self._rest.answer(request, caller.identity, info, resource)
        self._rest.check(request, info, resource)
        return await computed.answer(request, info)

    async def _demand_creation(self, info: RequestInfo, caller: Caller) -> None:
        """Let nobody create by an apply, which is authorized as a patch, who may not create.

        https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/update.go (withAuthorization)

        Raises:
            StatusError: 403.

        """
        creation = dataclasses.replace(info, verb="create")
        if self.authorizer and not await self.authorizer.allows(caller.identity, creation, caller.payer):
            details = {"group": info.group, "kind": info.resource, "name": info.name}
            raise StatusError(403, creation.denial(caller.identity.user), details=details)
