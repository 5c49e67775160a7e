"""The cells of a Table. They are computed by functions of the user, once for each state of an object."""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from extension_apiserver.api.column import NAME_COLUMN, Column
from extension_apiserver.objects.values import Object

from .recent import Recent

_MOST_BYTES = 4 * 2**20
#: Of a list of cells, beside its values.
_OVERHEAD_BYTES = 400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "y": 365 * 24 * 3600}
#: Seconds below which a duration is shown in one unit, or in two.
_STEPS = (
    (2 * 60, "s", ""), (10 * 60, "m", "s"), (3 * 3600, "m", ""), (8 * 3600, "h", "m"), (48 * 3600, "h", ""),
    (8 * _UNITS["d"], "d", "h"), (2 * _UNITS["y"], "d", ""), (8 * _UNITS["y"], "y", "d"),
)  # fmt: skip
_NOTHING, _INVALID = "null", '"<invalid>"'
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

_log = logging.getLogger(__name__)


class Cells:
    """Computes rows of one resource."""

    def __init__(self, plural: str, now: Callable[[], float] = time.time) -> None:
        """Take the resource's name for the log, and the seconds since 1970."""
        self._plural = plural
        self._now = now
        self._recent: Recent[Sequence[str]] = Recent(_MOST_BYTES)
        self._failed: set[tuple[str, str]] = set()

    def text(
        self, columns: Sequence[Column], version: str, item: Callable[[], Object], revision: int | None = None
    ) -> bytes:
        """Return the cells as JSON.

        Args:
            columns: after the name, in the version.
            item: returns the object in that version.
            revision: of the state that the object is in; None for one that was never written.

        """
        cells = self._recent.get((version, revision)) if revision else None
        if cells is None:
            found = item()
            cells = [_text(found["metadata"]["name"]), *(self._cell(one, version, found) for one in columns)]
            if revision:
                size = sum(map(len, cells))
                self._recent.put((version, revision), cells, size + _OVERHEAD_BYTES)
        if any(column.type == "date" for column in columns):
            # An age grows while its object stays as it is.
            dates = (column.type == "date" for column in (NAME_COLUMN, *columns))
            cells = [self._age(cell) if date else cell for cell, date in zip(cells, dates, strict=True)]
        return f"[{','.join(cells)}]".encode()

    def _cell(self, column: Column, version: str, item: Object) -> str:
        try:
            text = _text(column.value(item))
            text.encode()
        except Exception:  # noqa: BLE001 - whatever a function of the user raises costs its cell, not the list
            # Once for a column: a list may have a hundred thousand rows.
            if (version, column.name) not in self._failed:
                self._failed.add((version, column.name))
                name = item["metadata"].get("name", "")
                _log.exception(
                    "the column '%s' of %s %s has empty cells: it failed for '%s'",
                    column.name, self._plural, version, name,
                )  # fmt: skip
            return _NOTHING
        return text

    def _age(self, cell: str) -> str:
        # https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/registry/customresource/tableconvertor/tableconvertor.go
        value = json.loads(cell)
        if not isinstance(value, str):
            return _NOTHING
        try:
            then = dt.datetime.fromisoformat(value)
        except ValueError:
            return _INVALID
        return _text(duration(self._now() - then.timestamp())) if then.tzinfo else _INVALID


def _text(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """Return a cell as JSON. The encoder takes ten times as long for what is no string."""
    if value is None:
        return _NOTHING
    return str(value) if type(value) is int else _ENCODER.encode(value)


def duration(seconds: float) -> str:
    """Return a duration as kubectl shows it: https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/util/duration/duration.go."""
    whole = int(seconds)
    if whole < 0:
        return "<invalid>" if whole < -1 else "0s"
    first, second = next((units for below, *units in _STEPS if whole < below), ("y", ""))
    rest = whole % _UNITS[first] // _UNITS[second] if second else 0
    return f"{whole // _UNITS[first]}{first}" + f"{rest}{second}" * (rest > 0)
