"""Reads a structural schema from a dict, and says to its author what is wrong with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from extension_apiserver.objects.cel.rule import Rule
from extension_apiserver.objects.cel.rules import check_costs, read_rules
from extension_apiserver.objects.values import MOST_LEVELS, copied

from .formats import known_format
from .patterns import searcher
from .structural import ABSENT, DEFAULTS, EMBEDDED, LISTS, RULES, Checks, Schema, Structural

_X = "x-kubernetes-"
_TYPES = {"object", "array", "string", "integer", "number", "boolean"}
_NUMBERS = ("maximum", "minimum", "multipleOf")
_LENGTHS = ("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties")
_FLAGS = ("exclusiveMaximum", "exclusiveMinimum")
_LISTS = ("allOf", "anyOf", "oneOf")
_WORDS = {"description", "title", "example", "externalDocs", "$schema", "id"}
_SHAPE = {"type", "nullable", "default", "properties", "items", "additionalProperties", "required", "enum", "format"}
_EXTENSIONS = (
    "validations",
    "preserve-unknown-fields",
    "embedded-resource",
    "int-or-string",
    "list-type",
    "list-map-keys",
    "map-type",
)
_KNOWN = {
    *_WORDS,
    *_SHAPE,
    *_NUMBERS,
    *_LENGTHS,
    *_FLAGS,
    *_LISTS,
    *(_X + name for name in _EXTENSIONS),
    "pattern",
    "not",
    "uniqueItems",
}


def structural(schema: Schema) -> Structural:
    """Return the schema of a kind, read from its `openAPIV3Schema`.

    Raises:
        ValueError: it is none, with the path of the fault.

    """
    root = _read(schema, "", 0)
    if root.type != "object":
        raise ValueError("the schema of a kind must be of type object")
    check_costs(root)
    return root


def _read(schema: object, path: str, level: int, *, nested: bool = False) -> Structural:
    """Read one node; ``nested`` are those of allOf and the like, which check values and do not shape them."""
    where = path or "the schema"
    if not isinstance(schema, Mapping):
        raise ValueError(f"{where} must be an object")  # noqa: TRY004 - one kind of error for the author
    if level > MOST_LEVELS:
        raise ValueError(f"{where} is nested deeper than {MOST_LEVELS} levels")
    for name in schema:
        if name not in _KNOWN:
            raise ValueError(f"{where}: '{name}' is no part of a structural schema")
    if schema.get("uniqueItems"):
        raise ValueError(f"{where}: uniqueItems needs quadratic time, set {_X}list-type to 'set' instead")
    _check_shape(schema, where, nested)
    items, others = schema.get("items"), schema.get("additionalProperties")

    def inner(part: object, name: str) -> Structural:
        return _read(part, f"{path}.{name}".lstrip("."), level + 1, nested=nested)

    properties = schema.get("properties") or {}
    node = Structural(
        type=schema.get("type", ""),
        nullable=bool(schema.get("nullable")),
        default=copied(schema["default"]) if "default" in schema else ABSENT,
        properties={name: inner(part, f"properties.{name}") for name, part in properties.items()},
        items=None if items is None else inner(items, "items"),
        additional=inner(others, "additionalProperties") if isinstance(others, Mapping) else None,
        any_additional=others is True,
        preserve_unknown=bool(schema.get(f"{_X}preserve-unknown-fields")),
        embedded=bool(schema.get(f"{_X}embedded-resource")),
        int_or_string=bool(schema.get(f"{_X}int-or-string")),
        list_type=schema.get(f"{_X}list-type", ""),
        list_keys=tuple(schema.get(f"{_X}list-map-keys", ())),
        map_type=schema.get(f"{_X}map-type", ""),
        checks=_checks(schema, path, level),
    )
    _check_lists(node, where)
    node = dataclasses.replace(node, unchecked=node.checks == Checks(), rules=_rules(schema, node, path, nested=nested))
    return dataclasses.replace(node, holds=_holds(node))


def _rules(schema: Schema, node: Structural, path: str, *, nested: bool) -> tuple[Rule, ...]:
    sources = schema.get(f"{_X}validations")
    if not sources:
        return ()
    if nested:
        raise ValueError(f"{path}: {_X}validations belongs beside allOf, anyOf, oneOf and not, never within them")
    return read_rules(sources, node, path or "the schema", root=not path or node.embedded)


def _holds(node: Structural) -> frozenset[str]:
    own = {EMBEDDED: node.embedded, LISTS: node.list_type in {"set", "map"}, DEFAULTS: node.has_default}
    own[RULES] = bool(node.rules)
    inner = filter(None, (*node.properties.values(), node.items, node.additional))
    return frozenset(name for name, is_so in own.items() if is_so).union(*(one.holds for one in inner))


def _check_shape(schema: Schema, where: str, nested: bool) -> None:
    kind, others = schema.get("type", ""), schema.get("additionalProperties")
    if kind and kind not in _TYPES:
        raise ValueError(f"{where}: type must be one of {', '.join(sorted(_TYPES))}")
    free = nested or schema.get(f"{_X}int-or-string") or schema.get(f"{_X}preserve-unknown-fields")
    if not kind and not free:
        raise ValueError(f"{where}: type is missing")
    if kind == "array" and schema.get("items") is None and not nested:
        raise ValueError(f"{where}: items is missing")
    if others is False or (others is not None and schema.get("properties")):
        raise ValueError(f"{where}: additionalProperties is a schema or true, and not beside properties")


def _check_lists(node: Structural, where: str) -> None:
    if node.list_type not in {"", "atomic", "set", "map"}:
        raise ValueError(f"{where}: {_X}list-type must be 'atomic', 'set' or 'map'")
    if node.map_type not in {"", "atomic", "granular"}:
        raise ValueError(f"{where}: {_X}map-type must be 'atomic' or 'granular'")
    if (node.list_type == "map") != bool(node.list_keys):
        raise ValueError(f"{where}: {_X}list-map-keys belongs to {_X}list-type 'map'")
    if node.list_type == "set" and node.items and node.items.type in {"object", "array"}:
        raise ValueError(f"{where}: the items of a set must be scalars")
    for key in node.list_keys:
        field = node.items.properties.get(key) if node.items else None
        if field is None or field.type in {"object", "array"}:
            raise ValueError(
                f"{where}: '{key}' of {_X}list-map-keys must be a scalar among the properties of the items"
            )


def _checks(schema: Mapping[str, Any], path: str, level: int) -> Checks:
    where = path or "the schema"
    for name in (*_NUMBERS, *_LENGTHS):
        value = schema.get(name)
        allowed: tuple[type, ...] = (int, float) if name in _NUMBERS else (int,)
        if value is not None and (isinstance(value, bool) or not isinstance(value, allowed)):
            raise ValueError(f"{where}: {name} must be a number")

    def parts(name: str) -> tuple[Structural, ...]:
        return tuple(_nested(part, f"{path}.{name}[{n}]", level) for n, part in enumerate(schema.get(name, ())))

    pattern = schema.get("pattern", "")
    try:
        matches = searcher(pattern) if pattern else None
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    plain = {_snake(name): schema.get(name) for name in (*_NUMBERS, *_LENGTHS)}
    return Checks(
        **plain,
        exclusive_maximum=bool(schema.get("exclusiveMaximum")),
        exclusive_minimum=bool(schema.get("exclusiveMinimum")),
        format=known_format(schema.get("format", ""), schema.get("type", ""), where),
        pattern=pattern,
        matches=matches,
        enum=tuple(schema.get("enum", ())),
        required=_names(schema.get("required", ()), where),
        all_of=parts("allOf"),
        any_of=parts("anyOf"),
        one_of=parts("oneOf"),
        not_=_nested(schema["not"], f"{path}.not", level) if "not" in schema else None,
    )


def _nested(part: object, path: str, level: int) -> Structural:
    return _read(part, path.lstrip("."), level + 1, nested=True)


def _names(names: Iterable[object], where: str) -> tuple[str, ...]:
    found = tuple(name for name in names if isinstance(name, str))
    if len(found) != len(tuple(names)):
        raise ValueError(f"{where}: required must be a list of names")
    return found


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
