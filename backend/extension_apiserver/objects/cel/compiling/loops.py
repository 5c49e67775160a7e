"""The macros, which are loops over a list or the keys of a map; https://github.com/google/cel-spec/blob/master/doc/langdef.md#macros."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator

from extension_apiserver.objects.cel.frames import Code, Exhausted, Frame, Scope
from extension_apiserver.objects.cel.reading.nodes import Node
from extension_apiserver.objects.cel.reading.tokens import refuse
from extension_apiserver.objects.cel.types import BOOL, DYN, INT, Type, fits, list_of, map_of
from extension_apiserver.objects.cel.values import ListValue, MapValue
from extension_apiserver.objects.cel.words import CelError
from extension_apiserver.objects.values import Value

from .literals import Compile
from .logic import decided
from .optionals import compile_optional

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
        return compile_optional(node, scope, compiled, over)
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
    loop = _Loop(node.name, over, parts, len(scope.variables), count)
    return Code(
        _result(node.name, over.type, parts, count),
        functools.partial(_RUNS[node.name], loop),
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


@dataclasses.dataclass(frozen=True, slots=True)
class _Loop:
    """A macro that runs.

    Attributes:
        name: of the macro.
        over: the list or map.
        parts: the expressions for each item; all but the last say whether it counts.
        first: number of its first variable.
        count: how many variables it has.

    """

    name: str
    over: Code
    parts: list[Code]
    first: int
    count: int

    def each(self, frame: Frame) -> Iterator[Value]:
        """Set the variables step by step, spend what each step costs, and yield the first variable."""
        frame.spend(_BASES.get(self.name, 1))
        value, step = self.over.run(frame), _STEPS[self.name]
        if not isinstance(value, ListValue | MapValue):
            raise CelError("no such overload")
        values, first, last = frame.values, self.first, self.first + self.count - 1
        values.extend([None] * (last + 1 - len(values)))
        if self.count == 1:
            for item in value if isinstance(value, ListValue) else value.keys():
                frame.left -= step
                if frame.left < 0:
                    raise Exhausted
                values[first] = item
                yield item
            return
        pairs = enumerate(value) if isinstance(value, ListValue) else ((key, value.at(key)) for key in value.keys())  # noqa: SIM118
        for key, item in pairs:
            frame.spend(step)
            values[first], values[last] = key, item
            yield key

    def search(self, frame: Frame) -> bool:
        """Look for the item that decides."""
        run = self.parts[-1].run
        return decided((run for _ in self.each(frame)), frame, self.name == "exists")

    def only(self, frame: Frame) -> bool:
        return sum(_holds(self.parts[-1], frame) for _ in self.each(frame)) == 1

    def filtered(self, frame: Frame) -> ListValue:
        return ListValue([item for item in self.each(frame) if _holds(self.parts[-1], frame)])

    def mapped(self, frame: Frame) -> ListValue:
        *conditions, last = self.parts
        return ListValue([last.run(frame) for _ in self.each(frame) if all(_holds(one, frame) for one in conditions)])

    def mapped_by_key(self, frame: Frame) -> MapValue:
        *conditions, last = self.parts
        return MapValue(
            {key: last.run(frame) for key in self.each(frame) if all(_holds(one, frame) for one in conditions)}
        )


def _holds(condition: Code, frame: Frame) -> bool:
    value = condition.run(frame)
    if not isinstance(value, bool):
        raise CelError("no such overload")
    return value


_RUNS: dict[str, Callable[[_Loop, Frame], Value]] = {
    "all": _Loop.search,
    "exists": _Loop.search,
    "exists_one": _Loop.only,
    "existsOne": _Loop.only,
    "filter": _Loop.filtered,
    "map": _Loop.mapped,
    "transformList": _Loop.mapped,
    "transformMap": _Loop.mapped_by_key,
}
