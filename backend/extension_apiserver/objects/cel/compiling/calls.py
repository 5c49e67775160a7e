"""Finds the function that a call means, by the types of its arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from extension_apiserver.objects.cel import types
from extension_apiserver.objects.cel.frames import Code, Exhausted, Frame
from extension_apiserver.objects.cel.functions import conversions, lists, network, operators, quantities, regexes, texts
from extension_apiserver.objects.cel.functions.overloads import Functions, Overload, kind_of
from extension_apiserver.objects.cel.reading.nodes import Node
from extension_apiserver.objects.cel.reading.tokens import refuse
from extension_apiserver.objects.cel.times import offset, parse_duration, parse_time
from extension_apiserver.objects.cel.types import DYN, STRING, TIMESTAMP, Type, list_of
from extension_apiserver.objects.cel.values import size
from extension_apiserver.objects.cel.words import CelError
from extension_apiserver.objects.values import Value

_MODULES = (operators, conversions, texts, lists, network, quantities)


def _all_functions() -> Functions:
    found: Functions = {}
    for module in _MODULES:
        for name, overloads in module.functions().items():
            found.setdefault(name, []).extend(overloads)
    return found


FUNCTIONS = _all_functions()
_TEXTS: dict[str, Callable[[str], object]] = {"duration": parse_duration, "timestamp": parse_time}


def applied(node: Node, name: str, arguments: Sequence[Code], *, member: bool) -> Code:
    """Return the call of a function.

    Raises:
        CompileError: there is none of that name, or none for arguments of these types.

    """
    known = FUNCTIONS.get(name, [])
    if name in regexes.NAMES and len(arguments) > 1:
        known = _with_pattern(node, name, arguments[1])
    if not known:
        refuse(node.at, f"undeclared reference to '{name}': there is no such function here")
    if name.startswith("get") and arguments[0].type == TIMESTAMP and len(arguments) > 1:
        _check_literal(node, arguments[1], offset, "a time zone")
    if name in {"duration", "timestamp"} and arguments and arguments[0].type == STRING and arguments[0].literal:
        _check_literal(node, arguments[0], _TEXTS[name], f"a {name}")
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


def _calling(name: str, found: Sequence[Overload], arguments: Sequence[Code]) -> Callable[[Frame], Value]:
    runs = [one.run for one in arguments]
    names = {one.type.name for one in arguments}
    if len(found) == 1 and len(runs) == 2 and names <= _SCALARS and not any(one.type.nullable for one in arguments):  # noqa: PLR2004 - operators
        return _quick(found[0], *runs)
    sure = len(found) == 1 and "dyn" not in names and not any(one.type.nullable for one in arguments)

    def run(frame: Frame) -> Value:
        values = [one(frame) for one in runs]
        chosen = found[0] if sure else next((one for one in found if one.fits_values(values)), None)
        if chosen is None:
            # Operators have one function for all types, which does not say its name.
            told = "" if name[0] in "_@-!" else f": {name}({', '.join(map(kind_of, values))})"
            raise CelError(f"no such overload{told}")
        frame.spend(chosen.cost([size(one) for one in values]) + (0 if sure else _CHOICE))
        return chosen.run(frame.spend, *values) if chosen.metered else chosen.run(*values)

    return run


#: What it costs to choose a function by the values, which kube-apiserver does not count.
_CHOICE = 2
_SCALARS = {"int", "uint", "double", "bool", "timestamp", "duration"}


def _quick(
    found: Overload, left: Callable[[Frame], Value], right: Callable[[Frame], Value]
) -> Callable[[Frame], Value]:
    """Call an operator of two scalars, of which loops are made."""
    cost, apply = found.cost((1, 1)), found.plain or found.run

    def run(frame: Frame) -> Value:
        one, other = left(frame), right(frame)
        frame.left -= cost
        if frame.left < 0:
            raise Exhausted
        return apply(one, other)

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
