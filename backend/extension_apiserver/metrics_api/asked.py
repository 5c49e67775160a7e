"""What a request for metrics asks for, read as the API servers of metrics upstream read it.

https://github.com/kubernetes-sigs/custom-metrics-apiserver/blob/v1.37.0/pkg/apiserver/installer
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence

from extension_apiserver.api.negotiation import as_kind
from extension_apiserver.request import Request, Response, json_response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.selectors.asked import required_name
from extension_apiserver.selectors.labels import Requirement, label_requirements
from extension_apiserver.status import StatusError

_PLAIN = ("", "", "")
#: Not upstream's: a selector is a key of the cache, and each requirement is held against each value.
LONGEST_SELECTOR, _MOST_REQUIREMENTS = 4096, 64
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
#: Of so many values a document is made in the event loop; of more it would hold everybody.
_FEW = 500


def segments(request: Request) -> list[str]:
    """Return what the path has behind `/apis/<group>/<version>/`."""
    return request.path.split("/")[4:]


def require_get(request: Request, info: RequestInfo) -> None:
    """Check method and form.

    Raises:
        StatusError: 405 for anything but GET and HEAD and for a watch, 406 if the client wants no JSON.

    """
    if info.verb not in {"get", "list"} or request.method not in {"GET", "HEAD"}:
        what = "watch" if info.verb == "watch" else request.method
        message = f"the server does not allow this method on the requested resource: {what} {info.resource}"
        raise StatusError(405, message, headers=[("Allow", "GET")])
    if request.header(b"upgrade"):
        raise StatusError(400, "connections cannot be upgraded here")
    as_kind(request.header(b"accept"), [_PLAIN])


def can_be_namespace(name: str) -> bool:
    """Tell whether there can be a namespace of that name."""
    return _NAMESPACE.fullmatch(name) is not None


def require_namespace(namespace: str) -> None:
    """Check that there can be such a namespace. Raises StatusError 400."""
    if not can_be_namespace(namespace):
        raise StatusError(400, "the namespace of the path must be a DNS label")


def selector(query: Mapping[str, Sequence[str]], parameter: str) -> tuple[str, list[Requirement]]:
    """Return the text of a label selector, its requirements in the order of the alphabet, and the requirements.

    Raises:
        StatusError: 400 if it cannot be read, or is longer than any that an autoscaler sends.

    """
    text = (query.get(parameter) or [""])[0]
    if len(text) > LONGEST_SELECTOR:
        raise StatusError(400, f"{parameter} must be at most {LONGEST_SELECTOR} characters")
    requirements = label_requirements(text)
    if len(requirements) > _MOST_REQUIREMENTS:
        raise StatusError(400, f"{parameter} must have at most {_MOST_REQUIREMENTS} requirements")
    if any(one.operator in {"Gt", "Lt"} for one in requirements):
        raise StatusError(400, f"{parameter} must not compare numbers: no selector of a metric does")
    return ",".join(sorted(map(str, requirements))), requirements


def require_field_of(name: str, query: Mapping[str, Sequence[str]]) -> None:
    """Check that a field selector, if there is one, asks for the name of the path, '*' for all. Raises StatusError 400."""
    if any(query.get("fieldSelector", ())) and (required_name(query) or "*") != name:
        raise StatusError(400, "fieldSelector metadata.name doesn't match requested name")


def selects(requirements: Sequence[Requirement], labels: Mapping[str, str]) -> bool:
    """Return whether something with these labels meets all of them."""
    return all(requirement.selects(labels) for requirement in requirements)


async def answer(count: int, document: Callable[[], object]) -> Response:
    """Return a document, made in a thread if there is much in it.

    Not in those of the functions, which may all wait for something.
    """
    if count <= _FEW:
        return json_response(document())
    return await asyncio.to_thread(lambda: json_response(document()))
