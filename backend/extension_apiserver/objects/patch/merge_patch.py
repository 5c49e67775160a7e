"""JSON Merge Patch, RFC 7396, with what evanphx/json-patch v4 does otherwise: nulls go from new lists too.

https://github.com/evanphx/json-patch/blob/v4.13.0/merge.go
"""

from __future__ import annotations

from extension_apiserver.objects.go_words import not_of_go
from extension_apiserver.objects.values import Object, Value
from extension_apiserver.status import StatusError


def merge_patch(value: Object, patch: Value) -> Object:
    """Return a patched object, which shares parts with both.

    Raises:
        StatusError: 400, the patch is no object.

    """
    if not isinstance(patch, dict):
        raise StatusError(400, f"error decoding patch: {not_of_go(patch, 'map[string]interface {}')}")
    return _merged(value, patch)


def _merged(value: Object, patch: Object) -> Object:
    merged = dict(value)
    for name, item in patch.items():
        current = merged.get(name)
        if item is None:
            merged.pop(name, None)
        elif isinstance(current, dict):
            merged[name] = _merged(current, item) if isinstance(item, dict) else item
        else:
            merged[name] = _without_nulls(item)
    return merged


def _without_nulls(value: Value) -> Value:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
