"""Where an operation of a JSON Patch works: a JSON Pointer, RFC 6901, as evanphx/json-patch v4 follows it.

https://github.com/evanphx/json-patch/blob/v4.13.0/patch.go
"""

from __future__ import annotations

import re

from extension_apiserver.objects.go_words import shortened
from extension_apiserver.objects.values import Object, Value

_INDEX = re.compile(r"[+-]?[0-9]{1,18}")
Container = Object | list[Value]


class PatchError(ValueError):
    """An operation cannot be done."""


def find(root: Value, path: str) -> tuple[Container, str] | None:
    """Return the dict or list that holds what a path points to, and the name or index there; None where there is none.

    What comes before the first slash is ignored, as upstream.
    """
    parts = path.split("/")[1:]
    if not parts:
        return None
    holder = root
    for part in parts[:-1]:
        try:
            holder = get(holder, _plain(part))
        except PatchError:
            return None
        if not isinstance(holder, dict | list):
            return None
    return (holder, _plain(parts[-1])) if isinstance(holder, dict | list) else None


def get(holder: Container, key: str) -> Value:
    """Return what is there; of a dict None where nothing is.

    Raises:
        PatchError: a list has no such index.

    """
    return holder.get(key) if isinstance(holder, dict) else holder[index_of(holder, key, 0)]


def index_of(holder: list[Value], key: str, more: int) -> int:
    """Return the index in a list of which ``more`` items may follow; negative ones count from its end.

    Raises:
        PatchError: there is no such index.

    """
    if not _INDEX.fullmatch(key):
        raise PatchError(f"value was not a proper array index: '{shortened(key)}'")
    index, size = int(key), len(holder) + more
    if not -size <= index < size:
        raise PatchError(f"Unable to access invalid index: {index}")
    return index % size


def _plain(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
