"""What was made lately and may be wanted again."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class Recent(Generic[_Value]):
    """A cache for any thread that holds a bounded number of bytes; what was not asked for longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._items: dict[Hashable, tuple[_Value, int]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> _Value | None:
        """Return what was put there, None if that is gone."""
        with self._lock:
            found = self._items.pop(key, None)
            if found is None:
                return None
            self._items[key] = found
            return found[0]

    def put(self, key: Hashable, value: _Value, size_bytes: int) -> None:
        """Keep a value for a while; what takes most of the room is not kept."""
        if size_bytes > self._most_bytes // 4:
            return
        with self._lock:
            old = self._items.pop(key, None)
            self._bytes += size_bytes - (old[1] if old else 0)
            self._items[key] = value, size_bytes
            while self._bytes > self._most_bytes:
                self._bytes -= self._items.pop(next(iter(self._items)))[1]
