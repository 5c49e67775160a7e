"""Reads a mapping of the configuration, key by key, and collects what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from extension_apiserver.gateway.resources.words import quoted, shown

from .expressions import Expression
from .paths import Template

_T = TypeVar("_T")
_LINE, _PATH = re.compile(r".*"), re.compile(r"/.*")


class Reader:
    """One object of the configuration.

    Args:
        value: what stands there.
        place: of it, such as 'resources[0].list'.
        faults: sentences, which grow.

    """

    def __init__(self, value: object, place: str, faults: list[str]) -> None:
        self.place = place
        self._faults = faults
        self._known: list[str] = []
        self._values: Mapping[str, Any] = {}
        if isinstance(value, Mapping):
            self._values = value
        else:
            faults.append(f"{place} must be an object, not {shown(value)}")

    def fault(self, key: str, sentence: str) -> None:
        """Add that something is wrong with a key."""
        self._faults.append(f"{self.place}.{key} {sentence}")

    def has(self, key: str) -> bool:
        """Return whether there is a value, and note that the key is known."""
        self._known.append(key)
        return self._values.get(key) is not None

    def text(self, key: str, default: str | None = "", pattern: re.Pattern[str] = _LINE, what: str = "a string") -> str:
        """Return a string; without a default it must be there."""
        if not self.has(key):
            if default is None:
                self.fault(key, f"is missing: it must be {what}")
            return default or ""
        value = self._values[key]
        if not isinstance(value, str) or not pattern.fullmatch(value):
            self.fault(key, f"must be {what}, not {shown(value)}")
            return ""
        return value

    def texts(self, key: str, pattern: re.Pattern[str], what: str) -> Sequence[str]:
        """Return a list of strings."""
        value = self._values[key] if self.has(key) else []
        if isinstance(value, list | tuple) and all(isinstance(one, str) and pattern.fullmatch(one) for one in value):
            return tuple(value)
        self.fault(key, f"must be a list, each of it {what}, not {shown(value)}")
        return ()

    def flag(self, key: str) -> bool:
        """Return a boolean, by default false."""
        value = self._values[key] if self.has(key) else False
        if not isinstance(value, bool):
            self.fault(key, f"must be true or false, not {shown(value)}")
        return value is True

    def number(self, key: str) -> int:
        """Return a whole number from 0 on, by default 0."""
        value = self._values[key] if self.has(key) else 0
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
            self.fault(key, f"must be a whole number from 0 on, not {shown(value)}")
            return 0
        return value

    def pairs(self, key: str) -> Sequence[tuple[str, str]]:
        """Return an object of strings, numbers and booleans as pairs of strings."""
        value = self._values[key] if self.has(key) else {}
        if not isinstance(value, Mapping) or not all(isinstance(one, str | int | float) for one in value.values()):
            self.fault(key, f"must be an object of strings and numbers, not {shown(value)}")
            return ()
        return tuple((str(name), _as_text(one)) for name, one in value.items())

    def expression(self, key: str, default: str = "", *, needed_for: str = "") -> Expression | None:
        """Return a JMESPath expression; None if it is not there and has no default, which is a fault if it is needed."""
        text = self.text(key, default)
        if needed_for and self._values.get(key) in (None, ""):
            self.fault(key, f"is missing: it says {needed_for}")
        return self._made(key, text, Expression.of) if text else None

    def template(self, key: str) -> Template | None:
        """Return a path; it must be there, and None says that it is wrong."""
        text = self.text(key, None, _PATH, "a path of the upstream that begins with '/', such as /pets")
        return self._made(key, text, Template.of) if text else None

    def _made(self, key: str, text: str, make: Callable[[str], _T]) -> _T | None:
        try:
            return make(text)
        except ValueError as error:
            self.fault(key, str(error))
            return None

    def part(self, key: str) -> Reader | None:
        """Return what reads the object at a key, None if there is none."""
        if not self.has(key):
            return None
        reader = Reader(self._values[key], f"{self.place}.{key}", self._faults)
        return reader if isinstance(self._values[key], Mapping) else None

    def parts(self, key: str) -> Sequence[Reader]:
        """Return what reads each object of a list."""
        value = self._values[key] if self.has(key) else []
        if not isinstance(value, list | tuple):
            self.fault(key, f"must be a list of objects, not {shown(value)}")
            return ()
        return [Reader(one, f"{self.place}.{key}[{index}]", self._faults) for index, one in enumerate(value)]

    def end(self) -> None:
        """Complain about keys that nobody asked for."""
        for key in sorted(map(str, self._values.keys() - set(self._known))):
            self._faults.append(
                f"{self.place} has the unknown key {quoted(key)}; known are {', '.join(sorted(set(self._known)))}"
            )


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
