"""Operators; https://github.com/google/cel-spec/blob/master/doc/langdef.md#list-of-standard-definitions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from extension_apiserver.objects.cel import types
from extension_apiserver.objects.cel.comparing import compare, equal
from extension_apiserver.objects.cel.times import Duration, Timestamp
from extension_apiserver.objects.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    INT,
    NUMBERS,
    STRING,
    TIMESTAMP,
    UINT,
    A,
    B,
)
from extension_apiserver.objects.cel.values import ListValue, MapValue
from extension_apiserver.objects.cel.words import CelError, UInt
from extension_apiserver.objects.values import Value

from .overloads import LETTER, Functions, Overload, Sizes, items, kind_of, letters

INT64, UINT64 = 1 << 63, 1 << 64
_LIST, _MAP = types.list_of(A), types.map_of(A, B)
_ORDERED = (BOOL, STRING, BYTES, TIMESTAMP, DURATION)
Meter = Callable[[int], None]


def whole(value: int) -> int:
    """Return an int of 64 bits."""
    if not -INT64 <= value < INT64:
        raise CelError("integer overflow")
    return value


def unsigned(value: int) -> UInt:
    """Return a uint of 64 bits."""
    if not 0 <= value < UINT64:
        raise CelError("unsigned integer overflow")
    return UInt(value)


def divided(one: int, other: int, words: str) -> int:
    """Return the quotient without its fraction; ``words`` are the error of a division by zero."""
    if other == 0:
        raise CelError(words)
    quotient = abs(one) // abs(other)
    return quotient if (one < 0) == (other < 0) else -quotient


def _quotient(one: float, other: float) -> float:
    if other:
        return one / other
    return math.nan if not one or math.isnan(one) else math.copysign(math.inf, one) * math.copysign(1, other)


def _rest(one: int, other: int) -> int:
    return one - other * divided(one, other, "modulus by zero")


def add_lists(one: ListValue, other: ListValue) -> ListValue:
    """Return both lists one after the other; a list that is a set or a map keeps an item once."""
    kind = one.type.list_type if one.type else ""
    if kind not in {"set", "map"} or one.type is None:
        return ListValue([*one, *other])
    keys = one.type.list_keys

    def told(item: Value) -> Value:
        return tuple(item.find(key).value for key in keys) if isinstance(item, MapValue) else (kind_of(item), item)

    found = {told(item): item for item in one}
    for item in other:
        if kind == "map" or told(item) not in found:
            found[told(item)] = item
    return ListValue(list(found.values()))


def _within(meter: Meter, value: Value, found: ListValue) -> bool:
    return any(equal(value, one, meter) for one in found)


def _arithmetic() -> Functions:
    def of(run: Callable[..., Value], *kinds: types.Type) -> list[Overload]:
        limits: dict[types.Type, Callable[[Value], Value]] = {INT: whole, UINT: unsigned, DOUBLE: float}
        return [
            Overload((kind, kind), kind, lambda one, other, limit=limits[kind]: limit(run(one, other)))
            for kind in kinds
        ]

    def text(kind: types.Type) -> Overload:
        return Overload((kind, kind), kind, operator.add, cost=letters(0, 1), most=sum)

    def moved(one: Value, other: Value, sign: int = 1) -> Value:
        ns = one.ns + sign * other.ns
        return Timestamp(ns) if Timestamp in {type(one), type(other)} else Duration(ns)

    def back(one: Value, other: Value) -> Value:
        return moved(one, other, -1)

    def apart(one: Timestamp, other: Timestamp) -> Duration:
        return Duration(one.ns - other.ns)

    lists = Overload((_LIST, _LIST), _LIST, add_lists, cost=sum, most=sum)
    dates = [
        Overload(pair, result, moved)
        for pair, result in (
            ((DURATION, DURATION), DURATION),
            ((TIMESTAMP, DURATION), TIMESTAMP),
            ((DURATION, TIMESTAMP), TIMESTAMP),
        )
    ]
    return {
        "_+_": [*of(operator.add, *NUMBERS), text(STRING), text(BYTES), lists, *dates],
        "_-_": [
            *of(operator.sub, *NUMBERS),
            Overload((TIMESTAMP, TIMESTAMP), DURATION, apart),
            Overload((TIMESTAMP, DURATION), TIMESTAMP, back),
            Overload((DURATION, DURATION), DURATION, back),
        ],
        "_*_": of(operator.mul, *NUMBERS),
        "_/_": [
            *of(lambda one, other: divided(one, other, "division by zero"), INT, UINT),
            *of(_quotient, DOUBLE),
        ],
        "_%_": of(_rest, INT, UINT),
        "-_": [Overload((INT,), INT, lambda value: whole(-value)), Overload((DOUBLE,), DOUBLE, operator.neg)],
        "!_": [Overload((BOOL,), BOOL, operator.not_)],
    }


def _comparisons() -> Functions:
    signs = {"_<_": operator.lt, "_<=_": operator.le, "_>_": operator.gt, "_>=_": operator.ge}

    def by(sign: Callable[[Value, Value], bool]) -> list[Overload]:
        def run(one: Value, other: Value) -> bool:
            return sign(compare(one, other), 0)

        numbers = [Overload((one, other), BOOL, run) for one in NUMBERS for other in NUMBERS if one != other]
        return [
            Overload((INT, INT), BOOL, sign),
            Overload((UINT, UINT), BOOL, sign),
            Overload((DOUBLE, DOUBLE), BOOL, run),
            *numbers,
            *(Overload((kind, kind), BOOL, sign, cost=_least) for kind in _ORDERED),
        ]

    def equality(*, wanted: bool) -> list[Overload]:
        def run(meter: Meter, one: Value, other: Value) -> bool:
            return equal(one, other, meter) is wanted

        plain = operator.eq if wanted else operator.ne
        return [Overload((A, A), BOOL, run, cost=_least, metered=True, plain=plain)]

    return {name: by(sign) for name, sign in signs.items()} | {
        "_==_": equality(wanted=True),
        "_!=_": equality(wanted=False),
        "@in": [
            Overload((A, _LIST), BOOL, _within, cost=items(1), metered=True),
            Overload((A, _MAP), BOOL, lambda key, found: bool(found.find(key).value)),
        ],
    }


def _least(sizes: Sizes) -> int:
    return math.ceil(min(sizes) * LETTER)


def functions() -> Functions:
    """Return them by name; an operator's name is that of cel-go, `_+_`."""
    return {**_arithmetic(), **_comparisons()}
