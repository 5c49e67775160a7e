"""Functions and operators as the compiler knows them: for which types, what they cost, how long their result can be."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
from collections.abc import Callable, Sequence

from extension_apiserver.objects.cel.times import Duration, Timestamp
from extension_apiserver.objects.cel.types import Type, fits
from extension_apiserver.objects.cel.values import ListValue, MapValue, Optional, TypeValue
from extension_apiserver.objects.cel.words import UInt
from extension_apiserver.objects.values import Value

#: What a letter costs that is looked at; https://github.com/google/cel-go/blob/v0.29.2/common/cost.go
LETTER = 0.1
Sizes = Sequence[int]
_NAMES: dict[type, str] = {
    bool: "bool",
    int: "int",
    UInt: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    type(None): "null_type",
    ListValue: "list",
    MapValue: "map",
    TypeValue: "type",
    Optional: "optional_type",
    Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration",
    ipaddress.IPv4Address: "net.IP",
    ipaddress.IPv6Address: "net.IP",
    ipaddress.IPv4Interface: "net.CIDR",
    ipaddress.IPv6Interface: "net.CIDR",
}
#: What a rule's author calls the types that have a longer name.
LONG_NAMES = {
    "timestamp": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
    "optional": "optional_type",
}


def register(kind: type, name: str) -> None:
    """Make a Python type known as one of CEL."""
    _NAMES[kind] = name


def kind_of(value: Value) -> str:
    """Return the name of a value's type."""
    return _NAMES[type(value)]


def letters(*positions: int, times: float = 1) -> Callable[[Sizes], int]:
    """Return a cost: the letters of the arguments at these positions are looked at so many times."""
    return lambda sizes: math.ceil(sum(sizes[one] for one in positions) * times * LETTER)


def items(position: int = 0) -> Callable[[Sizes], int]:
    """Return a cost: every item of an argument is looked at."""
    return lambda sizes: sizes[position]


def one(_sizes: Sizes) -> int:
    """Return the cost of what looks at no more than a number."""
    return 1


@dataclasses.dataclass(frozen=True, slots=True)
class Overload:
    """A function for arguments of certain types.

    Attributes:
        of: the types of the arguments; that of the value before the dot is the first.
        result: its type.
        run: computes it; of Python, with values of CEL.
        member: it is written after a dot.
        cost: by the sizes of the arguments, the greatest possible ones at start and the real ones later.
        most: how long the result can be, by the same sizes.
        metered: `run` gets a function first, by which it spends what only it knows of.
        plain: does the same for scalars, that is without a meter.

    """

    of: tuple[Type, ...]
    result: Type
    run: Callable[..., Value]
    member: bool = False
    cost: Callable[[Sizes], int] = one
    most: Callable[[Sizes], int] = one
    metered: bool = False
    plain: Callable[..., Value] | None = None

    def takes(self, arguments: Sequence[Type], bound: dict[str, Type]) -> bool:
        """Return whether it is for these types; fills in what A and B are."""
        return len(arguments) == len(self.of) and all(
            fits(actual, wanted, bound) for actual, wanted in zip(arguments, self.of, strict=True)
        )

    def fits_values(self, values: Sequence[Value]) -> bool:
        """Return whether it is for these values, of which the compiler did not know enough."""
        return all(
            wanted.name in {"A", "B", "dyn"} or LONG_NAMES.get(wanted.name, wanted.name) == kind_of(value)
            for value, wanted in zip(values, self.of, strict=True)
        )


Functions = dict[str, list[Overload]]
