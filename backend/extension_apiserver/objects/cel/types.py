"""The types of CEL, and which value may stand where another type is expected."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Type:
    """A type; two are equal if name and parameters are.

    Attributes:
        name: `int`, `list`, `A` (any type, the same one at each place of a signature) or, of an object, one of its own.
        of: the item of a list; key and value of a map; what an optional has; the type that a type is.
        fields: of an object, by escaped name.
        names: the name of a field in the object, by its escaped name.
        most: how many letters, items or entries a value can have.
        least_bytes: how few bytes of JSON a value can be.
        nullable: there may be null in its place, which the type does not say.
        list_type: `map` and `set` are equal in any order.
        list_keys: the fields that tell items of a `map` apart.

    """

    name: str
    of: tuple[Type, ...] = ()
    fields: Mapping[str, Type] | None = dataclasses.field(default=None, compare=False)
    names: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False)
    most: int = dataclasses.field(default=1, compare=False)
    least_bytes: int = dataclasses.field(default=1, compare=False)
    nullable: bool = dataclasses.field(default=False, compare=False)
    list_type: str = dataclasses.field(default="", compare=False)
    list_keys: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    def __str__(self) -> str:
        """Name the type for people."""
        if self.fields is not None:
            return "object"
        return f"{self.name}({', '.join(map(str, self.of))})" if self.of else self.name


INT, UINT, DOUBLE, BOOL, STRING, BYTES = map(Type, ("int", "uint", "double", "bool", "string", "bytes"))
TIMESTAMP, DURATION, NULL, DYN, TYPE = map(Type, ("timestamp", "duration", "null_type", "dyn", "type"))
IP, CIDR, URL, QUANTITY = map(Type, ("net.IP", "net.CIDR", "kubernetes.URL", "kubernetes.Quantity"))
A, B = Type("A"), Type("B")
NUMBERS = (INT, UINT, DOUBLE)
#: Null may stand for these, as in protocol buffers, where CEL has its types from.
_NULL_FOR = {"timestamp", "duration", "optional", IP.name, CIDR.name, URL.name, QUANTITY.name}
#: The names that an expression has for types.
NAMES = {"list": Type("list", (DYN,)), "map": Type("map", (DYN, DYN))} | {
    one.name: one for one in (INT, UINT, DOUBLE, BOOL, STRING, BYTES, NULL, TYPE, IP, CIDR, URL, QUANTITY)
}


def list_of(item: Type) -> Type:
    """Return the type of a list."""
    return Type("list", (item,))


def map_of(key: Type, value: Type) -> Type:
    """Return the type of a map."""
    return Type("map", (key, value))


def optional(inner: Type) -> Type:
    """Return the type of a value that may be missing."""
    return Type("optional", (inner,))


def fits(actual: Type, wanted: Type, bound: dict[str, Type] | None = None) -> bool:
    """Return whether a value of one type may stand where the other is expected.

    Args:
        actual: the value's.
        wanted: may have A and B in it, which become the type that is found there first.
        bound: what A and B are so far; filled in.

    """
    known = {} if bound is None else bound
    if wanted in (A, B):
        return _binds(actual, wanted, known)
    if DYN in (actual, wanted) or wanted.name == "type" == actual.name:
        return True
    if NULL in (actual, wanted):
        return actual == wanted or (wanted if actual == NULL else actual).name in _NULL_FOR
    if actual.name != wanted.name or len(actual.of) != len(wanted.of):
        return False
    return all(fits(one, other, known) for one, other in zip(actual.of, wanted.of, strict=True))


def _binds(actual: Type, wanted: Type, known: dict[str, Type]) -> bool:
    before = known.get(wanted.name, DYN)
    # Of dyn and null nothing is known: a better word that comes later takes their place.
    if before == DYN or (before == NULL and fits(NULL, actual)):
        known[wanted.name] = actual
        return True
    return fits(actual, before, known)


def filled_in(wanted: Type, bound: Mapping[str, Type]) -> Type:
    """Return the type with A and B replaced by what they are."""
    if wanted in (A, B):
        return bound.get(wanted.name, DYN)
    return Type(wanted.name, tuple(filled_in(one, bound) for one in wanted.of)) if wanted.of else wanted


def joined(one: Type, other: Type) -> Type | None:
    """Return the type of a value that is of either type; None where there is no such type but dyn."""
    if fits(one, other):
        return one if DYN not in {one, other} and one != NULL else (other if one == NULL else DYN)
    return one if fits(other, one) else None
