"""What a request asks for, in the words of authorization.

https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/endpoints/request/requestinfo.go
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .request import Request
from .selectors.asked import required_name
from .selectors.labels import whole_number
from .verbs import VERBS, Place

#: They may stand before the resource in a path, and then nothing else says the verb.
_VERBS_IN_PATHS = frozenset({"proxy", "watch"})
_NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})
_GROUP_PREFIX_PARTS = 3  # apis, group, version
_OPTIONS = re.compile("watch|fieldSelector|%")


@dataclasses.dataclass(frozen=True, slots=True)
class RequestInfo:
    """Attributes of a request; for a path that is no resource only `verb` and `path` are set.

    Attributes:
        verb: a Kubernetes verb, or the lower-case HTTP method where the path is no resource.
        path: decoded path.
        is_resource: the path names a resource.
        namespace: '' for cluster scope or all namespaces.
        name: '' for a collection.
        selected_name: the only name that the field selector of a list or watch lets through, else ''.

    """

    verb: str
    path: str
    is_resource: bool = False
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    selected_name: str = ""

    def attributes(self) -> dict[str, Any]:
        """Return the part of a SubjectAccessReview's `spec` that says what is asked for."""
        if not self.is_resource:
            return {"nonResourceAttributes": {"path": self.path, "verb": self.verb}}
        names = ("namespace", "verb", "group", "version", "resource", "subresource", "name")
        found = {name: getattr(self, name) for name in names if getattr(self, name)}
        if self.selected_name:
            found["name"] = self.selected_name
        return {"resourceAttributes": found}

    def denial(self, user: str) -> str:
        """Return the sentence with which Kubernetes refuses this request."""
        if not self.is_resource:
            return f'forbidden: User "{user}" cannot {self.verb} path "{self.path}"'
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        where = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        name = self.name or self.selected_name
        what = f'"{name}" is forbidden' if name else "is forbidden"
        return (
            f"{self.resource}.{self.group} {what}: "
            f'User "{user}" cannot {self.verb} resource "{resource}" in API group "{self.group}" {where}'
        )


def request_info(request: Request) -> RequestInfo:
    """Parse method, path and the parameters `watch` and `fieldSelector`.

    `/api/v1` is left out, because kube-apiserver sends it to nobody else.
    """
    path = request.path
    other = RequestInfo(request.method.lower(), path)
    parts = path.strip("/").split("/")
    if len(parts) <= _GROUP_PREFIX_PARTS or parts[0] != "apis":
        return other
    _, group, version, *rest = parts
    verb = rest[0] if rest[0] in _VERBS_IN_PATHS else ""
    if verb:
        rest = rest[1:]
        if not rest:
            return other
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:  # noqa: PLR2004
            rest = rest[2:]
    resource, name, subresource = (*rest, "", "")[:3]
    if verb == "proxy":
        subresource = ""
    selected_name = ""
    verb = verb or (_ON_NAME if name else _ON_COLLECTION).get(request.method, "")
    if verb == "list" and _OPTIONS.search(request.query_string):
        query = request.query()
        verb = "watch" if _is_watch(query) else "list"
        selected_name = required_name(query) if _numbers_are_numbers(query) else ""
    return RequestInfo(
        verb, path, is_resource=True, group=group, version=version, namespace=namespace, resource=resource,
        subresource=subresource, name=name, selected_name=selected_name,
    )  # fmt: skip


def _verbs_on(place: Place) -> dict[str, str]:
    """Return HTTP method → verb. A method that has no verb on this place means that of the other, as upstream."""
    best_first = sorted(VERBS.values(), key=lambda verb: verb.on != place)
    verbs = {verb.method: verb.name for verb in reversed(best_first)}
    return {**verbs, "HEAD": verbs["GET"]}


_ON_NAME, _ON_COLLECTION = _verbs_on("name"), _verbs_on("collection")


def _is_watch(query: Mapping[str, Sequence[str]]) -> bool:
    # No value is a yes, as is any other than these two:
    # https://github.com/kubernetes/apimachinery/blob/v0.34.0/pkg/runtime/conversion.go (Convert_Slice_string_To_bool)
    return query.get("watch", ["0"])[0].lower() not in {"0", "false"}


def _numbers_are_numbers(query: Mapping[str, Sequence[str]]) -> bool:
    """Return whether upstream can read these options at all; if one is malformed, the field selector is lost there."""
    return all(whole_number(query.get(name, ["0"])[0]) is not None for name in ("limit", "timeoutSeconds"))
