"""Serves the resources of the table with the manners kubectl and the controllers rely on.

https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from __future__ import annotations

import datetime
import json
import random
import uuid
from typing import TYPE_CHECKING, Any

from . import table
from .messages import Response, json_response
from .negotiation import as_kind, require_json_body
from .resources import Call
from .schema import check
from .status import StatusError, invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .identity import Identity
    from .messages import Request
    from .request_info import RequestInfo
    from .resources import Api, Object, Resource

    #: Runs a function where it may block, if it may.
    Run = Callable[[Callable[[Call], Any], Call], Awaitable[Any]]

#: Nothing is stored, so every list is of one version; it must not be empty.
_RESOURCE_VERSION = "1"
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_METHODS = {"get": "GET", "list": "GET", "create": "POST", "update": "PUT", "delete": "DELETE"}


class Rest:
    """Answers requests for resources."""

    def __init__(self, api: Api, run: Run) -> None:
        """Take the table and the way to run its functions."""
        self._api = api
        self._run = run

    async def answer(self, request: Request, identity: Identity, info: RequestInfo, resource: Resource) -> Response:
        """Answer one request for a resource of the table.

        Raises:
            StatusError: with the code and reason that Kubernetes uses.

        """
        function = self._route(request, info, resource)
        form = as_kind(request.header(b"accept"), table.FORMS)
        query = request.query()
        body: Object = {}
        warnings: list[str] = []
        if info.verb in {"create", "update"}:
            body, warnings = await self._submitted(request, info, resource, query)
        call = Call(
            request, identity, info.verb, f"{info.group}/{info.version}", info.namespace, info.name, body,
            dry_run=_dry_run(query),
        )  # fmt: skip
        result = await self._run(function, call)
        headers = [("Warning", f"299 - {json.dumps(text)}") for text in warnings]
        include_object = query.get("includeObject", ["Metadata"])[0]
        if info.verb == "list":
            items = [self._completed(item, call, resource) for item in result]
            return json_response(table.form_of_list(form, resource, call.api_version, items, _RESOURCE_VERSION, include_object))
        if info.verb == "delete":
            details = {"name": info.name, "group": info.group, "kind": resource.plural}
            return json_response({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
        item = self._completed(result, call, resource)
        status = 201 if info.verb == "create" else 200
        return json_response(table.form_of_object(form, resource, item, include_object), status, headers)

    def _route(self, request: Request, info: RequestInfo, resource: Resource) -> Callable[[Call], Any]:
        """Return the function for a request, or say why there is none."""
        whole_path_exists = (
            not info.subresource
            and bool(info.namespace) <= resource.namespaced
            and not (resource.namespaced and info.name and not info.namespace)
        )
        if not whole_path_exists:
            raise StatusError(404, "the server could not find the requested resource")
        allowed = {verb for verb in resource.verbs if (verb in {"list", "create"}) == (not info.name)}
        if resource.namespaced and not info.namespace:
            allowed.discard("create")
        if info.verb not in allowed:
            what = "watch" if info.verb == "watch" else request.method
            allow = ", ".join(sorted(_METHODS[verb] for verb in allowed))
            raise StatusError(
                405,
                f"the server does not allow this method on the requested resource: {what} {resource.plural}",
                details={"group": info.group, "kind": resource.plural},
                headers=[("Allow", allow)],
            )
        return resource.verbs[info.verb]

    async def _submitted(
        self, request: Request, info: RequestInfo, resource: Resource, query: dict[str, list[str]]
    ) -> tuple[Object, list[str]]:
        """Read and validate the submitted object; the second value are warnings."""
        require_json_body(request.header(b"content-type"))
        mode = query.get("fieldValidation", ["Warn"])[0] or "Warn"
        if mode not in {"Strict", "Warn", "Ignore"}:
            raise StatusError(400, f"fieldValidation must be 'Strict', 'Warn' or 'Ignore', not '{mode}'")
        duplicates: list[str] = []
        try:
            body = json.loads(await request.read_body(), object_pairs_hook=lambda pairs: _object(pairs, duplicates))
        except (ValueError, RecursionError):
            raise StatusError(400, "the body of the request must be a JSON object") from None
        api_version = f"{info.group}/{info.version}"
        if not isinstance(body, dict):
            raise StatusError(400, "the body of the request must be a JSON object")
        if (body.get("apiVersion"), body.get("kind")) != (api_version, resource.kind):
            raise StatusError(400, f"the object must be of apiVersion '{api_version}' and kind '{resource.kind}'")
        metadata = body.setdefault("metadata", {})
        if not isinstance(metadata, dict):
            raise StatusError(400, "`metadata` must be an object")
        name = metadata.get("name") or ""
        unknown, causes = check(resource, body)
        unknown = [f'unknown field "{field}"' for field in unknown] + [f'duplicate field "{field}"' for field in duplicates]
        if unknown and mode == "Strict":
            raise StatusError(400, f"strict decoding error: {', '.join(unknown)}")
        if info.verb == "create" and not name and not metadata.get("generateName"):
            causes.append(("metadata.name", "Required value: name or generateName is required"))
        if info.name and name != info.name:
            raise StatusError(400, f'the name of the object ("{name}") does not match the name on the URL ("{info.name}")')
        if info.namespace and metadata.get("namespace", info.namespace) != info.namespace:
            raise StatusError(400, "the namespace of the provided object does not match the namespace sent on the request")
        if causes:
            raise invalid(info.group, resource.kind, str(name), causes)
        if not name:
            metadata["name"] = metadata["generateName"] + "".join(random.choices(_SUFFIX_LETTERS, k=5))  # noqa: S311
        return body, unknown if mode == "Warn" else []

    def _completed(self, item: Object, call: Call, resource: Resource) -> Object:
        """Fill in what every object has."""
        metadata = {
            "uid": str(uuid.uuid4()),
            "resourceVersion": _RESOURCE_VERSION,
            "creationTimestamp": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if call.namespace:
            metadata["namespace"] = call.namespace
        return {
            **item,
            "apiVersion": call.api_version,
            "kind": resource.kind,
            "metadata": {**metadata, **item.get("metadata", {})},
        }


def _dry_run(query: dict[str, list[str]]) -> bool:
    values: Sequence[str] = query.get("dryRun", [])
    if any(value not in {"", "All"} for value in values):
        raise StatusError(400, "dryRun must be 'All'")
    return "All" in values


def _object(pairs: list[tuple[str, Any]], duplicates: list[str]) -> Object:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        duplicates.extend(sorted({name for name in names if names.count(name) > 1}))
    return result
