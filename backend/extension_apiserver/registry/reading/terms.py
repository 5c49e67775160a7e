"""What selectors require, so arranged that an object costs the same however many terms a selector has.

A query has room for ten thousand terms, and each object of a list, and each change for each who watches, is compared with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from extension_apiserver.selectors.labels import Requirement, whole_number


class Texts:
    """What a field must be.

    Attributes:
        first: of what it must be, the first that was required; None if it can be several.

    """

    def __init__(self) -> None:
        self.first: str | None = None
        self._never = False
        self._unwanted: set[str] = set()

    def require(self, value: str, *, same: bool) -> None:
        """Add a term: the field is, or is not, this."""
        if not same:
            self._unwanted.add(value)
        elif self.first is None:
            self.first = value
        else:
            self._never = self._never or value != self.first

    def allow(self, text: str) -> bool:
        """Return whether the field may be this."""
        return not self._never and self.first in {None, text} and text not in self._unwanted


class Labels:
    """The requirements of a label selector; an object costs what its own labels do."""

    def __init__(self, requirements: Sequence[Requirement]) -> None:
        self._needed: dict[str, frozenset[str] | None] = {}
        self._unwanted: dict[str, set[str] | None] = {}
        self._between: dict[str, tuple[int, int]] = {}
        for one in requirements:
            if one.operator == "DoesNotExist":
                self._unwanted[one.key] = None
            elif one.operator == "NotIn":
                unwanted = self._unwanted.setdefault(one.key, set())
                if unwanted is not None:
                    unwanted |= one.values
            elif one.operator == "In":
                known = self._needed.get(one.key)
                self._needed[one.key] = one.values if known is None else known & one.values
            else:
                self._needed.setdefault(one.key, None)
                if one.operator != "Exists":
                    low, high = self._between.get(one.key, (-(2**64), 2**64))
                    bounds = (max(low, one.number), high) if one.operator == "Gt" else (low, min(high, one.number))
                    self._between[one.key] = bounds

    def __bool__(self) -> bool:
        """Whether anything is required."""
        return bool(self._needed or self._unwanted)

    def select(self, labels: Mapping[str, str]) -> bool:
        """Return whether something with these labels is selected."""
        if len(self._needed) > len(labels):
            return False
        for key, values in self._needed.items():
            if key not in labels or (values is not None and labels[key] not in values):
                return False
        for key, (low, high) in self._between.items():
            number = whole_number(labels[key])
            if number is None or not low < number < high:
                return False
        if self._unwanted:
            for key, value in labels.items():
                if key in self._unwanted:
                    unwanted = self._unwanted[key]
                    if unwanted is None or value in unwanted:
                        return False
        return True
