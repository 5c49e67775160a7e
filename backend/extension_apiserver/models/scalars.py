"""Texts, numbers and enumerations of a JSON schema in the words of OpenAPI v3.0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from extension_apiserver.objects.schema.formats import FORMATS

from .unions import Node

#: Type of Python → type of a scalar.
SCALARS = {bool: "boolean", str: "string", int: "integer", float: "number"}
_HIDDEN = "whoever may get the object could read it: keep it in a Secret and its name here"


def type_of(values: Sequence[Any]) -> str:
    """Return the type of an enumeration's values.

    Raises:
        ValueError: there are several.

    """
    types = {SCALARS.get(type(one), "") for one in values}
    if len(types) > 1 or "" in types:
        raise ValueError("the values of a Literal or an Enum must be of one type, all texts or all numbers")
    return types.pop()


def string(made: Node) -> Node:
    """Return the schema of a text, with its format if that means here what it means to pydantic.

    Raises:
        ValueError: it should be no text of an object.

    """
    if made.pop("writeOnly", False):
        raise ValueError(_HIDDEN)
    name = made.pop("format", "")
    if name == "binary":
        raise ValueError("bytes that are no UTF-8 are no JSON: use pydantic.Base64Bytes")
    if name == "base64":
        name = "byte"
    return made | ({"format": name} if name.replace("-", "") in FORMATS else {})


def number(made: Node) -> Node:
    """Say `exclusiveMinimum: 0` as OpenAPI v3.0: `minimum: 0, exclusiveMinimum: true`."""
    for word, name, tighter in (("exclusiveMinimum", "minimum", max), ("exclusiveMaximum", "maximum", min)):
        limit = made.pop(word, None)
        if limit is not None and (name not in made or tighter(limit, made[name]) == limit):
            made |= {name: limit, word: True}
    return made
