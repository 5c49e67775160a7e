"""One object of the configuration: takes its keys out, one by one, and keeps every fault with its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,60}")
_MOST_SHOWN = 60


def shown(value: Any) -> str:  # noqa: ANN401
    """Return a value of the file for a sentence, in ASCII, not long, and without what a URL has before '@', a password."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str) and "@" in value:
        value = f"***@{value.rpartition('@')[2]}"
    text = ascii(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


class Section:
    """An object at a place; with a fault in it, a value is its default, and nobody sees the result."""

    def __init__(self, value: Any, place: str, faults: list[str]) -> None:  # noqa: ANN401
        """Take the object, None if there is none.

        Args:
            value: of the file.
            place: such as 'upstreams[1].limits', '' for all of the file.
            faults: where sentences are added.

        """
        self.place = place
        self._faults = faults
        self._known: list[str] = []
        self._values: Mapping[str, Any] = {}
        if isinstance(value, Mapping):
            # What is null is not said, as in Kubernetes.
            self._values = {key: one for key, one in value.items() if one is not None}
            self._written = list(value)
        else:
            self._written = []
            if value is not None:
                faults.append(f"{place or 'the file'} must be an object, not {shown(value)}")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said."""
        return not self._values

    @property
    def keys(self) -> set[str]:
        """What is said."""
        return set(self._values)

    def at(self, key: str) -> str:
        """Return the place of a key."""
        return f"{self.place}.{key}" if self.place else key

    def fault(self, key: str, sentence: str) -> None:
        """Add a fault of the value of a key, '' for the object itself."""
        self._faults.append(f"{self.at(key) if key else self.place} {sentence}")

    def take(self, key: str, parse: Callable[[Any], T], default: T) -> T:
        """Return the value of a key; `parse` raises ValueError with the end of a sentence, 'must be …'."""
        self._known.append(key)
        if key not in self._values:
            return default
        value = self._values[key]
        try:
            return parse(value)
        except ValueError as error:
            self.fault(key, f"{error}, not {shown(value)}")
            return default

    def need(self, key: str, parse: Callable[[Any], T], default: T, why: str = "must be set") -> T:
        """Return the value of a key as `take` does, and add a fault if there is none."""
        found = self.take(key, parse, default)
        if key not in self._values:
            self.fault(key, why)
        return found

    def section(self, key: str) -> Section:
        """Return the object of a key, an empty one if there is none."""
        self._known.append(key)
        return Section(self._values.get(key), self.at(key), self._faults)

    def items(self, key: str) -> Iterator[tuple[str, Any]]:
        """Yield place and value of each item of the list of a key."""
        self._known.append(key)
        value = self._values.get(key, [])
        if not isinstance(value, list):
            self.fault(key, f"must be a list, not {shown(value)}")
            return
        yield from ((f"{self.at(key)}[{number}]", one) for number, one in enumerate(value))

    def sections(self, key: str) -> Iterator[Section]:
        """Yield each object of the list of a key."""
        for place, value in self.items(key):
            if value is None:
                self._faults.append(f"{place} must be an object, not null")
            yield Section(value, place, self._faults)

    def end(self) -> None:
        """Add a fault for each key that nobody took."""
        for key in self._written:
            if key not in self._known:
                self._faults.append(
                    f"{self.at(_key(key))} is no key of this configuration; {nearest(key, self._known)}"
                )


def _key(key: str) -> str:
    return key if _PLAIN.fullmatch(key) else shown(key)


def nearest(key: str, known: Sequence[str]) -> str:
    """Return what is meant, or what there is."""
    lower = {one.lower(): one for one in known}
    folded = key.replace("_", "").replace("-", "").lower()[:_MOST_SHOWN]
    found = difflib.get_close_matches(folded, lower, 1)
    return f"did you mean '{lower[found[0]]}'?" if found else f"known here are {', '.join(known)}"
