"""Fills in the defaults of a schema.

https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apiserver/schema/defaulting/algorithm.go
"""

from __future__ import annotations

from extension_apiserver.objects.values import Value, copied

from .structural import DEFAULTS, Structural


def fill_defaults(value: Value, schema: Structural | None) -> None:
    """Fill in defaults, in place: for what is missing, and for nulls where null is not allowed."""
    if schema is None or DEFAULTS not in schema.holds:
        return
    if isinstance(value, dict):
        for name, field in schema.properties.items():
            if field.has_default and (name not in value or (value[name] is None and not field.nullable)):
                value[name] = copied(field.default)
        for name, item in value.items():
            inner = schema.of(name)
            if name not in schema.properties:
                value[name] = item = _instead_of_null(item, inner)  # noqa: PLW2901 - the value that is there now
            fill_defaults(item, inner)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            value[index] = item = _instead_of_null(item, schema.items)  # noqa: PLW2901
            fill_defaults(item, schema.items)


def _instead_of_null(item: Value, schema: Structural | None) -> Value:
    if item is None and schema and not schema.nullable and schema.has_default:
        return copied(schema.default)
    return item
