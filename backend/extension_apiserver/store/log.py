"""When the past is forgotten: the same rule for every store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Mark(NamedTuple):
    """When the store was at a revision, and how many bytes of values had been written to it until then."""

    revision: int
    written: int
    time: float


def forgotten(marks: Iterable[Mark], written: int, now: float, keep_seconds: float, most_bytes: int) -> int:
    """Return the revision up to which the past may be forgotten, 0 for none.

    Args:
        marks: those of the future, made before the clock went back, must be gone: they would be kept for as long as it went back.
        written: bytes of values until now.

    """
    return max(
        (one.revision for one in marks if one.time <= now - keep_seconds or written - one.written > most_bytes),
        default=0,
    )
