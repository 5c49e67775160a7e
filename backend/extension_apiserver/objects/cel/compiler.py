"""Makes of a tree a function, checks its types, and estimates what it can cost at most.

The estimate is that of kube-apiserver, https://github.com/google/cel-go/blob/v0.29.2/checker/cost.go, and so is what is counted while a rule
runs; a unit is about the look at one variable.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import types
from .frames import Code, Frame, Scope
from .functions import conversions, lists, network, operators, quantities, regexes, texts
from .functions.overloads import LONG_NAMES, Functions, Overload, kind_of
from .loops import MACROS, compile_macro
from .syntax import Node
from .times import offset, parse_duration, parse_time
from .tokens import refuse
from .types import BOOL, DYN, NULL, STRING, TIMESTAMP, Type, joined, list_of, map_of, optional
from .values import ListValue, MapValue, Optional, TypeValue, size
from .words import CelError, UInt

_MODULES = (operators, conversions, texts, lists, network, quantities)
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


def _all_functions() -> Functions:
    found: Functions = {}
    for module in _MODULES:
        for name, overloads in module.functions().items():
            found.setdefault(name, []).extend(overloads)
    return found


_FUNCTIONS = _all_functions()


def compiled(node: Node, scope: Scope) -> Code:
    """Return the function of a tree.

    Raises:
        CompileError: it names what is not there, or puts together types that do not fit.

    """
    return _COMPILERS[node.kind](node, scope)


def _literal(node: Node, _scope: Scope) -> Code:
    value = node.value
    kind = dataclasses.replace(_LITERALS[type(value)], most=size(value))
    return Code(kind, lambda _frame: value, 0, literal=(value,))


def _name(node: Node, scope: Scope) -> Code:
    if found := scope.find(node.name):
        index, kind = found

        def run(frame: Frame) -> Any:  # noqa: ANN401 - a value of CEL
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

    def run(frame: Frame) -> Any:  # noqa: ANN401 - a value of CEL
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


def _find(value: Any, key: Any) -> Optional:  # noqa: ANN401 - values of CEL
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

    def run(frame: Frame) -> Any:  # noqa: ANN401 - a value of CEL
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
        return _condition(node, scope)
    if target is not None and name in MACROS:
        return compile_macro(node, scope, compiled)
    if target is not None and target.kind == "name" and scope.find(target.name) is None:
        if (whole := f"{target.name}.{name}") in _FUNCTIONS:
            name, target = whole, None
    mixed = name == "format" and target is not None and len(node.inner) == 1 and node.inner[0].kind == "list"
    inner = [_list(one, scope, mixed=True) if mixed else compiled(one, scope) for one in node.inner]
    arguments = [*([compiled(target, scope)] if target else []), *inner]
    return _applied(node, name, arguments, member=target is not None)


def _applied(node: Node, name: str, arguments: Sequence[Code], *, member: bool) -> Code:
    known = _FUNCTIONS.get(name, [])
    if name in regexes.NAMES and len(arguments) > 1:
        known = _with_pattern(node, name, arguments[1])
    if not known:
        refuse(node.at, f"undeclared reference to '{name}': there is no such function here")
    if name.startswith("get") and arguments[0].type == TIMESTAMP and len(arguments) > 1:
        _check_literal(node, arguments[1], offset, "a time zone")
    if name in {"duration", "timestamp"} and arguments and arguments[0].type == STRING and arguments[0].literal:
        _check_literal(node, arguments[0], {"duration": parse_duration, "timestamp": parse_time}[name], f"a {name}")
    kinds = [one.type for one in arguments]
    found: list[tuple[Overload, Mapping[str, Type]]] = []
    for one in known:
        bound: dict[str, Type] = {}
        if one.member == member and one.takes(kinds, bound):
            found.append((one, bound))
    if not found:
        told = ", ".join(map(str, kinds))
        refuse(node.at, f"found no matching overload for '{name}' applied to '({told})'")
    results = [types.filled_in(one.result, bound) for one, bound in found]
    sizes = [kind.most for kind in kinds]
    most = max(one.most(sizes) for one, _ in found)
    result = results[0] if all(one == results[0] for one in results) else DYN
    if result == list_of(STRING):
        result = list_of(dataclasses.replace(STRING, most=most))
    cost = sum(one.cost for one in arguments) + max(one.cost(sizes) for one, _ in found)
    return Code(dataclasses.replace(result, most=most), _calling(name, [one for one, _ in found], arguments), cost)


def _calling(name: str, found: Sequence[Overload], arguments: Sequence[Code]) -> Callable[[Frame], Any]:
    runs = [one.run for one in arguments]
    sure = len(found) == 1 and not any(one.type == DYN for one in arguments)

    def run(frame: Frame) -> Any:  # noqa: ANN401 - a value of CEL
        values = [one(frame) for one in runs]
        chosen = found[0] if sure else next((one for one in found if one.fits_values(values)), None)
        if chosen is None:
            raise CelError(f"no such overload: {name}({', '.join(map(kind_of, values))})")
        frame.spend(chosen.cost([size(one) for one in values]))
        return chosen.run(frame.spend, *values) if chosen.metered else chosen.run(*values)

    return run


def _with_pattern(node: Node, name: str, pattern: Code) -> list[Overload]:
    if not pattern.literal or not isinstance(pattern.literal[0], str):
        refuse(
            node.at, f"the pattern of {name} must be written in the rule: one that comes from an object is not offered"
        )
    try:
        return regexes.overloads(name, pattern.literal[0])
    except ValueError as error:
        return refuse(node.at, str(error))


def _check_literal(node: Node, argument: Code, parse: Callable[[str], object], what: str) -> None:
    if not argument.literal:
        refuse(node.at, f"{what} must be written in the rule: one that comes from an object is not offered")
    try:
        parse(argument.literal[0])
    except (ValueError, CelError) as error:
        refuse(node.at, str(error))


def _condition(node: Node, scope: Scope) -> Code:
    condition, yes, no = (compiled(one, scope) for one in node.inner)
    kind = joined(yes.type, no.type)
    if not types.fits(condition.type, BOOL) or kind is None:
        told = f"{condition.type}, {yes.type}, {no.type}"
        refuse(node.at, f"found no matching overload for '_?_:_' applied to '({told})'")

    def run(frame: Frame) -> Any:  # noqa: ANN401 - a value of CEL
        value = condition.run(frame)
        if value is True:
            return yes.run(frame)
        if value is False:
            return no.run(frame)
        raise CelError("no such overload")

    most = max(yes.type.most, no.type.most)
    return Code(dataclasses.replace(kind, most=most), run, condition.cost + max(yes.cost, no.cost))


def _logic(node: Node, scope: Scope) -> Code:
    """Compile && or ||: an error counts only where no other part decides."""
    parts = [compiled(one, scope) for one in node.inner]
    decides = node.kind == "any"
    sign = "_||_" if decides else "_&&_"
    for part in parts:
        if not types.fits(part.type, BOOL):
            refuse(
                node.at,
                f"found no matching overload for '{sign}' applied to '({', '.join(str(one.type) for one in parts)})'",
            )
    runs = [one.run for one in parts]

    def run(frame: Frame) -> bool:
        error: CelError | None = None
        for one in runs:
            try:
                value = one(frame)
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

    return Code(BOOL, run, sum(one.cost for one in parts))


def _list(node: Node, scope: Scope, *, mixed: bool = False) -> Code:
    items = [compiled(one, scope) for one in node.inner]
    kinds = [
        one.type.of[0] if maybe and one.type.name == "optional" else one.type
        for one, maybe in zip(items, node.optional, strict=True)
    ]
    longest = max((one.most for one in kinds), default=1)
    kind = dataclasses.replace(DYN, most=longest) if mixed else _one_type(node, kinds, "list elements")

    def run(frame: Frame) -> ListValue:
        frame.spend(_LIST_COST)
        found: list[Any] = []
        for one, maybe in zip(items, node.optional, strict=True):
            value = one.run(frame)
            found.extend(_entry(value) if maybe else (value,))
        return ListValue(found)

    return Code(dataclasses.replace(list_of(kind), most=len(items)), run, _LIST_COST + sum(one.cost for one in items))


def _entry(value: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a value of CEL
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


def _map(node: Node, scope: Scope) -> Code:
    parts = [compiled(one, scope) for one in node.inner]
    keys, values = parts[::2], parts[1::2]
    kinds = [
        one.type.of[0] if maybe and one.type.name == "optional" else one.type
        for one, maybe in zip(values, node.optional, strict=True)
    ]
    key_kind, kind = _one_type(node, [one.type for one in keys], "keys"), _one_type(node, kinds, "values of a map")

    def run(frame: Frame) -> MapValue:
        frame.spend(_MAP_COST)
        found: dict[Any, Any] = {}
        for key, one, maybe in zip(keys, values, node.optional, strict=True):
            name, value = key.run(frame), one.run(frame)
            if type(name) not in {bool, int, UInt, str}:
                raise CelError("unsupported key type")
            for inner in _entry(value) if maybe else (value,):
                found[name] = inner
        return MapValue(found)

    cost = _MAP_COST + sum(one.cost for one in parts)
    return Code(dataclasses.replace(map_of(key_kind, kind), most=len(keys)), run, cost)


def _target(node: Node) -> Node:
    if node.target is None:
        raise TypeError(f"{node.kind} has no target")
    return node.target


_COMPILERS: dict[str, Callable[[Node, Scope], Code]] = {
    "literal": _literal,
    "name": _name,
    "select": _select,
    "index": _index,
    "call": _call,
    "list": _list,
    "map": _map,
    "all": _logic,
    "any": _logic,
}
