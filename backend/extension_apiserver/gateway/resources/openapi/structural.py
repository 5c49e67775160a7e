"""A schema in which nothing points elsewhere, and that both versions of OpenAPI and kubectl can read.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

ANY: Mapping[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}
_SCHEMAS = "#/components/schemas/"
_PRIMITIVES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
#: One schema may name another twice, and that a third twice: without bounds, 30 lines become a gigabyte. For the same reason no list is
#: looked at longer than this, since two thousand nodes may point to one of a million.
_MOST_NODES, _DEEPEST, _MOST_LAYERS, _MOST_PROPERTIES, _MOST_VALUES = 2000, 12, 50, 500, 100
_LONGEST, _LONGEST_WORD, _MOST_TYPES = 500, 100, 7
_FORMAT = re.compile(r"[\w.-]{1,40}")
#: What a terminal could obey, or show in another order than it stands.
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def structural(components: Mapping[str, Any], name: str) -> Json:
    """Return the schema of a component; what cannot be said simply may be anything.

    Args:
        components: name → schema, of OpenAPI 3.0 or 3.1.
        name: one of them; without it the schema is that of anything.

    """
    return _Builder(components).schema({"$ref": _SCHEMAS + name}, 0, frozenset())


def text_of(value: object) -> str:
    """Return a text without what a terminal could obey, '' for what is no text."""
    return _NO_TEXT.sub("", value) if isinstance(value, str) else ""


def types_of(schema: Mapping[str, Any]) -> list[str]:
    """Return the types that a schema names, without null: 3.1 has lists of them."""
    value = schema.get("type")
    named = value[:_MOST_TYPES] if isinstance(value, list) else [value]
    return [one for one in named if isinstance(one, str) and one != "null"]


class _Builder:
    def __init__(self, components: Mapping[str, Any]) -> None:
        self._components = components
        self._left = _MOST_NODES

    def schema(self, schema: object, depth: int, trail: frozenset[str]) -> Json:
        """Return one node; `trail` has the components that it is part of."""
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            return dict(ANY)
        layers = list(self._layers(schema, trail, [_MOST_LAYERS]))
        texts = (layer.get("description") for layer, _ in layers)
        description = next((text for one in texts if isinstance(one, str) and (text := text_of(one[:_LONGEST]))), "")
        found = self._typed(layers, depth)
        return {"description": description, **found} if description else found

    def _layers(self, schema: object, trail: frozenset[str], left: list[int]) -> Iterator[tuple[Json, frozenset[str]]]:
        """Yield what applies to one value at once, outermost first: the schema, what it points to, and all of `allOf`."""
        left[0] -= 1
        if not isinstance(schema, dict) or left[0] < 0:
            return
        yield schema, trail
        reference = schema.get("$ref")
        if isinstance(reference, str):
            name = reference.removeprefix(_SCHEMAS) if reference.startswith(_SCHEMAS) else ""
            name = name.replace("~1", "/").replace("~0", "~")
            if name not in trail:
                yield from self._layers(self._components.get(name), trail | {name}, left)
        parts = schema.get("allOf")
        for part in parts[:_MOST_LAYERS] if isinstance(parts, list) else ():
            yield from self._layers(part, trail, left)
        for key in ("anyOf", "oneOf"):
            choices = schema.get(key)
            few = choices if isinstance(choices, list) and len(choices) <= 2 else []  # noqa: PLR2004 - something, or null
            real = [one for one in few if one != {"type": "null"}]
            if len(real) == 1:
                yield from self._layers(real[0], trail, left)

    def _typed(self, layers: list[tuple[Json, frozenset[str]]], depth: int) -> Json:
        types = next((named for layer, _ in layers if (named := types_of(layer))), [])
        if not types:
            types = ["object"] if any(isinstance(layer.get("properties"), dict) for layer, _ in layers) else []
        kind = types[0] if len(types) == 1 else ""
        if kind == "object":
            return self._object(layers, depth)
        if kind == "array":
            empty: tuple[object, frozenset[str]] = ({}, frozenset())
            items = next(((layer["items"], trail) for layer, trail in layers if "items" in layer), empty)
            return {"type": "array", "items": self.schema(items[0], depth + 1, items[1])}
        if kind not in _PRIMITIVES:
            return dict(ANY)
        found: Json = {"type": kind}
        for layer, _ in layers:
            style = layer.get("format")
            if "format" not in found and isinstance(style, str) and _FORMAT.fullmatch(style):
                found["format"] = style
            values = [layer["const"]] if "const" in layer else layer.get("enum")
            if "enum" not in found and isinstance(values, list) and len(values) <= _MOST_VALUES:
                fitting = [one for one in values if one is not None]
                if fitting and all(_is(one, kind) for one in fitting):
                    found["enum"] = fitting
        return found

    def _object(self, layers: list[tuple[Json, frozenset[str]]], depth: int) -> Json:
        properties: Json = {}
        required: dict[str, None] = {}
        given: set[str] = set()
        for layer, trail in layers:
            inner = layer.get("properties")
            for name, schema in itertools.islice(inner.items(), _MOST_PROPERTIES) if isinstance(inner, dict) else ():
                if 0 < len(name) <= _LONGEST_WORD and name not in properties and not _NO_TEXT.search(name):
                    properties[name] = self.schema(schema, depth + 1, trail)
                    # The upstream gives it; nobody has to send it.
                    given |= {name} if isinstance(schema, dict) and schema.get("readOnly") is True else set()
            names = layer.get("required")
            few = names[:_MOST_PROPERTIES] if isinstance(names, list) else []
            required |= dict.fromkeys(one for one in few if isinstance(one, str))
        found: Json = {"type": "object"}
        if properties:
            found["properties"] = properties
        needed = [name for name in required if name in properties and name not in given]
        if needed:
            found["required"] = needed
        others = [(layer["additionalProperties"], trail) for layer, trail in layers if "additionalProperties" in layer]
        if others and isinstance(others[0][0], dict) and others[0][0]:
            found["additionalProperties"] = self.schema(others[0][0], depth + 1, others[0][1])
        elif not (properties and len(layers) <= 2 and others and others[0][0] is False):  # noqa: PLR2004 - a name and what it names
            # As in OpenAPI: what is not said is allowed.
            found |= ANY
        return found


def _is(value: object, kind: str) -> bool:
    if isinstance(value, str) and len(value) > _LONGEST_WORD:
        return False
    return isinstance(value, _PRIMITIVES[kind]) and (kind == "boolean" or not isinstance(value, bool))
