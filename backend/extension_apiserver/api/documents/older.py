"""Schemas as OpenAPI 2 can say them; what it cannot is left out.

https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/controller/openapi/v2/conversion.go
"""

from __future__ import annotations

from typing import Any

_ABSENT = ("nullable", "anyOf", "oneOf", "not", "allOf", "default")


def older(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of OpenAPI 3 as one of OpenAPI 2, which allows at least as much."""
    made = {name: value for name, value in schema.items() if name not in _ABSENT}
    if schema.get("nullable") or schema.get("x-kubernetes-int-or-string"):
        # There a value of a type is never null, and has one type.
        for name in ("type", "items", "properties", "additionalProperties", "required"):
            made.pop(name, None)
    if "properties" in made:
        made["properties"] = {name: older(one) for name, one in made["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(made.get(name), dict):
            made[name] = older(made[name])
    return made
