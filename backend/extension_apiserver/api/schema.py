"""Checks a submitted object against the schema of its resource: unknown fields and wrong types."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from .call import Object
from .resources import Resource

#: A body of 1 MiB may have half a million faults, and an answer with all of them takes more memory than a pod has.
MOST_COMPLAINTS = 100
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_FREE: Mapping[str, Any] = {}
#: Fields of ObjectMeta; https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
METADATA: Mapping[str, Any] = {
    "type": "object",
    "description": "Metadata that every object has.",
    "properties": {
        "name": {"type": "string", "description": "Unique among objects of this kind, in a namespace if it has one."},
        "generateName": {"type": "string", "description": "Beginning of a name whose end the server chooses."},
        "namespace": {"type": "string", "description": "Namespace of the object."},
        "labels": _STRINGS,
        "annotations": _STRINGS,
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "ownerReferences": {"type": "array", "items": {"type": "object"}},
        "managedFields": {"type": "array", "items": {"type": "object"}},
        "uid": {"type": "string", "description": "Unique in time and space."},
        "resourceVersion": {"type": "string", "description": "Opaque version of the object."},
        "generation": {"type": "integer"},
        "selfLink": {"type": "string"},
        # An empty schema would end `kubectl explain --recursive`:
        # https://github.com/kubernetes/kubectl/blob/v0.34.0/pkg/explain/v2/templates/plaintext.tmpl (typeGuess).
        "creationTimestamp": {"description": "When it was created."},
        "deletionTimestamp": {"description": "When it is to be gone."},
        "deletionGracePeriodSeconds": {"type": "integer"},
    },
}


def object_schema(resource: Resource) -> dict[str, Any]:
    """Return the OpenAPI v3 schema of an object as it is submitted, metadata included."""
    return {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": METADATA,
            **resource.fields,
        },
    }


def check(resource: Resource, body: Object) -> tuple[list[str], list[tuple[str, str]]]:
    """Return unknown fields, and (field, what is wrong with it) for values that break the schema; of both the first 100."""
    unknown: list[str] = []
    causes = list(itertools.islice(_walk(object_schema(resource), body, "", unknown), MOST_COMPLAINTS))
    return unknown, causes


def _walk(schema: Mapping[str, Any], value: object, path: str, unknown: list[str]) -> Iterator[tuple[str, str]]:
    kind = schema.get("type")
    if value is None or kind is None:
        return
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield path, f"Invalid value: must be of type {kind}"
    elif isinstance(value, dict):
        yield from _walk_object(schema, value, path, unknown)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(schema.get("items", _FREE), item, f"{path}[{index}]", unknown)


def _walk_object(
    schema: Mapping[str, Any], value: dict[str, Any], path: str, unknown: list[str]
) -> Iterator[tuple[str, str]]:
    properties = schema.get("properties", _FREE)
    others = schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name}".lstrip("."), "Required value"
    for name, item in value.items():
        inner = f"{path}.{name}".lstrip(".")
        if name in properties:
            yield from _walk(properties[name], item, inner, unknown)
        elif isinstance(others, dict):
            yield from _walk(others, item, inner, unknown)
        elif not properties or others or schema.get("x-kubernetes-preserve-unknown-fields"):
            continue
        elif len(unknown) < MOST_COMPLAINTS:
            unknown.append(inner)
