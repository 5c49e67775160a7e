"""The forms in which objects can be asked for: plain, Table, PartialObjectMetadata.

https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .resources import NAME_COLUMN
from .status import StatusError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .resources import Column, Object, Resource

_META = "meta.k8s.io"
_TABLE = ("Table", _META, "v1")
_PARTIAL = ("PartialObjectMetadata", _META, "v1")
_PARTIAL_LIST = ("PartialObjectMetadataList", _META, "v1")
#: Values of (as, group, version) in Accept; the first is the plain object.
FORMS = (("", "", ""), _TABLE, _PARTIAL, _PARTIAL_LIST)


def form_of_object(form: tuple[str, str, str], resource: Resource, item: Object, include_object: str) -> Object:
    """Return one object in the form asked for.

    Args:
        form: one of FORMS.
        resource: its resource.
        item: the complete object.
        include_object: for a Table: None, Metadata or Object.

    """
    if form == _TABLE:
        return _table(resource, [item], {"resourceVersion": item["metadata"]["resourceVersion"]}, include_object)
    if form == _PARTIAL:
        return _partial(item)
    if form == _PARTIAL_LIST:
        raise StatusError(406, "a single object cannot be had as PartialObjectMetadataList")
    return item


def form_of_list(
    form: tuple[str, str, str],
    resource: Resource,
    api_version: str,
    items: Sequence[Object],
    resource_version: str,
    include_object: str,
) -> Object:
    """Return a list in the form asked for; arguments as in `form_of_object`."""
    metadata = {"resourceVersion": resource_version}
    if form == _TABLE:
        return _table(resource, items, metadata, include_object)
    if form == _PARTIAL_LIST:
        return {
            "kind": _PARTIAL_LIST[0],
            "apiVersion": f"{_META}/v1",
            "metadata": metadata,
            "items": [_partial(item) for item in items],
        }
    if form == _PARTIAL:
        raise StatusError(406, "a list cannot be had as PartialObjectMetadata")
    return {"kind": f"{resource.kind}List", "apiVersion": api_version, "metadata": metadata, "items": list(items)}


def _partial(item: Object) -> Object:
    return {"kind": _PARTIAL[0], "apiVersion": f"{_META}/v1", "metadata": item["metadata"]}


def _table(resource: Resource, items: Sequence[Object], metadata: Object, include_object: str) -> Object:
    columns = (NAME_COLUMN, *resource.columns)
    return {
        "kind": _TABLE[0],
        "apiVersion": f"{_META}/v1",
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in columns],
        "rows": [_row(columns, item, include_object) for item in items],
    }


def _definition(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description or column.name,
        "priority": column.priority,
    }


def _row(columns: Sequence[Column], item: Object, include_object: str) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": [column.value(item) for column in columns]}
    match include_object:
        case "None":
            pass
        case "Object":
            row["object"] = item
        case "Metadata" | "":
            row["object"] = _partial(item)
        case _:
            raise StatusError(400, f"includeObject must be 'None', 'Metadata' or 'Object', not '{include_object}'")
    return row
