"""Dates and moments as RFC 3339 writes them."""

from __future__ import annotations

import datetime as dt
import re

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,][0-9]{1,30})?(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))"
)


def is_date(text: str) -> bool:
    """Return whether the text is a day, 2006-01-02."""
    if not _DATE.fullmatch(text):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def moment(text: str) -> dt.datetime | None:
    """Return the moment that the text says, in whole seconds UTC; None if it says none."""
    match = _MOMENT.fullmatch(text)
    if not match:
        return None
    try:
        said = dt.datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or '+00:00'}")
        return said.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def written(when: dt.datetime) -> str:
    """Return a moment as metav1.Time is written: UTC, whole seconds, 2006-01-02T15:04:05Z."""
    return f"{when.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
