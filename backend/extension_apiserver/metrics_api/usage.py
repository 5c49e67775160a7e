"""metrics.k8s.io: what nodes and pods use, for `kubectl top` and for autoscalers that look at cpu and memory.

https://github.com/kubernetes-sigs/metrics-server/tree/v0.9.0/pkg/api
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from extension_apiserver.api import table
from extension_apiserver.api.call import Object
from extension_apiserver.api.column import Column
from extension_apiserver.api.documents.discovery import entries
from extension_apiserver.api.documents.openapi import OpenApi, OpenApiDocuments
from extension_apiserver.api.negotiation import as_kind
from extension_apiserver.api.resources import Api, Resource
from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.selectors.asked import selectors
from extension_apiserver.status import no_such_path, not_found
from extension_apiserver.trust.authentication import Caller

from .asked import answer, require_get, require_namespace, segments, selector
from .declared import Query, Usage
from .functions import Functions
from .objects import Lookup, Objects
from .quantity import canonical, total

#: Container, '' for a node → name of what is used → quantity.
_Used = dict[str, dict[str, str]]
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_MEASURED = {
    "timestamp": {"type": "string", "format": "date-time", "description": "When it was measured."},
    "window": {"type": "string", "description": "Over which time."},
}
_CONTAINER = {"type": "object", "properties": {"name": {"type": "string"}, "usage": _TEXTS}}


def _cell(resource: str) -> Column:
    return Column(resource, lambda item: _total(item, resource), format="quantity")


_COLUMNS = (_cell("cpu"), _cell("memory"), Column("Window", lambda item: item["window"], format="duration"))
_VERBS = dict.fromkeys(("get", "list"), lambda _: None)
NODES = Resource(
    kind="NodeMetrics",
    plural="nodes",
    verbs=_VERBS,
    description="What a node uses.",
    schema={**_MEASURED, "usage": {**_TEXTS, "description": "Of cpu and memory."}},
    columns=_COLUMNS,
)
PODS = Resource(
    kind="PodMetrics",
    plural="pods",
    verbs=_VERBS,
    description="What the containers of a pod use.",
    schema={**_MEASURED, "containers": {"type": "array", "items": _CONTAINER, "description": "Each of them."}},
    columns=_COLUMNS,
    namespaced=True,
)


class ResourceMetrics:
    """The group, as `api.group.Group` has it."""

    name = "metrics.k8s.io"
    versions = ("v1beta1",)

    def __init__(self, usage: Usage, functions: Functions, lookup: Lookup) -> None:
        api = Api(self.name, self.versions, [NODES, PODS])
        self._usage, self._functions, self._lookup = usage, functions, lookup
        self._entries = entries(api.resources)
        self._openapi = OpenApi(api).documents

    def resources(self, version: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - there is one
        """Return the entries of discovery."""
        return self._entries

    def openapi(self) -> OpenApiDocuments:
        """Return the documents of OpenAPI."""
        return self._openapi

    async def answer(self, request: Request, info: RequestInfo, caller: Caller) -> Response:
        """Answer a request, as `Group` says."""
        resource = _path(request, info)
        require_get(request, info)
        query = request.query()
        form = as_kind(request.header(b"accept"), table.OBJECT_FORMS if info.name else table.LIST_FORMS)
        include_object = table.include_object(query)
        if not info.name:
            selector(query, "labelSelector")
        selected = [] if info.name else selectors(query)
        user, keep = caller.identity.user, self._usage.cache_seconds
        objects = await self._lookup.objects(resource.plural, info.namespace, user=user, keep_seconds=keep)
        asked = Query("", info.namespace, resource.plural, tuple(objects))
        convert = _of_nodes if resource is NODES else _of_pods
        measured = await self._functions.measured(self._usage, asked, convert, user)

        def items(names: Iterable[str]) -> Iterable[Object]:
            for name in names:
                used = measured.values.get(name)
                if used is None and info.namespace:
                    used = measured.values.get(f"{info.namespace}/{name}")
                if used is not None and name in objects:
                    yield self._item(resource, info.namespace, name, objects, used, measured.returned)

        def document() -> object:
            if info.name:
                item = next(iter(items([info.name])), None)
                if item is None:
                    name = f"{info.namespace}/{info.name}" if info.namespace else info.name
                    raise not_found(self.name, resource.kind.lower(), name)
                return table.form_of_object(form, resource.columns, item, include_object)
            whole = {
                "kind": f"{resource.kind}List",
                "apiVersion": f"{self.name}/v1beta1",
                "metadata": {},
                "items": [one for one in items(objects) if all(selects(one) for selects in selected)],
            }
            return table.form_of_list(form, resource.columns, whole, include_object)

        return await answer(1 if info.name else len(objects), document)

    def _item(
        self, resource: Resource, namespace: str, name: str, objects: Objects, used: _Used, returned: dt.datetime
    ) -> Object:
        now = returned.strftime("%Y-%m-%dT%H:%M:%SZ")
        where, _, own = name.rpartition("/")
        metadata = {"name": own, **({"namespace": namespace or where} if resource is PODS else {})}
        labels = objects[name]
        return {
            "kind": resource.kind,
            "apiVersion": f"{self.name}/v1beta1",
            "metadata": {**metadata, "creationTimestamp": now, **({"labels": dict(labels)} if labels else {})},
            "timestamp": now,
            "window": f"{self._usage.cache_seconds:g}s",
            **(
                {"usage": used[""]}
                if resource is NODES
                else {"containers": [{"name": container, "usage": usage} for container, usage in used.items()]}
            ),
        }


def _path(request: Request, info: RequestInfo) -> Resource:
    """Return the resource. Raises StatusError 404 if the path says anything but what kube-apiserver asks RBAC about, 400 likewise."""
    parts = segments(request)
    name = [info.name] if info.name else []
    if all(parts) and parts == ["nodes", *name]:
        return NODES
    if all(parts) and parts == ["namespaces", info.namespace, "pods", *name]:
        require_namespace(info.namespace)
        return PODS
    if parts == ["pods"]:
        return PODS
    raise no_such_path()


def _of_nodes(result: object) -> dict[str, _Used]:
    return {name: {"": _quantities(name, used)} for name, used in _mapping("name of the node → usage", result)}


def _of_pods(result: object) -> dict[str, _Used]:
    return {
        name: {
            container: _quantities(f"{name}, container {container}", used)
            for container, used in _mapping(f"container → usage, for {name},", containers)
        }
        for name, containers in _mapping("name of the pod → containers", result)
    }


def _quantities(whose: str, used: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for resource, amount in _mapping(f"{{'cpu': …, 'memory': …}}, for {whose},", used):
        try:
            found[resource] = canonical(amount)
        except ValueError as error:
            raise ValueError(f"'{resource}' of {whose} {error}") from None
    return found


def _mapping(what: str, given: object) -> Iterable[tuple[str, object]]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{what} must be returned, not {type(given).__name__}")  # noqa: TRY004 - what is read is a value
    return [(str(key), value) for key, value in given.items()]


def _total(item: Object, resource: str) -> str:
    used = [item["usage"]] if "usage" in item else [container["usage"] for container in item["containers"]]
    return total([usage[resource] for usage in used if resource in usage])
