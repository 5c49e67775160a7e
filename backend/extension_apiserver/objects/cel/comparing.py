"""Whether values are equal, and which is greater."""

from __future__ import annotations

from collections.abc import Callable

from extension_apiserver.objects.values import Value, canonical, same

from .times import Duration, Timestamp
from .types import Type
from .values import ListValue, MapValue, Optional, seen
from .words import CelError

#: What a value costs that is compared within another.
_NODE = 3


def _free(_count: int) -> None:
    return


def equal(one: Value, other: Value, meter: Callable[[int], None] = _free) -> bool:
    """Return whether two values are equal: numbers by value, lists that are sets or maps in any order.

    Args:
        one: a value.
        other: a value.
        meter: is called with the number of values within lists and maps that are looked at, before they are.

    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, ListValue) and isinstance(other, ListValue):
        return len(one) == len(other) and _equal_lists(one, other, meter)
    if isinstance(one, MapValue) and isinstance(other, MapValue):
        return len(one) == len(other) and _equal_maps(one, other, meter)
    if isinstance(one, Optional) and isinstance(other, Optional):
        return len(one.value) == len(other.value) and all(
            equal(mine, theirs, meter) for mine, theirs in zip(one.value, other.value, strict=True)
        )
    return type(one) is type(other) and bool(one == other)


def _equal_lists(one: ListValue, other: ListValue, meter: Callable[[int], None]) -> bool:
    if one.plain() and other.plain():
        meter(len(one) // 10)
        return one.items == other.items
    meter(_NODE * len(one))
    kind = one.type.list_type if one.type else ""
    if kind == "set":
        return {_scalar(item) for item in one} == {_scalar(item) for item in other}
    if one.type is not None and other.type is not None and kind == "map":
        mine, theirs = ({_told(item, one.type): item for item in side.items} for side in (one, other))
        inner = one.type.of[0]
        return mine.keys() == theirs.keys() and all(
            equal(seen(item, inner), seen(theirs[key], inner), meter) for key, item in mine.items()
        )
    return all(equal(mine, theirs, meter) for mine, theirs in zip(one, other, strict=True))


def _scalar(item: Value) -> tuple[str, Value]:
    """Return what tells the items of a set apart: true is not 1."""
    return type(item).__name__, item


def _told(item: Value, kind: Type) -> str:
    return canonical([item.get(key) for key in kind.list_keys] if isinstance(item, dict) else item)


def _equal_maps(one: MapValue, other: MapValue, meter: Callable[[int], None]) -> bool:
    meter(_NODE * len(one))
    for key in one.keys():  # noqa: SIM118 - no dict
        mine, theirs = one.find(key), other.find(key)
        if not equal(mine, theirs, meter):
            return False
    if one.type is None or one.type.fields is None:
        return True
    # What no schema tells of is JSON to be compared.
    unknown = one.entries.keys() - one.type.names.values()
    meter(sum(len(canonical(one.entries[name])) for name in unknown))
    return all(name in other.entries and same(one.entries[name], other.entries[name]) for name in unknown)


def compare(one: Value, other: Value) -> int:
    """Return -1, 0 or 1.

    Raises:
        CelError: they have no order.

    """
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    if not numbers and (type(one) is not type(other) or not isinstance(one, bool | str | bytes | Timestamp | Duration)):
        raise CelError("no such overload")
    if one != one or other != other:  # noqa: PLR0124 - NaN
        raise CelError("NaN values cannot be ordered")
    return int(one > other) - int(one < other)
