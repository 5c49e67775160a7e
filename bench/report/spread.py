"""Several rounds of one figure, as one line of a table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Median and extremes of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Sum up the rounds; there must be one at least."""
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])

    def text(self, digits: int = 2) -> str:
        """Return "median (lowest to highest)"."""
        if self.low == self.high:
            return f"{self.median:.{digits}f}"
        return f"{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def ratios(values: Iterable[float], bases: Iterable[float]) -> Spread:
    """Return value ÷ base, round by round: what the machine did meanwhile was done to both."""
    return Spread.of(value / base for value, base in zip(values, bases, strict=True))
