"""Literals, lists and maps that are written in an expression."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from extension_apiserver.objects.cel import types
from extension_apiserver.objects.cel.frames import Code, Frame, Scope
from extension_apiserver.objects.cel.reading.nodes import Node
from extension_apiserver.objects.cel.reading.tokens import refuse
from extension_apiserver.objects.cel.types import DYN, NULL, Type, joined, list_of, map_of
from extension_apiserver.objects.cel.values import ListValue, MapValue, Optional, size
from extension_apiserver.objects.cel.words import CelError, UInt
from extension_apiserver.objects.values import Value

Compile = Callable[[Node, Scope], Code]
_LITERALS: dict[type, Type] = {
    bool: types.BOOL,
    int: types.INT,
    UInt: types.UINT,
    float: types.DOUBLE,
    str: types.STRING,
    bytes: types.BYTES,
    type(None): NULL,
}
_LIST_COST, _MAP_COST = 10, 30


def literal(node: Node, _scope: Scope) -> Code:
    """Return a literal."""
    value = node.value
    kind = dataclasses.replace(_LITERALS[type(value)], most=size(value))
    return Code(kind, lambda _frame: value, 0, literal=(value,))


def new_list(node: Node, scope: Scope, compiled: Compile, *, mixed: bool = False) -> Code:
    """Return a list; its items are of one type, unless ``mixed``."""
    items = [compiled(one, scope) for one in node.inner]
    kinds = [
        one.type.of[0] if maybe and one.type.name == "optional" else one.type
        for one, maybe in zip(items, node.optional, strict=True)
    ]
    longest = max((one.most for one in kinds), default=1)
    kind = dataclasses.replace(DYN, most=longest) if mixed else _one_type(node, kinds, "list elements")

    def run(frame: Frame) -> ListValue:
        frame.spend(_LIST_COST)
        found: list[Value] = []
        for one, maybe in zip(items, node.optional, strict=True):
            value = one.run(frame)
            found.extend(_entry(value) if maybe else (value,))
        return ListValue(found)

    return Code(dataclasses.replace(list_of(kind), most=len(items)), run, _LIST_COST + sum(one.cost for one in items))


def _entry(value: Value) -> tuple[Value, ...]:
    if not isinstance(value, Optional):
        raise CelError("cannot initialize optional list element from non-optional value")
    return value.value


def _one_type(node: Node, kinds: Sequence[Type], what: str) -> Type:
    """Return the type of all; kube-apiserver allows no mixture."""
    found = kinds[0] if kinds else DYN
    for kind in kinds:
        both = joined(found, kind)
        if both is None:
            refuse(node.at, f"expected type '{found}' but found '{kind}': {what} must be of one type")
        found = dataclasses.replace(both, most=max(found.most, kind.most))
    return found


def new_map(node: Node, scope: Scope, compiled: Compile) -> Code:
    """Return a map."""
    parts = [compiled(one, scope) for one in node.inner]
    keys, values = parts[::2], parts[1::2]
    kinds = [
        one.type.of[0] if maybe and one.type.name == "optional" else one.type
        for one, maybe in zip(values, node.optional, strict=True)
    ]
    key_kind, kind = _one_type(node, [one.type for one in keys], "keys"), _one_type(node, kinds, "values of a map")

    def run(frame: Frame) -> MapValue:
        frame.spend(_MAP_COST)
        found: dict[Value, Value] = {}
        for key, one, maybe in zip(keys, values, node.optional, strict=True):
            name, value = key.run(frame), one.run(frame)
            if type(name) not in {bool, int, UInt, str}:
                raise CelError("unsupported key type")
            for inner in _entry(value) if maybe else (value,):
                found[name] = inner
        return MapValue(found)

    cost = _MAP_COST + sum(one.cost for one in parts)
    return Code(dataclasses.replace(map_of(key_kind, kind), most=len(keys)), run, cost)
