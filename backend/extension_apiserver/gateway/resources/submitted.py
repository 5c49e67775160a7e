"""What a submitted object becomes for the upstream: its spec, with name and namespace where they belong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from extension_apiserver.api.call import Call
from extension_apiserver.status import StatusError, invalid

from .entries.entry import Entry
from .entries.expressions import Expression, ExpressionError
from .metadata import text_of_name
from .words import shown

#: So many are an int64 in any case.
_MOST_DIGITS = 18
#: So many are an int64 in any case.
_MOST_DIGITS = 18
#: Metadata that a user writes and an item has no place for.
_NO_PLACE = ("annotations", "finalizers", "ownerReferences")


def body_of(call: Call, entry: Entry, schema: Mapping[str, Any]) -> bytes:
    """Return what is sent; the call's own spec is completed with it.

    Args:
        call: `create` or `update`.
        entry: the mapping.
        schema: of the spec, which says whether a name is a number there.

    Raises:
        StatusError: 422 if the spec says something else than the metadata, or there is metadata that the upstream has no place for.

    """
    metadata = call.body["metadata"]
    spec = call.body["spec"] = call.body.get("spec") or {}
    causes = list(_put_all(call, entry, schema))
    causes += [
        (f"metadata.{key}", "Forbidden: an item of the upstream has no place for it")
        for key in (*_NO_PLACE, *(() if entry.fields.labels else ("labels",)))
        if metadata.get(key)
    ]
    if causes:
        raise invalid(call.api_version.partition("/")[0], entry.kind, metadata["name"], causes)
    try:
        return json.dumps(spec).encode()
    except RecursionError:
        raise StatusError(400, "the body of the request is nested too deeply") from None


def _put_all(call: Call, entry: Entry, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    metadata, spec = call.body["metadata"], call.body["spec"]
    if not isinstance(spec, dict):
        yield "spec", "Invalid value: must be of type object"
        return
    properties: Mapping[str, Any] = schema.get("properties", {})
    wanted = [("name", entry.fields.name, metadata["name"])]
    if call.namespace and entry.fields.namespace is not None:
        wanted.append(("namespace", entry.fields.namespace, call.namespace))
    for key, expression, text in wanted:
        if expression.field and spec.get(expression.field) is None:
            integer = properties.get(expression.field, {}).get("type") == "integer"
            whole = integer and text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
            spec[expression.field] = int(text) if whole else text
        value = _given(expression, spec)
        if value is not None and text_of_name(value) != text:
            where = f"spec.{expression.field}" if expression.field else f"spec ({expression.text})"
            yield where, f"Invalid value: {shown(value)}: must be as metadata.{key} is, '{text}'"
    labels = entry.fields.labels
    if labels is not None and labels.field and metadata.get("labels") and spec.get(labels.field) is None:
        as_list = properties.get(labels.field, {}).get("type") == "array"
        spec[labels.field] = list(metadata["labels"]) if as_list else metadata["labels"]


def _given(expression: Expression, spec: object) -> object:
    try:
        return expression.of_value(spec)
    except ExpressionError:
        return None
