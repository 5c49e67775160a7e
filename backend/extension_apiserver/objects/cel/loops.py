"""The macros, which are loops over a list or the keys of a map; https://github.com/google/cel-spec/blob/master/doc/langdef.md#macros."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from .frames import Code, Frame, Scope
from .syntax import Node
from .tokens import refuse
from .types import BOOL, DYN, INT, Type, fits, list_of, map_of, optional
from .values import ListValue, MapValue, Optional
from .words import CelError

Compile = Callable[[Node, Scope], Code]
#: How many loops may be within each other: the work is the product of their lengths.
MOST_LOOPS = 4
#: What a step costs besides its expressions, as cel-go counts the loop that it makes of the macro.
_STEPS = {
    "all": 3,
    "exists": 4,
    "exists_one": 2,
    "existsOne": 2,
    "map": 12,
    "filter": 13,
    "transformList": 12,
    "transformMap": 32,
}
_BASES = {"map": 11, "filter": 11, "transformList": 11, "transformMap": 31, "exists_one": 2, "existsOne": 2}
#: Name: how many arguments, and how many of them may be variables.
_SHAPES = {
    "all": {2: 1, 3: 2},
    "exists": {2: 1, 3: 2},
    "exists_one": {2: 1, 3: 2},
    "existsOne": {2: 1, 3: 2},
    "filter": {2: 1},
    "map": {2: 1, 3: 1},
    "transformList": {3: 2, 4: 2},
    "transformMap": {3: 2, 4: 2},
    "optMap": {2: 1},
    "optFlatMap": {2: 1},
}
MACROS = frozenset(_SHAPES)
_TRUTHS = {"all", "exists", "exists_one", "existsOne", "filter"}


def compile_macro(node: Node, scope: Scope, compiled: Compile) -> Code:
    """Return the loop of a macro.

    Raises:
        CompileError: its arguments are not those of the macro, what it goes over is neither list nor map, or loops are nested too deeply.

    """
    count = _SHAPES[node.name].get(len(node.inner))
    if count is None or node.target is None:
        return refuse(node.at, f"{node.name} has another number of arguments")
    names = [one.name for one in node.inner[:count] if one.kind == "name"]
    if len(names) < count or len(set(names)) < count or "self" in names or "oldSelf" in names:
        refuse(node.at, f"the first arguments of {node.name} must be names of variables, other than self and oldSelf")
    over = compiled(node.target, scope)
    if node.name.startswith("opt"):
        return _optional(node, scope, compiled, over)
    if over.type.name not in {"list", "map", "dyn"}:
        refuse(
            node.at,
            f"expression of type '{over.type}' cannot be range of a comprehension (must be list, map, or dynamic)",
        )
    inside = scope.within(*zip(names, _kinds(over.type, count), strict=True), loops=1)
    if inside.loops > MOST_LOOPS:
        refuse(node.at, f"at most {MOST_LOOPS} loops may be within each other")
    parts = [compiled(one, inside) for one in node.inner[count:]]
    if not all(fits(part.type, BOOL) for part in (parts if node.name in _TRUTHS else parts[:-1])):
        refuse(node.at, f"the condition of {node.name} must be a bool, not a '{parts[0].type}'")
    first = len(scope.variables)
    return Code(
        _result(node.name, over.type, parts, count),
        _loop(node.name, over, parts, first, count),
        over.cost + _BASES.get(node.name, 1) + over.type.most * (_STEPS[node.name] + sum(part.cost for part in parts)),
    )


def _kinds(over: Type, count: int) -> tuple[Type, ...]:
    if over.name == "dyn":
        return (DYN,) * count
    if count == 1:
        return (over.of[0],)
    return (INT, over.of[0]) if over.name == "list" else (over.of[0], over.of[1])


def _result(name: str, over: Type, parts: list[Code], count: int) -> Type:
    if name in {"map", "transformList"}:
        return dataclasses.replace(list_of(parts[-1].type), most=over.most)
    if name == "filter":
        return dataclasses.replace(list_of(_kinds(over, count)[0]), most=over.most)
    if name == "transformMap":
        key = INT if over.name == "list" else over.of[0] if over.of else DYN
        return dataclasses.replace(map_of(key, parts[-1].type), most=over.most)
    return BOOL


def _steps(frame: Frame, value: Any, first: int, count: int) -> Iterator[Any]:  # noqa: ANN401 - a value of CEL
    """Set the variables of a loop step by step; yields the first."""
    if not isinstance(value, ListValue | MapValue):
        raise CelError("no such overload")
    del frame.values[first:]
    frame.values.extend([None] * count)
    if isinstance(value, ListValue):
        pairs: Iterator[tuple[Any, Any]] = enumerate(value)
    else:
        pairs = ((key, value.at(key) if count == 2 else key) for key in value.keys())  # noqa: PLR2004 - key and value
    for key, item in pairs:
        del frame.values[first + count :]
        frame.values[first] = item if count == 1 else key
        frame.values[first + count - 1] = item
        yield frame.values[first]


def _loop(name: str, over: Code, parts: list[Code], first: int, count: int) -> Callable[[Frame], Any]:
    step, base = _STEPS[name], _BASES.get(name, 1)
    last, conditions = parts[-1].run, [one.run for one in parts[:-1]]

    def each(frame: Frame) -> Iterator[Any]:
        frame.spend(base)
        for item in _steps(frame, over.run(frame), first, count):
            frame.spend(step)
            yield item

    def search(frame: Frame) -> bool:
        """Look for the item that decides; an error counts only where none does."""
        decides, error = name == "exists", None
        for _ in each(frame):
            try:
                value = last(frame)
            except CelError as caught:
                error = error or caught
                continue
            if value is decides:
                return decides
            if not isinstance(value, bool):
                error = error or CelError("no such overload")
        if error:
            raise error
        return not decides

    def holds(run: Callable[[Frame], Any], frame: Frame) -> bool:
        value = run(frame)
        if not isinstance(value, bool):
            raise CelError("no such overload")
        return value

    def only(frame: Frame) -> bool:
        return sum(holds(last, frame) for _ in each(frame)) == 1

    def filtered(frame: Frame) -> ListValue:
        return ListValue([item for item in each(frame) if holds(last, frame)])

    def mapped(frame: Frame) -> ListValue:
        return ListValue([last(frame) for _ in each(frame) if all(holds(one, frame) for one in conditions)])

    def mapped_by_key(frame: Frame) -> MapValue:
        return MapValue({key: last(frame) for key in each(frame) if all(holds(one, frame) for one in conditions)})

    return {
        "all": search,
        "exists": search,
        "exists_one": only,
        "existsOne": only,
        "filter": filtered,
        "map": mapped,
        "transformList": mapped,
        "transformMap": mapped_by_key,
    }[name]


def _optional(node: Node, scope: Scope, compiled: Compile, over: Code) -> Code:
    if over.type.name not in {"optional", "dyn"}:
        refuse(node.at, f"{node.name} belongs to what may be missing, not to a '{over.type}'")
    kind = over.type.of[0] if over.type.of else DYN
    part = compiled(node.inner[1], scope.within((node.inner[0].name, dataclasses.replace(kind, most=over.type.most))))
    flat, first = node.name == "optFlatMap", len(scope.variables)
    if flat and part.type.name not in {"optional", "dyn"}:
        refuse(node.at, f"optFlatMap must give what may be missing, not a '{part.type}'")

    def run(frame: Frame) -> Optional:
        value = over.run(frame)
        if not isinstance(value, Optional):
            raise CelError("no such overload")
        if not value.value:
            return value
        del frame.values[first:]
        frame.values.append(value.value[0])
        result = part.run(frame)
        if flat and not isinstance(result, Optional):
            raise CelError("no such overload")
        return result if flat else Optional((result,))

    result = part.type if flat else dataclasses.replace(optional(part.type), most=part.type.most)
    return Code(result, run, over.cost + part.cost + 1)
