"""Faults while they are counted: their sentences are made only for those that are told."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from extension_apiserver.objects import causes
from extension_apiserver.objects.causes import MOST_CAUSES, Cause
from extension_apiserver.objects.paths import Path, told
from extension_apiserver.objects.values import Value

#: Makes the cause of a fault.
Fault = Callable[[], Cause]


@dataclasses.dataclass(slots=True)
class Result:
    """What a check found.

    Attributes:
        faults: the first MOST_CAUSES.
        matches: how many checks were made, by which the likeliest of several alternatives is found.

    """

    faults: list[Fault] = dataclasses.field(default_factory=list)
    matches: int = 0

    def add(self, one: Fault | None) -> None:
        """Keep a fault, unless there are MOST_CAUSES of them."""
        if one and len(self.faults) < MOST_CAUSES:
            self.faults.append(one)

    def merge(self, other: Result) -> None:
        """Take over what another check found."""
        self.matches += other.matches
        for one in other.faults:
            self.add(one)


def plain(path: Path, value: Value, words: str) -> Fault:
    """Return the fault "<path> in body <words>"."""
    return lambda: causes.invalid(told(path), value, f"{told(path)} in body {words}")


def fault(name: str, path: Path, *arguments: Value) -> Fault:
    """Return the fault that ``name``, a function of the module `causes`, makes of a path and arguments."""
    make = getattr(causes, name)

    def cause() -> Cause:
        made: Cause = make(told(path), *arguments)
        return made

    return cause
