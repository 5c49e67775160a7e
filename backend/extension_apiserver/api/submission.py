"""Reads and validates the object that a request carries.

https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
"""

from __future__ import annotations

import collections
import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from extension_apiserver.request import Request
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError, invalid
from extension_apiserver.verbs import FIELD_VALIDATION

from .call import Object
from .negotiation import require_json_body
from .resources import Resource
from .schema import MOST_COMPLAINTS, check

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME = 253
_NAME_RULE = "must be a lowercase RFC 1123 subdomain of at most 253 characters, such as 'example.com'"
#: Metadata that only a server gives to a new object; what `kubectl get -o yaml` printed can be created again.
_OURS = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "selfLink", "managedFields")
#: Of what was sent, in a message: a body of 1 MiB must not come back several times over in the answer.
_LONGEST_QUOTE = 253
_NOT_AN_OBJECT = "the body of the request must be a JSON object"


async def read_object(
    request: Request, info: RequestInfo, resource: Resource, query: Mapping[str, Sequence[str]]
) -> tuple[Object, list[str]]:
    """Return the submitted object with its name, and warnings for the client.

    Raises:
        StatusError: 400 if it is not such an object or, with `fieldValidation=Strict`, has unknown fields; 415 if it is not JSON;
            422 if values break the schema.

    """
    require_json_body(request.header(b"content-type"))
    mode = query.get(FIELD_VALIDATION.name, [""])[0] or "Warn"
    if mode not in FIELD_VALIDATION.values:
        raise StatusError(400, f"fieldValidation must be 'Strict', 'Warn' or 'Ignore', not '{mode}'")
    body, duplicates = _parse(await request.read_body())
    metadata = _checked_metadata(body, info, resource)
    unknown, causes = check(resource, body)
    complaints = [f'unknown field "{_quote(field)}"' for field in unknown] + [
        f'duplicate field "{_quote(field)}"' for field in duplicates
    ]
    if complaints and mode == "Strict":
        raise StatusError(400, f"strict decoding error: {', '.join(complaints)}")
    causes = [(_quote(field), message) for field, message in causes + _name_causes(metadata)]
    if causes:
        raise invalid(info.group, resource.kind, _quote(str(metadata.get("name", ""))), causes)
    if info.verb == "create":
        for field in _OURS:
            metadata.pop(field, None)
    if not metadata.get("name"):
        metadata["name"] = metadata["generateName"] + "".join(random.choices(_SUFFIX_LETTERS, k=5))  # noqa: S311 - not a secret: it only has to differ
    return body, complaints if mode == "Warn" else []


def _name_causes(metadata: Object) -> list[tuple[str, str]]:
    name, beginning = metadata.get("name"), metadata.get("generateName")
    if not name and not beginning:
        return [("metadata.name", "Required value: name or generateName is required")]
    field, text = ("metadata.name", name) if name else ("metadata.generateName", f"{beginning}x")
    if isinstance(text, str) and not (len(text) <= _LONGEST_NAME and _NAME.fullmatch(text)):
        return [(field, f"Invalid value: {json.dumps(_quote(str(name or beginning)))}: {_NAME_RULE}")]
    return []


def _quote(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def _parse(text: bytes) -> tuple[Object, list[str]]:
    """Return the object and the names of fields that came twice in one object."""
    duplicates: list[str] = []

    def build(pairs: list[tuple[str, Any]]) -> Object:
        result = dict(pairs)
        if len(result) != len(pairs) and len(duplicates) < MOST_COMPLAINTS:
            counts = collections.Counter(name for name, _ in pairs)
            duplicates.extend(sorted(name for name, count in counts.items() if count > 1)[:MOST_COMPLAINTS])
        return result

    try:
        body = json.loads(text, object_pairs_hook=build, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise StatusError(400, _NOT_AN_OBJECT) from None
    if not isinstance(body, dict):
        raise StatusError(400, _NOT_AN_OBJECT)
    return body, duplicates


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large")
    return number


def _checked_metadata(body: Object, info: RequestInfo, resource: Resource) -> Object:
    """Return the metadata of an object that fits the path."""
    api_version = f"{info.group}/{info.version}"
    # Upstream, too, takes what is missing from the path.
    if (body.get("apiVersion") or api_version, body.get("kind") or resource.kind) != (api_version, resource.kind):
        raise StatusError(400, f"the object must be of apiVersion '{api_version}' and kind '{resource.kind}'")
    metadata = body["metadata"] = body.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise StatusError(400, "`metadata` must be an object")
    name = metadata.get("name")
    if info.name and name != info.name:
        raise StatusError(
            400, f'the name of the object ("{_quote(str(name))}") does not match the name on the URL ("{info.name}")'
        )
    # A tuple, since what was sent may be a list, which cannot be looked up in a set.
    if metadata.get("namespace", info.namespace) not in (info.namespace, ""):
        raise StatusError(400, "the namespace of the object does not match the namespace of the request")
    return metadata
