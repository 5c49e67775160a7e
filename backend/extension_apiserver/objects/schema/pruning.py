"""Takes away what a schema does not know: unknown fields, and nulls that it does not allow.

https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apiserver/schema/pruning/algorithm.go
"""

from __future__ import annotations

import dataclasses

from extension_apiserver.objects.causes import MOST_CAUSES
from extension_apiserver.objects.paths import ROOT, Path, field, item, told
from extension_apiserver.objects.values import Object, Value

from .structural import Structural

_TYPE_META = ("apiVersion", "kind", "metadata")


def prune(root: Object, schema: Structural) -> list[str]:
    """Take unknown fields out of an object, in place; return their paths in order, the first MOST_CAUSES."""
    unknown: list[str] = []
    _prune(root, dataclasses.replace(schema, embedded=True), ROOT, unknown)
    return sorted(unknown)[:MOST_CAUSES]


def _prune(value: Value, schema: Structural | None, path: Path, unknown: list[str]) -> None:
    if schema and schema.preserve_unknown:
        _prune_kept(value, schema, path, unknown)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            _prune(one, schema.items if schema else None, item(path, index), unknown)
    elif isinstance(value, dict):
        for name in list(value):
            inner = field(path, name)
            if schema and schema.embedded and name in _TYPE_META:
                continue
            if schema and (name in schema.properties or schema.takes_others):
                _prune(value[name], schema.of(name), inner, unknown)
            else:
                if path or name not in _TYPE_META:
                    _record(inner, unknown)
                del value[name]


def _record(path: Path, unknown: list[str]) -> None:
    unknown.append(told(path))
    if len(unknown) > 2 * MOST_CAUSES:
        # Only the first in order are told; half a million paths of a hundred levels would not fit into memory.
        unknown.sort()
        del unknown[MOST_CAUSES:]


def _prune_kept(value: Value, schema: Structural, path: Path, unknown: list[str]) -> None:
    """Prune below a node that keeps unknown fields: what it does know is pruned by its own schema."""
    if isinstance(value, dict):
        for name, one in value.items():
            if schema.embedded and name in _TYPE_META:
                continue
            if name in schema.properties or schema.takes_others:
                _prune(one, schema.of(name), field(path, name), unknown)
    elif isinstance(value, list) and schema.items:
        for index, one in enumerate(value):
            _prune_kept(one, schema.items, item(path, index), unknown)


def prune_nulls(value: Value, schema: Structural | None) -> None:
    """Take out nulls of fields that are not nullable and have no default, in place.

    https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apiserver/schema/defaulting/prunenulls.go
    """
    if isinstance(value, dict):
        for name in list(value):
            inner = schema.of(name) if schema else None
            if value[name] is None and inner and not inner.nullable and not inner.has_default:
                del value[name]
            else:
                prune_nulls(value[name], inner)
    elif isinstance(value, list):
        for one in value:
            prune_nulls(one, schema.items if schema else None)
