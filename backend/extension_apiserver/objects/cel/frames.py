"""What a compiled expression is, which names it knows, and what it has left to spend while it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from extension_apiserver.objects.values import Value

from .types import Type


class Exhausted(Exception):
    """An expression has spent what one may."""


class Frame:
    """One run of an expression.

    Attributes:
        values: of the variables, by their number.
        left: how many units it may still spend.

    """

    __slots__ = ("left", "values")

    def __init__(self, values: list[Value], left: int) -> None:
        self.values = values
        self.left = left

    def spend(self, units: int) -> None:
        """Take units.

        Raises:
            Exhausted: there are none left.

        """
        self.left -= units
        if self.left < 0:
            raise Exhausted


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    """A compiled expression.

    Attributes:
        type: of its value; `most` of it is how long the value can be.
        run: computes it; raises CelError, or Exhausted.
        cost: what it spends at most.
        literal: (value,) of a literal.

    """

    type: Type
    run: Callable[[Frame], Value]
    cost: int
    literal: tuple[Value, ...] = ()


@dataclasses.dataclass(slots=True)
class Scope:
    """The variables that an expression may name, each with its number in the frame; the last of a name counts.

    Attributes:
        variables: their names and types.
        used: those that were named.
        loops: how many loops are around the place.

    """

    variables: tuple[tuple[str, Type], ...]
    used: set[str] = dataclasses.field(default_factory=set)
    loops: int = 0

    def find(self, name: str) -> tuple[int, Type] | None:
        """Return number and type of a variable."""
        for index in range(len(self.variables) - 1, -1, -1):
            if self.variables[index][0] == name:
                self.used.add(name)
                return index, self.variables[index][1]
        return None

    def within(self, *more: tuple[str, Type], loops: int = 0) -> Scope:
        """Return the scope with more variables, within so many more loops."""
        return Scope((*self.variables, *more), self.used, self.loops + loops)
