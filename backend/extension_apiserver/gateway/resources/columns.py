"""Columns of `kubectl get`, as JMESPath on the item."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

from extension_apiserver.api.call import Object
from extension_apiserver.api.column import Column

from .entries.entry import ColumnEntry
from .entries.expressions import ExpressionError
from .metadata import timestamp
from .words import plain

_LONGEST = 256
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400

AGE = Column(
    "Age",
    lambda item: age(item["metadata"]["creationTimestamp"]),
    type="date",
    description="How long ago it was created.",
)


def column_of(entry: ColumnEntry) -> Column:
    """Return a column; its cell is None, which kubectl shows as `<none>`, where an item has nothing of the column's type."""

    def value(item: Object) -> Any:  # noqa: ANN401 - what JSON can say
        try:
            return cell(entry.type, entry.value.of_value(item["spec"]))
        except ExpressionError:
            return None

    return Column(entry.name, value, type=entry.type, priority=entry.priority, description=entry.description)


def cell(kind: str, value: object) -> Any:  # noqa: ANN401 - what JSON can say
    """Return a value as a cell of a type."""
    if value is None:
        return None
    if kind == "date":
        return age(timestamp(value))
    if kind == "string":
        return _text(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value if kind == "number" or isinstance(value, int) else int(value) if value == int(value) else None


def _text(value: object) -> str:
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return plain(",".join(one if isinstance(one, str) else json.dumps(one) for one in value[:_LONGEST]), _LONGEST)
    return plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _LONGEST)


def age(created: str | None) -> str | None:
    """Return how long ago a timestamp of Kubernetes was, as kubectl says it: 5d, 3h12m; None without one."""
    if created is None:
        return None
    seconds = int((dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(created)).total_seconds())
    # https://github.com/kubernetes/apimachinery/blob/v0.34.0/pkg/util/duration/duration.go
    if seconds < 0:
        return "<invalid>" if seconds < -1 else "0s"
    for most, unit, name, smaller, its_name in (
        (2 * _MINUTE, 1, "s", 0, ""),
        (10 * _MINUTE, _MINUTE, "m", 1, "s"),
        (3 * _HOUR, _MINUTE, "m", 0, ""),
        (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
        (2 * _DAY, _HOUR, "h", 0, ""),
        (8 * _DAY, _DAY, "d", _HOUR, "h"),
        (2 * _YEAR, _DAY, "d", 0, ""),
        (8 * _YEAR, _YEAR, "y", _DAY, "d"),
    ):
        if seconds < most:
            rest = seconds % unit // smaller if smaller else 0
            return f"{seconds // unit}{name}{f'{rest}{its_name}' if rest else ''}"
    return f"{seconds // _YEAR}y"
