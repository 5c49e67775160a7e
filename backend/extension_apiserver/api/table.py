"""The forms in which objects can be asked for: plain, Table, PartialObjectMetadata.

https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from extension_apiserver.status import StatusError

from .call import Object
from .column import NAME_COLUMN, Column

_META = "meta.k8s.io"
_TABLE = ("Table", _META, "v1")
_PARTIAL = ("PartialObjectMetadata", _META, "v1")
_PARTIAL_LIST = ("PartialObjectMetadataList", _META, "v1")
_PLAIN = ("", "", "")
#: Values of (as, group, version) in Accept that are possible for one object and for a list.
OBJECT_FORMS = (_PLAIN, _TABLE, _PARTIAL)
LIST_FORMS = (_PLAIN, _TABLE, _PARTIAL_LIST)


def form_of_object(form: tuple[str, str, str], columns: Sequence[Column], item: Object, include_object: str) -> Object:
    """Return one object in the form asked for.

    Args:
        form: one of OBJECT_FORMS.
        columns: of its resource, after the name.
        item: the complete object.
        include_object: for a Table: None, Metadata or Object.

    """
    if form == _TABLE:
        return _table(columns, [item], {"resourceVersion": item["metadata"].get("resourceVersion", "")}, include_object)
    return _partial(item) if form == _PARTIAL else item


def form_of_list(form: tuple[str, str, str], columns: Sequence[Column], whole: Object, include_object: str) -> Object:
    """Return a list in the form asked for.

    Args:
        form: one of LIST_FORMS.
        columns: of its resource, after the name.
        whole: the list with complete objects.
        include_object: for a Table: None, Metadata or Object.

    """
    if form == _TABLE:
        return _table(columns, whole["items"], whole["metadata"], include_object)
    if form == _PARTIAL_LIST:
        items = [_partial(item) for item in whole["items"]]
        return {"kind": _PARTIAL_LIST[0], "apiVersion": f"{_META}/v1", "metadata": whole["metadata"], "items": items}
    return whole


def include_object(query: Mapping[str, Sequence[str]]) -> str:
    """Return how much of each object a Table carries.

    Raises:
        StatusError: 400 for an unknown value.

    """
    value = query.get("includeObject", [""])[0] or "Metadata"
    if value not in {"None", "Metadata", "Object"}:
        raise StatusError(400, f"includeObject must be 'None', 'Metadata' or 'Object', not '{value}'")
    return value


def _partial(item: Object) -> Object:
    return {"kind": _PARTIAL[0], "apiVersion": f"{_META}/v1", "metadata": item["metadata"]}


def _table(columns: Sequence[Column], items: Sequence[Object], metadata: Object, include_object: str) -> Object:
    shown = (NAME_COLUMN, *columns)
    return {
        "kind": _TABLE[0],
        "apiVersion": f"{_META}/v1",
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in shown],
        "rows": [_row(shown, item, include_object) for item in items],
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
    if include_object == "Metadata":
        row["object"] = _partial(item)
    elif include_object == "Object":
        row["object"] = item
    return row
