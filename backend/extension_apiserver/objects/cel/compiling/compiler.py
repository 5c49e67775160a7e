"""Makes of a tree a function, checks its types, and estimates what it can cost at most.

The estimate is that of kube-apiserver, https://github.com/google/cel-go/blob/v0.29.2/checker/cost.go, and so is what is counted while a rule
runs; a unit is about the look at one variable.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from extension_apiserver.objects.cel import types
from extension_apiserver.objects.cel.frames import Code, Frame, Scope
from extension_apiserver.objects.cel.functions.overloads import LONG_NAMES, kind_of
from extension_apiserver.objects.cel.reading.nodes import Node
from extension_apiserver.objects.cel.reading.tokens import refuse
from extension_apiserver.objects.cel.types import BOOL, DYN, NULL, Type, optional
from extension_apiserver.objects.cel.values import ListValue, MapValue, Optional, TypeValue
from extension_apiserver.objects.cel.words import CelError
from extension_apiserver.objects.values import Value

from .calls import FUNCTIONS, applied
from .literals import literal, new_list, new_map
from .logic import condition, logic
from .loops import MACROS, compile_macro


def compiled(node: Node, scope: Scope) -> Code:
    """Return the function of a tree.

    Raises:
        CompileError: it names what is not there, or puts together types that do not fit.

    """
    return _COMPILERS[node.kind](node, scope)


def _name(node: Node, scope: Scope) -> Code:
    if found := scope.find(node.name):
        index, kind = found

        def run(frame: Frame) -> Value:
            frame.left -= 1
            return frame.values[index]

        return Code(kind, run, 1)
    if node.name in types.NAMES:
        told = TypeValue(LONG_NAMES.get(node.name, node.name))
        return Code(Type("type", (types.NAMES[node.name],)), lambda _frame: told, 1)
    return refuse(node.at, f"undeclared reference to '{node.name}'")


def _select(node: Node, scope: Scope) -> Code:
    target = compiled(_target(node), scope)
    kind, missing_allowed = target.type, bool(node.optional)
    if kind.name == "optional":
        kind, missing_allowed = kind.of[0], True
    name = node.name
    if kind.fields is not None and name not in kind.fields:
        refuse(node.at, f"undefined field '{name}'")
    if kind.fields is None and kind.name not in {"map", "dyn"}:
        refuse(node.at, f"type '{kind}' does not support field selection")
    field = kind.fields[name] if kind.fields is not None else (kind.of[1] if kind.name == "map" else DYN)
    inner = target.run

    def run(frame: Frame) -> Value:
        value = inner(frame)
        frame.left -= 1
        if isinstance(value, MapValue):
            return value.at(name)
        raise CelError("no such overload")

    def run_optional(frame: Frame) -> Optional:
        frame.left -= 1
        return _find(inner(frame), name)

    if missing_allowed:
        return Code(dataclasses.replace(optional(field), most=field.most), run_optional, target.cost + 1)
    return Code(field, run, target.cost + 1)


def _find(value: Value, key: Value) -> Optional:
    if isinstance(value, Optional):
        return _find(value.value[0], key) if value.value else value
    if isinstance(value, MapValue):
        return value.find(key)
    if isinstance(value, ListValue):
        try:
            return Optional((value.at(key),))
        except CelError:
            return Optional()
    raise CelError("no such overload")


def _has(node: Node, scope: Scope) -> Code:
    [field] = node.inner
    if field.kind != "select":
        refuse(node.at, "invalid argument to has() macro")
    inner = compiled(dataclasses.replace(field, optional=(True,)), scope)
    return Code(BOOL, lambda frame: bool(inner.run(frame).value), inner.cost - 1)


def _index(node: Node, scope: Scope) -> Code:
    target, key = compiled(_target(node), scope), compiled(node.inner[0], scope)
    kind, missing_allowed = target.type, bool(node.optional)
    if kind.name == "optional":
        kind, missing_allowed = kind.of[0], True
    wanted, item = {"list": (types.INT, 0), "map": (kind.of[0] if kind.of else DYN, -1), "dyn": (DYN, 0)}.get(
        kind.name, (NULL, 0)
    )
    if wanted == NULL or not types.fits(key.type, wanted):
        refuse(node.at, f"found no matching overload for '_[_]' applied to '({target.type}, {key.type})'")
    found = kind.of[item] if kind.of else DYN

    def run(frame: Frame) -> Value:
        value, place = target.run(frame), key.run(frame)
        frame.left -= 1
        if isinstance(value, ListValue | MapValue):
            return value.at(place)
        raise CelError(f"no such overload: _[_]({kind_of(value)}, {kind_of(place)})")

    def run_optional(frame: Frame) -> Optional:
        frame.left -= 1
        return _find(target.run(frame), key.run(frame))

    cost = target.cost + key.cost + 1
    if missing_allowed:
        return Code(dataclasses.replace(optional(found), most=found.most), run_optional, cost)
    return Code(found, run, cost)


def _call(node: Node, scope: Scope) -> Code:
    name, target = node.name, node.target
    if target is None and name == "has" and len(node.inner) == 1:
        return _has(node, scope)
    if target is None and name == "_?_:_":
        return condition(node, scope, compiled)
    if target is not None and name in MACROS:
        return compile_macro(node, scope, compiled)
    if target is not None and target.kind == "name" and scope.find(target.name) is None:
        whole = f"{target.name}.{name}"
        name, target = (whole, None) if whole in FUNCTIONS else (name, target)
    mixed = name == "format" and target is not None and len(node.inner) == 1 and node.inner[0].kind == "list"
    inner = [new_list(one, scope, compiled, mixed=True) if mixed else compiled(one, scope) for one in node.inner]
    arguments = [*([compiled(target, scope)] if target else []), *inner]
    return applied(node, name, arguments, member=target is not None)


def _target(node: Node) -> Node:
    if node.target is None:
        raise TypeError(f"{node.kind} has no target")
    return node.target


_COMPILERS: dict[str, Callable[[Node, Scope], Code]] = {
    "literal": literal,
    "name": _name,
    "select": _select,
    "index": _index,
    "call": _call,
    "list": lambda node, scope: new_list(node, scope, compiled),
    "map": lambda node, scope: new_map(node, scope, compiled),
    "all": lambda node, scope: logic(node, scope, compiled),
    "any": lambda node, scope: logic(node, scope, compiled),
}
