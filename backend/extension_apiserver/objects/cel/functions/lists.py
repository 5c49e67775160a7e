"""Functions of lists, sets and of what may be missing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from extension_apiserver.objects.cel import types
from extension_apiserver.objects.cel.comparing import compare, equal
from extension_apiserver.objects.cel.times import Duration, Timestamp
from extension_apiserver.objects.cel.types import BOOL, DOUBLE, DURATION, INT, UINT, A, Type, list_of, optional
from extension_apiserver.objects.cel.values import ListValue, MapValue, Optional
from extension_apiserver.objects.cel.words import CelError, UInt
from extension_apiserver.objects.values import Value

from .operators import Meter, unsigned, whole
from .overloads import Functions, Overload, Sizes, items

_LIST, _OPTIONAL = list_of(A), optional(A)
_ORDERED = (INT, UINT, DOUBLE, BOOL, DURATION, types.TIMESTAMP, types.STRING, types.BYTES)
_ZEROS: dict[Type, tuple[Value, Callable[[Value], Value]]] = {
    INT: (0, whole),
    UINT: (UInt(0), unsigned),
    DOUBLE: (0.0, float),
    DURATION: (0, Duration),
}


def _is_sorted(found: ListValue) -> bool:
    before: list[Value] = []
    for item in found:
        if before and compare(before[0], item) > 0:
            return False
        before = [item]
    return True


def _best(name: str, sign: int) -> Callable[[ListValue], Value]:
    def best(found: ListValue) -> Value:
        if not len(found):
            raise CelError(f"{name} called on empty list")
        return functools.reduce(lambda one, other: other if compare(other, one) * sign > 0 else one, found)

    return best


def _sum(kind: Type) -> Callable[[ListValue], Value]:
    zero, limit = _ZEROS[kind]

    def total(found: ListValue) -> Value:
        result = zero
        for item in found:
            result = result + item.ns if kind == DURATION else limit(result + item)
        return limit(result)

    return total


def _index_of(meter: Meter, found: ListValue, wanted: Value) -> int:
    return next((index for index, item in enumerate(found) if equal(item, wanted, meter)), -1)


def _last_index_of(meter: Meter, found: ListValue, wanted: Value) -> int:
    places = range(len(found) - 1, -1, -1)
    return next((index for index in places if equal(found.at(index), wanted, meter)), -1)


def _slice(found: ListValue, start: int, end: int) -> ListValue:
    if start < 0 or end < 0:
        raise CelError(f"cannot slice({start}, {end}), negative indexes not supported")
    if start > end:
        raise CelError(f"cannot slice({start}, {end}), start index must be less than or equal to end index")
    if end > len(found):
        raise CelError(f"cannot slice({start}, {end}), list is length {len(found)}")
    return ListValue(found.items[start:end], found.type)


def _distinct(meter: Meter, found: ListValue) -> ListValue:
    kept: list[Value] = []
    for item in found:
        meter(len(kept))
        if not any(equal(item, one, meter) for one in kept):
            kept.append(item)
    return ListValue(kept)


def _contains(meter: Meter, one: ListValue, other: ListValue) -> bool:
    for item in other:
        meter(len(one))
        if not any(equal(item, mine, meter) for mine in one):
            return False
    return True


def _intersects(meter: Meter, one: ListValue, other: ListValue) -> bool:
    for item in other:
        meter(len(one))
        if any(equal(item, mine, meter) for mine in one):
            return True
    return False


def _value(found: Optional) -> Value:
    if not found.value:
        raise CelError("optional.none() dereference")
    return found.value[0]


def _of_non_zero(value: Value) -> Optional:
    if isinstance(value, ListValue | MapValue | str | bytes):
        return Optional((value,)) if len(value) else Optional()
    zero = value is None or (isinstance(value, Timestamp | Duration) and not value.ns) or value in (0, False)
    return Optional() if zero else Optional((value,))


_whole = items()


def _product(sizes: Sizes) -> int:
    return sizes[0] * sizes[1]


def functions() -> Functions:
    """Return them by name."""

    def member(
        of: Value, result: Value, run: Callable[..., Value], cost: Callable[[Sizes], int] = _whole, **more: Value
    ) -> Overload:
        return Overload(of if isinstance(of, tuple) else (of,), result, run, member=True, cost=cost, **more)

    def as_long(sizes: Sizes) -> int:
        return sizes[0]

    def each(run: Callable[[Type], Callable[[ListValue], Value]], kinds: Iterable[Type] = _ORDERED) -> list[Overload]:
        return [member(list_of(kind), kind, run(kind)) for kind in kinds]

    def sets(run: Callable[..., bool], cost: Callable[[Sizes], int] = _product) -> list[Overload]:
        return [Overload((_LIST, _LIST), BOOL, run, cost=cost, metered=True)]

    return {
        "isSorted": [member(list_of(kind), BOOL, _is_sorted) for kind in _ORDERED],
        "sum": each(_sum, _ZEROS),
        "max": each(lambda _kind: _best("max", 1)),
        "min": each(lambda _kind: _best("min", -1)),
        "indexOf": [member((_LIST, A), INT, _index_of, metered=True)],
        "lastIndexOf": [member((_LIST, A), INT, _last_index_of, metered=True)],
        "slice": [member((_LIST, INT, INT), _LIST, _slice, most=as_long)],
        "reverse": [member(_LIST, _LIST, lambda found: ListValue(list(found)[::-1]), most=as_long)],
        "distinct": [member(_LIST, _LIST, _distinct, most=as_long, cost=lambda sizes: sizes[0] ** 2, metered=True)],
        "sort": [
            member(
                list_of(kind),
                list_of(kind),
                lambda found: ListValue(sorted(found, key=functools.cmp_to_key(compare))),
                most=as_long,
                cost=lambda sizes: sizes[0] * max(sizes[0].bit_length(), 1),
            )
            for kind in _ORDERED
        ],
        "sets.contains": sets(_contains),
        "sets.intersects": sets(_intersects),
        "sets.equivalent": sets(
            lambda meter, one, other: _contains(meter, one, other) and _contains(meter, other, one),
            lambda sizes: 2 * _product(sizes),
        ),
        "optional.none": [Overload((), _OPTIONAL, Optional)],
        "optional.of": [Overload((A,), _OPTIONAL, lambda value: Optional((value,)), most=as_long)],
        "optional.ofNonZeroValue": [Overload((A,), _OPTIONAL, _of_non_zero, most=as_long)],
        "hasValue": [member(_OPTIONAL, BOOL, lambda found: bool(found.value), cost=lambda _sizes: 1)],
        "value": [member(_OPTIONAL, A, _value, cost=lambda _sizes: 1, most=as_long)],
        "orValue": [
            member(
                (_OPTIONAL, A),
                A,
                lambda found, instead: found.value[0] if found.value else instead,
                cost=lambda _sizes: 1,
                most=max,
            )
        ],
        "or": [
            member(
                (_OPTIONAL, _OPTIONAL),
                _OPTIONAL,
                lambda one, other: one if one.value else other,
                cost=lambda _sizes: 1,
                most=max,
            )
        ],
    }
