"""Values as rules see them: JSON by its schema, converted only where a rule looks.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/cel/common/valuesunstructured.go
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from extension_apiserver.objects.values import canonical, same

from .times import Duration, Timestamp, parse_date, parse_duration, parse_time
from .types import Type
from .words import CelError, UInt

__all__ = ["CelError", "ListValue", "MapValue", "Optional", "TypeValue", "UInt", "compare", "equal", "seen", "size"]


@dataclasses.dataclass(frozen=True, slots=True)
class TypeValue:
    """The type of a value, which is a value too."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Optional:
    """What may be missing; ``value`` is () or (value,)."""

    value: tuple[Any, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ListValue:
    """A list: of JSON that its type explains, or of values that were made."""

    items: Sequence[Any]
    type: Type | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Any]:
        if self.type is None:
            return iter(self.items)
        item = self.type.of[0]
        return (seen(one, item) for one in self.items)

    def at(self, index: Any) -> Any:  # noqa: ANN401 - a value of CEL
        """Return an item.

        Raises:
            CelError: there is none.

        """
        if isinstance(index, float) and index.is_integer():
            index = int(index)
        if isinstance(index, bool) or not isinstance(index, int):
            raise CelError("no such overload")
        if not 0 <= index < len(self.items):
            raise CelError(f"index out of bounds: {index}")
        return self.items[index] if self.type is None else seen(self.items[index], self.type.of[0])


@dataclasses.dataclass(frozen=True, slots=True)
class MapValue:
    """A map or an object: of JSON that its type explains, or of values that were made."""

    entries: Mapping[Any, Any]
    type: Type | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def keys(self) -> Iterator[Any]:
        """Yield the keys, those of an object as rules name them."""
        if self.type is None or self.type.fields is None:
            return iter(self.entries)
        return (key for key, name in self.type.names.items() if name in self.entries)

    def find(self, key: Any) -> Optional:  # noqa: ANN401 - a value of CEL
        """Return the value of a key; a field that is null is missing."""
        if self.type is None:
            if isinstance(key, float) and key.is_integer():
                key = int(key)
            for one in (key, UInt(key) if type(key) is int and key >= 0 else key):
                if one in self.entries and isinstance(one, bool) == any(known is one for known in (True, False)):
                    return Optional((self.entries[one],))
            return Optional()
        if not isinstance(key, str):
            raise CelError("no such overload")
        if self.type.fields is None:
            return Optional((seen(self.entries[key], self.type.of[1]),)) if key in self.entries else Optional()
        name = self.type.names.get(key)
        value = None if name is None else self.entries.get(name)
        return Optional() if value is None else Optional((seen(value, self.type.fields[key]),))

    def at(self, key: Any) -> Any:  # noqa: ANN401 - a value of CEL
        """Return the value of a key.

        Raises:
            CelError: there is none.

        """
        found = self.find(key)
        if not found.value:
            raise CelError(f"no such key: {key}")
        return found.value[0]


def seen(value: Any, kind: Type) -> Any:  # noqa: ANN401 - JSON in, a value of CEL out
    """Return what a rule sees of a JSON value of this type.

    Raises:
        CelError: the value is not of the type.

    """
    if value is None:
        if kind.nullable:
            return None
        raise CelError("invalid data, got null for schema with nullable=false")
    name = kind.name
    if name in {"string", "bool", "int", "dyn"}:
        return value
    if isinstance(value, dict):
        return MapValue(value, kind)
    if isinstance(value, list):
        return ListValue(value, kind)
    if name == "double":
        return float(value)
    if name == "bytes":
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise CelError(f"Invalid byte formatted string {value}: illegal base64 data") from None
    if name == "duration":
        return parse_duration(value)
    return parse_date(value) if kind.most == 12 else parse_time(value)  # noqa: PLR2004 - the length of a date


def size(value: Any) -> int:  # noqa: ANN401 - a value of CEL
    """Return how many letters, items or entries there are; 1 for what has none."""
    return len(value) if isinstance(value, str | bytes | ListValue | MapValue) else 1


def _free(_count: int) -> None:
    return


def equal(one: Any, other: Any, meter: Callable[[int], None] = _free) -> bool:  # noqa: ANN401 - values of CEL
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
        if len(one) != len(other):
            return False
        meter(len(one))
        return _equal_lists(one, other, meter)
    if isinstance(one, MapValue) and isinstance(other, MapValue):
        if len(one) != len(other):
            return False
        meter(len(one))
        return _equal_maps(one, other, meter)
    if isinstance(one, Optional) and isinstance(other, Optional):
        return len(one.value) == len(other.value) and all(
            equal(mine, theirs, meter) for mine, theirs in zip(one.value, other.value, strict=True)
        )
    return type(one) is type(other) and bool(one == other)


def _equal_lists(one: ListValue, other: ListValue, meter: Callable[[int], None]) -> bool:
    kind = one.type.list_type if one.type and other.type else ""
    if one.type is not None and kind in {"map", "set"}:
        mine, theirs = ({_told(item, one.type): item for item in side.items} for side in (one, other))
        inner = one.type.of[0]
        return mine.keys() == theirs.keys() and all(
            equal(seen(item, inner), seen(theirs[key], inner), meter) for key, item in mine.items()
        )
    return all(equal(mine, theirs, meter) for mine, theirs in zip(one, other, strict=True))


def _told(item: Any, kind: Type) -> str:  # noqa: ANN401 - JSON
    return canonical([item.get(key) for key in kind.list_keys] if isinstance(item, dict) else item)


def _equal_maps(one: MapValue, other: MapValue, meter: Callable[[int], None]) -> bool:
    for key in one.keys():
        mine, theirs = one.find(key), other.find(key)
        if not equal(mine, theirs, meter):
            return False
    if one.type is None or one.type.fields is None:
        return True
    # What no schema tells of is JSON to be compared.
    unknown = one.entries.keys() - one.type.names.values()
    meter(sum(len(canonical(one.entries[name])) for name in unknown))
    return all(name in other.entries and same(one.entries[name], other.entries[name]) for name in unknown)


def compare(one: Any, other: Any) -> int:  # noqa: ANN401 - values of CEL
    """Return -1, 0 or 1.

    Raises:
        CelError: they have no order.

    """
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    if not numbers and (type(one) is not type(other) or not isinstance(one, bool | str | bytes | Timestamp | Duration)):
        raise CelError("no such overload")
    if one != one or other != other:  # noqa: PLR0124 - NaN
        raise CelError("NaN values cannot be ordered")
    return (one > other) - (one < other)
