"""Values as rules see them: JSON by its schema, converted only where a rule looks.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/cel/common/valuesunstructured.go
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

from extension_apiserver.objects.values import Value

from .times import parse_date, parse_duration, parse_time
from .types import Type
from .words import CelError, UInt


@dataclasses.dataclass(frozen=True, slots=True)
class TypeValue:
    """The type of a value, which is a value too."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Optional:
    """What may be missing; ``value`` is () or (value,)."""

    value: tuple[Value, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ListValue:
    """A list: of JSON that its type explains, or of values that were made."""

    items: Sequence[Value]
    type: Type | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Value]:
        if self.type is None:
            return iter(self.items)
        item = self.type.of[0]
        plain = _PLAIN.get(item.name)
        if plain and set(map(type, self.items)) <= {plain}:
            return iter(self.items)
        return (seen(one, item) for one in self.items)

    def plain(self) -> bool:
        """Return whether the items are texts, integers or booleans."""
        return self.type is not None and self.type.of[0].name in _PLAIN and self.type.list_type not in {"set", "map"}

    def at(self, index: Value) -> Value:
        """Return an item.

        Raises:
            CelError: there is none.

        """
        if isinstance(index, float) and index.is_integer():
            index = int(index)
        if isinstance(index, bool) or not isinstance(index, int):
            raise CelError("no such overload")
        if not 0 <= index < len(self.items):
            made = f"index '{index}' out of range in list size '{len(self.items)}'"
            raise CelError(made if self.type is None else f"index out of bounds: {index}")
        return self.items[index] if self.type is None else seen(self.items[index], self.type.of[0])


@dataclasses.dataclass(frozen=True, slots=True)
class MapValue:
    """A map or an object: of JSON that its type explains, or of values that were made."""

    entries: Mapping[Value, Value]
    type: Type | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def keys(self) -> Iterator[Value]:
        """Yield the keys, those of an object as rules name them."""
        if self.type is None or self.type.fields is None:
            return iter(self.entries)
        return (key for key, name in self.type.names.items() if name in self.entries)

    def find(self, key: Value) -> Optional:
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

    def at(self, key: Value) -> Value:
        """Return the value of a key.

        Raises:
            CelError: there is none.

        """
        found = self.find(key)
        if not found.value:
            raise CelError(f"no such key: {key}")
        return found.value[0]


_PLAIN: dict[str, type] = {"string": str, "int": int, "bool": bool}


def seen(value: Value, kind: Type) -> Value:
    """Return what a rule sees of a JSON value of this type.

    Raises:
        CelError: the value is not of the type, as one that was stored under another schema.

    """
    name, actual = kind.name, type(value)
    if _PLAIN.get(name) is actual or (name == "dyn" and actual in {str, int}):
        return value
    if actual is dict and (name == "map" or kind.fields is not None):
        return MapValue(value, kind)
    if actual is list and name == "list":
        return ListValue(value, kind)
    if value is None:
        if kind.nullable:
            return None
        raise CelError("invalid data, got null for schema with nullable=false")
    if name == "double" and actual in {int, float}:
        return float(value)
    if actual is not str or name not in _READERS:
        raise CelError(f"invalid data, expected {kind}")
    return _READERS["date" if name == "timestamp" and kind.most == _DATE else name](value)


_DATE = 12


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CelError(f"Invalid byte formatted string {text}: illegal base64 data") from None


_READERS: dict[str, Callable[[str], Value]] = {
    "bytes": _bytes,
    "duration": parse_duration,
    "date": parse_date,
    "timestamp": parse_time,
}


def size(value: Value) -> int:
    """Return how many letters, items or entries there are; 1 for what has none."""
    return len(value) if isinstance(value, str | bytes | ListValue | MapValue) else 1
