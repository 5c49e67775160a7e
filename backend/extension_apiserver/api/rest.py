"""Serves the resources of the table with the manners kubectl and the controllers rely on.

https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from extension_apiserver.request import Request, Response, json_response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.selectors.asked import selectors
from extension_apiserver.status import StatusError, no_such_path
from extension_apiserver.trust.identity import Identity
from extension_apiserver.verbs import DRY_RUN, VERBS, Place

from . import table
from .call import Call, Object, call_of
from .negotiation import as_kind
from .resources import Resource
from .submission import read_object

#: Runs a function where it may block, if it may.
Run = Callable[[Callable[[Call], Any], Call], Awaitable[Any]]

#: Nothing is stored, so every list is of one version; it must not be empty.
_RESOURCE_VERSION = "1"
#: As upstream, 4096 characters of warnings at most: each is a line of the answer's header.
_MOST_WARNINGS, _LONGEST_WARNING = 16, 256


class Rest:
    """Answers requests for resources.

    Args:
        run: calls a function of the table where it may block, and returns what that returns.

    """

    def __init__(self, run: Run) -> None:
        self._run = run

    async def answer(self, request: Request, identity: Identity, info: RequestInfo, resource: Resource) -> Response:
        """Answer one request for a resource of the table.

        Raises:
            StatusError: with the code and reason that Kubernetes uses.

        """
        self.check(request, info, resource)
        function = resource.verbs[info.verb]
        verb = VERBS[info.verb]
        is_list = verb.answer == "list"
        query = request.query()
        form = as_kind(request.header(b"accept"), table.LIST_FORMS if is_list else table.OBJECT_FORMS)
        include_object = table.include_object(query)
        selected = selectors(query) if is_list else []
        body: Object = {}
        warnings: list[str] = []
        if verb.has_body:
            body, warnings = await read_object(request, info, resource, query)
        call = call_of(request, identity, info, body, dry_run=_dry_run(query))
        headers = [("Warning", f"299 - {json.dumps(text[:_LONGEST_WARNING])}") for text in warnings[:_MOST_WARNINGS]]

        def response(call: Call) -> Response:
            if is_list:
                items = [_completed(item, call, resource) for item in function(call)]
                document = {
                    "kind": f"{resource.kind}List",
                    "apiVersion": call.api_version,
                    "metadata": {"resourceVersion": _RESOURCE_VERSION},
                    "items": [item for item in items if all(selects(item) for selects in selected)],
                }
                return json_response(table.form_of_list(form, resource.columns, document, include_object), verb.code)
            result = function(call)
            if verb.answer == "status":
                return json_response(_success(info), verb.code)
            item = _completed(result, call, resource)
            return json_response(table.form_of_object(form, resource.columns, item, include_object), verb.code, headers)

        # All of it where functions of the table run: ten thousand objects as JSON would hold the event loop for a second.
        answer: Response = await self._run(response, call)
        return answer

    @staticmethod
    def check(request: Request, info: RequestInfo, resource: Resource) -> None:
        """Let nobody ask for what there is not.

        Raises:
            StatusError: 404 if the resource has no such path, 405 with Allow if that path does not take the verb.

        """
        whole_path_exists = (
            not info.subresource
            and bool(info.namespace) <= resource.namespaced
            and not (resource.namespaced and info.name and not info.namespace)
        )
        if not whole_path_exists:
            raise no_such_path()
        place: Place = "name" if info.name else "collection"
        in_namespace = bool(info.namespace)
        if not resource.takes(info.verb, place, in_namespace=in_namespace):
            allowed = resource.verbs_on(place, in_namespace=in_namespace)
            what = "watch" if info.verb == "watch" else request.method
            allow = ", ".join(sorted({VERBS[verb].method for verb in allowed}))
            raise StatusError(
                405,
                f"the server does not allow this method on the requested resource: {what} {resource.plural}",
                details={"group": info.group, "kind": resource.plural},
                headers=[("Allow", allow)],
            )


def _completed(item: Object, call: Call, resource: Resource) -> Object:
    """Return an object with apiVersion, kind and the metadata that every object has; what it says of metadata itself stays."""
    given: Object = item.get("metadata", {})
    metadata: Object = {"resourceVersion": _RESOURCE_VERSION}
    if "uid" not in given:
        metadata["uid"] = str(uuid.uuid4())
    if "creationTimestamp" not in given:
        metadata["creationTimestamp"] = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if call.namespace:
        metadata["namespace"] = call.namespace
    return {**item, "apiVersion": call.api_version, "kind": resource.kind, "metadata": {**metadata, **given}}


def _success(info: RequestInfo) -> Object:
    details = {"name": info.name, "group": info.group, "kind": info.resource}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _dry_run(query: dict[str, list[str]]) -> bool:
    values: Sequence[str] = query.get(DRY_RUN.name, [])
    if any(value not in {"", *DRY_RUN.values} for value in values):
        raise StatusError(400, "dryRun must be 'All'")
    return "All" in values
