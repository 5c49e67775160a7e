"""Items of a set, and keys of a list that is a map, are there once.

https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apiserver/schema/listtype/validation.go
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from extension_apiserver.objects.causes import Cause, duplicate, invalid
from extension_apiserver.objects.paths import ROOT, Path, field, item, told
from extension_apiserver.objects.values import Object, Value, canonical

from .structural import ABSENT, LISTS, Structural


def list_causes(value: Value, schema: Structural | None, path: Path = ROOT) -> Iterator[Cause]:
    """Yield a cause for each item that is there a second time; linear in the size of the value."""
    if schema is None or LISTS not in schema.holds:
        return
    if isinstance(value, dict):
        for name, one in value.items():
            if name in schema.properties:
                yield from list_causes(one, schema.properties[name], field(path, name))
            elif schema.additional:
                yield from list_causes(one, schema.additional, item(path, name))
    elif isinstance(value, list):
        if schema.list_type == "set":
            yield from (duplicate(told(item(path, index)), value[index]) for index in _repeated(value))
        elif schema.list_type == "map":
            yield from _map_causes(value, schema.list_keys, path)
        for index, one in enumerate(value):
            yield from list_causes(one, schema.items, item(path, index))


def _map_causes(value: list[Value], keys: Sequence[str], path: Path) -> Iterator[Cause]:
    for index, one in enumerate(value):
        if one is not None and not isinstance(one, dict):
            yield invalid(told(item(path, index)), one, "must be an object for an array of list-type map")
            return
    if len(keys) == 1:
        yield from _single_key_causes(value, keys[0], path)
        return
    found: list[Object] = [{key: one[key] for key in keys if key in one} if one else {} for one in value]
    yield from (duplicate(told(item(path, index)), found[index]) for index in _repeated(found))


def _single_key_causes(value: list[Object | None], key: str, path: Path) -> Iterator[Cause]:
    """Do the same for one key, as most have it, in half of the time."""
    found = [one.get(key, ABSENT) if one else ABSENT for one in value]
    for index in _repeated(found):
        yield duplicate(told(item(path, index)), {} if found[index] is ABSENT else {key: found[index]})


def _repeated(items: Sequence[Value]) -> Iterator[int]:
    """Yield where an item comes for the second time; what comes more often is told once."""
    seen: dict[object, int] = {}
    for index, one in enumerate(items):
        # True is not 1. A list or an object is told by its text; a tuple, so that it is no text of the list.
        told_by: object = (canonical(one),) if isinstance(one, dict | list) else (one, isinstance(one, bool))
        seen[told_by] = seen.get(told_by, 0) + 1
        if seen[told_by] == 2:  # noqa: PLR2004 - the second time
            yield index
