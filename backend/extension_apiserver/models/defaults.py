"""Defaults as JSON, which the schema must take: pydantic does not look at them."""

from __future__ import annotations

from typing import Any

from extension_apiserver.objects.schema.reading import structural
from extension_apiserver.objects.schema.validation import schema_causes

from .unions import Node


def checked_default(default: Any, node: Node) -> Any:  # noqa: ANN401 - whatever JSON can say
    """Return a default without what is null in it, as a field that is not there.

    Raises:
        ValueError: it breaks the schema.

    """
    value = _without_nulls(default)
    whole = structural({"type": "object", "properties": {"default": node}})
    for cause in schema_causes({"default": value}, whole):
        raise ValueError(f"its default breaks its schema: {cause.message}")
    return value


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can say
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value
